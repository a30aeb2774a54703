"""The single-node cases of the ``onnx`` package, operator by operator, where that package is installed.

Every case of an operator with a counterpart is read as a model, and runs through the reference interpreter
and through its generated kernels, as Python code; one case of each also through compiled kernels.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence

import pytest

from symdl.onnx.operators.table import ADAPTERS, WITHOUT
from symdl.onnx.reading import KNOWN
from symdl.run.compile import compile

from .onnx_cases import Built, Case, Skip, cases
from .onnx_counts import count, without

pytestmark = pytest.mark.onnx

BATCHES = 12
"""Several cases are compiled as one program: most of the time goes into a module, whatever it holds."""


@pytest.fixture(autouse=True)
def _installed() -> None:
    pytest.importorskip("onnx")


Record = Callable[[str, object], None]


@pytest.mark.parametrize("op", sorted(ADAPTERS))
def test_operator(op: str, record_property: Record) -> None:
    found = count(op, kernels=True)
    record_property("onnx", json.dumps(found.data()))
    assert not found.failures, "\n".join(found.failures)
    assert found.passed, f"no case of {op} was run: {dict(found.skipped)}"


def test_every_operator_has_an_adapter_or_a_reason(record_property: Record) -> None:
    assert not ADAPTERS.keys() & WITHOUT.keys()
    assert cases().keys() == ADAPTERS.keys() | WITHOUT.keys() | KNOWN.keys()
    for counted in without():
        record_property("onnx", json.dumps(counted.data()))


@pytest.mark.parametrize("batch", range(BATCHES))
def test_compiled_kernels(batch: int) -> None:
    chosen = [pair for op in sorted(ADAPTERS)[batch::BATCHES] if (pair := first(op)) is not None]
    for together in programs([built for _, built in chosen]):
        tensors = [t for built in together for t in built.tensors]
        values = {name: array for built in together for name, array in built.values.items()}
        found = iter(compile(tensors, dtype=together[0].dtype)(**values))
        for built in together:
            case = next(case for case, other in chosen if other is built)
            case.compare([next(found) for _ in built.tensors])


def first(op: str) -> tuple[Case, Built] | None:
    """The first case of an operator that has a counterpart."""
    for case in cases()[op]:
        try:
            return case, case.build()
        except Skip:
            continue
    return None


def programs(parts: Sequence[Built]) -> Iterator[list[Built]]:
    """Join what has one type and no names in common."""
    left = list(parts)
    while left:
        together: list[Built] = []
        for built in list(left):
            taken = {name for other in together for name in other.values}
            if not together or (built.dtype == together[0].dtype and taken.isdisjoint(built.values)):
                together.append(built)
                left.remove(built)
        yield together
