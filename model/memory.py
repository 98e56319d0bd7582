"""Arrays of zeros that take memory only where they are written."""

import mmap

import numpy as np

from crossmargin.model.state import Array

#: Smaller arrays are faster to clear than to map, bytes.
SMALLEST = 1 << 18


def untouched(like: Array) -> Array:
    """Zeros of the shape and type of an array.

    `np.zeros` clears memory that was used before, which would make a copy of a market pay for the
    room in it that is empty.
    """
    if like.nbytes < SMALLEST:
        return np.zeros(like.shape, like.dtype)
    pages = mmap.mmap(-1, like.nbytes)
    return np.frombuffer(pages, like.dtype, like.size).reshape(like.shape)
