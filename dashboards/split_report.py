"""The page of a split: one HTML file that needs nothing else, in the look of the reports."""

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from crossmargin.dashboards import page
from crossmargin.dashboards.document import document, versions, write_whole
from crossmargin.dashboards.figures import split as figures
from crossmargin.dashboards.figures.words import duration, plural
from crossmargin.experiments.endogenous.cli import MEANINGS, rows, share

if TYPE_CHECKING:
    from crossmargin.experiments.endogenous.identify import Split

WORDS = {
    "Record": "The recorded price. It contains the liquidations of its day.",
    "Exogenous part": "The path that the model turns into the record: record less push.",
    "Push": "What arbitrageurs and hedgers of the venue add to the outside price by trading there.",
    "Endogenous share": "Fall of the push over fall of the record, peak to trough.",
    "Band": "Every strength of the feedback reproduces the record, which therefore cannot tell it. "
    "The share for the least and the most that is plausible, and for more or less leverage.",
    "Forced orders": "One less the fall on the same exogenous path when forced orders move no "
    "price, over the fall of the record; the same draws.",
    "Misfit": "A share below 0 or above 1: the venue would have bought into the fall, or sold more "
    "than the whole of it.",
}
#: Names of what is not known.
NAMES = {
    "leverage": "leverage of positions",
    "elasticity": "elasticity of outside markets",
    "permanent": "lasting share of the push",
    "half_life": "half-life of the rest",
}


def write_split(split: "Split", path: str | Path) -> Path:
    """Write the page of a split to a file, whole or not at all.

    Parameters
    ----------
    split : Split
    path : str or Path
        Where the HTML goes; the folder must exist.
    """
    return write_whole(path, split_html(split))


def split_html(split: "Split") -> str:
    """Return a split as one HTML page."""
    summary = split.summary
    title = f"What fell, and what was pushed: {summary['title'] or summary['scenario']}"
    return document(title, _header(split, title), _sections(split), _footer(split))


def _header(split: "Split", title: str) -> str:
    summary = split.summary
    steps = len(split.path)
    facts = (
        f"Scenario {summary['scenario']} · {summary['underlying']} on {summary['market']} · "
        f"{plural(summary['seeds'], 'seed')} · "
        f"{duration(steps * summary['block_seconds'])} · {versions('numpy', 'numba')}"
    )
    return (
        f"<h1>{escape(title)}</h1><p>A recorded crash taken apart: the path from elsewhere that "
        "makes this model produce the record to the tick, and what the venue's own flow added.</p>"
        f'<p class="facts">{escape(facts)}</p>{page.strip(_cards(summary))}'
        f'<p class="short"><b>In short.</b> {escape(in_short(summary))}</p>'
    )


def _cards(summary: dict[str, Any]) -> list[page.Card]:
    bad = "" if summary["verdict"] == "fits" else "bad"
    missed = max(summary["reproduces"].values())
    return [
        page.Card("fall of the record", share(summary["fall"]["fraction"]), "peak to trough"),
        page.Card("endogenous share", share(summary["share"]["mean"]), "mean over seeds"),
        page.Card("band", " to ".join(map(share, summary["band"])), "what the record leaves open"),
        page.Card(
            "forced orders",
            share(summary["forced"]["mean"]),
            "of the fall: " + summary["forced"]["verdict"],
        ),
        page.Card("record missed by", str(missed), "ticks at most", "bad" if missed else ""),
        page.Card("verdict", summary["verdict"], MEANINGS[summary["verdict"]], bad or "text"),
    ]


def in_short(summary: dict[str, Any]) -> str:
    """Return the finding in a sentence or two."""
    low, high = map(share, summary["band"])
    venues = summary["venues"]
    whom = "this venue" if venues == 1 else f"a market of {venues:,.3g} venues like this one"
    return (
        f"Of the fall of {share(summary['fall']['fraction'])} the flow of {whom} added "
        f"{share(summary['share']['mean'])}; what the record cannot tell leaves {low} to {high}. "
        f"Verdict: {summary['verdict']}, {MEANINGS[summary['verdict']]}."
    )


def _sections(split: "Split") -> list[page.Section]:
    summary, path = split.summary, split.path
    window = (summary["fall"]["peak_step"], summary["fall"]["trough_step"])
    seconds, tick = summary["block_seconds"], summary["tick"]
    numbers = pd.DataFrame(rows(summary), columns=["", "value"])
    intervals = {"everything": tuple(summary["band"])}
    intervals |= {NAMES[name]: tuple(ends) for name, ends in summary["by"].items()}
    return [
        page.Section(
            "parts",
            "The record and its parts",
            "First seed; the shaded span is the largest fall. The distance from the record to the "
            "exogenous part is what the venue, or as many venues as the market has, added. The "
            "market's is the mean over seeds, multiplied: few seeds leave noise in it that many "
            "venues would not.",
            figures.parts_figure(path, tick, seconds, window),
            table=numbers,
        ),
        page.Section(
            "push",
            "What the flow adds",
            "Push on the outside price, scaled to the market of the record, over the seeds.",
            figures.push_figure(path, seconds, window),
        ),
        page.Section(
            "band",
            "What the record leaves open",
            "Mean share over seeds when one thing alone is not known, and all of them together. "
            "The dotted line is the share as stated, grey is what a share can be.",
            figures.band_figure(intervals, summary["share"]["mean"]),
        ),
        page.Section(
            "classes",
            "Who moved the venue's own mid",
            "Cumulated displacement of the mid by whose orders moved it; the lines sum to its "
            "whole move exactly. Refill follows the outside price, so the record shows there.",
            figures.classes_figure(path, tick, seconds, window),
        ),
    ]


def _footer(split: "Split") -> str:
    sources = "".join(f"<li>{escape(s)}</li>" for s in split.scenario.sources)
    return (
        f"<h2>Words</h2>{page.definitions(WORDS)}"
        + (f"<h2>Sources</h2><ul>{sources}</ul>" if sources else "")
        + "<p>Made by a model, not a record of real accounts. The exogenous part lies beside this "
        "page as <code>exogenous.csv</code>; a scenario that follows it with "
        "<code>path.holds = &quot;outside&quot;</code> produces the record again.</p>"
    )
