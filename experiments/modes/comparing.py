"""Margin modes compared: the same scenario and seeds, other accounts; differences in pairs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crossmargin.experiments.modes.modes import DEFAULT, Terms, checked_modes, overrides_of
from crossmargin.experiments.modes.outcomes import OUTCOMES
from crossmargin.model.errors import ParameterError

if TYPE_CHECKING:
    import pandas as pd

    from crossmargin.experiments.ensembles import Ensemble
    from crossmargin.experiments.schema import Scenario


@dataclass(frozen=True)
class Question:
    """What a comparison asks.

    Attributes
    ----------
    hours : float
        For which a shadow valuation leaves a liquidated book alone.
    window : float
        Seconds within which liquidations count as simultaneous.
    tail : float
        Level of the tail loss: 0.9 is the mean of the worst tenth of the runs.
    seeds, seed : int
        Runs of every mode, and the seed of their seeds.
    """

    hours: float = 4.0
    window: float = 600.0
    tail: float = 0.9
    seeds: int = 8
    seed: int = 0


@dataclass(frozen=True, eq=False)
class ModeComparison:
    """Outcomes of all modes.

    Attributes
    ----------
    scenario : Scenario
        As it was given, before any mode.
    frame : DataFrame
        One row a mode, capital and seed; money in quote.
    """

    scenario: "Scenario"
    question: Question
    terms: Terms
    modes: tuple[str, ...]
    frame: "pd.DataFrame"
    capitals: tuple[float, ...] = field(default=(1.0,))

    def of(self, mode: str, capital: float = 1.0) -> "Ensemble":
        """Runs of one mode as an ensemble, its members in the order of the seeds."""
        from crossmargin.experiments.ensembles import Ensemble

        rows = self.frame[(self.frame["mode"] == mode) & (self.frame["capital"] == capital)]
        if rows.empty:
            raise ParameterError(f"mode = {mode!r}, capital = {capital!r}: was not run")
        own = rows.drop(columns=["mode", "capital"]).reset_index(drop=True)
        return Ensemble(self.scenario, own, 0, self.scenario.run.steps, tuple(OUTCOMES))

    def summary(self, confidence: float = 0.95) -> "pd.DataFrame":
        """One row a mode and outcome: mean and its interval, and the same of the difference.

        The difference is to the first mode, seed by seed, at the capital that was drawn.
        """
        import pandas as pd

        base = self.of(self.modes[0])
        rows = []
        for mode in self.modes:
            own = self.of(mode)
            for name in OUTCOMES:
                row: dict[str, Any] = {"mode": mode, "outcome": name, "unit": OUTCOMES[name][0]}
                row |= _ends("", own.values(name), confidence)
                if mode != self.modes[0]:
                    differences = own.values(name) - base.values(name)
                    row |= _ends("difference", differences, confidence)
                rows.append(row)
        return pd.DataFrame(rows)

    def efficiency(self) -> "pd.DataFrame":
        """Gross notional over raw equity and tail loss, by mode and capital.

        `at_equal_tail_loss` is the efficiency at which a mode has the tail loss of the first one,
        between the capitals that were run; missing where they do not enclose it.
        """
        from crossmargin.experiments.modes.efficiency import efficiency_of

        return efficiency_of(self)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the single runs, in plain types."""
        from crossmargin.experiments.modes.files import as_dict

        return as_dict(self)

    def save(self, folder: str | Path, *, report: bool = False) -> Path:
        """Write `modes.json`, `runs.parquet` and, if asked, `modes.html` to a folder."""
        from crossmargin.experiments.modes.files import save

        return save(self, Path(folder), report=report)


def _ends(word: str, values: Any, confidence: float) -> dict[str, float]:
    """Mean and interval of what is known of some values."""
    from crossmargin.experiments.sweeps import statistics

    names = [f"{word}_{end}" if word else end for end in ("mean", "low", "high")]
    if word:
        names[0] = word
    if np.isnan(values).all():
        return dict.fromkeys(names, float("nan"))
    found = statistics.mean(values, confidence)
    return dict(zip(names, (found.value, found.low, found.high), strict=True))


