"""Calls between kernels that are compiled apart: by an address that the process keeps.

What a venue's risk model needs is a lot of code, and margins are measured in many parts. So that it
is compiled once, and only where a scenario has a risk model, kernels call it at an address. The
addresses stand in a table of the process that machine code knows by a symbol, never in a state:
states are copied, saved and sent to other processes.
"""

import functools
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import typeof, types
from numba.core.errors import TypingError
from numba.extending import intrinsic

from crossmargin.model.kernel import machine_address

_SYMBOL = "crossmargin_addresses"
#: Addresses by place; 0 where nothing was compiled yet.
ADDRESSES = np.zeros(8, np.int64)
binding.add_symbol(_SYMBOL, ADDRESSES.ctypes.data)

#: Place of the kernel that measures one account under a risk model.
NUMBERS = 0
#: Place of the function in Python that answers for a risk model written there.
OWN = 1
_FIVE = types.UniTuple(types.int64, 5)


@functools.cache
def account_signature() -> Any:
    """Five numbers of (ledger, resting lots, row), for the arrays that every state has."""
    from crossmargin.model.blank import Sizes, blank_state

    state = blank_state(Sizes(accounts=1, assets=1, markets=1, price_levels=1 << 12), 0, 1.0)
    return _FIVE(typeof(state.ledger), typeof(state.book.open_lots), types.int64)


def place_address(place: int, kernel: Any, signature: Any) -> None:
    """Compile a kernel, or load it from the cache, and keep its address in the table."""
    if ADDRESSES[place] == 0:
        ADDRESSES[place] = machine_address(kernel, signature)


@intrinsic
def address_at(typing, place):
    """Address in a place of the table."""

    def codegen(context, builder, signature, args):
        table = builder.module.globals.get(_SYMBOL)
        if table is None:
            table = ir.GlobalVariable(builder.module, ir.IntType(64), _SYMBOL)
            table.linkage = "external"
        return builder.load(builder.gep(table, [args[0]]))

    return types.int64(types.int64), codegen


@intrinsic
def call_numbers(typing, address, ledger, open_lots, row):
    """Call the kernel at an address as `(ledger, open_lots, row) -> five int64`."""
    expected = account_signature()
    if (ledger, open_lots) != expected.args[:2]:
        raise TypingError("a risk model measures the arrays of a state, not copies of another kind")

    def codegen(context, builder, signature, args):
        convention = context.call_conv
        pointer = builder.inttoptr(
            args[0], convention.get_function_type(_FIVE, expected.args).as_pointer()
        )
        _, result = convention.call_function(builder, pointer, _FIVE, expected.args, args[1:])
        return result

    return _FIVE(types.int64, *expected.args), codegen


@intrinsic
def call_own(typing, address, model, call, n):
    """Call the C function at an address as `(model, address of an array, n)`."""

    def codegen(context, builder, signature, args):
        word = ir.IntType(64)
        kind = ir.FunctionType(ir.VoidType(), [word, word, word])
        pointer = builder.inttoptr(args[0], kind.as_pointer())
        array = context.make_array(signature.args[2])(context, builder, args[2])
        builder.call(pointer, [args[1], builder.ptrtoint(array.data, word), args[3]])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, call, types.int64), codegen
