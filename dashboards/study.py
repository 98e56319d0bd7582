"""A ready study on disk: its figure as SVG and HTML, and the report of its sweep."""

import os
from pathlib import Path

import numpy as np
import plotly.graph_objects as go

from crossmargin.dashboards.figures.export import write_figure
from crossmargin.dashboards.figures.sweep_data import number
from crossmargin.dashboards.figures.sweep_lines import lines_figure
from crossmargin.dashboards.figures.sweep_phase import phase_figure
from crossmargin.dashboards.sweep_report import write_sweep_report
from crossmargin.experiments.studies.study import Study
from crossmargin.experiments.sweeps.results import Sweep
from crossmargin.model.errors import ScenarioError

#: Height of the title and width left of the chart, pixels.
ROOM, LEFT = 40, 80


def study_figure(study: Study, sweep: Sweep) -> go.Figure:
    """Figure of a study from the runs of its plan, with its title."""
    figure = _map(study, sweep) if study.kind == "map" else lines_figure(sweep, study)
    title = sweep.plan.title or sweep.plan.name
    head = int(figure.layout.margin.t or 36) + ROOM
    margin = {"t": head, "l": LEFT, "r": 20, "b": 16}
    figure.update_layout(margin=margin, height=int(figure.layout.height) + ROOM)
    figure.add_annotation(  # a title proper would be moved off the page by a bar of colours
        text=title,
        font_size=16,
        showarrow=False,
        x=0,
        xref="paper",
        xanchor="left",
        xshift=8 - LEFT,
        y=1,
        yref="paper",
        yanchor="top",
        yshift=head - 12,
    )
    return figure


def _map(study: Study, sweep: Sweep) -> go.Figure:
    """Phase diagram with the units and words of a study."""
    panel = study.panel[0]
    figure = phase_figure(sweep, panel.name, study.x.name, study.by.name, above=panel.above)
    z = np.asarray(figure.data[0].z, float) * panel.scale
    figure.data[0].update(z=z, text=np.vectorize(number)(z))
    figure.data[0].colorbar.title.text = panel.axis
    figure.update_xaxes(title_text=study.x.axis)
    figure.update_yaxes(title_text="", automargin=False)
    figure.add_annotation(  # as above: the title of this axis would lie on the edge of the page
        text=study.by.axis,
        textangle=-90,
        showarrow=False,
        x=0,
        xref="paper",
        xanchor="center",
        xshift=22 - LEFT,
        y=0.5,
        yref="paper",
        yanchor="middle",
    )
    return figure


def write_study(study: Study, sweep: Sweep, folder: Path) -> str:
    """Write figure.html, report.html and, where there is a browser to draw it, figure.svg.

    Returns
    -------
    str
        Why there is no SVG; empty when there is one.
    """
    figure = study_figure(study, sweep)
    for name in ("figure.html", "figure.svg"):
        partial = folder / f".{os.getpid()}.part.{name}"
        try:
            write_figure(figure, partial)
            partial.replace(folder / name)
        except ScenarioError as error:
            (folder / name).unlink(missing_ok=True)  # an older one shows other runs
            problem = str(error).replace(str(partial), str(folder / name))
            break
        finally:
            partial.unlink(missing_ok=True)
    else:
        problem = ""
    write_sweep_report(sweep, folder / "report.html")
    return problem
