"""Kernels are compiled with fewer of Numba's passes, and those that are left out change nothing."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from numba import types
from numba.core.compiler import CompilerBase, DefaultPassBuilder

from symdl.emit.source import module_source
from symdl.lower.pipeline import lower
from symdl.run import modules as disk
from symdl.run.cpu.intrinsics import pointers
from symdl.targets import CPU
from tests.emit.test_shapes import SHAPES

Types = dict[str, set[Any]]


def probing(found: list[Types]) -> type[CompilerBase]:
    """A compiler with all passes, which notes the types that each variable of a kernel takes."""

    class Probing(CompilerBase):
        def define_pipelines(self) -> list[Any]:
            passes: Any = DefaultPassBuilder
            return [passes.define_nopython_pipeline(self.state)]

        def _compile_core(self) -> Any:
            made = super()._compile_core()
            kinds: Types = defaultdict(set)
            for name, kind in made.type_annotation.typemap.items():
                if not name.startswith(("$", "arg.")):
                    kinds[name.partition(".")[0]].add(types.unliteral(kind))
            found.append(kinds)
            return made

    return Probing


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_a_variable_has_one_type(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lowered = lower(SHAPES[name](), lowering=CPU.lowering, batch="n" if name == "samples" else "")
    source = module_source(lowered, syntax=CPU.syntax, dtype="float32")
    found: list[Types] = []
    monkeypatch.setitem(pointers.KERNEL, "pipeline_class", probing(found))
    with disk.loaded(source, (name,), written=False):
        pass
    assert len(found) >= len(lowered.kernels)
    several = {variable: kinds for each in found for variable, kinds in each.items() if len(kinds) > 1}
    assert not several
