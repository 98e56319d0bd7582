"""The report of a run: one HTML file that needs nothing else, and no network."""

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from crossmargin.dashboards import page
from crossmargin.dashboards.captions import WORDS
from crossmargin.dashboards.document import document, versions, write_whole
from crossmargin.dashboards.figures.words import count, duration
from crossmargin.dashboards.headline import cards, in_short
from crossmargin.dashboards.sections import sections

if TYPE_CHECKING:
    from crossmargin.experiments.run import Run


def write_report(run: "Run", path: str | Path) -> Path:
    """Write the report of a run to a file, whole or not at all.

    Parameters
    ----------
    run : Run
        A finished run.
    path : str or Path
        Where the HTML goes; the folder must exist.

    Returns
    -------
    Path
        The file written.
    """
    return write_whole(path, report_html(run))


def report_html(run: "Run") -> str:
    """Return the report of a run as one HTML page."""
    return document(_title(run), _header(run), sections(run), _footer(run))


def _title(run: "Run") -> str:
    return run.scenario.title or run.scenario.name


def _header(run: "Run") -> str:
    seconds = run.scenario.run.block_seconds
    steps = int(run.summary["steps"])
    facts = (
        f"Scenario {run.scenario.name} · seed {run.seed} · {count(steps)} blocks of "
        f"{duration(seconds)} ({duration(steps * seconds)}) · {versions('numpy', 'numba', 'mesa')}"
    )
    return (
        f"<h1>{escape(_title(run))}</h1>{page.paragraphs(run.scenario.story)}"
        f'<p class="facts">{escape(facts)}</p>{page.strip(cards(run))}'
        f'<p class="short"><b>In short.</b> {escape(in_short(run))}</p>'
    )


def _footer(run: "Run") -> str:
    residuals = run.summary["residuals"]
    wrong = [name for name, value in residuals.items() if value]
    books = (
        "The books balance to the last unit" if not wrong else f"Out of balance: {', '.join(wrong)}"
    )
    sources = "".join(f"<li>{escape(s)}</li>" for s in run.scenario.sources)
    return (
        f"<h2>Words</h2>{page.definitions(WORDS)}"
        + (f"<h2>Sources</h2><ul>{sources}</ul>" if sources else "")
        + f"<p>{escape(books)} ({count(len(residuals))} sums checked). "
        + "Made by a model, not a record of real accounts. "
        + "Again, and compared bit for bit: <code>crossmargin reproduce</code> with the folder "
        + "that holds this page.</p>"
    )
