"""What a figure of a sweep shows equals the runs that it was made from."""

from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from crossmargin.dashboards.figures import style, sweep_data
from crossmargin.dashboards.figures.export import write_figure
from crossmargin.dashboards.figures.sweep_box import box_figure, shares
from crossmargin.dashboards.figures.sweep_curves import curves_figure
from crossmargin.dashboards.figures.sweep_ecdf import STEPS, ecdf_figure
from crossmargin.dashboards.figures.sweep_parallel import LINES, parallel_figure, unit_height
from crossmargin.dashboards.figures.sweep_phase import phase_figure
from crossmargin.dashboards.figures.sweep_sensitivity import (
    morris_figure,
    seed_figure,
    sobol_figure,
)
from crossmargin.experiments.analysis.discovery import discover
from crossmargin.experiments.analysis.seed_share import seed_share
from crossmargin.experiments.analysis.sensitivity import morris, sobol
from crossmargin.experiments.sweeps.results import Sweep
from crossmargin.model.errors import ParameterError
from tests.experiments.sweeps.made_stores import grid_plan, plan_of, sweep_of

RANGES = [
    {"path": "venue.leverage", "low": 2.0, "high": 30.0, "unit": "x"},
    {"path": "book.depth", "low": 1.0, "high": 100.0, "scale": "log"},
]


def sweep_with(design: dict, count: int = 2) -> Sweep:
    return sweep_of(plan_of(RANGES, design, count))


@pytest.fixture(scope="module")
def grid() -> Sweep:
    return sweep_of(grid_plan(count=40))


@pytest.fixture(scope="module")
def cloud() -> Sweep:
    return sweep_with({"kind": "latin_hypercube", "points": 60}, 3)


def traces(figure: go.Figure, name: str) -> list[go.Scatter]:
    return [t for t in figure.data if t.name == name]


def test_curves_are_the_means_of_the_levels(grid: Sweep) -> None:
    figure = curves_figure(grid, "loss", ["depth"])
    (line,) = traces(figure, "mean")
    assert list(line.x) == [1, 2, 4, 8]
    assert line.y == pytest.approx(grid.runs.groupby("depth")["loss"].mean().to_numpy())
    names = {t.name for t in figure.data}
    assert names == {"mean", "middle 80% of the runs", "95% interval of the mean"}


def test_a_band_needs_runs_enough() -> None:
    figure = curves_figure(sweep_of(grid_plan(count=2)), "loss", ["depth"])
    assert not traces(figure, "middle 80% of the runs")


def test_the_strongest_factor_comes_first(grid: Sweep) -> None:
    shares = {path: sweep_data.strength(grid, "loss", path) for path in grid.plan.paths}
    assert max(shares, key=lambda path: shares[path]) == "venue.leverage"
    assert all(0 < share < 1 for share in shares.values())
    figure = curves_figure(grid, "loss")
    assert figure.layout.xaxis.title.text == "leverage (x)"
    assert figure.layout.meta["panels"] == 2


def test_many_values_go_into_bins_of_equal_size(cloud: Sweep) -> None:
    curve = sweep_data.curve(cloud, "loss", "leverage")
    assert len(curve) == sweep_data.BINS
    assert curve["n"].sum() == len(cloud.runs)
    assert curve["n"].max() - curve["n"].min() <= 1


def test_phase_diagram_of_a_grid_is_its_means(grid: Sweep) -> None:
    figure = phase_figure(grid, "loss", "leverage", "depth")
    (heat,) = figure.data
    assert list(heat.x) == ["5", "10", "20"]
    runs = grid.runs
    cell = runs[(runs["venue.leverage"] == 20) & (runs["depth"] == 2)]["loss"].mean()
    assert heat.z[1][2] == pytest.approx(cell)
    share = phase_figure(grid, "loss", "leverage", "depth", above=8).data[0]
    assert np.nanmax(share.z) <= 1
    assert (share.z * np.asarray(share.customdata)).sum() == pytest.approx((runs["loss"] > 8).sum())


def test_phase_diagram_without_a_grid_is_a_surface(cloud: Sweep) -> None:
    figure = phase_figure(cloud, "loss")
    heat, dots = figure.data
    assert np.isfinite(heat.z).all()
    assert len(dots.x) == 60
    assert figure.layout["yaxis" if "depth" in figure.layout.yaxis.title.text else "xaxis"].type


def test_one_factor_has_no_phase_diagram() -> None:
    plan = plan_of([{"path": "x", "values": [1, 2]}], {"kind": "grid"}, 2)
    sweep = sweep_of(plan, lambda values, seed: {"y": values["x"] + seed % 3})
    with pytest.raises(ParameterError, match="two factors"):
        phase_figure(sweep, "y")


def test_sobol_bars_and_whiskers_are_the_indices() -> None:
    found = sobol(sweep_with({"kind": "saltelli", "points": 64}), "loss")
    bars = {t.name: t for t in sobol_figure(found).data}
    rows = found.table.sort_values("total", ascending=False)
    assert bars["alone"].x == pytest.approx(rows["first"].to_numpy())
    ends = bars["with all others"].x + bars["with all others"].error_x.array
    assert ends == pytest.approx(rows["total_high"].to_numpy())


def test_morris_points_are_the_effects() -> None:
    found = morris(sweep_with({"kind": "morris", "trajectories": 12}), "loss")
    dots = morris_figure(found).data[-1]
    assert dots.x == pytest.approx(found.table["mu_star"].to_numpy())
    assert dots.y == pytest.approx(found.table["sigma"].to_numpy())


