"""The page of margin modes compared: one HTML file that needs nothing else."""

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from crossmargin.dashboards import page
from crossmargin.dashboards.document import document, versions, write_whole
from crossmargin.dashboards.figures.modes import (
    difference_figure,
    efficiency_figure,
    outcome_figure,
)
from crossmargin.dashboards.figures.words import duration, plural
from crossmargin.experiments.modes.outcomes import OUTCOMES

if TYPE_CHECKING:
    from crossmargin.experiments.modes.comparing import ModeComparison

WORDS = {
    "cross": "All that an owner has backs all of its positions.",
    "isolated": "Every position is backed by an account of its own.",
    "sub-portfolios": "Positions of a named group of markets share an account.",
    "idle": "An account is backed by a multiple of its initial margin; the rest is kept apart and "
    "does not help.",
    "top-up": "The same, but what is kept apart flows automatically to an account that is short.",
    "premature": "Left alone at the recorded prices, the book would have stayed solvent for the "
    "hours asked and then been above maintenance. Funding, interest and fees are left out.",
    "premature owners": "The same of all accounts of one owner taken together, as one account.",
    "tail loss": "Mean over the worst runs of bad debt over gross notional at the start.",
}

#: Outcomes with a chart of their own: name, title.
CHARTS = (
    ("liquidated_accounts", "Liquidated accounts"),
    ("premature_liquidations", "Premature liquidations"),
    ("premature_owners", "Owners hit who would have survived as one account"),
    ("profitable_legs", "Profitable legs closed"),
    ("simultaneous", "Simultaneous liquidation"),
    ("liquidated_notional", "Notional closed by force"),
    ("bad_debt", "Bad debt"),
)


def write_modes(found: "ModeComparison", path: str | Path) -> Path:
    """Write the page of a comparison, whole or not at all."""
    return write_whole(path, modes_html(found))


def modes_html(found: "ModeComparison") -> str:
    """Return the page of a comparison."""
    title = f"Margin modes in {found.scenario.name}"
    return document(title, _header(found, title), sections(found), _footer(found))


def _header(found: "ModeComparison", title: str) -> str:
    run, asked = found.scenario.run, found.question
    facts = (
        f"{plural(asked.seeds, 'seed')} a mode · {duration(run.steps * run.block_seconds)} · "
        f"{versions('numpy', 'numba')}"
    )
    return (
        f"<h1>{escape(title)}</h1><p>The same positions, the same draws, and other accounts behind "
        f"them.</p><p class='facts'>{escape(facts)}</p>{page.strip(_cards(found))}"
        f'<p class="short"><b>In short.</b> {escape(in_short(found))}</p>'
    )


def _cards(found: "ModeComparison") -> list[page.Card]:
    rows = found.summary()
    liquidated = rows[rows["outcome"] == "liquidated_accounts"].set_index("mode")["mean"]
    return [
        page.Card(mode, f"{liquidated[mode]:,.4g}", "accounts liquidated, mean over seeds")
        for mode in found.modes
    ]


def in_short(found: "ModeComparison") -> str:
    """Return which differences to the first mode are more than luck."""
    rows = found.summary()
    rows = rows[rows["outcome"].isin([name for name, _ in CHARTS])].dropna(subset="difference")
    known = rows[(rows["difference_low"] > 0) | (rows["difference_high"] < 0)]
    base = found.modes[0]
    if known.empty:
        return f"No difference to {base} is larger than what other seeds would give."
    lines = []
    for mode, own in known.groupby("mode", sort=False):
        words = [
            f"{'more' if row.difference > 0 else 'less'} {str(row.outcome).replace('_', ' ')}"
            for row in own.itertuples()
        ]
        lines.append(f"{mode}: {', '.join(words)}")
    return f"Against {base}, beyond what other seeds would give: {'; '.join(lines)}."


def sections(found: "ModeComparison") -> list[page.Section]:
    """Charts and tables of the page."""
    summary = found.summary()
    made = []
    for name, title in CHARTS:
        unit, words = OUTCOMES[name]
        caption = f"{unit.capitalize()} {words}: mean over seeds with its 95% interval"
        own = summary[summary["outcome"] == name]
        if not own["mean"].fillna(0.0).any():
            made.append(page.Section(name, title, f"{caption}.", words="None in any run."))
            continue
        made.append(page.Section(name, title, f"{caption}.", outcome_figure(summary, name)))
        if own["difference_low"].notna().any():
            made.append(_difference(found, summary, name, title))
    return [*made, _efficiency(found), _table(found, summary)]


def _difference(
    found: "ModeComparison", summary: pd.DataFrame, name: str, title: str
) -> page.Section:
    caption = (
        f"Difference to {found.modes[0]}, seed by seed, with its 95% interval: one that does not "
        "hold zero is no luck."
    )
    figure = difference_figure(summary, name)
    return page.Section(f"{name}-difference", f"{title}: difference", caption, figure)


def _efficiency(found: "ModeComparison") -> page.Section:
    rows = found.efficiency()
    caption = (
        f"Tail loss is the mean of the worst {1 - found.question.tail:.0%} of the runs. Each point "
        "is a multiple of what owners have; lower and further right is better. At equal tail loss "
        "is the efficiency at which a mode loses as much as the first one."
    )
    table = pd.DataFrame(
        {
            "mode": rows["mode"],
            "capital": rows["capital"].map("{:g}".format),
            "efficiency": rows["efficiency"].map("{:.3f}".format),
            "tail loss": rows["tail_loss"].map("{:.4%}".format),
            "at equal tail loss": rows["at_equal_tail_loss"].map(_enclosed),
        }
    )
    return page.Section(
        "efficiency", "Capital efficiency", caption, efficiency_figure(rows), "", table
    )


def _enclosed(value: float) -> str:
    return "not enclosed" if value != value else f"{value:.3f}"


def _table(found: "ModeComparison", summary: pd.DataFrame) -> page.Section:
    rows = []
    for name, (unit, _) in OUTCOMES.items():
        own = summary[summary["outcome"] == name].set_index("mode")["mean"]
        cells = {
            mode: "none" if own[mode] != own[mode] else number(own[mode]) for mode in own.index
        }
        rows.append({"outcome": name.replace("_", " "), "unit": unit, **cells})
    caption = "Mean over seeds of every outcome."
    return page.Section(
        "outcomes", "All outcomes", caption, table=pd.DataFrame(rows), is_table=True
    )


def number(value: float) -> str:
    """Return a number with no more digits than a reader needs."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.4g}"


def _footer(found: "ModeComparison") -> str:
    sources = "".join(f"<li>{escape(s)}</li>" for s in found.scenario.sources)
    return (
        f"<h2>Words</h2>{page.definitions(WORDS)}"
        + (f"<h2>Sources</h2><ul>{sources}</ul>" if sources else "")
        + "<p>Made by a model, not a record of real accounts.</p>"
    )
