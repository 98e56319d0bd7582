"""A smooth response is found between the points, and the error is what it says."""

import numpy as np
import pandas as pd
import pytest

from crossmargin.experiments.analysis.surfaces import response_surface
from crossmargin.experiments.sweeps.results import Sweep
from crossmargin.model.errors import ParameterError
from tests.experiments.sweeps.made_stores import plan_of, sweep_of

FACTORS = [
    {"path": "leverage", "low": 1.0, "high": 30.0},
    {"path": "book.depth", "low": 1e5, "high": 1e7, "scale": "log"},
]


def law(leverage: float, depth: float) -> float:
    return float(np.sin(leverage / 6) * 100 + 20 * np.log10(depth))


def smooth(values: dict, seed: int) -> dict[str, float]:
    return {"y": law(values["leverage"], values["depth"])}


def noisy(values: dict, seed: int) -> dict[str, float]:
    luck = np.random.default_rng((seed, int(1e6 * values["leverage"]))).normal()
    return {"y": law(values["leverage"], values["depth"]) + 30 * luck}


def sweep_with(model, points: int = 64, count: int = 1) -> Sweep:
    return sweep_of(plan_of(FACTORS, {"kind": "sobol", "points": points}, count), model)


def test_a_smooth_law_is_found_between_the_points() -> None:
    surface = response_surface(sweep_with(smooth), "y")
    at = pd.DataFrame({"leverage": [4.4, 13.0, 22.0], "book.depth": [3e5, 1e6, 4e6]})
    expected = [law(*row) for row in at.itertuples(index=False)]
    assert surface.predict(at)["mean"].to_numpy() == pytest.approx(expected, abs=3)
    assert surface.explained > 0.99
    assert surface.error < 5


def test_noise_is_not_taken_for_response() -> None:
    surface = response_surface(sweep_with(noisy, 128), "y")
    assert 20 < surface.error < 45
    assert 0.5 < surface.explained < 0.95
    assert 0.85 < surface.covered <= 1
    twins = sweep_with(noisy, 128, count=9)
    assert response_surface(twins, "y").error < surface.error


def test_grid_keeps_the_others_in_the_middle() -> None:
    surface = response_surface(sweep_with(smooth), "y")
    grid = surface.grid("leverage", "book.depth", n=5)
    assert len(grid) == 25
    steps = np.diff(np.log(sorted(grid["book.depth"].unique())))
    assert steps == pytest.approx(steps[0])
    alone = surface.predict(pd.DataFrame({"leverage": [5.0, 20.0]}))
    assert alone["sd"].gt(0).all()


def test_many_points_are_thinned_and_said() -> None:
    surface = response_surface(sweep_with(smooth, 1024), "y")
    assert (surface.points, surface.of_points) == (500, 1024)
    assert surface.explained > 0.99


def test_what_has_no_surface_is_refused() -> None:
    with pytest.raises(ParameterError, match="8 points or more, not 4"):
        response_surface(sweep_with(smooth, 4), "y")
    words = plan_of([{"path": "mode", "values": list("abcdefgh")}], {"kind": "grid"}, 1)
    sweep = sweep_of(words, lambda values, seed: {"y": float(ord(values["mode"]))})
    with pytest.raises(ParameterError, match="is a number"):
        response_surface(sweep, "y")
    with pytest.raises(ParameterError, match="factor mode"):
        response_surface(sweep, "y", ["mode"])
