"""The event scorecard: documented crashes, the model's numbers beside those on record.

Measures, each of one run of the event's scenario:

liquidated_over_open_interest
    Notional closed by force over the open interest at the start, at the first mark.
open_interest_fall
    Largest fall of open interest from its highest, base.
price_fall
    Largest fall of the reference price from its highest.
adl_share
    Notional closed by auto-deleveraging over all closed by force.
first_adl_seconds
    From the first forced closing to the first auto-deleveraging; NaN when there is none.
deficit_over_open_interest
    Deficits of emptied accounts over the open interest at the start.
fund_use, fund_change
    Largest fall of the insurance fund below its start, and its change to the end, over its start.
depth_at_trough
    Least bid depth within the band over its median of the first six hours.
"""

import functools
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from crossmargin.experiments.load import HOME, read_toml, scenario_names
from crossmargin.experiments.run import Run, simulate
from crossmargin.experiments.validation.observed import first_perpetual
from crossmargin.model.errors import ScenarioError

RECORDS = HOME / "data" / "events.toml"

MEASURES = {
    "liquidated_over_open_interest": "Liquidated over open interest",
    "open_interest_fall": "Fall of open interest",
    "price_fall": "Fall of the price",
    "adl_share": "ADL over all liquidated",
    "first_adl_seconds": "Time to the first ADL, s",
    "deficit_over_open_interest": "Deficit over open interest",
    "fund_use": "Insurance fund used at worst",
    "fund_change": "Change of the insurance fund",
    "depth_at_trough": "Bid depth at the trough",
}
#: Share of a bound within which a value still counts as on it, so that a record of 0 can be met.
SLACK = 1e-3


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Record(_Table):
    """A number on record: the span of the sources and whether a scenario was fitted to it."""

    measure: str
    low: float
    high: float
    kind: Literal["fitted", "given", "predicted"]
    source: str = Field(min_length=10)


class Event(_Table):
    """A documented crash."""

    name: str
    title: str
    scenario: str
    record: tuple[Record, ...] = Field(min_length=1)


class _File(_Table):
    event: tuple[Event, ...]


@functools.cache
def read_events(path: Path = RECORDS) -> tuple[Event, ...]:
    """Documented crashes of a file.

    Raises
    ------
    ScenarioError
        When the file is no record of crashes; the message names the key.
    """
    try:
        found = _File.model_validate(read_toml(path)).event
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise ScenarioError(f"{path}: {key}: {first['msg']}") from None
    for event in found:
        for record in event.record:
            if record.measure not in MEASURES or record.low > record.high:
                raise ScenarioError(
                    f"{path}: {event.name}: {record.measure} from {record.low:g} to "
                    f"{record.high:g}: low above high, or none of {', '.join(MEASURES)}"
                )
    return found


def has_scenario(event: Event) -> bool:
    """Tell whether there is a scenario of an event."""
    return event.scenario in scenario_names()


def measures_of(run: Run) -> dict[str, float]:
    """Every measure of a finished run of an event's scenario."""
    m = first_perpetual(run.world)
    rows = run.series[run.series["market"] == run.world.names.markets[m]]
    interest = rows["open_interest"].to_numpy()
    opened = float(interest[0] * rows["mark"].iloc[0])
    fund = float(run.summary["insurance_start"])
    liquidated, deficit = run.summary["liquidated_notional"], run.summary["bad_debt"]
    closed = float(run.liquidations["notional"].sum())
    adl = float(run.summary["adl_notional"])
    return {
        "liquidated_over_open_interest": _over(float(liquidated), opened),
        "open_interest_fall": _fall(interest),
        "price_fall": _fall(rows["reference"].to_numpy()),
        "adl_share": adl / closed if closed > 0 else 0.0,
        "first_adl_seconds": _first_adl(run),
        "deficit_over_open_interest": _over(float(deficit), opened),
        "fund_use": _over(max(0.0, fund - float(run.summary["insurance_least"])), fund),
        "fund_change": _over(float(run.summary["insurance_end"]) - fund, fund),
        "depth_at_trough": _trough(rows["depth_bid"].to_numpy(), rows["seconds"].to_numpy()),
    }


def _over(value: float, whole: float) -> float:
    return value / whole if whole > 0 else np.nan


def _fall(values: Any) -> float:
    top = np.maximum.accumulate(values)
    return float(np.max(1.0 - values / np.maximum(top, 1e-300)))


def _first_adl(run: Run) -> float:
    kinds = run.liquidations["kind"].astype(str)
    adl = run.liquidations.loc[kinds == "adl", "seconds"]
    return float(adl.min() - run.liquidations["seconds"].min()) if len(adl) else np.nan


def _trough(depth: Any, seconds: Any) -> float:
    usual = depth[(seconds > 600.0) & (seconds < 6 * 3600.0)]
    after = depth[seconds >= 6 * 3600.0]
    if not len(usual) or not len(after) or np.median(usual) <= 0:
        return np.nan
    return float(after.min() / np.median(usual))


def simulate_event(event: Event, seed: int) -> dict[str, float]:
    """Measures of one run of an event's scenario."""
    return measures_of(simulate(event.scenario, seed=seed))
