"""From values of many runs to rows with an interval, a band and a verdict."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmargin.experiments.validation.estimates import interval
from crossmargin.experiments.validation.events import MEASURES, SLACK, Event, has_scenario
from crossmargin.experiments.validation.facts import Band, stylised_facts
from crossmargin.experiments.validation.impact import LATER, Impact

Floats = NDArray[np.float64]
PASSES, FAILS, UNDECIDED = "passes", "fails", "undecided"
VERDICTS = (PASSES, FAILS, UNDECIDED)


def judge(low: float, high: float, band: Band) -> str:
    """Verdict on an interval: inside the band, outside of it, or neither."""
    if not (np.isfinite(low) and np.isfinite(high)):
        return UNDECIDED
    if band[0] <= low and high <= band[1]:
        return PASSES
    return FAILS if high < band[0] or low > band[1] else UNDECIDED


def plain(value: Any) -> Any:
    """Return the same for JSON: what is not finite becomes None."""
    if isinstance(value, Mapping):
        return {key: plain(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value


def number_of(value: Any) -> float:
    """Return a number that JSON held; None is NaN."""
    return float("nan") if value is None else float(value)


def row(name: str, title: str, scale: str, values: Sequence[float], band: Band) -> dict[str, Any]:
    """One row of a scorecard; the verdict compares an interval with the band."""
    mean, low, high, n = values
    verdict = judge(low, high, band)
    return {
        "name": name,
        "title": title,
        "scale": scale,
        "mean": mean,
        "low": low,
        "high": high,
        "n": int(n),
        "band": list(band),
        "verdict": verdict,
    }


def scale_words(seconds: float) -> str:
    """Write a time scale: block, 1 min, 1 h."""
    return {0.0: "block", 60.0: "1 min", 3600.0: "1 h"}.get(seconds, f"{seconds:g} s")


def path_row(paths: Sequence[Mapping[str, Any]], name: str, band: Band) -> dict[str, Any] | None:
    """Return the same fact on the outside path alone, None where it needs a market."""
    values = np.array([number_of(path.get(name)) for path in paths], float)
    if not np.isfinite(values).any():
        return None
    mean, low, high, _ = interval(values)
    return {"mean": mean, "low": low, "high": high, "verdict": judge(low, high, band)}


def fact_rows(
    measured: Sequence[Mapping[str, Any]],
    days: float,
    paths: Sequence[Mapping[str, Any]] = (),
) -> list[dict[str, Any]]:
    """Rows of the stylised facts from the values of every run, and of its outside path."""
    found = []
    for fact in stylised_facts(days):
        values = np.array([number_of(values[fact.name]) for values in measured])
        line = row(fact.name, fact.title, scale_words(fact.seconds), interval(values), fact.band)
        line |= {"path": path_row(paths, fact.name, fact.band)}
        found.append(line | {"source": fact.source, "values": values.tolist()})
    return found


def _percentiles(point: float, draws: Floats, n: int) -> tuple[float, float, float, int]:
    known = draws[np.isfinite(draws)]
    if len(known) < 0.9 * len(draws) or len(known) < 20:
        return point, np.nan, np.nan, n
    low, high = np.quantile(known, [0.025, 0.975])
    return point, float(low), float(high), n


def impact_rows(found: Impact) -> list[dict[str, Any]]:
    """Rows of the metaorder experiment, with intervals of a bootstrap over runs."""
    tables = found.laws.reshape(-1, 2), found.lefts.reshape(-1, len(LATER))
    exponent = _percentiles(found.law.exponent, tables[0][:, 0], found.n)
    factor = _percentiles(found.law.factor, tables[0][:, 1], found.n)
    rows = [
        row("impact_exponent", "Impact of metaorders, exponent", "metaorder", exponent, (0.4, 0.7))
        | {"source": "1/2: Donier, Bonart 2015, arXiv:1412.4503; Tóth et al. 2011"},
        row("impact_factor", "Impact over volatility at Q = V", "metaorder", factor, (0.3, 3.0))
        | {"source": "of order one: Tóth et al. 2011, doi:10.1103/PhysRevX.1.021006"},
    ]
    for k, later in ((2, "30 min"), (4, "2 h")):
        left = _percentiles(found.left[k], tables[1][:, k], found.n)
        rows.append(
            row(
                f"impact_left_{later.replace(' ', '')}",
                f"Impact left {later} after the end",
                "metaorder",
                left,
                (0.0, 0.75),
            )
            | {"source": "it decays: 2/3, Bershova, Rakhlin 2013; almost all, Donier, Bonart 2015"}
        )
    return rows


def event_rows(event: Event, runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Rows of one documented crash: the model's interval beside the record's."""
    rows = []
    for record in event.record:
        values = np.array([number_of(values[record.measure]) for values in runs], float)
        room = SLACK * max(1.0, abs(record.high))
        band = (record.low - room, record.high + room)
        line = row(record.measure, MEASURES[record.measure], "event", interval(values), band)
        line |= {"band": [record.low, record.high], "kind": record.kind, "source": record.source}
        rows.append(line | {"values": values.tolist()})
    return {
        "name": event.name,
        "title": event.title,
        "scenario": event.scenario,
        "simulated": has_scenario(event),
        "runs": len(runs),
        "rows": rows,
    }
