"""A risk model in one array of bytes: what the ledger carries of it, for kernels and for Python.

The array begins with a table of places, four numbers an array: where it begins and its lengths.
The arrays follow in the order of `PLACES`. There are no addresses inside, so that a copy, a branch
or a saved state is the same risk model; kernels look at the arrays with `opened`.
"""

import functools
from collections.abc import Iterator
from typing import Any, NamedTuple, get_type_hints

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array
from numba.np.numpy_support import from_dtype

from crossmargin.model.margin.account import Risk
from crossmargin.model.margin.arrays import COIN, PERPETUAL, SERIES, Holdings, Terms
from crossmargin.model.margin.closing_cost import CLOSING
from crossmargin.model.margin.credit import CREDIT
from crossmargin.model.margin.delta_gamma_vega import MOVES
from crossmargin.model.margin.estimates import RECORDS as ESTIMATED
from crossmargin.model.margin.estimates import Estimates
from crossmargin.model.margin.fractions import FRACTION, RATES
from crossmargin.model.margin.liquidity import DEPTH
from crossmargin.model.margin.netting import NETTING
from crossmargin.model.margin.own_numbers import Own
from crossmargin.model.margin.scenario import UNIT
from crossmargin.model.margin.size_premium import PREMIUM
from crossmargin.model.margin.skew_premium import SKEW
from crossmargin.model.margin.span import CREDIT as SPREADS
from crossmargin.model.margin.standard_options import EXPIRY, SHORT_RULE
from crossmargin.model.margin.weighted_health import HEALTH, PAIR
from crossmargin.model.state import Array

I8, F8 = np.dtype("i8"), np.dtype("f8")

#: Facts of the whole model.
FACTS = np.dtype(
    [
        ("one", "f8"),  # units of the quote asset in one quote
        ("fills", "i8"),  # 1 where orders count by what the account would hold if they fill
        ("locked", "f8"),  # share of credited profit that may not be withdrawn
        ("mirrors", "i8"),  # 1 where rates are those of the ledger's own brackets
        ("model", "i8"),  # number of a model written in Python, 0 none
        ("step", "i8"),  # of the last renewal, -1
    ],
    align=True,
)


class Sources(NamedTuple):
    """Rows of the ledger's markets behind the instruments."""

    perps: Array  # (n_perps,) int64
    series: Array  # (n_series,) int64
    spot: Array  # (n_underlyings,) int64, market whose index is the price of the underlying


class Live(NamedTuple):
    """A risk model in a running market."""

    facts: Array  # (1,) FACTS
    sources: Sources
    terms: Terms
    risk: Risk
    held: Holdings  # working place of one account
    estimates: Estimates
    own: Own


#: Records by their path; all others are float64 or int64.
RECORDS: dict[str, Any] = {
    "facts": FACTS,
    "sources.perps": I8,
    "sources.series": I8,
    "sources.spot": I8,
    "terms.coins": COIN,
    "terms.perps": PERPETUAL,
    "terms.series": SERIES,
    "risk.switches": I8,
    "risk.credit": CREDIT,
    "risk.rates": RATES,
    "risk.fractions": FRACTION,
    "risk.premiums": PREMIUM,
    "risk.skews": SKEW,
    "risk.closings": CLOSING,
    "risk.depths": DEPTH,
    "risk.expiries": EXPIRY,
    "risk.shorts": SHORT_RULE,
    "risk.grid.units": UNIT,
    "risk.grid.expiries": EXPIRY,
    "risk.grid.credits": SPREADS,
    "risk.nettings": NETTING,
    "risk.shocks": MOVES,
    "risk.healths": HEALTH,
    "risk.resting.pairs": PAIR,
    "held.coins": I8,
    "held.perps": I8,
    "held.bids": I8,
    "held.asks": I8,
    "held.options": I8,
    "own.marks": I8,
    "own.seen": I8,
} | {f"estimates.{name}": kind for name, kind in ESTIMATED.items()}
#: Arrays with more than one axis.
AXES = {
    "risk.rates": 2,
    "risk.grid.values": 2,
    "risk.grid.moves": 2,
    "risk.grid.damping": 2,
    "risk.grid.steps": 2,
    "risk.grid.work": 2,
    "risk.grid.risk": 2,
    "risk.measure.returns": 2,
    "risk.measure.factors": 3,
    "risk.measure.work": 2,
    "risk.greeks": 2,
    "risk.correlation": 2,
    "risk.resting.pairs": 2,
    "risk.resting.reserved": 3,
    "risk.resting.balance": 2,
    "held.coins": 2,
    "held.perps": 2,
    "held.cost": 2,
    "held.bids": 2,
    "held.asks": 2,
    "held.options": 2,
    "estimates.shocks": 2,
    "estimates.rates": 2,
    "estimates.covariance": 2,
    "estimates.returns": 2,
    "own.seen": 2,
    "own.numbers": 2,
}