def test_shares_of_the_seed_add_up(grid: Sweep) -> None:
    found = [seed_share(grid, name) for name in ("loss", "luck")]
    figure = seed_figure(found)
    assert sum(t.x[0] for t in figure.data if t.type == "bar") == pytest.approx(1)
    assert figure.data[-1].x[1] == pytest.approx(1)  # luck is nothing but the seed


def test_the_box_is_drawn_where_it_is(cloud: Sweep) -> None:
    box = discover(cloud, "loss", above=float(cloud.runs["loss"].quantile(0.8)))
    figure = box_figure(cloud, box)
    shape = figure.layout.shapes[0]
    limits = {limit.label: limit for limit in box.limits}
    titles = (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text)
    for title, low in zip(titles, (shape.x0, shape.y0), strict=True):
        limit = limits.get(title.partition(" ")[0])
        if limit is not None and limit.low is not None:
            assert low == limit.low
    dots = figure.data[0]
    assert sum(dots.marker.color) / len(dots.x) == pytest.approx(box.base_rate)


def test_shares_of_cases_count_all_runs(grid: Sweep) -> None:
    box = discover(grid, "loss", above=8)
    rows = shares(grid, box, ["venue.leverage", "depth"])
    assert (rows["share"] * rows["n"]).sum() == pytest.approx((grid.runs["loss"] > 8).sum())


def test_parallel_lines_are_runs(grid: Sweep) -> None:
    figure = parallel_figure(grid, "loss")
    points = [x for t in figure.data for x in t.x if x is not None]
    assert len(points) == LINES * 3
    ends = [y for t in figure.data for x, y in zip(t.x, t.y, strict=True) if x == 2]
    assert (min(ends), max(ends)) == (0, 1)


def test_heights_follow_the_axis(cloud: Sweep) -> None:
    axis = sweep_data.axis_of(cloud, "depth")
    heights = unit_height(pd.Series([1.0, 10.0, 100.0]), axis)
    assert heights == pytest.approx([0, 0.5, 1])


def test_distributions_end_at_one_and_their_bands_hold_them(grid: Sweep) -> None:
    figure = ecdf_figure(grid, "loss", "leverage")
    for name in ("5", "10", "20"):
        band, line = (t for t in figure.data if t.legendgroup == name)
        assert line.y[-1] == 1
        assert len(line.x) <= STEPS
        half = len(band.y) // 2
        assert (np.array(band.y[:half]) >= line.y).all()
        assert (np.array(band.y[half:])[::-1] <= line.y).all()
    everything = ecdf_figure(grid, "loss").data[-1]
    middle = np.interp(0.5, everything.y, everything.x)
    assert middle == pytest.approx(grid.runs["loss"].median(), rel=0.05)


def test_a_factor_of_many_values_is_parted_into_four(cloud: Sweep) -> None:
    named = [t.name for t in ecdf_figure(cloud, "loss", "depth").data if t.showlegend is None]
    assert len(named) == 4
    assert all(" to " in name for name in named)


@pytest.mark.parametrize(
    ("values", "is_log"),
    [([1, 10, 100], True), ([100, 300, 1000, 3000], True), ([1, 2, 3], False), ([0, 1, 9], False)],
)
def test_levels_that_grow_by_factors_get_a_logarithmic_axis(
    values: list[float], is_log: bool
) -> None:
    plan = plan_of([{"path": "x", "values": values}], {"kind": "grid"}, 1)
    sweep = sweep_of(plan, lambda values, seed: {"y": 1.0})
    assert sweep_data.axis_of(sweep, "x").is_log == is_log


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.0125, "0.0125"), (12.5, "12.5"), (1.25e6, "1.25M"), (-3.2e3, "−3.2k"), (np.nan, "–")],
)
def test_numbers_are_short(value: float, words: str) -> None:
    assert sweep_data.number(value) == words


def test_outcomes_in_words() -> None:
    assert sweep_data.words_of("markets.BTC-PERP.largest_fall") == "largest fall of BTC-PERP"
    assert sweep_data.title_of("bad_debt") == "Bad debt"


def test_outcomes_that_never_change_are_not_shown() -> None:
    sweep = sweep_of(
        grid_plan(), lambda values, seed: {"steps": 100.0, "y": seed % 7, "bad_debt": 0.0}
    )
    assert sweep_data.main_outcomes(sweep) == ["y"]


def test_a_figure_is_written_as_html_without_another_host(grid: Sweep, tmp_path: Path) -> None:
    path = write_figure(phase_figure(grid, "loss"), tmp_path / "phase.html")
    text = path.read_text()
    assert "cdn.plot.ly" not in text.partition("*/")[0]
    assert '"showSendToCloud": false' in text
    assert style.CONFIG["plotlyServerURL"] == ""  # Plotly takes keys out of what it is given
    with pytest.raises(ParameterError, match=r"\.html, \.png, \.svg"):
        write_figure(phase_figure(grid, "loss"), tmp_path / "phase.bmp")


@pytest.mark.long
@pytest.mark.parametrize(("ending", "magic"), [(".png", b"\x89PNG"), (".svg", b"<svg")])
def test_a_figure_is_written_as_a_picture(
    grid: Sweep, tmp_path: Path, ending: str, magic: bytes
) -> None:
    path = write_figure(phase_figure(grid, "loss"), tmp_path / f"phase{ending}")
    assert path.read_bytes().startswith(magic)
    assert path.stat().st_size > 2000