def compare_modes(
    scenario: "str | Path | Scenario | Mapping[str, Any]",
    modes: Sequence[str] = DEFAULT,
    *,
    question: Question | None = None,
    terms: Terms | None = None,
    capitals: Sequence[float] = (1.0,),
    steps: int | None = None,
    overrides: Mapping[str, Any] | None = None,
    jobs: int = 1,
) -> ModeComparison:
    """Run a scenario under several margin modes with the same seeds.

    Parameters
    ----------
    modes : sequence of str
        Names of `modes.NAMES`; differences are to the first.
    question : Question, optional
        Hours of the shadow valuation, window, tail, seeds.
    terms : Terms, optional
        At equal positions or at equal initial margin, and how collateral is split.
    capitals : sequence of float
        Multiples of what owners of positions have, each of which is run: efficiency at equal tail
        loss is read between them. 1 is always run.
    steps : int, optional
        Blocks; the scenario's own by default.
    jobs : int
        Threads; results do not depend on it.

    Raises
    ------
    ScenarioError, ParameterError
        When the scenario, a mode or a number cannot be used as given.

    Examples
    --------
    >>> from crossmargin.experiments.modes.comparing import Question, compare_modes
    >>> found = compare_modes(
    ...     "two-coins", ["cross", "isolated"], question=Question(seeds=2, hours=0.1), steps=30
    ... )
    >>> found.frame.groupby("mode")["gross_notional"].sum().nunique()
    1
    """
    import pandas as pd

    from crossmargin.experiments.futures import member_seed
    from crossmargin.experiments.load import load_scenario
    from crossmargin.experiments.rare.particles import over

    asked, shared = _checked(question or Question(), jobs), _checked_terms(terms or Terms())
    names, sizes = checked_modes(modes), _checked_capitals(capitals)
    changes = dict(overrides or {}) | ({} if steps is None else {"run.steps": steps})
    given = load_scenario(scenario, changes)
    tasks = []
    for name in names:
        for capital in sizes:
            own = load_scenario(scenario, changes | overrides_of(name, shared, capital))
            for member in range(asked.seeds):
                tasks.append((own, name, capital, member, member_seed(asked.seed, member), asked))
    rows = [_member(tasks[0])]  # compiles what is missing before threads start
    rows += over(jobs, _member, tasks[1:])
    return ModeComparison(given, asked, shared, tuple(names), pd.DataFrame(rows), tuple(sizes))


def _member(task: tuple[Any, ...]) -> dict[str, Any]:
    """Outcomes of one run."""
    from crossmargin.experiments.futures import source_of
    from crossmargin.experiments.modes.outcomes import outcomes_of
    from crossmargin.experiments.modes.witness import witness
    from crossmargin.experiments.run import Run
    from crossmargin.model.margin.numbers import measure_all

    scenario, mode, capital, member, seed, asked = task
    market, start = source_of(scenario, None, None, None).begin(seed)
    seen = witness(market, scenario.run.steps)
    measure_all(seen.world.state.ledger, seen.world.state.book)
    run = Run(scenario, seed, scenario.run.steps, seen.world, start)
    outcomes = outcomes_of(run, seen, asked.hours, asked.window)
    return {"mode": mode, "capital": capital, "member": member, "seed": seed, **outcomes}


def _checked(asked: Question, jobs: int) -> Question:
    from crossmargin.experiments.checks import checked_count, checked_number, checked_share

    checked_count("seeds", asked.seeds, 1)
    checked_count("seed", asked.seed, 0)
    checked_count("jobs", jobs, 1)
    checked_share("tail", asked.tail)
    for name in ("hours", "window"):
        if checked_number(name, getattr(asked, name)) <= 0:
            raise ParameterError(f"{name} = {getattr(asked, name)!r}: must be above 0")
    return asked


def _checked_terms(terms: Terms) -> Terms:
    if terms.basis not in ("positions", "initial-margin"):
        raise ParameterError(f"basis = {terms.basis!r}: there are positions and initial-margin")
    return terms


def _checked_capitals(capitals: Sequence[float]) -> list[float]:
    from crossmargin.experiments.checks import checked_number

    found = sorted({1.0, *(checked_number("capital", c) for c in capitals)})
    if found[0] <= 0:
        raise ParameterError(f"capital = {found[0]:g}: must be above 0")
    return found
