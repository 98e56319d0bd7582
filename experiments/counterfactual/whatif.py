"""The question "what would have happened": the same futures, with and without something undone."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossmargin.experiments.checks import checked_count, checked_share
from crossmargin.experiments.counterfactual.arms import Arm, run_trial
from crossmargin.experiments.counterfactual.interventions import interventions_of
from crossmargin.experiments.counterfactual.placebos import placebo_of
from crossmargin.experiments.counterfactual.results import WhatIf
from crossmargin.experiments.counterfactual.situation import branch_of
from crossmargin.experiments.futures import checked_root, member_seed
from crossmargin.experiments.schema import Scenario
from crossmargin.model.errors import ParameterError

if TYPE_CHECKING:
    from crossmargin.experiments.market import Market
    from crossmargin.experiments.run import Run

#: Futures of an ensemble; a default.
FUTURES = 200
#: Called with futures done and their number.
Progress = Callable[[int, int], None]


def seeds_of(futures: int, root: Any, least: int = 1) -> list[int]:
    """Seeds of an ensemble of futures.

    Raises
    ------
    ParameterError
        When there are too few futures or the seed is no whole number from 0 up.
    """
    n = checked_count("futures", futures, least)
    return [member_seed(checked_root(root), member) for member in range(n)]


def whatif(
    source: "str | Path | Scenario | Mapping[str, Any] | Run | Market",
    *,
    spare: int | str | Sequence[int | str] | None = None,
    spare_group: str | Sequence[str] | None = None,
    set: Mapping[str, Any] | None = None,
    without: str | Sequence[str] | None = None,
    no_feedback: bool = False,
    at: int | None = None,
    seed: int | None = None,
    steps: int | None = None,
    overrides: Mapping[str, Any] | None = None,
    futures: int = FUTURES,
    futures_seed: int = 0,
    closure: str = "behavioural",
    placebo: str = "lot",
    confidence: float = 0.95,
    jobs: int = 1,
    progress: Progress | None = None,
) -> WhatIf:
    """Run futures from a block twice, with and without something undone, and compare.

    Every pair shares state, seed and draws, so that what differs is the effect. All interventions
    that are given are made together, at the start of block `at`.

    Parameters
    ----------
    source : str, Path, Scenario, mapping, Run or Market
        A scenario, a run or the folder of a saved one, or a market, which is branched where it
        stands.
    spare : int, str or sequence, optional
        Accounts (row, `population:index`, or name of a whale) whose forced orders become
        take-overs at the mark that move no price.
    spare_group : str or sequence, optional
        The same for a population, `owner:12`, or `venue` for all accounts.
    set : mapping, optional
        Rules with other numbers, by dotted path: `{"venue.penalty_rate": 0.0}`.
    without : str or sequence, optional
        Populations that leave: orders cancelled, holdings taken over at the mark.
    no_feedback : bool
        No forced order reaches a book.
    at : int, optional
        Block before which it is undone; by default 0, and when nothing but forced orders is undone
        the block of the first of them in the run itself.
    seed, steps, overrides : optional
        Of the run, as in `simulate`; a run, a folder and a market have their own seed.
    futures : int
        Pairs. Each has draws of its own after the branch, the same in both arms.
    futures_seed : int
        Of the ensemble of futures.
    closure : {"behavioural", "mechanical"}
        Others react, or send exactly what they sent in the baseline.
    placebo : {"lot", "account", "none"}
        Third arm, against which an effect has to stand out: one lot of some position is closed in
        the book, which shows the noise of such markets, or any other account is spared, which
        shows whether the one that was asked for is special.
    confidence : float
        Of intervals and bands.
    jobs : int
        Threads; the compiled loop releases the lock. Results do not depend on it.
    progress : callable, optional
        Called with the futures done and their number.

    Returns
    -------
    WhatIf

    Raises
    ------
    ScenarioError, ParameterError
        When the source, a name, a key or a number cannot be used as given.

    Examples
    --------
    >>> import crossmargin as xm
    >>> found = xm.whatif("calm", no_feedback=True, futures=2, steps=20)
    >>> found.table.loc["liquidated_notional", "effect"]
    np.float64(0.0)
    """
    chosen = interventions_of(
        spare=spare, spare_group=spare_group, set=set, without=without, no_feedback=no_feedback
    )
    seeds = seeds_of(futures, futures_seed)
    checked_count("jobs", jobs, 1)
    level = checked_share("confidence", confidence)
    if not chosen:
        raise ParameterError(
            "nothing is undone: give spare, spare_group, set, without or no_feedback"
        )
    branch = branch_of(
        source, chosen, at=at, seed=seed, steps=steps, overrides=overrides, closure=closure
    )
    words = tuple(intervention.words(branch.world) for intervention in chosen)
    for intervention in chosen:  # a wrong key shows before anything runs
        intervention.apply(branch.world.fork())
    dummy = placebo_of(placebo, branch.left_out)
    arms: list[Arm] = [(), chosen, *([] if dummy is None else [(dummy,)])]
    trial = run_trial(branch, arms, seeds, jobs=jobs, progress=progress)
    return WhatIf(trial, words, int(futures_seed), level, placebo)
