"""A page of sections as one HTML file that needs nothing else, and no network."""

import os
from collections.abc import Sequence
from html import escape
from importlib import metadata, resources
from pathlib import Path
from string import Template

from plotly.io.json import to_json_plotly
from plotly.offline import get_plotlyjs

from crossmargin import __version__
from crossmargin.dashboards import page
from crossmargin.dashboards.figures.style import CONFIG


def document(title: str, header: str, parts: Sequence[page.Section], footer: str) -> str:
    """Return a page.

    Parameters
    ----------
    title : str
        Of the browser's window, not yet escaped.
    header, footer : str
        HTML, escaped by who made it.
    parts : sequence of Section
        In order; the header is followed by links to them.
    """
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


def write_whole(path: str | Path, text: str) -> Path:
    """Write a text to a file, whole or not at all."""
    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def versions(*names: str) -> str:
    """Version of this package and of some others, in words."""
    others = (f"{name} {metadata.version(name)}" for name in names)
    return ", ".join((f"crossmargin {__version__}", *others))


def _template(name: str) -> str:
    return (resources.files("crossmargin.dashboards") / "templates" / name).read_text("utf-8")


def _figures(parts: Sequence[page.Section]) -> str:
    charts = {f"chart-{p.name}": p.figure for p in parts if p.figure is not None}
    text = to_json_plotly({"config": CONFIG, "charts": charts})
    return str(text).replace("</", "<\\/").replace("<!--", "<\\!--")
