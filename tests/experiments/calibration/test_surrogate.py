"""The surrogate finds the bottom of bowls, and is not blinded by what explodes."""

import numpy as np
import pytest

from crossmargin.experiments.calibration.search import around, slopes, sobol
from crossmargin.experiments.calibration.surrogate import APART, Surrogate, logs_of

BOTTOM = np.array([0.55, 0.3])


def bowl(units: np.ndarray) -> np.ndarray:
    """Criterion of a bowl that is ten times as steep in its first coordinate."""
    return ((np.atleast_2d(units) - BOTTOM) ** 2) @ np.array([2000.0, 200.0])


def test_the_bottom_of_a_bowl() -> None:
    units = sobol(32, 2, 1)
    found = Surrogate(units, bowl(units)).lowest()
    assert np.abs(found - BOTTOM).max() < 0.1
    assert bowl(found)[0] < bowl(units).min()


def test_a_coordinate_is_held() -> None:
    units = sobol(32, 2, 1)
    found = Surrogate(units, bowl(units)).lowest(fixed=0, at=0.9)
    assert found[0] == 0.9
    assert abs(found[1] - BOTTOM[1]) < 0.15


def test_points_of_a_batch_lie_apart_and_within() -> None:
    units = sobol(16, 2, 2)
    chosen, expected = Surrogate(units, bowl(units)).propose(3)
    gaps = [np.linalg.norm(chosen[i] - chosen[j]) for i in range(3) for j in range(i)]
    assert min(gaps) > APART / 4
    assert expected > 0
    assert ((chosen >= 0) & (chosen <= 1)).all()


def test_steps_lead_down() -> None:
    units = sobol(8, 2, 3)
    first = bowl(units).min()
    for _ in range(6):
        chosen, _ = Surrogate(units, bowl(units)).propose(2)
        units = np.vstack([units, chosen])
    assert bowl(units).min() < 0.1 * first


def test_the_same_points_are_proposed_again() -> None:
    units = sobol(16, 2, 4)
    first, again = (Surrogate(units, bowl(units), 5).propose(2)[0] for _ in range(2))
    assert first.tobytes() == again.tobytes()


def test_explosions_and_failures_do_not_hide_the_bottom() -> None:
    units = sobol(64, 2, 1)
    criteria = bowl(units)
    criteria[units[:, 0] > 0.8] = 1e250
    criteria[units[:, 0] < 0.1] = np.inf
    logs = logs_of(criteria)
    assert np.isfinite(logs).all()
    assert logs.max() < 20
    assert np.abs(Surrogate(units, criteria).lowest() - BOTTOM).max() < 0.1


def test_without_any_number_nothing_is_known() -> None:
    assert np.isfinite(logs_of(np.full(5, np.inf))).all()


@pytest.mark.parametrize("unit", [[0.5, 0.5], [0.0, 1.0], [0.99, 0.02]])
def test_slopes_of_a_plane_are_exact_also_at_the_edge(unit: list[float]) -> None:
    plane = np.array([[1.0, -2.0], [0.5, 3.0], [0.0, 1e-3]])
    ends = around(np.array(unit), 0.05)
    assert ((ends >= 0) & (ends <= 1)).all()
    assert slopes(ends, ends @ plane.T) == pytest.approx(plane)
