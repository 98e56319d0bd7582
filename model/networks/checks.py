"""What every measure asks of its arrays: finite, of the right shape, within range."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmargin.model.errors import ParameterError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def array_of(name: str, value: Any, *shapes: tuple[int | None, ...]) -> Floats:
    """Array of finite float64 of one of the shapes; None stands for any length.

    Raises
    ------
    ParameterError
        With the name of the argument.
    """
    try:
        found = np.ascontiguousarray(value, np.float64)
    except (TypeError, ValueError):
        raise ParameterError(f"{name}: is no array of numbers") from None
    if found.ndim == 0 and () not in shapes:
        raise ParameterError(f"{name} = {value!r}: must be an array")
    found = found if np.ndim(value) else found.reshape(())
    if not any(_fits(found.shape, shape) for shape in shapes):
        allowed = " or ".join(_named(shape) for shape in shapes)
        raise ParameterError(f"{name}: has the shape {found.shape}; it must be {allowed}")
    if not np.isfinite(found).all():
        raise ParameterError(f"{name}{_place(~np.isfinite(found))}: is not finite")
    return found


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(
        b is None or a == b for a, b in zip(shape, wanted, strict=True)
    )


def _named(shape: tuple[int | None, ...]) -> str:
    words = ", ".join("any" if n is None else str(n) for n in shape)
    return f"({words})" if len(shape) != 1 else f"({words},)"


def _place(wrong: NDArray[np.bool_]) -> str:
    """Place of the first wrong number, as it would be written in an index."""
    at = np.unravel_index(int(wrong.argmax()), wrong.shape) if wrong.ndim else ()
    return f"[{', '.join(str(int(i)) for i in at)}]" if at else ""


def check_range(
    name: str,
    value: Floats,
    low: float = -np.inf,
    high: float = np.inf,
    *,
    above: float = -np.inf,
) -> None:
    """Refuse numbers outside `low <= x <= high` or not above a bound.

    Raises
    ------
    ParameterError
        With the argument, the place and value of the first, and what is allowed.
    """
    wrong = (value < low) | (value > high) | (value <= above)
    if not wrong.any():
        return
    first = float(value[wrong].flat[0]) if value.ndim else float(value)
    bounds = {"at least": low, "above": above, "at most": high}
    parts = [f"{word} {bound:g}" for word, bound in bounds.items() if np.isfinite(bound)]
    where = f"{name}{_place(wrong)}"
    raise ParameterError(f"{where} = {first:g}: must be {' and '.join(parts)}")


def fraction_of(name: str, value: Any) -> float:
    """A number from 0 to 1."""
    found = array_of(name, value, ())
    check_range(name, found, 0.0, 1.0)
    return float(found)


def network_of(name: str, value: Any) -> Any:
    """Square network without negative entries or loops, as a sparse matrix by rows.

    Parameters
    ----------
    value : (n, n) array or scipy.sparse matrix

    Raises
    ------
    ParameterError
        With the argument, the entry and what is allowed.
    """
    from scipy import sparse

    if not sparse.issparse(value):
        value = array_of(name, value, (None, None))
    found = sparse.csr_array(value, dtype=np.float64, copy=True)
    found.sum_duplicates()
    if found.ndim != 2 or found.shape[0] != found.shape[1]:
        raise ParameterError(f"{name}: has the shape {found.shape}; it must be square")
    wrong = ~np.isfinite(found.data) | (found.data < 0)
    if wrong.any():
        at = int(wrong.argmax())
        row = int(np.searchsorted(found.indptr, at, side="right")) - 1
        where = f"{name}[{row}, {int(found.indices[at])}]"
        raise ParameterError(f"{where} = {found.data[at]:g}: must be finite and at least 0")
    loops = found.diagonal() > 0
    if loops.any():
        at = int(loops.argmax())
        raise ParameterError(f"{name}[{at}, {at}]: nobody has a claim on itself; it must be 0")
    found.eliminate_zeros()
    return found


def choice_of(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    """One of some words."""
    if value not in allowed:
        raise ParameterError(f"{name} = {value!r}: allowed are {', '.join(allowed)}")
    return str(value)
