"""A figure as a file: PNG, SVG or PDF for a paper, HTML for a browser without a network."""

from pathlib import Path

import plotly.graph_objects as go

from crossmargin.dashboards.figures.style import CONFIG
from crossmargin.experiments.sweeps.extras import need
from crossmargin.model.errors import ParameterError, ScenarioError

#: Endings, those of pictures being drawn by a browser.
PICTURES = (".png", ".svg", ".pdf", ".jpg", ".webp")


def write_figure(
    figure: go.Figure, path: str | Path, *, width: int = 900, scale: float = 2.0
) -> Path:
    """Write a figure to a file of the kind that its ending says.

    Parameters
    ----------
    figure : Figure
        Any figure of this package.
    path : str or Path
        Ending in .html, .png, .svg, .pdf, .jpg or .webp; the folder must exist.
    width : int
        Pixels; the height is the figure's own.
    scale : float
        Pixels of a PNG, JPEG or WebP for each of those.

    Raises
    ------
    ParameterError
        When the ending is another.
    ScenarioError
        When a picture is asked for and there is no browser to draw it.
    """
    path = Path(path)
    if path.suffix == ".html":
        config = {key: value for key, value in CONFIG.items() if key != "showLink"}
        figure.write_html(path, config=config, include_plotlyjs=True, full_html=True)
        return path
    if path.suffix not in PICTURES:
        kinds = ", ".join((".html", *PICTURES))
        raise ParameterError(f"{path}: a figure is written as {kinds}")
    need("kaleido")
    try:
        figure.write_image(path, width=width, scale=scale)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise ScenarioError(f"{path}: cannot be drawn, which takes Chrome: {reason}") from None
    return path
