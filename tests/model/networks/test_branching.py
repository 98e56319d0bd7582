"""The branching matrix of a book, Borel's law and the branching ratio of a record of events."""

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from crossmargin.model.errors import ParameterError
from crossmargin.model.networks import (
    RegimeWarning,
    borel_cdf,
    borel_fit,
    borel_pmf,
    borel_tail,
    branching_matrix,
    extinction_probability,
    hawkes_branching_ratio,
    reproduction_number,
    total_fall,
    total_progeny,
)
from tests.model.networks import cases


def test_linear_feedback() -> None:
    case = cases.LINEAR_FEEDBACK
    assert total_fall([[case["slope_by_impact"]]], [case["shock"]])[0] == case["fall"]


def test_one_market_in_plain_numbers() -> None:
    """Ten longs of 10 break within 5%: 100 to sell before bids of 200 within 5%."""
    found = branching_matrix([[10.0]] * 10, [0.3] * 10, [[200.0], [400.0]])
    assert found.radius == found.falling == 0.5
    assert found.rising == 0
    assert found.near == 10
    assert found.slopes[0, 0] == pytest.approx(100 / 0.05)
    assert found.impact.tolist() == pytest.approx([0.05 / 200, 0.05 / 400])
    assert (found.low, found.high) == (0.0, 0.5)  # a fall of 2.5% breaks nobody


def test_the_staircase_shows_in_the_band() -> None:
    found = branching_matrix([[10.0]] * 10, [0.3] * 5 + [0.8] * 5, [[200.0], [200.0]])
    assert (found.radius, found.low, found.high) == (0.25, 0.0, 0.25)


def test_a_hedge_carries_a_fall_into_a_rise() -> None:
    """Long A and short B: a fall of A makes it buy B, whose rise breaks shorts of B."""
    positions = [[100.0, -50.0], [0.0, -80.0]]
    found = branching_matrix(positions, [1.0, 1.0], np.full((2, 2), 100.0))
    falls_a, rises_b = 0, 3
    assert found.matrix[rises_b, falls_a] == pytest.approx(0.5)
    assert found.matrix[falls_a, rises_b] == pytest.approx(1.0)
    assert found.matrix[rises_b, rises_b] == pytest.approx(1.3)
    assert found.radius > max(found.falling, found.rising)


def test_requirements_that_follow_the_price() -> None:
    """A long's requirement falls with its price, a short's rises: the short is nearer."""
    at = {"depth": np.full((2, 1), 100.0), "rates": 0.1, "bandwidth": 0.05}
    assert branching_matrix([[100.0]], [4.6], **at).near == 0
    assert branching_matrix([[100.0]], [4.5], **at).near == 1
    assert branching_matrix([[-100.0]], [5.5], **at).near == 1


def test_depth_as_a_function_of_the_bandwidth() -> None:
    given_widths: list[float] = []

    def depth(width: float) -> Any:
        given_widths.append(width)
        return np.full((2, 1), 1000.0 * width)

    function = branching_matrix([[10.0]] * 4, [0.1] * 4, depth)
    table = branching_matrix([[10.0]] * 4, [0.1] * 4, np.full((2, 1), 50.0))
    assert given_widths == [0.025, 0.05, 0.1]
    assert function.radius == pytest.approx(table.radius)
    assert function.high == pytest.approx(table.high)


@given(st.integers(0, 2**31), st.floats(0.1, 10), st.floats(0.0, 1.0))
def test_scales_of_the_matrix(seed: int, scale: float, gain: float) -> None:
    rng = np.random.default_rng(seed)
    held, far = rng.normal(0, 10, (12, 2)), rng.random(12)
    depth = rng.random((2, 2)) * 100 + 1
    found = branching_matrix(held, far, depth)
    money = branching_matrix(scale * held, scale * far, scale * depth)
    assert money.radius == pytest.approx(found.radius)
    deeper = branching_matrix(held, far, scale * depth, gain=gain)
    assert deeper.radius == pytest.approx(gain * found.radius / scale, abs=1e-12)
    assert found.low <= found.radius <= found.high
    assert found.radius >= max(found.falling, found.rising) - 1e-12


