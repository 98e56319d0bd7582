"""How kernels become machine code: helpers stop at intermediate code, entries link and optimise it.

Numba makes machine code of every function, and links every callee's callees anew at each level of a
chain of calls. Kernels are melted into what the loop calls, so here a helper is kept as it was
written, and an entry links the helpers that it reaches once, then optimises the whole.
"""

from typing import Any

from llvmlite import binding
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.typed_passes import NativeLowering


class _WithoutAddresses:
    """Code generator for functions that have no machine code and so no environment to set."""

    def __init__(self, codegen: Any) -> None:
        self._codegen = codegen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codegen, name)

    def set_env(self, name: str, environment: Any) -> None:
        """Do nothing."""


class _Library(JITCodeLibrary):  # type: ignore[misc]
    """Code of a kernel that counts no references: what Numba does to spare counts is left out."""

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout


class InnerLibrary(_Library):
    """Intermediate code of one helper that is linked into entries and has no machine code."""

    @property
    def codegen(self) -> Any:
        """Code generator that sets no environment."""
        return _WithoutAddresses(super().codegen)

    def finalize(self) -> None:
        """Leave linking and optimisation to the entries that reach it."""
        self._raise_if_finalized()
        self._finalize_dynamic_globals()
        for function in self._final_module.functions:
            if not function.is_declaration and function.linkage == binding.Linkage.external:
                function.linkage = binding.Linkage.linkonce_odr
        self._finalized = True

    def _get_module_for_linking(self) -> Any:
        self._ensure_finalized()
        return self._final_module

    def get_pointer_to_function(self, name: str) -> int:
        """Return 0: nothing of it has an address."""
        return 0


class EntryLibrary(_Library):
    """Machine code of a kernel that something calls by its address."""

    def finalize(self) -> None:
        """Link every helper that is reached, each once; then optimise."""
        libraries = self._linking_libraries
        known = set(libraries)
        for library in libraries:  # grows while it is walked
            for further in getattr(library, "_linking_libraries", ()):
                if isinstance(library, InnerLibrary) and further not in known:
                    known.add(further)
                    libraries.append(further)
        super().finalize()

    def _optimize_final_module(self) -> None:
        # the loops of kernels are short: to vectorise them takes longer than it will ever save
        manager, builder = self._codegen._module_pass_manager(loop_vectorize=False)
        manager.run(self._final_module, builder)


class _Lowering(NativeLowering):  # type: ignore[misc]
    library: type[_Library]

    def run_pass(self, state: Any) -> bool:
        library = state.targetctx.codegen().create_library(state.func_id.func_qualname)
        library.__class__ = self.library
        library.enable_object_caching()
        state.library = library
        return bool(super().run_pass(state))


@register_pass(mutates_CFG=True, analysis_only=False)
class _InnerLowering(_Lowering):
    _name = "inner_lowering"
    library = InnerLibrary


@register_pass(mutates_CFG=True, analysis_only=False)
class _EntryLowering(_Lowering):
    _name = "entry_lowering"
    library = EntryLibrary


class _Compiler(CompilerBase):  # type: ignore[misc]
    """Numba's own pipeline with the lowering replaced."""

    lowering: type[_Lowering]

    def define_pipelines(self) -> list[Any]:
        pipeline = DefaultPassBuilder.define_nopython_pipeline(self.state)
        pipeline.passes = [
            (self.lowering if step is NativeLowering else step, why)
            for step, why in pipeline.passes
        ]
        pipeline._finalized = False
        pipeline.finalize()
        return [pipeline]


class InnerCompiler(_Compiler):
    """Compiler of helpers."""

    lowering = _InnerLowering


class EntryCompiler(_Compiler):
    """Compiler of what is called by its address."""

    lowering = _EntryLowering
