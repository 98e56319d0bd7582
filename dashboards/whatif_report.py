"""The page of a counterfactual: one HTML file that needs nothing else, as all reports are."""

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from crossmargin.dashboards import page
from crossmargin.dashboards.document import document, versions, write_whole
from crossmargin.dashboards.figures import whatif as figures
from crossmargin.dashboards.figures.words import ACCOUNTING, duration, money, plural, price, short
from crossmargin.experiments.counterfactual.members import OUTCOMES
from crossmargin.experiments.counterfactual.placebos import PLACEBOS

if TYPE_CHECKING:
    from crossmargin.experiments.counterfactual.results import WhatIf

#: Outcomes of the headline.
HEAD = ("losses_of_others", "liquidated_notional", "liquidated_others", "contagious_episodes")
WORDS = {
    "Baseline": "The futures of the market as it is, from the block on.",
    "Undone": "The same futures, with the same draws, with what is named above undone.",
    "Effect": "Undone less baseline, pair by pair; the mean over the futures with its interval.",
    "Placebo band": "Where the mean effect of a change that should not matter lies. An effect "
    "within it is noise, whatever its size.",
    "The run itself": "The future with the draws of the run. One pair is one future, no proof.",
    "Behavioural closure": "Everybody else reacts to what is different.",
    "Mechanical closure": "Everybody else sends exactly the orders of the baseline.",
    "Ledger": "What the forced orders of the spared accounts moved, times who held what: a "
    f"{ACCOUNTING}.",
}
ACCOUNT_NOTE = (
    "The accounts that gain (right) and lose (left) most by what is undone: mean over the futures, "
    "interval and, in grey, the placebo band."
)


def write_whatif(found: "WhatIf", path: str | Path) -> Path:
    """Write the page of a counterfactual to a file, whole or not at all.

    Parameters
    ----------
    found : WhatIf
    path : str or Path
        Where the HTML goes; the folder must exist.
    """
    return write_whole(path, whatif_html(found))


def whatif_html(found: "WhatIf") -> str:
    """Return a counterfactual as one HTML page."""
    title = f"What if: {', '.join(found.words)}"
    return document(title, _header(found, title), _sections(found), _footer(found))


def _header(found: "WhatIf", title: str) -> str:
    branch = found.trial.branch
    world = branch.world
    seconds = float(world.state.clock["block_seconds"][0])
    facts = (
        f"Scenario {world.scenario.name} · from block {branch.first:,} "
        f"({duration(branch.first * seconds)}) to block {branch.last:,} "
        f"({duration(branch.last * seconds)}) · {plural(found.n, 'future')} · "
        f"{branch.closure} closure · {versions('numpy', 'numba')}"
    )
    notes = "".join(f'<p class="short">{escape(note)}.</p>' for note in found.notes)
    return (
        f"<h1>{escape(title)}</h1><p>The same futures twice, with the same draws: as the market "
        "is, and with this undone. What differs is the effect.</p>"
        f'<p class="facts">{escape(facts)}</p>{page.strip(_cards(found))}'
        f'<p class="short"><b>In short.</b> {escape(in_short(found))}</p>{notes}'
    )


def written(value: float, unit: str) -> str:
    """Write a number with its unit: money, a price, or a count."""
    if unit == "quote":
        return money(value)
    return price(value) if unit == "quote per base" else short(value)


def _between(row: dict[str, float], low: str, high: str, unit: str) -> str:
    if row[low] != row[low]:
        return "–"
    return f"{written(row[low], unit)} to {written(row[high], unit)}"


def _cards(found: "WhatIf") -> list[page.Card]:
    cards = []
    for name in HEAD:
        row = found.effect(name)
        tone = "" if found.is_beyond_placebo(name) else "text"
        remark = f"{found.confidence:.0%}: {_between(row, 'low', 'high', row['unit'])}"
        cards.append(
            page.Card(name.replace("_", " "), written(row["effect"], row["unit"]), remark, tone)
        )
    return cards


