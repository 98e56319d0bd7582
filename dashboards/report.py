"""The report of a run: one HTML file that needs nothing else, and no network."""

import os
from html import escape
from importlib import metadata, resources
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from plotly.io.json import to_json_plotly
from plotly.offline import get_plotlyjs

from crossmargin import __version__
from crossmargin.dashboards import page
from crossmargin.dashboards.captions import WORDS
from crossmargin.dashboards.figures.style import CONFIG
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
    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        partial.write_text(report_html(run), encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def report_html(run: "Run") -> str:
    """Return the report of a run as one HTML page."""
    return whole_page(_title(run), _header(run), sections(run), _footer(run))


def whole_page(title: str, header: str, parts: list[page.Section], footer: str) -> str:
    """Return a page in the look of the reports; header and footer are HTML, the title is text."""
    return Template(_template("report.html")).substitute(
        title=escape(f"{title} · crossmargin"),
        style=_template("report.css"),
        header=header + page.contents(parts),
        sections="\n".join(map(page.section, parts)),
        footer=footer,
        plotly=get_plotlyjs(),
        figures=_figures(parts),
        script=_template("report.js"),
    )


def _template(name: str) -> str:
    return (resources.files("crossmargin.dashboards") / "templates" / name).read_text("utf-8")


def _title(run: "Run") -> str:
    return run.scenario.title or run.scenario.name


def _header(run: "Run") -> str:
    seconds = run.scenario.run.block_seconds
    steps = int(run.summary["steps"])
    facts = (
        f"Scenario {run.scenario.name} · seed {run.seed} · {count(steps)} blocks of "
        f"{duration(seconds)} ({duration(steps * seconds)}) · {_versions()}"
    )
    return (
        f"<h1>{escape(_title(run))}</h1>{page.paragraphs(run.scenario.story)}"
        f'<p class="facts">{escape(facts)}</p>{page.strip(cards(run))}'
        f'<p class="short"><b>In short.</b> {escape(in_short(run))}</p>'
    )


def _versions() -> str:
    others = (f"{name} {metadata.version(name)}" for name in ("numpy", "numba", "mesa"))
    return ", ".join((f"crossmargin {__version__}", *others))


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


def _figures(parts: list[page.Section]) -> str:
    charts = {f"chart-{p.name}": p.figure for p in parts if p.figure is not None}
    text = to_json_plotly({"config": CONFIG, "charts": charts})
    return str(text).replace("</", "<\\/").replace("<!--", "<\\!--")
