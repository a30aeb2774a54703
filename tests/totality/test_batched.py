"""`sd.vmap` of every operation and layer, and of gradients: a batch is the stack of what each entry gives."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import pytest

import symdl as sd
from symdl.express.equations import check
from symdl.express.program import collect
from symdl.express.tensors import Tensor

from .case import Built, Case
from .checks import Kernels, close, computed, first
from .table import CASES
from .test_totality import FIRST, groups, named

ENTRIES = 2
TARGET = "python"


def batched(built: Built) -> tuple[list[Tensor], list[Tensor], dict[Tensor, Tensor]]:
    """Outputs and gradients, the same with an axis more, and what varies in them: all but the states."""
    wanted = list(first(built))
    read = [t for t in collect(wanted).inputs if t.value is None]
    free = [t for t in read if t.role != "state"] or read
    over = {t: sd.tensor(f"{t.name}.many", (ENTRIES, *t.shape), dtype=t.dtype) for t in free}
    return wanted, list(sd.vmap(wanted, over)), over


def entries(built: Built, n: int, tensor: Tensor) -> np.ndarray:
    """Different values for each entry, drawn as the case draws them."""
    key = str(tensor.name).removeprefix(f"{built.case.prefix}.")
    given = built.case.given.get(key) or built.case.drawn.get(key)
    shape = built.values(n)[str(tensor.name)].shape
    drawn = [
        given.draw(shape, np.random.default_rng(zlib.crc32(f"{tensor.name} {k}".encode())))
        if given is not None
        else np.random.default_rng([k, len(key)])
        .uniform(-1.5, 1.5, shape)
        .astype("float32")
        .astype("float64")
        for k in range(ENTRIES)
    ]
    return np.stack(drawn)


@pytest.mark.parametrize("case", CASES, ids=named)
def test_a_batch_is_a_stack(case: Case) -> None:
    built = case.build()
    n = case.sizes[0]
    alone, many, over = batched(built)
    for equation in collect(many).equations:
        check(equation)
    values = built.values(n)
    stacks = {str(t.name): entries(built, n, t) for t in over}
    found = computed(many, values | {str(new.name): stacks[str(t.name)] for t, new in over.items()})
    expected = [
        computed(alone, values | {name: stack[k] for name, stack in stacks.items()}) for k in range(ENTRIES)
    ]
    for tensor, result, *each in zip(alone, found, *expected, strict=True):
        close(result, np.stack(each), tensor)


@groups(FIRST)
def test_kernels_of_batches(cases: Sequence[Case]) -> None:
    """The loops of a batch, without a compiler, against the interpreter."""
    varying: dict[Tensor, Tensor] = {}

    def wanted(built: Built) -> list[Tensor]:
        _, many, over = batched(built)
        varying.update(over)
        return many

    kernels = Kernels.of(cases, wanted, target=TARGET)
    values: dict[str, np.ndarray] = {}
    for built, _ in kernels.wanted:
        values |= built.values(3)
        mine = [t for t in varying if t in (*built.inputs, *built.weights)]
        values |= {str(varying[t].name): entries(built, 3, t) for t in mine}
    program = kernels.kernel.program
    used = {str(t.name): values[str(t.name)] for t in program.inputs if t.value is None}
    results = iter(kernels.kernel(**used))
    for built, each in kernels.wanted:
        found = [next(results) for _ in each]
        if 3 in built.case.sizes:
            for tensor, result, expected in zip(each, found, computed(each, values), strict=True):
                close(result, expected, (built.case.id, tensor), 1e-10)
