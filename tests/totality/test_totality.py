"""Every public operation and layer, through every stage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

import symdl as sd
from symdl.express.methods import ArrayMethods, Operators

from . import checks, outside
from .case import Case, Size
from .table import CASES, EXEMPT, SAME

GROUP = 20
SLOTS = {"shape", "__slots__", "__module__", "__doc__"}


def named(case: Case) -> str:
    return case.id


def public() -> set[str]:
    """Everything a user can call, and every operator of a tensor."""
    methods = {name for name in vars(ArrayMethods) if not name.startswith("_")}
    operators = {
        name for name in vars(Operators) if name.startswith("__") and callable(getattr(Operators, name))
    }
    return (
        {f"sd.{name}" for name in sd.__all__}
        | {f"nn.{name}" for name in sd.nn.__all__}
        | {f"Tensor.{name}" for name in (methods | operators) - SLOTS}
    )


def test_the_table_is_complete() -> None:
    covered = {case.operation for case in CASES}
    assert all(getattr(sd, a[3:]) is getattr(sd.nn, b[3:]) for a, b in SAME.items())
    known = covered | set(EXEMPT) | {a for a, b in SAME.items() if b in covered}
    assert sorted(public() - known) == [], "public, but neither in a case nor exempt"
    assert sorted(known - public()) == [], "in the table, but not public"
    assert not covered & set(EXEMPT)


def test_cases_have_names_of_their_own() -> None:
    names = [case.id for case in CASES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("case", CASES, ids=named)
def test_mathematics(case: Case) -> None:
    checks.sizes(case)
    checks.refusals(case)
    if case.order:
        checks.first_order(case)
        checks.derivation(case)
        checks.differentials(case)
    if case.order > 1:
        checks.second_order(case)


@pytest.mark.torch
@pytest.mark.parametrize("case", [c for c in CASES if c.theirs is not None], ids=named)
def test_agrees_with_pytorch(case: Case) -> None:
    outside.compare(pytest.importorskip("torch"), case)


FIRST = tuple({case.operation: case for case in reversed(CASES)}.values())
"""One case of each operation. These are compiled, which costs more than everything else together."""


def groups(cases: Sequence[Case]) -> Any:
    """Cases that are compiled together; cheap and expensive ones are spread over all groups."""
    count = -(-len(cases) // GROUP)
    return pytest.mark.parametrize(
        "cases", [cases[k::count] for k in range(count)], ids=lambda cases: f"{cases[0].id}, ..."
    )


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@groups(FIRST)
def test_kernels(cases: tuple[Case, ...], dtype: str) -> None:
    """Compiled code against the interpreter, with contiguous arrays and with others."""
    kernels = checks.Kernels.of(cases, checks.first, dtype=dtype)
    sizes = sorted({n for case in cases for n in case.sizes if n}, reverse=True)
    failures = [text for n in sizes for text in kernels.failures(n)]
    failures += kernels.failures(sizes[0], checks.strided)
    assert not failures, "\n\n".join(failures)


def other_forms(cases: Sequence[Case], target: Any, *, comments: bool = False) -> list[str]:
    """What fails on a target: other settings, fixed sizes of 1 and 0, second derivatives."""

    def failures(cases: Sequence[Case], wanted: Any, size: Size, n: int) -> list[str]:
        if not cases:
            return []
        kernels = checks.Kernels.of(cases, wanted, n=size, target=target)
        return kernels.failures(n, comments=comments and n == 3)

    found = failures([case for case in cases if case not in FIRST], checks.first, "n", 3)
    for n in (1, 0):
        found += failures([case for case in cases if n in case.sizes], checks.first, n, n)
    return found + failures([case for case in cases if case.order > 1], checks.second, "n", 3)


@groups(CASES)
def test_loops(cases: tuple[Case, ...]) -> None:
    """The same loops without a compiler."""
    failures = other_forms(cases, "python", comments=True)
    assert not failures, "\n\n".join(failures)
