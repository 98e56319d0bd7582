"""Single machine instructions that Python has no word for."""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


@intrinsic
def trailing_zeros(typing, word):
    """Position of the lowest set bit of a non-zero uint64."""

    def codegen(context, builder, signature, args):
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), codegen


@intrinsic
def leading_zeros(typing, word):
    """Number of zero bits above the highest set bit of a non-zero uint64."""

    def codegen(context, builder, signature, args):
        return builder.ctlz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), codegen


@intrinsic
def high_product(typing, left, right):
    """Upper 64 bits of the 128-bit product of two uint64."""

    def codegen(context, builder, signature, args):
        wide = ir.IntType(128)
        product = builder.mul(builder.zext(args[0], wide), builder.zext(args[1], wide))
        return builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), ir.IntType(64))

    return types.uint64(types.uint64, types.uint64), codegen


@intrinsic
def prefetch(typing, array, row, column):
    """Ask for the memory of a place in an array before it is used; any number is harmless.

    Of an array with one axis the column does not matter.

    Where rows are visited in no order, waiting for memory is most of the work.
    """

    def codegen(context, builder, signature, args):
        arrays = context.make_array(signature.args[0])(context, builder, args[0])
        word = ir.IntType(32)
        place = builder.ptrtoint(arrays.data, args[1].type)
        for axis in range(min(2, signature.args[0].ndim)):
            stride = builder.extract_value(arrays.strides, axis)
            place = builder.add(place, builder.mul(args[1 + axis], stride))
        pointer = builder.inttoptr(place, cgutils.voidptr_t)
        kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, word, word, word])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(function, [pointer, word(1), word(3), word(1)])
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64), codegen


@intrinsic
def call_part(typing, address, state, part, step):
    """Call the compiled part at a machine address as `part(state, part, step) -> int64`."""
    arguments = (state, types.int64, types.int64)
    signature = types.int64(types.int64, *arguments)

    def codegen(context, builder, signature, args):
        convention = context.call_conv
        function = convention.get_function_type(types.int64, arguments)
        pointer = builder.inttoptr(args[0], function.as_pointer())
        _, result = convention.call_function(builder, pointer, types.int64, arguments, args[1:])
        return result

    return signature, codegen
