"""How Numba compiles generated kernels: without the passes that find nothing in them.

Enters: a kernel. Leaves: `KernelCompiler`, which Numba is told to use. Generated code has no closures, no
``with``, no branches that are never taken, nothing of arrays to be rewritten, and each of its variables has
one type wherever it is assigned, so that assignments need no names of their own; LLVM gives them some anyway.
What is left of Numba's pipeline is: bytecode, types, machine code.
"""

from __future__ import annotations

from typing import Any

from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import PassManager

_LEFT_OUT = frozenset(
    {
        *("WithLifting", "InlineClosureLikes", "RewriteSemanticConstants", "DeadBranchPrune"),
        *("GenericRewrites", "RewriteDynamicRaises", "MakeFunctionToJitFunction", "FindLiterallyCalls"),
        *("LiteralUnroll", "LiteralPropagationSubPipelinePass", "NopythonRewrites", "AnnotateTypes"),
        *("DumpParforDiagnostics", "NoPythonSupportedFeatureValidation", "InlineOverloads"),
        *("ReconstructSSA", "PreLowerStripPhis"),
    }
)


_passes: Any = DefaultPassBuilder
_manager: Any = PassManager  # Numba has no types


class KernelCompiler(CompilerBase):
    """The passes for kernels."""

    def define_pipelines(self) -> list[Any]:
        """Return Numba's pipeline with what kernels need of it."""
        pipeline = _manager("kernels")
        for step, what in _passes.define_nopython_pipeline(self.state).passes:
            if step.__name__ not in _LEFT_OUT:
                pipeline.add_pass(step, what)
        pipeline.finalize()
        return [pipeline]
