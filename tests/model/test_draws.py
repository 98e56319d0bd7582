"""Random draws: the words of NumPy's Philox, exact quantiles, streams that do not meet."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from crossmargin.model import draws
from crossmargin.model.draws import exponential, generator, normal, philox, population_key, uniforms
from crossmargin.model.kernel import from_python, kernel

PHILOX, UNIFORMS = from_python(philox), from_python(uniforms)

words = st.integers(0, 2**64 - 1)
counts = st.integers(0, 2**40)


@kernel(python=True)
def normals(uniform, out):  # type: ignore[no-untyped-def]
    for i in range(uniform.shape[0]):
        out[i] = normal(uniform[i])


@kernel(python=True)
def exponentials(uniform, out):  # type: ignore[no-untyped-def]
    for i in range(uniform.shape[0]):
        out[i] = exponential(uniform[i])


@given(words, words, counts, counts, counts)
def test_words_are_those_of_numpy(seed: int, key: int, block: int, purpose: int, step: int) -> None:
    bits = np.random.Philox(
        key=np.array([seed, key], np.uint64), counter=np.array([block, purpose, step, 0], np.uint64)
    )
    expected = bits.random_raw(4).tolist()
    ours = PHILOX(block + 1, purpose, step, np.uint64(seed), np.uint64(key))
    assert list(ours) == expected


@given(words, words, st.integers(0, 1000), counts)
def test_a_generator_reads_the_same_uniforms(seed: int, key: int, purpose: int, step: int) -> None:
    expected = generator(seed, key, purpose, step).random(12).tolist()
    blocks = [UNIFORMS(np.uint64(seed), np.uint64(key), purpose, step, b) for b in range(3)]
    assert [u for block in blocks for u in block] == expected


def test_words_of_a_published_test_vector() -> None:
    """Philox4x64-10 with all bits set, from the known-answer tests of Random123 (kat_vectors)."""
    ones = 2**64 - 1
    bits = np.random.Philox(key=np.array([0, 0], np.uint64), counter=np.zeros(4, np.uint64))
    assert int(bits.random_raw()) == PHILOX(1, 0, 0, np.uint64(0), np.uint64(0))[0]
    zero = PHILOX(0, 0, 0, np.uint64(0), np.uint64(0))
    assert [hex(w) for w in zero] == [
        "0x16554d9eca36314c",
        "0xdb20fe9d672d0fdc",
        "0xd7e772cee186176b",
        "0x7e68b68aec7ba23b",
    ]
    assert PHILOX(1, 0, 0, np.uint64(ones), np.uint64(ones)) != zero


def test_normal_is_the_quantile_function() -> None:
    """AS 241 is exact to about 1 in 1e16; what is left is the rounding of 1 - u."""
    u = np.concatenate([np.linspace(0.001, 0.999, 20_001), 10.0 ** -np.arange(3.0, 16.0)])
    ours = np.empty_like(u)
    normals(u, ours)
    assert np.allclose(ours, stats.norm.ppf(u + 2.0**-54), rtol=2e-13, atol=2e-16)


def test_normal_is_finite_and_symmetric_at_the_ends() -> None:
    u = np.array([0.0, 1.0 - 2.0**-53])
    ours = np.empty(2)
    normals(u, ours)
    assert ours[0] == pytest.approx(stats.norm.ppf(2.0**-54), rel=1e-12)
    assert ours[1] == pytest.approx(-ours[0], rel=1e-12)


def test_normal_is_monotone_over_its_seams() -> None:
    grid = np.concatenate(
        [np.sort(np.random.default_rng(1).random(100_000)), np.linspace(0.0749, 0.0751, 20_001)]
    )
    tails = np.exp(-np.linspace(24.9, 25.1, 5001))  # r = 5 lies at exp(-25)
    u = np.sort(np.concatenate([grid, tails, 1.0 - tails]))
    ours = np.empty_like(u)
    normals(u, ours)
    assert (np.diff(ours) >= 0).all()


def test_exponential_is_the_quantile_function() -> None:
    u = np.linspace(0.0, 0.999999, 10_001)
    ours = np.empty_like(u)
    exponentials(u, ours)
    assert np.allclose(ours, stats.expon.ppf(u), rtol=1e-14)


def test_many_draws_are_uniform() -> None:
    u = np.array([UNIFORMS(7, agent, 0, 0, 0) for agent in range(5000)]).ravel()
    assert stats.kstest(u, "uniform").pvalue > 0.001


@pytest.mark.parametrize("place", range(5))
def test_every_part_of_the_key_moves_the_draw(place: int) -> None:
    """Neighbours in each of the five arguments draw as if they knew nothing of one another."""
    base = [11, population_key("longs") + 5, 2, 100, 3]
    rows = []
    for value in range(2000):
        arguments = list(base)
        arguments[place] += value
        seed, key, *rest = arguments
        rows.append(UNIFORMS(np.uint64(seed), np.uint64(key), *rest))
    drawn = np.array(rows)
    assert len(np.unique(drawn)) == drawn.size
    assert abs(np.corrcoef(drawn[1:, 0], drawn[:-1, 0])[0, 1]) < 0.1
    assert stats.kstest(drawn.ravel(), "uniform").pvalue > 0.001


def test_a_draw_depends_on_nothing_but_its_arguments() -> None:
    first = UNIFORMS(1, 2, 3, 4, 5)
    for other in range(100):
        UNIFORMS(1, other, 3, 4, 5)
    assert UNIFORMS(1, 2, 3, 4, 5) == first


def test_populations_and_purposes_have_numbers_of_their_own() -> None:
    names = [f"population {i}" for i in range(1000)]
    keys = [population_key(name) for name in names]
    assert len(set(keys)) == 1000
    assert all(key % 2**32 == 0 and key < 2**64 for key in keys)
    lines = [n for n in vars(draws) if n.isupper() and isinstance(getattr(draws, n), int)]
    purposes = [getattr(draws, name) for name in lines]
    assert len(set(purposes)) == len(purposes)
