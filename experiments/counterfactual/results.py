"""What a counterfactual found: effects with intervals and placebo bands, by outcome and account."""

import functools
import html
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crossmargin.experiments.counterfactual.arms import Trial
from crossmargin.experiments.counterfactual.effects import plain, reduction, spans
from crossmargin.experiments.counterfactual.members import OUTCOMES
from crossmargin.experiments.counterfactual.names import label_of, people_of

if TYPE_CHECKING:
    import pandas as pd

#: Arms of a trial, in order.
BASELINE, INTERVENTION, PLACEBO = range(3)
ARMS = ("baseline", "intervention")
#: Ends of the band of price paths, as quantiles.
BAND = (0.05, 0.95)


@dataclass(frozen=True, eq=False)
class WhatIf:
    """The same futures with and without something undone.

    Attributes
    ----------
    trial : Trial
        Every arm of every future: baseline, intervention and, if asked, placebo.
    words : tuple of str
        What was undone.
    seed : int, of the ensemble of futures
    confidence : float, of intervals and bands
    placebo : str, name of the third arm

    Examples
    --------
    >>> import crossmargin as xm
    >>> market = xm.Market("calm", seed=3)
    >>> market.run_for(10)
    >>> found = market.whatif(set={"venue.penalty_rate": 0.05}, futures=3, steps=20)
    >>> found.effect("losses")["effect"], found.words
    (0.0, ('venue.penalty_rate = 0.05',))
    """

    trial: Trial
    words: tuple[str, ...]
    seed: int
    confidence: float = 0.95
    placebo: str = "lot"

    @property
    def has_placebo(self) -> bool:
        """Tell whether the placebo was run."""
        return len(self.trial.factual) > PLACEBO

    @property
    def n(self) -> int:
        """Futures."""
        return len(self.trial.futures)

    @property
    def names(self) -> list[str]:
        """Outcomes, in the order of the table."""
        return list(self.trial.factual[0].totals)

    @functools.cached_property
    def table(self) -> "pd.DataFrame":
        """One row an outcome, side by side.

        `unit`, means `baseline` and `intervention` over the futures, their `effect` (intervention
        less baseline) with the ends `low` and `high` of Student's interval, the placebo band,
        `changed` (share of futures with any effect), `reduction` (variance of the effect with
        independent draws over that with the same), and `run_baseline`, `run_intervention` and
        `run_effect` of the run itself, which is one future more.
        """
        import pandas as pd

        return pd.DataFrame([self._row(name) for name in self.names]).set_index("outcome")

    def _row(self, name: str) -> dict[str, Any]:
        base, other = (self.trial.totals(arm, name) for arm in (BASELINE, INTERVENTION))
        effects = other - base
        placebo = self.trial.totals(PLACEBO, name) - base if self.has_placebo else None
        own = [member.totals[name] for member in self.trial.factual[:PLACEBO]]
        found = spans(
            effects[:, None], None if placebo is None else placebo[:, None], self.confidence
        )
        return {
            "outcome": name,
            "unit": OUTCOMES.get(name, ("quote per base", ""))[0],
            "baseline": float(base.mean()),
            "intervention": float(other.mean()),
            **{key: float(value[0]) for key, value in found.items()},
            "changed": float((effects != 0).mean()),
            "reduction": reduction(base, other),
            "run_baseline": own[0],
            "run_intervention": own[1],
            "run_effect": own[1] - own[0],
        }

    def effect(self, outcome: str) -> dict[str, Any]:
        """Row of the table of one outcome.

        Raises
        ------
        ParameterError
            When there is no such outcome.
        """
        from crossmargin.experiments.load import did_you_mean
        from crossmargin.model.errors import ParameterError

        if outcome not in self.names:
            hint = did_you_mean(outcome, self.names)
            raise ParameterError(f"outcome = {outcome!r}: there is none; {hint}")
        row = self.table.loc[[outcome]].to_dict("records")[0]
        return {str(key): value for key, value in row.items()}

    def is_beyond_placebo(self, outcome: str) -> bool:
        """Tell whether interval and placebo band leave no doubt that there is an effect."""
        row = self.effect(outcome)
        clear = row["low"] > 0 or row["high"] < 0
        return bool(clear and not row["placebo_low"] <= row["effect"] <= row["placebo_high"])

    @functools.cached_property
    def accounts(self) -> "pd.DataFrame":
        """One row an account: what it gains (+) or loses (-) by what is undone, quote.

        `account` (row), `label`, `population`, `spared`, mean change of equity since the branch as
        `baseline` and `intervention`, their `effect` with interval and placebo band, `changed`,
        `run_effect`, and `ledger`: what the price ledger of the run itself says that the spared
        accounts cost it (a loss is negative), a share of the accounting, not of the cause.
        """
        import pandas as pd

        world, trial = self.trial.branch.world, self.trial
        people = people_of(world)
        one = 10.0 ** -int(world.state.ledger.assets["decimals"][0])
        base, other = (trial.changes(arm)[:, people] for arm in (BASELINE, INTERVENTION))
        placebo = (trial.changes(PLACEBO)[:, people] - base) * one if self.has_placebo else None
        own = trial.factual[INTERVENTION].change - trial.factual[BASELINE].change
        names = np.array(world.names.populations)
        return pd.DataFrame(
            {
                "account": people,
                "label": [label_of(world, row) for row in people.tolist()],
                "population": names[world.state.ledger.accounts["population"][people]],
                "spared": np.isin(people, trial.branch.left_out),
                "baseline": base.mean(axis=0) * one,
                "intervention": other.mean(axis=0) * one,
                **spans((other - base) * one, placebo, self.confidence),
                "changed": (other != base).mean(axis=0),
                "run_effect": own[people] * one,
                "ledger": self._ledger()[people] * one,
            }
        )

    def _ledger(self) -> Any:
        """(n_accounts,) int64, quote units: what the ledger books to the spared accounts."""
        found = self.trial.factual[BASELINE].ledger
        return found if found is not None else np.zeros(len(self.trial.factual[BASELINE].change))

    @functools.cached_property
    def paths(self) -> "pd.DataFrame":
        """Marks over time: one row a kept block, market and arm, quote per base.

        `step`, `seconds`, `market`, `arm`, `mean`, `low` and `high` (5% and 95% quantiles over the
        futures) and `run`, the run itself.
        """
        import pandas as pd

        branch = self.trial.branch
        world = branch.world
        seconds = float(world.state.clock["block_seconds"][0])
        rows = []
        for arm, name in enumerate(ARMS):
            marks, own = self.trial.marks(arm), self.trial.factual[arm].marks
            low, high = np.quantile(marks, BAND, axis=0)
            for m, market in enumerate(world.names.markets):
                rows.append(
                    pd.DataFrame(
                        {
                            "step": branch.steps,
                            "seconds": branch.steps * seconds,
                            "market": market,
                            "arm": name,
                            "mean": marks[:, :, m].mean(axis=0),
                            "low": low[:, m],
                            "high": high[:, m],
                            "run": own[:, m],
                        }
                    )
                )
        return pd.concat(rows, ignore_index=True)

    @property
    def members(self) -> "pd.DataFrame":
        """One row a future and arm with all outcomes; future -1 is the run itself."""
        import pandas as pd

        arms = (*ARMS, "placebo")
        futures: list[tuple[int, int | None, list[Any]]] = [(-1, None, self.trial.factual)]
        futures += [
            (i, seed, members)
            for i, (seed, members) in enumerate(
                zip(self.trial.seeds, self.trial.futures, strict=True)
            )
        ]
        rows = [
            {"future": i, "seed": seed, "arm": arms[arm], **member.totals}
            for i, seed, members in futures
            for arm, member in enumerate(members)
        ]
        return pd.DataFrame(rows).astype({"seed": "Int64"})

    @functools.cached_property
    def summary(self) -> dict[str, Any]:
        """Everything that JSON can hold: what was asked, the table, notes."""
        branch = self.trial.branch
        return {
            "scenario": branch.world.scenario.name,
            "undone": list(self.words),
            "closure": branch.closure,
            "block": branch.first,
            "end": branch.last,
            "futures": self.n,
            "seed": self.seed,
            "confidence": self.confidence,
            "placebo": self.placebo,
            "effects": {
                str(name): {key: plain(value) for key, value in row.items()}
                for name, row in self.table.to_dict("index").items()
            },
            "notes": self.notes,
        }

    @property
    def notes(self) -> list[str]:
        """What a reader should know of these futures."""
        rows, n = self.trial.branch.left_out, self.n
        found = []
        people = len(people_of(self.trial.branch.world))
        if 0 < len(rows) < people:
            hit = sum(bool(np.isin(m[BASELINE].closed, rows).any()) for m in self.trial.futures)
            found.append(f"what is spared is liquidated in {hit} of {n} futures of the baseline")
        if not self.has_placebo:
            found.append("without a placebo arm the noise of the futures is not known")
        return found

    def save(self, folder: str | Path, *, report: bool = False) -> Path:
        """Write whatif.json and the tables to a folder, and whatif.html if asked."""
        from crossmargin.experiments.counterfactual.files import save

        return save(self, Path(folder), report=report)

    @property
    def title(self) -> str:
        """What was asked, in one line."""
        branch = self.trial.branch
        return f"{branch.world.scenario.name} from block {branch.first}: {', '.join(self.words)}"

    def __repr__(self) -> str:
        """One line: what was asked and how many futures there are."""
        return f"<WhatIf {self.title}; {self.n} futures, {self.trial.branch.closure}>"

    def _repr_html_(self) -> str:
        shown = self.table[["unit", "baseline", "intervention", "effect", "low", "high"]]
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return f"<b>{html.escape(self.title)}</b>{shown.to_html()}{notes}"
