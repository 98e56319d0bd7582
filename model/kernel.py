"""The one decorator for compiled code.

`_nrt=False` turns reference counting off. It is sound only for kernels that allocate nothing and
return no array; one that returns an array is refused when it is compiled. `nogil` lets threads run
markets side by side; `error_model="numpy"` keeps exceptions out of the code, which is why a kernel
that can go wrong leaves a code in the `Clock`.

Most kernels are melted into their callers and need no machine code of their own: their compilation
stops at intermediate code, and what the loop calls is compiled once more as an entry.
"""

import functools
from collections.abc import Callable
from typing import Any

from numba import njit, types
from numba.core.registry import CPUDispatcher

from crossmargin.model.code_cache import keep
from crossmargin.model.lowering import EntryCompiler, InnerCompiler

FLAGS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False}

#: Every kernel made in this process, in the order of their definition.
KERNELS: list[Any] = []


def holds_array(kind: types.Type) -> bool:
    """Tell whether values of a Numba type own counted memory, alone or inside a tuple."""
    if isinstance(kind, types.BaseTuple):
        return any(holds_array(member) for member in kind)
    return isinstance(kind, (types.Array, types.List, types.ListType, types.DictType))


class _Kernel(CPUDispatcher):  # type: ignore[misc]
    """Compiled function that never owns memory and has one version for every type of arguments."""

    def add_overload(self, result: Any) -> None:
        if holds_array(result.signature.return_type):
            raise TypeError(f"kernel {self.__name__} returns an array, which would corrupt memory")
        super().add_overload(result)

    def get_call_template(self, args: Any, kws: Any) -> Any:
        # Numba would compile a version of its own for every literal that a caller passes
        plain = {name: types.unliteral(value) for name, value in kws.items()}
        return super().get_call_template([types.unliteral(a) for a in args], plain)


class _Inner(_Kernel):
    """A kernel without a Python face: calling it from Python would crash the process."""

    def __call__(self, *args: Any) -> Any:
        raise TypeError(f"kernel {self.__name__} has no Python face: call from_python(kernel)")


def kernel(
    function: Callable[..., Any] | None = None, *, inline: bool = True, python: bool = False
) -> Any:
    """Compile a function on first call: no interpreter lock, no allocation, no exceptions.

    Parameters
    ----------
    inline : bool
        Melt it into its callers. A group of arrays costs some seventy machine arguments a call,
        so small kernels triple their speed; large ones with several callers stay functions.
    python : bool
        Make it callable from Python. The code that unpacks a group of arrays takes a third of the
        time of compilation, and kernels are called by kernels; see `from_python`, `entry_of`.
    """
    if function is None:
        return functools.partial(kernel, inline=inline, python=python)
    options: dict[str, Any] = {"forceinline": inline, "no_cfunc_wrapper": True}
    options["pipeline_class"] = EntryCompiler if python else InnerCompiler
    if not python:
        options["no_cpython_wrapper"] = True
    compiled = njit(**FLAGS, **options)(function)
    if python:
        keep(compiled, function)
    compiled.__class__ = _Kernel if python else _Inner
    KERNELS.append(compiled)
    return compiled


@functools.cache
def entry_of(inner: Any) -> Any:
    """Face of a kernel that has machine code with an address: what the loop calls."""
    options = {"no_cfunc_wrapper": True, "no_cpython_wrapper": True}
    compiled = njit(**FLAGS, **options, pipeline_class=EntryCompiler)(inner.py_func)
    keep(compiled, inner.py_func)
    compiled.__class__ = _Inner
    return compiled


def machine_address(inner: Any, signature: Any) -> int:
    """Address of the face of a kernel for some types; compiles it, or loads it from the cache."""
    entry = entry_of(inner)
    entry.compile(signature)
    compiled = entry.overloads[signature.args]
    return int(compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name))


@functools.cache
def from_python(inner: Any) -> Any:
    """Face of any kernel that Python can call, for tests and tools."""

    @njit(**FLAGS, pipeline_class=EntryCompiler)  # type: ignore[untyped-decorator]
    def face(*args: Any) -> Any:
        return inner(*args)

    return face
