"""The heap over row numbers sorts as Python does, ties by row."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.model.kernel import from_python
from crossmargin.model.liquidation.ranking import make_heap, pop, sort_rows

keys_of_rows = st.lists(st.integers(-3, 3), min_size=1, max_size=40)


def ranked(keys: list[int], rows: list[int]) -> list[int]:
    return sorted(rows, key=lambda row: (-keys[row], row))


@given(keys_of_rows, st.randoms(use_true_random=False))
def test_rows_are_sorted_largest_key_first(keys: list[int], shuffler) -> None:
    rows = list(range(len(keys)))
    shuffler.shuffle(rows)
    found = np.array(rows, np.int32)
    from_python(sort_rows)(found, np.array(keys, np.int64), len(rows))
    assert found.tolist() == ranked(keys, rows)


@given(keys_of_rows)
def test_a_heap_gives_the_best_of_what_is_left(keys: list[int]) -> None:
    n = len(keys)
    heap, values = np.arange(n, dtype=np.int64)[::-1].copy(), np.array(keys, np.int64)
    from_python(make_heap)(heap, values, n)
    taken = [int(from_python(pop)(heap, values, n - i)) for i in range(n)]
    assert taken == ranked(keys, list(range(n)))
