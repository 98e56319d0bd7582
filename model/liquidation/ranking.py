"""Rows by key, largest first, without allocation: a binary heap over row numbers.

Ties go to the lower row, so that an order never depends on how the heap came about.
"""

from crossmargin.model.kernel import kernel


@kernel
def comes_before(keys, row, other):
    """Tell whether a row ranks above another; `keys` is indexed by row."""
    return keys[row] > keys[other] or (keys[row] == keys[other] and row < other)


@kernel
def sift(rows, keys, place, n):
    """Let the row at a place sink to where it belongs in a heap of n rows."""
    row = rows[place]
    while 2 * place + 1 < n:
        child = 2 * place + 1
        if child + 1 < n and comes_before(keys, rows[child + 1], rows[child]):
            child += 1
        if not comes_before(keys, rows[child], row):
            break
        rows[place] = rows[child]
        place = child
    rows[place] = row


@kernel
def make_heap(rows, keys, n):
    """Arrange the first n rows so that the top ranks first."""
    for place in range(n // 2 - 1, -1, -1):
        sift(rows, keys, place, n)


@kernel
def pop(rows, keys, n):
    """Take the top off a heap of n rows; n - 1 are left."""
    top = rows[0]
    rows[0] = rows[n - 1]
    sift(rows, keys, 0, n - 1)
    return top


@kernel
def sort_rows(rows, keys, n):
    """Sort the first n rows, first rank first, in place."""
    make_heap(rows, keys, n)
    for left in range(n, 1, -1):
        rows[left - 1] = pop(rows, keys, left)
    for i in range(n // 2):
        rows[i], rows[n - 1 - i] = rows[n - 1 - i], rows[i]
