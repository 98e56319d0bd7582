"""Shares of the seed agree with the published intraclass correlations and with known variances."""

import numpy as np
import pandas as pd
import pytest

from crossmargin.experiments.analysis.seed_share import one_way, seed_share, two_way
from crossmargin.experiments.sweeps.results import Sweep
from crossmargin.model.errors import ParameterError
from tests.experiments.sweeps.made_stores import grid_plan, plan_of, sweep_of

#: Four judges' ratings of six targets: table 2 of Shrout and Fleiss (1979).
RATINGS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float
)


def test_one_way_is_shrout_and_fleiss_first_case() -> None:
    share, low, high = one_way(list(RATINGS))
    assert 1 - share == pytest.approx(0.166, abs=5e-4)
    assert 1 - low == pytest.approx(0.7226, abs=5e-4)
    assert high == 1  # ICC(1) goes down to -0.133, and no variance is negative


def test_two_way_is_shrout_and_fleiss_second_case() -> None:
    found = two_way(RATINGS)
    total = found.points + found.alike + found.apart
    assert found.points / total == pytest.approx(0.290, abs=5e-4)
    assert (1 - found.high, 1 - found.low) == pytest.approx((0.0188, 0.7611), abs=5e-4)


@pytest.mark.parametrize("common", [True, False])
def test_intervals_hold_the_true_share(common: bool) -> None:
    rng, hits = np.random.default_rng(4), 0
    for _ in range(60):
        place = rng.normal(0, 2, (12, 1))
        luck = rng.normal(0, 1, (1, 8)) if common else 0.0
        table = place + luck + rng.normal(0, 1, (12, 8))
        if common:
            found = two_way(table)
            hits += found.low <= 2 / 6 <= found.high
        else:
            _, low, high = one_way(list(table))
            hits += low <= 1 / 5 <= high
    assert hits >= 51  # 85% where 95% are expected


def test_groups_of_several_sizes() -> None:
    rng = np.random.default_rng(2)
    places, sizes = rng.normal(0, 3, 200), rng.integers(2, 9, 200)
    groups = [rng.normal(a, 1.0, n) for a, n in zip(places, sizes, strict=True)]
    share, low, high = one_way(groups)
    assert low < share < high
    assert share == pytest.approx(0.1, abs=0.03)


def sweep_with(common: bool, alike: float, apart: float, count: int = 40) -> Sweep:
    """Outcome = point effect + luck of the replicate + luck of the run."""
    factors = [{"path": "x", "values": list(range(60))}]
    plan = plan_of(factors, {"kind": "grid"}, count, seeds={"common": common})
    rng = np.random.default_rng(9)
    place, luck = rng.normal(size=60), alike * rng.normal(size=count)
    rows = [
        {
            "run_id": f"{p}-{r}",
            "point": p,
            "replicate": r,
            "seed": r,
            "x": p,
            "y": place[p] + luck[r] + apart * rng.normal(),
        }
        for p in range(60)
        for r in range(count)
    ]
    return Sweep.of(plan, pd.DataFrame(rows))


def test_common_luck_is_told_from_luck_of_each_point() -> None:
    found = seed_share(sweep_with(True, alike=1.0, apart=0.5), "y")
    assert found.share == pytest.approx(found.alike + found.apart)
    assert found.alike / found.apart == pytest.approx(4, rel=0.6)
    assert found.low < 1.25 / 2.25 < found.high
    assert (found.points, found.runs) == (60, 2400)


def test_independent_seeds_have_one_share() -> None:
    found = seed_share(sweep_with(False, alike=0.0, apart=0.5), "y")
    assert found.low < 0.2 < found.high
    assert np.isnan(found.alike)


def test_a_model_without_luck_has_share_zero() -> None:
    sweep = sweep_of(grid_plan(), lambda values, seed: {"y": values["leverage"]})
    assert seed_share(sweep, "y")[1:6] == (0, 0, 0, 0, 0)


def test_a_model_of_nothing_but_luck_has_share_one() -> None:
    sweep = sweep_of(grid_plan(count=8), lambda values, seed: {"y": float(seed % 1009)})
    found = seed_share(sweep, "y")
    assert found.share == pytest.approx(1)
    assert found.alike == pytest.approx(1)


def test_runs_that_are_missing_are_left_out() -> None:
    whole = sweep_with(True, alike=1.0, apart=0.5, count=6)
    holed = Sweep.of(whole.plan, whole.runs.drop(index=[0, 7, 100]))
    found = seed_share(holed, "y")
    assert found.runs in (57 * 6, 58 * 6)
    assert found.low < found.share < found.high


def test_what_says_nothing_about_the_seed_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"replications\.count = 2"):
        seed_share(sweep_of(grid_plan(count=1)), "loss")
    one = plan_of([{"path": "x", "values": [1]}], {"kind": "grid"}, 5)
    sweep = sweep_of(one, lambda values, seed: {"y": float(seed)})
    with pytest.raises(ParameterError, match="1 points have two runs"):
        seed_share(sweep, "y")
    with pytest.raises(ParameterError, match="nothing to explain"):
        seed_share(sweep_of(grid_plan(), lambda values, seed: {"y": 1.0}), "y")
