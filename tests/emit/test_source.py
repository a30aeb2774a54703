"""Generated modules: one golden file a target, and what must never be in one."""

from __future__ import annotations

import ast
import difflib
from pathlib import Path
from typing import Any

import pytest
import sympy as sp

import symdl as sd
from symdl.differentiate.adjoint import differentiate
from symdl.emit.inspect import inspect_source
from symdl.emit.launch_list import launch_list, listing
from symdl.emit.operations import ARGUMENTS
from symdl.emit.source import module_source
from symdl.errors import CompileError, EmitError
from symdl.express.build import parameter, parameters, tensor
from symdl.express.dims import Dim, indices
from symdl.express.operators import elementwise, maximum
from symdl.express.program import Program, collect
from symdl.express.surface import LogSumExp, Sum, define
from symdl.targets import CPU, TARGETS
from tests.lowering import lower

GOLDEN = Path(__file__).parents[1] / "golden"
n = Dim("n")


def classifier() -> Program:
    X, t = tensor("X", (n, 20)), tensor("t", (n,), dtype="int64")
    W, b = parameter("W", (20, 10)), parameter("b", (10,))
    i, j = indices("i j")
    Z = maximum(X @ W + b, 0)
    l = define("l", (i,), LogSumExp(Z[i, j], j))
    loss = define("L", (), Sum((l[i] - Z[i, t[i]]) / n, i))
    return differentiate(loss, parameters(loss)).program


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_golden(target: str, request: pytest.FixtureRequest) -> None:
    lowered = lower(classifier())
    found = module_source(lowered, syntax=TARGETS[target].syntax, dtype="float32") + "\n\n" + listing(lowered)
    file = GOLDEN / f"classifier_{target}.txt"
    if request.config.getoption("--update", default=False):
        file.parent.mkdir(exist_ok=True)
        file.write_text(found, "utf-8")
    expected = file.read_text("utf-8") if file.exists() else ""
    changes = difflib.unified_diff(expected.splitlines(), found.splitlines(), "golden", "found", lineterm="")
    assert found == expected, "accept with: pytest tests/emit --update\n" + "\n".join(changes)


def test_the_same_program_gives_the_same_text() -> None:
    assert module_source(lower(classifier()), syntax=CPU.syntax, dtype="float64") == module_source(
        lower(classifier()), syntax=CPU.syntax, dtype="float64"
    )


def test_literals_have_the_type_of_the_module() -> None:
    X = tensor("X", (n,))
    lowered = lower(collect([elementwise(lambda x: x / 3 + sp.pi, X)]))
    for target in TARGETS.values():
        source = module_source(lowered, syntax=target.syntax, dtype="float32")
        kernel = source[source.index("def kernel_0") :].partition("def multiply")[0]
        bare = [
            node
            for call in ast.walk(ast.parse(kernel.split("@")[0]))
            for node in ast.iter_child_nodes(call)
            if isinstance(node, ast.Constant) and isinstance(node.value, float)
            if not (isinstance(call, ast.Call) and getattr(call.func, "id", "") == "real")
        ]
        assert "real(0.3333333333333333)" in kernel
        assert not bare


def test_names_from_users_stay_in_comments() -> None:
    name = "X\u2028import os  \u202e"
    hostile = tensor("a'); import os; ('", (n,))
    other = tensor("b[0] = 1 # __class__", (n,))
    assert "\u2028" in name
    program = collect([elementwise(lambda x, y: x * y + 1, hostile, other)])
    for target in TARGETS.values():
        source = module_source(lower(program), syntax=target.syntax, dtype="float64")
        code = "\n".join(line.split("#")[0] for line in source.splitlines())
        assert "os" not in {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
        assert "__class__" not in code


@pytest.mark.parametrize(
    "text, found",
    [
        ("import os", "import"),
        ("from numba import cuda", "import"),
        ("from os import path", "import"),
        ("x = a.b", "attribute"),
        ("x = np.__dict__", "attribute"),
        ("x = __builtins__", "name"),
        ("é = 1", "name"),
        ("class A: pass", "ClassDef"),
        ("f = lambda: 1", "Lambda"),
        ("x = = 1", "parsed"),
    ],
)
def test_inspection_refuses(text: str, found: str) -> None:
    with pytest.raises(EmitError, match=found):
        inspect_source(text, CPU.syntax)


def test_unknown_targets_and_types_are_refused() -> None:
    lowered = lower(collect([tensor("X", (n,)).sum()]))
    for unknown in ("fpga", "", None, ["cpu"]):
        with pytest.raises(CompileError, match="there is no target"):
            sd.compile(tensor("X", (n,)).sum(), target=unknown)  # type: ignore[call-overload]
    with pytest.raises(EmitError, match="dtype"):
        module_source(lowered, syntax=CPU.syntax, dtype="float16")


def test_the_table_has_a_row_a_call_of_one_length() -> None:
    lowered = lower(classifier())
    made = launch_list(lowered)
    assert len(made.rows) == len(lowered.calls)
    assert len({len(row) for row in made.rows}) == 1
    assert len(launch_list(lowered, checks=False).rows) == len(lowered.calls) - 1
    assert all(f"{number}: " in listing(lowered) for number in range(len(lowered.calls)))


def test_a_kernel_of_many_arguments_finds_them_itself() -> None:
    X = tensor("X", (n, 3))
    several, few = lower(collect([X + k for k in range(ARGUMENTS[-1])])), lower(collect([X * 2]))
    options: dict[str, Any] = {"syntax": CPU.syntax, "dtype": "float32"}
    assert "by_row(kernel_0)" in module_source(several, **options)
    assert [row[3] for row in launch_list(several).rows] == [0]
    assert "by_row(" not in module_source(few, **options)
    assert [row[3] for row in launch_list(few).rows] == [ARGUMENTS[0]]