@given(st.integers(0, 2**31), st.integers(1, 4))
def test_the_total_fall_is_the_sum_of_all_generations(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = rng.random((n, n))
    matrix *= 0.7 / np.abs(np.linalg.eigvals(matrix)).max()
    shock = rng.random(n)
    total, wave = np.zeros(n), shock.copy()
    for _ in range(300):
        total, wave = total + wave, matrix @ wave
    np.testing.assert_allclose(total_fall(matrix, shock), total, rtol=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: total_fall([[1.0]], [1.0]), "matrix: its spectral radius is 1; it must be below"),
        (lambda: total_fall([[1.0, 0.0]], [1.0]), "matrix: has the shape"),
        (lambda: total_fall([[-0.5]], [1.0]), r"matrix\[0, 0\] = -0.5"),
        (lambda: branching_matrix([1.0], [1.0], [[1.0]]), "positions: has the shape"),
        (lambda: branching_matrix([[1.0]], [1.0, 2.0], [[1.0], [1.0]]), "distance: has the shape"),
        (lambda: branching_matrix([[1.0]], [1.0], [[1.0], [0.0]]), r"depth\[1\] = 0"),
        (lambda: branching_matrix([[1.0]], [1.0], [[1.0], [1.0]], rates=2), "rates = 2"),
        (lambda: branching_matrix([[1.0]], [1.0], [[1.0], [1.0]], gain=2), "gain = 2"),
        (lambda: branching_matrix([[1.0]], [1.0], [[1.0], [1.0]], bandwidth=0), "bandwidth = 0"),
        (lambda: borel_pmf(1.5, 0.5), "size: must be whole numbers"),
        (lambda: borel_pmf(1, -0.5), "reproduction = -0.5"),
        (lambda: borel_fit([]), "sizes: needs one size at least"),
        (lambda: borel_fit([0, 1]), r"sizes\[0\] = 0: must be at least 1"),
        (lambda: reproduction_number([0, 1]), "sizes: the first complete generation holds nobody"),
        (lambda: reproduction_number([1, 0.5]), "sizes: must be whole numbers"),
        (lambda: reproduction_number([1, -1]), r"sizes\[1\] = -1"),
        (lambda: reproduction_number([1, 2], 5), "generations = 5: must be from 1 to 2"),
        (lambda: reproduction_number([1, 2], is_over=False), "sizes: two complete generations"),
        (lambda: hawkes_branching_ratio(), "times, counts: give one of them"),
        (lambda: hawkes_branching_ratio([1.0, 2.0]), "window: is needed"),
        (lambda: hawkes_branching_ratio([1.0, 9.0], 1.0), "window: gives 8 windows; at least 20"),
        (lambda: hawkes_branching_ratio(counts=[-1.0]), r"counts\[0\] = -1"),
        (lambda: hawkes_branching_ratio(counts=np.zeros(30)), "counts: holds no events"),
    ],
)
def test_bad_input_names_the_argument(call: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        call()


def test_borel_in_published_numbers() -> None:
    case = cases.BOREL
    found = borel_pmf(case["sizes"], case["reproduction"])
    assert found.tolist() == pytest.approx(case["pmf"], abs=1e-10)
    assert borel_tail(100, 0.7) == pytest.approx(2.91383e-5, rel=1e-6)


@given(st.floats(0.0, 0.95), st.integers(1, 4), st.integers(0, 60))
def test_the_law_sums_to_one(reproduction: float, roots: int, size: int) -> None:
    below = borel_cdf(max(0, size - 1), reproduction, roots)
    assert below + borel_tail(size, reproduction, roots) == pytest.approx(1.0, abs=1e-10)


@given(st.floats(0.05, 0.8), st.integers(1, 3))
def test_moments_of_the_law(reproduction: float, roots: int) -> None:
    sizes = np.arange(roots, 4000)
    weights = borel_pmf(sizes, reproduction, roots)
    found = total_progeny(reproduction, roots)
    assert weights @ sizes == pytest.approx(found.mean, rel=1e-6)
    assert weights @ (sizes - found.mean) ** 2 == pytest.approx(found.variance, rel=1e-5)


def test_several_roots_are_sums_of_single_ones() -> None:
    one = borel_pmf(np.arange(60), 0.6)
    np.testing.assert_allclose(np.convolve(one, one)[:60], borel_pmf(np.arange(60), 0.6, 2))


def test_the_critical_tail_falls_with_the_root_of_size() -> None:
    assert borel_tail(4000, 1.0) / borel_tail(1000, 1.0) == pytest.approx(0.5, rel=1e-3)


@pytest.mark.parametrize("reproduction", [1.2, 2.0, 4.0])
def test_supercritical_cascades_may_not_end(reproduction: float) -> None:
    q = extinction_probability(reproduction)
    assert q == pytest.approx(np.exp(reproduction * (q - 1)))
    assert 0 < q < 1
    assert borel_tail(3000, reproduction) == pytest.approx(1 - q, abs=1e-6)
    assert total_progeny(reproduction).mean == np.inf
    assert extinction_probability(reproduction, 3) == pytest.approx(q**3)


def sizes_of(reproduction: float, n: int, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    sizes, waiting = np.zeros(n, int), np.ones(n, int)
    while waiting.any():
        sizes += waiting
        waiting = rng.poisson(reproduction * waiting)
    return sizes


def test_cascades_drawn_by_hand_follow_the_law() -> None:
    sizes = sizes_of(0.7, 20_000, 3)
    observed = np.bincount(np.minimum(sizes, 20), minlength=21)[1:]
    expected = np.array([*borel_pmf(np.arange(1, 20), 0.7), borel_tail(20, 0.7)])
    assert chisquare(observed, expected / expected.sum() * 20_000).pvalue > 1e-3
    fit = borel_fit(sizes)
    assert abs(fit.reproduction - 0.7) < 4 * fit.error
    assert fit.low < fit.reproduction < fit.high


def clustered(ratio: float, windows: int, seed: int, rate: float = 20.0) -> Any:
    """Counts of clusters that begin and end within their window: n is known."""
    rng = np.random.default_rng(seed)
    total, waiting = np.zeros(windows), rng.poisson(rate * (1 - ratio), windows)
    while waiting.any():
        total += waiting
        waiting = rng.poisson(ratio * waiting)
    return total


@pytest.mark.parametrize("ratio", [0.0, 0.4, 0.8])
def test_the_branching_ratio_of_clusters(ratio: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", RegimeWarning)
        found = hawkes_branching_ratio(counts=clustered(ratio, 4000, 5))
    assert abs(found.ratio - ratio) < 0.05
    assert abs(found.local - ratio) < 0.06
    assert found.is_stationary
    assert found.windows == 4000


def test_a_change_of_regime_looks_like_endogeneity_and_is_said() -> None:
    rng = np.random.default_rng(7)
    counts = np.concatenate([rng.poisson(10, 200), rng.poisson(200, 200)])
    with pytest.warns(RegimeWarning, match="a change from outside looks like endogeneity"):
        found = hawkes_branching_ratio(counts=counts)
    assert found.ratio > 0.8
    assert found.local < 0.3
    assert not found.is_stationary


def test_times_are_counted_in_whole_windows() -> None:
    times = np.random.default_rng(1).random(3000) * 100.0
    found = hawkes_branching_ratio(times, 2.0, until=100.0)
    counts = np.histogram(times, np.arange(0.0, 101.0, 2.0))[0]
    assert found == hawkes_branching_ratio(counts=counts)
    assert hawkes_branching_ratio(times, 2.0, until=99.0).windows == 49


def generations_of(reproduction: float, roots: int, people: int, seed: int) -> list[int]:
    """Generations of a cascade in which those who are brought down are used up."""
    rng, left, sizes = np.random.default_rng(seed), people, [roots]
    while sizes[-1]:
        met = rng.poisson(reproduction * sizes[-1])
        hit = min(left, rng.binomial(met, left / people))
        sizes.append(int(hit))
        left -= hit
    return sizes


@pytest.mark.parametrize("reproduction", [0.6, 1.0, 1.8])
def test_early_generations_show_what_the_whole_hides(reproduction: float) -> None:
    sizes = generations_of(reproduction, 400, 60_000, 11)
    found = reproduction_number(sizes, 2)
    assert found.low < reproduction < found.high
    whole = reproduction_number(sizes, len(sizes))
    assert whole.number == pytest.approx((sum(sizes) - sizes[0]) / sum(sizes))
    assert whole.number < 1
    if reproduction > 1:
        assert found.low > 1


def test_a_record_that_ends_in_the_middle_leaves_its_last_generation_out() -> None:
    assert reproduction_number([10, 20, 3], is_over=False).number == 2.0
    assert reproduction_number([10, 5, 2]).generations == 1
    none = reproduction_number([7, 0])
    assert (none.number, none.low) == (0.0, 0.0)
    assert none.high == pytest.approx(3.688879 / 7, rel=1e-6)
