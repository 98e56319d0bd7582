"""A corner that was put there is found, told in its units, and luck is not taken for one."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.experiments.analysis.boxes import Limit, number_words
from crossmargin.experiments.analysis.discovery import discover
from crossmargin.experiments.analysis.peeling import Space, measured, peel
from crossmargin.experiments.sweeps.results import Sweep
from crossmargin.model.errors import ParameterError
from tests.experiments.sweeps.made_stores import plan_of, sweep_of

FACTORS = [
    {"path": "leverage", "low": 1.0, "high": 30.0, "unit": "x"},
    {"path": "book.depth", "low": 1e5, "high": 1e7, "scale": "log", "unit": "quote"},
    {"path": "idle", "low": 0.0, "high": 1.0},
]


def corner(values: dict, seed: int) -> dict[str, float]:
    inside = values["leverage"] >= 20 and values["depth"] <= 1e6
    rate = 0.9 if inside else 0.05
    return {"lost": 10.0 * (np.random.default_rng((seed, hash(values["idle"]))).random() < rate)}


@pytest.fixture(scope="module")
def sweep() -> Sweep:
    design = {"kind": "latin_hypercube", "points": 400, "seed": 3}
    return sweep_of(plan_of(FACTORS, design, 3), corner)


@pytest.mark.parametrize("method", ["peel", "tree"])
def test_the_corner_is_found(sweep: Sweep, method: str) -> None:
    box = discover(sweep, "lost", above=5, method=method, coverage=0.6)
    limits = {limit.path: limit for limit in box.limits}
    assert set(limits) == {"leverage", "book.depth"}
    assert limits["leverage"].low == pytest.approx(20, abs=1.5)
    assert limits["leverage"].high is None
    assert limits["book.depth"].high == pytest.approx(1e6, rel=0.35)
    assert box.density.low < 0.9 < box.density.high
    assert box.held_out_density > 0.75
    assert box.coverage > 0.6


def test_coverage_density_and_mass_are_those_of_the_runs(sweep: Sweep) -> None:
    box = discover(sweep, "lost", above=5)
    inside, case = box.holds(sweep.runs), sweep.runs["lost"] > 5
    assert box.density.value == pytest.approx(case[inside].mean())
    assert box.coverage == pytest.approx((case & inside).sum() / case.sum())
    assert box.mass == pytest.approx(inside.mean())
    assert box.base_rate == pytest.approx(case.mean())
    assert box.density.n == inside.sum()


def test_the_sentence_is_plain(sweep: Sweep) -> None:
    words = discover(sweep, "lost", above=5).sentence
    assert words.startswith("Where leverage is at least ")
    assert " x and depth is at most " in words
    assert "lost above 5" in words
    assert "did not see" in words


def test_below_is_the_other_side(sweep: Sweep) -> None:
    box = discover(sweep, "lost", below=5)
    assert box.case == "lost below 5"
    assert box.base_rate == pytest.approx((sweep.runs["lost"] < 5).mean())


def test_luck_is_no_corner() -> None:
    plan = plan_of(FACTORS, {"kind": "latin_hypercube", "points": 200}, 1)
    sweep = sweep_of(plan, lambda values, seed: {"lost": float(hash(str(values)) % 5 == 0)})
    box = discover(sweep, "lost", above=0.5)
    lucky = [limit for limit in box.limits if limit.chance > 0.01]
    assert not lucky
    assert not box.held_out_density > 2 * box.base_rate


def lottery(values: dict, seed: int) -> dict[str, float]:
    """Each point is lost in all its runs or in none, wherever it lies."""
    return {"lost": float(np.random.default_rng(hash(tuple(values.values())) % 2**32).random())}


def hidden(values: dict, seed: int) -> dict[str, float]:
    """A corner of a sixth of the space in which every run is lost, and few elsewhere."""
    luck = np.random.default_rng([seed, hash(values["idle"]) % 2**32]).random()
    is_corner = values["leverage"] > 18 and values["depth"] < 7.5e5
    return {"lost": 1.0 if is_corner else 0.65 * luck}


@pytest.mark.parametrize("method", ["peel", "tree"])
def test_replicates_of_a_lottery_of_points_make_no_corner(method: str) -> None:
    found = []
    for seed in range(16):
        design = {"kind": "latin_hypercube", "points": 40, "seed": seed}
        plan = plan_of(FACTORS, design, 15)
        box = discover(sweep_of(plan, lottery), "lost", above=0.6, method=method)
        found.append(bool(box.limits))
    assert sum(found) <= 1  # about half of them with runs as evidence


def test_a_real_corner_is_found_with_points_as_evidence() -> None:
    found = []
    for seed in range(8):
        design = {"kind": "latin_hypercube", "points": 80, "seed": seed}
        box = discover(sweep_of(plan_of(FACTORS, design, 5), hidden), "lost", above=0.6)
        found.append({"leverage", "book.depth"} <= {limit.path for limit in box.limits})
    assert sum(found) >= 6


def test_more_replicates_do_not_narrow_what_points_decide() -> None:
    few, many = (
        discover(sweep_of(plan_of(FACTORS, SPACE, count), lottery), "lost", above=0.6).density
        for count in (2, 20)
    )
    assert many.n == 10 * few.n
    assert (many.low, many.high) == pytest.approx((few.low, few.high), abs=0.01)


def test_a_value_that_many_points_have_is_one_piece_of_evidence() -> None:
    law = {"path": "n", "distribution": {"poisson": {"mu": 2.0}}}
    plan = plan_of([law], {"kind": "latin_hypercube", "points": 400}, 2)
    box = discover(
        sweep_of(plan, lambda values, seed: {"lost": float(values["n"] == 3)}), "lost", above=0
    )
    assert box.points < 12
    assert not box.limits
    assert box.base_rate == pytest.approx(0.18, abs=0.01)  # weighs as its points do


SPACE = {"kind": "latin_hypercube", "points": 60, "seed": 1}


def test_levels_and_words_are_told_as_they_are() -> None:
    factors = [
        {"path": "leverage", "values": [5, 10, 20, 40]},
        {"path": "venue.mode", "values": ["cross", "isolated", "mixed"]},
        {"path": "partial", "values": [True, False]},
        {"path": "idle", "values": [1, 2, 3, 4, 5, 6]},
    ]
    plan = plan_of(factors, {"kind": "grid"}, 3)

    def fails(values: dict, seed: int) -> dict[str, float]:
        bad = values["leverage"] >= 20 and values["mode"] != "isolated" and not values["partial"]
        return {"failed": float(bad)}

    box = discover(sweep_of(plan, fails), "failed", above=0)
    assert box.density.value == box.coverage == 1
    assert "leverage is at least 20" in box.sentence
    assert "mode is cross or mixed" in box.sentence
    assert "partial is False" in box.sentence
    with pytest.raises(ParameterError, match="takes numbers"):
        discover(sweep_of(plan, fails), "failed", above=0, method="tree")


@given(st.integers(0, 2**32), st.integers(20, 120))
def test_peeling_only_ever_gets_denser_and_smaller(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    points = pd.DataFrame(rng.random((n, 2)), columns=["a", "b"])
    runs = np.full(n, 4.0)
    cases = rng.binomial(4, points["a"] ** 2).astype(float)
    cases[0] = 1.0
    space = Space(points, {"a": ("a", ""), "b": ("b", "")}, runs, cases)
    steps = peel(space, 0.1)
    for before, after in pairwise(steps):
        assert after.density > before.density
        assert after.mass < before.mass
        assert after.mass >= 0.1
        assert not (after.inside & ~before.inside).any()
        assert after == measured(space, after.inside) or np.isnan(after.coverage)


def test_bad_questions_are_refused(sweep: Sweep) -> None:
    with pytest.raises(ParameterError, match="either above or below"):
        discover(sweep, "lost")
    with pytest.raises(ParameterError, match="no run has lost above 10"):
        discover(sweep, "lost", above=10)
    with pytest.raises(ParameterError, match="every run has lost above -1"):
        discover(sweep, "lost", above=-1)
    with pytest.raises(ParameterError, match="'peel' or 'tree'"):
        discover(sweep, "lost", above=5, method="magic")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="did you mean 'depth'"):
        discover(sweep, "lost", above=5, factors=["dept"])


@pytest.mark.parametrize(
    ("value", "words"),
    [(0, "0"), (0.99999, "1"), (999.9, "1,000"), (1234567, "1,230,000"), (0.00012, "0.00012")],
)
def test_numbers_in_sentences_are_short(value: float, words: str) -> None:
    assert number_words(value) == words


def test_a_limit_says_its_ends() -> None:
    assert Limit("a.b", "b", "x", 1, 2).words() == "b is between 1 and 2 x"
    assert Limit("a.b", "b", "", 2, 2).words() == "b is 2"
    assert Limit("a.b", "b", "1", None, 2).words() == "b is at most 2"
    assert Limit("a.b", "b", "per day", 2).words() == "b is at least 2 (per day)"