def in_short(found: "WhatIf") -> str:
    """Return the finding in a sentence or two."""
    row = found.effect("losses_of_others")
    effect = money(abs(row["effect"]))
    way = "less" if row["effect"] < 0 else "more"
    interval = _between(row, "low", "high", "quote")
    if not found.is_beyond_placebo("losses_of_others"):
        return (
            f"Others lose {effect} {way} on average (interval {interval}), which these futures do "
            "not tell from no effect."
        )
    share = (
        f", {abs(row['effect'] / row['baseline']):.1%} of what they lose" if row["baseline"] else ""
    )
    return (
        f"With this undone others lose {effect} {way} on average{share} (interval {interval}); the "
        f"placebo lies within {_between(row, 'placebo_low', 'placebo_high', 'quote')}."
    )


def _sections(found: "WhatIf") -> list[page.Section]:
    paths = found.paths
    names = {"baseline": "as it is", "intervention": "undone"}
    parts = [_effects(found)]
    for m, market in enumerate(found.trial.branch.world.names.markets):
        parts.append(
            page.Section(
                f"price-{m}",
                f"Mark of {market}",
                "Means over the futures; the shaded bands hold 90% of them; dotted is the run "
                "itself.",
                figures.paths_figure(paths, market, names),
            )
        )
    return [*parts, _accounts(found)]


def _effects(found: "WhatIf") -> page.Section:
    placebo = PLACEBOS.get(found.placebo)
    grey = f" In grey the placebo: {placebo}." if placebo and found.has_placebo else ""
    return page.Section(
        "effects",
        "Side by side",
        "Totals from the block to the end, and what is different when it is undone, as a share of "
        f"the baseline: mean over the futures with its {found.confidence:.0%} interval.{grey}",
        figures.effects_figure(found.table, list(OUTCOMES)),
        table=side_by_side(found),
    )


def side_by_side(found: "WhatIf") -> pd.DataFrame:
    """Table of all outcomes in words."""
    rows = []
    for name in found.names:
        row = found.effect(name)
        unit = row["unit"]
        rows.append(
            {
                "outcome": name.replace("_", " "),
                "baseline": written(row["baseline"], unit),
                "undone": written(row["intervention"], unit),
                "effect": written(row["effect"], unit),
                f"{found.confidence:.0%} interval": _between(row, "low", "high", unit),
                "placebo band": _between(row, "placebo_low", "placebo_high", unit),
                "futures changed": f"{row['changed']:.0%}",
                "the run itself": written(row["run_effect"], unit),
            }
        )
    return pd.DataFrame(rows)


def _accounts(found: "WhatIf") -> page.Section:
    accounts = found.accounts
    has_ledger = bool(accounts["ledger"].any())
    more = (
        f" Diamonds are what the ledger of the run itself books to what is undone: a {ACCOUNTING}."
        if has_ledger
        else ""
    )
    return page.Section(
        "accounts",
        "Who gains and who loses",
        ACCOUNT_NOTE + more,
        figures.accounts_figure(accounts),
        table=_largest(accounts),
    )


def _largest(accounts: pd.DataFrame) -> pd.DataFrame:
    """The ten that gain and the ten that lose most, in words."""
    half = figures.ACCOUNTS // 2
    ends = [accounts.nlargest(half, "effect"), accounts.nsmallest(half, "effect")]
    rows = pd.concat(ends).drop_duplicates("account")
    rows = rows[rows["effect"] != 0]
    return pd.DataFrame(
        {
            "account": rows["label"] + rows["spared"].map({True: " (undone)", False: ""}),
            "effect": rows["effect"].map(money),
            "interval": [_between(row, "low", "high", "quote") for row in rows.to_dict("records")],
            "the run itself": rows["run_effect"].map(money),
            f"ledger: {ACCOUNTING}": (-rows["ledger"]).map(money),
        }
    )


def _footer(found: "WhatIf") -> str:
    sources = "".join(f"<li>{escape(s)}</li>" for s in found.trial.branch.world.scenario.sources)
    return (
        f"<h2>Words</h2>{page.definitions(WORDS)}"
        + (f"<h2>Sources</h2><ul>{sources}</ul>" if sources else "")
        + "<p>Made by a model, not a record of real accounts.</p>"
    )
