"""Seeds: distinct, and a matter of root, point and replicate alone."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.experiments.sweeps.plan import Seeds
from crossmargin.experiments.sweeps.seeds import seed_of

places = st.integers(0, 2**31)
roots = st.integers(0, 2**63 - 1)


@given(roots, st.booleans(), places, places)
def test_a_seed_is_a_number_that_parquet_and_the_model_take(
    root: int, common: bool, point: int, replicate: int
) -> None:
    seeds = Seeds(root=root, common=common)
    seed = seed_of(seeds, point, replicate)
    assert 0 <= seed < 2**63
    assert seed_of(Seeds(root=root, common=common), point, replicate) == seed


def test_independent_seeds_are_distinct_across_points_replicates_and_roots() -> None:
    found = [
        seed_of(Seeds(root=root, common=False), point, replicate)
        for root in range(3)
        for point in range(100)
        for replicate in range(30)
    ]
    assert len(set(found)) == len(found)


@given(roots, places, places, places)
def test_common_seeds_depend_on_the_replicate_alone(
    root: int, one: int, other: int, replicate: int
) -> None:
    seeds = Seeds(root=root, common=True)
    assert seed_of(seeds, one, replicate) == seed_of(seeds, other, replicate)
    assert seed_of(seeds, one, replicate) != seed_of(seeds, one, replicate + 1)
    assert seed_of(seeds, one, replicate) != seed_of(Seeds(root=root, common=False), 0, replicate)


def test_the_bits_of_seeds_are_fair() -> None:
    seeds = Seeds(root=1, common=False)
    found = np.array([seed_of(seeds, point, 0) for point in range(2000)], dtype=np.uint64)
    shares = [((found >> np.uint64(bit)) & np.uint64(1)).mean() for bit in range(63)]
    assert np.abs(np.array(shares) - 0.5).max() < 0.06


def test_seeds_stay_what_they_were() -> None:
    """Stores of earlier sweeps are found again only as long as these stand."""
    assert seed_of(Seeds(root=0, common=True), 5, 0) == 4334430513956379144
    assert seed_of(Seeds(root=0, common=False), 5, 2) == 8411593787333000198
