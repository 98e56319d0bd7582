"""The run in one glance: headline numbers and a few sentences in plain words."""

from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from crossmargin.dashboards.figures.cascade import by_generation
from crossmargin.dashboards.figures.tables import people
from crossmargin.dashboards.figures.waterfall import Layer, layers
from crossmargin.dashboards.figures.words import count, duration, money, plural, price, share
from crossmargin.dashboards.page import Card

if TYPE_CHECKING:
    from crossmargin.experiments.run import Run

#: Layers of the waterfall that are the liquidated accounts' own margin.
OWN = 3


class Fall(NamedTuple):
    """Largest fall of a market's mid from a peak to the trough after it."""

    market: str
    fraction: float
    peak: float  # quote per base
    trough: float
    seconds: float  # between the two
    whole: float  # change from the first to the last price, a fraction


def fall_of(market: str, rows: pd.DataFrame) -> Fall:
    """Find the largest fall of one market."""
    mid = rows["mid"].where(rows["mid"] > 0).ffill().bfill().reset_index(drop=True)
    seconds = rows["seconds"].reset_index(drop=True)
    fraction = 1 - mid / mid.cummax()
    if not fraction.notna().any():
        return Fall(market, 0.0, float("nan"), float("nan"), 0.0, 0.0)
    low = int(fraction.idxmax())
    high = int(mid.iloc[: low + 1].idxmax())
    whole = float(mid.iloc[-1] / mid.iloc[0] - 1)
    span = float(seconds[low] - seconds[high])
    return Fall(market, float(fraction[low]), float(mid[high]), float(mid[low]), span, whole)


def falls(series: pd.DataFrame) -> list[Fall]:
    """Find the largest fall of every market, the deepest first."""
    found = [
        fall_of(str(m), rows.sort_values("step"))
        for m, rows in series.groupby("market", observed=True)
    ]
    return sorted(found, key=lambda f: (-f.fraction, f.market))


def layers_of(run: "Run") -> list[Layer]:
    """Who bore what in a run."""
    return layers(run.liquidations, run.events, run.accounts, run.summary)


def payers(rows: list[Layer]) -> list[Layer]:
    """Those who met what the margin of the liquidated could not, the largest first."""
    return sorted((r for r in rows[OWN:] if r.amount >= 0.005), key=lambda r: -r.amount)


def answered(run: "Run") -> float:
    """Share of the notional closed by force in answer to another account's liquidation."""
    rows = by_generation(run.liquidations, run.events)
    total = float(rows["notional"].sum())
    return float(rows.loc[rows["generation"] > 1, "notional"].sum()) / total if total else 0.0


def _who_paid(rows: list[Layer]) -> tuple[str, str]:
    met = payers(rows)
    if not met:
        return "nobody", "margins covered what was lost"
    rest = "; ".join(f"{r.bearer} {money(r.amount)}" for r in met[1:])
    return met[0].bearer, f"{money(met[0].amount)}" + (f"; then {rest}" if rest else "")


def _bad(is_bad: bool) -> str:
    return "bad" if is_bad else ""


def cards(run: "Run") -> list[Card]:
    """Headline numbers of a run."""
    fall, numbers, n = falls(run.series)[0], run.summary, len(people(run.accounts))
    who, how = _who_paid(layers_of(run))
    first, last = float(numbers["insurance_start"]), float(numbers["insurance_end"])
    hit, debt = int(numbers["liquidated_accounts"]), float(numbers["bad_debt"])
    where = f"{fall.market}: {price(fall.peak)} to {price(fall.trough)} in {duration(fall.seconds)}"
    return [
        Card("Largest price fall", share(fall.fraction), where, _bad(fall.fraction >= 0.05)),
        Card(
            "Liquidated accounts",
            count(hit),
            f"{share(hit / max(n, 1))} of {count(n)}",
            _bad(hit > 0),
        ),
        Card("Closed by force", money(numbers["liquidated_notional"]), "value of the positions"),
        Card("Bad debt", money(debt), "beyond what accounts could pay", _bad(debt > 0)),
        Card("Who else paid", who, how, "text"),
        Card("Insurance fund", money(last), f"{money(first)} at the start", _bad(last < first)),
    ]


def in_short(run: "Run") -> str:
    """Tell the run in a few sentences."""
    fall, numbers = falls(run.series)[0], run.summary
    words = f"The price of {fall.market} fell by {share(fall.fraction)} at worst, from "
    words += f"{price(fall.peak)} to {price(fall.trough)}, and ended {_changed(fall.whole)}."
    if not int(numbers["liquidations"]):
        return (
            words
            + " No account was liquidated: every margin held, and nobody else bore a loss for it."
        )
    hit, size = int(numbers["liquidated_accounts"]), money(numbers["liquidated_notional"])
    verb = "was" if hit == 1 else "were"
    words += f" {plural(hit, 'account')} {verb} liquidated and {size} of positions closed by force;"
    words += f" {share(answered(run))} of that followed on another account's liquidation."
    met = payers(layers_of(run))
    if not met:
        return words + " The margin of the liquidated accounts covered all losses."
    parts = "; ".join(f"{r.bearer} {money(r.amount)}" for r in met)
    return words + f" What their margin did not cover was borne by: {parts}."


def _changed(fraction: float) -> str:
    if abs(fraction) < 5e-5:
        return "where it began"
    return f"{share(abs(fraction))} {'above' if fraction > 0 else 'below'} where it began"