@functools.cache
def _members(group: Any) -> dict[str, Any]:
    return get_type_hints(group)


def _leaves(group: Any, before: str = "") -> Iterator[str]:
    for name, kind in _members(group).items():
        if hasattr(kind, "_fields"):
            yield from _leaves(kind, f"{before}{name}.")
        else:
            yield f"{before}{name}"


#: Paths of all arrays in their order.
PLACES = {path: place for place, path in enumerate(_leaves(Live))}
#: Numbers a place: where the array begins, and three lengths.
_WORDS = 4
_ALIGNED = 64


def packed(live: Live) -> Array:
    """Bytes of a risk model."""
    arrays = {path: np.ascontiguousarray(_member(live, path)) for path in PLACES}
    begin, offsets = -(-len(PLACES) * _WORDS * 8 // _ALIGNED) * _ALIGNED, {}
    for path, array in arrays.items():
        offsets[path] = begin
        begin += -(-array.nbytes // _ALIGNED) * _ALIGNED
    found = np.zeros(begin, np.uint8)
    table = found[: len(PLACES) * _WORDS * 8].view(I8).reshape(-1, _WORDS)
    for path, place in PLACES.items():
        array = arrays[path].astype(RECORDS.get(path, F8), copy=False)
        table[place, 0] = offsets[path]
        table[place, 1 : 1 + array.ndim] = array.shape
        _view(found, place, path)[...] = array
    return found


def unpacked(buffer: Array) -> Live:
    """Views of the arrays of a risk model."""
    return _built(Live, lambda path: _view(buffer, PLACES[path], path))


def _member(live: Any, path: str) -> Array:
    for name in path.split("."):
        live = getattr(live, name)
    return np.asarray(live)


def _view(buffer: Array, place: int, path: str) -> Array:
    table = buffer[: len(PLACES) * _WORDS * 8].view(I8).reshape(-1, _WORDS)
    begin, shape = int(table[place, 0]), tuple(table[place, 1 : 1 + AXES.get(path, 1)].tolist())
    dtype = np.dtype(RECORDS.get(path, F8))
    size = int(np.prod(shape)) * dtype.itemsize
    return buffer[begin : begin + size].view(dtype).reshape(shape)


def _built(group: Any, leaf: Any, before: str = "") -> Any:
    members = []
    for name, kind in _members(group).items():
        path = f"{before}{name}"
        is_group = hasattr(kind, "_fields")
        members.append(_built(kind, leaf, f"{path}.") if is_group else leaf(path))
    return group(*members)


def _array_type(path: str) -> types.Array:
    return types.Array(from_dtype(np.dtype(RECORDS.get(path, F8))), AXES.get(path, 1), "C")


def _kind_of(group: Any, before: str = "") -> Any:
    members = []
    for name, kind in _members(group).items():
        path = f"{before}{name}"
        is_group = hasattr(kind, "_fields")
        members.append(_kind_of(kind, f"{path}.") if is_group else _array_type(path))
    return types.NamedTuple(members, group)


def _array_at(context: Any, builder: Any, base: Any, path: str) -> Any:
    """Array of a path over the bytes that begin at an address; it owns no memory."""
    word, kind = ir.IntType(64), _array_type(path)
    table = builder.inttoptr(base, word.as_pointer())
    first = PLACES[path] * _WORDS
    begin, *shape = (
        builder.load(builder.gep(table, [word(first + k)])) for k in range(1 + kind.ndim)
    )
    size = word(context.get_abi_sizeof(context.get_data_type(kind.dtype)))
    strides: list[Any] = []
    step = size
    for length in reversed(shape):
        strides.insert(0, step)
        step = builder.mul(step, length)
    pointer = context.get_data_type(kind.dtype).as_pointer()
    array = make_array(kind)(context, builder)
    populate_array(
        array,
        data=builder.inttoptr(builder.add(base, begin), pointer),
        shape=cgutils.pack_array(builder, shape),
        strides=cgutils.pack_array(builder, strides),
        itemsize=size,
        meminfo=None,
    )
    return array._getvalue()


def _group_at(context: Any, builder: Any, base: Any, place: tuple[Any, str]) -> Any:
    kind, before = place
    values = []
    for name, member in zip(kind.fields, kind.types, strict=True):
        path = f"{before}{name}"
        if isinstance(member, types.NamedTuple):
            values.append(_group_at(context, builder, base, (member, f"{path}.")))
        else:
            values.append(_array_at(context, builder, base, path))
    return context.make_tuple(builder, kind, values)


@intrinsic
def opened(typing, buffer):
    """Views of the arrays of a risk model, as `unpacked` gives them."""
    kind = _kind_of(Live)

    def codegen(context, builder, signature, args):
        bytes_of = context.make_array(signature.args[0])(context, builder, args[0])
        base = builder.ptrtoint(bytes_of.data, ir.IntType(64))
        return _group_at(context, builder, base, (kind, ""))

    return kind(buffer), codegen
