"""The single-node cases of the ``onnx`` package, operator by operator, where that package is installed.

Every case of an operator with a counterpart runs through the reference interpreter and through its generated
kernels, as Python code; one case of each also through compiled kernels.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import pytest

from symdl.run.compile import compile

from .adapter import ADAPTERS, WITHOUT
from .cases import Built, Case, Skip, cases

pytestmark = pytest.mark.onnx

BATCHES = 12
"""Several cases are compiled as one program: most of the time goes into a module, whatever it holds."""


@pytest.fixture(autouse=True)
def _installed() -> None:
    pytest.importorskip("onnx")


Record = Callable[[str, object], None]


@pytest.mark.parametrize("op", sorted(ADAPTERS))
def test_operator(op: str, record_property: Record) -> None:
    skipped: Counter[str] = Counter()
    passed = 0
    failures: list[str] = []
    for case in cases()[op]:
        try:
            built = case.build(ADAPTERS[op])
            case.compare(built.interpreted())
            case.compare(built.run("python"))
        except Skip as reason:
            skipped[str(reason)] += 1
        except Exception as error:
            failures.append(f"{case.name}: {type(error).__name__}: {error}")
        else:
            passed += 1
    counts = {"op": op, "passed": passed, "failed": len(failures), "skipped": skipped}
    record_property("onnx", json.dumps(counts))
    assert not failures, "\n".join(failures)
    assert passed, f"no case of {op} was run: {dict(skipped)}"


def test_every_operator_has_an_adapter_or_a_reason(record_property: Record) -> None:
    found = cases()
    assert not ADAPTERS.keys() & WITHOUT.keys()
    assert found.keys() == ADAPTERS.keys() | WITHOUT.keys()
    for op, reason in WITHOUT.items():
        counts = {"op": op, "passed": 0, "failed": 0, "skipped": {reason: len(found[op])}}
        record_property("onnx", json.dumps(counts))


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
            return case, case.build(ADAPTERS[op])
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
