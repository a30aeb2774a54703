"""Names in generated code: of the mathematics, of nothing else, and without influence."""

from __future__ import annotations

import ast
import builtins
import keyword
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import symdl as sd
from symdl.differentiate.adjoint import differentiate
from symdl.emit import source as emitted
from symdl.emit.canonical import canonical
from symdl.emit.identifiers import PYTHON, free, identifier
from symdl.emit.source import module_source
from symdl.express.program import Program, collect
from symdl.lower.ir.loops import KernelItem, Store, Update, statements
from symdl.lower.ir.names import Slot
from symdl.lower.ir.visitors import reads_of
from symdl.lower.pipeline import lower
from symdl.run.cpu.cache import objects
from symdl.targets import TARGETS
from tests.lower.programs import programs

n = sd.Dim("n")
HOSTILE = [
    "a'); import os; ('",
    'b" #',
    "__import__",
    "lambda",
    "λ",
    "😀",
    "x" * 500,
    "first.W",
    "first W",
    "first_W",
    "real",
    "exp",
    "i",
    "n",
    "y0",
    "kernel_0",
    "b0",
    "x1",
    "live",
    "1",
    "ß² +",
]


@pytest.mark.parametrize(
    "name, found",
    [
        ("W", "W"),
        ("first.W", "first_W"),
        ("W_bar", "W_bar"),
        ("__class__", "class"),
        ("λ", "lambda"),
        ("Σx", "Sigmax"),
        ("ς", "sigma"),
        ("ℓ", "l"),
        ("2nd", "t_2nd"),
        ("", "t"),
        ("😀", "t"),
        ("x" * 500, "x" * 40),
        ("a\nimport os", "a_import_os"),
    ],
)
def test_identifiers(name: str, found: str) -> None:
    assert identifier(name) == found


@given(st.text(), st.sets(st.sampled_from(["W", "W_2", "t", "t_2", "lambda"])))
@example("lambda", set())
def test_an_identifier_is_plain_and_free(name: str, taken: set[str]) -> None:
    found = free(identifier(name), PYTHON | taken)
    assert found.isascii() and found.isidentifier() and found[0].isalpha() and "__" not in found
    assert found not in taken and not keyword.iskeyword(found) and not hasattr(builtins, found)


def functions(source: str) -> dict[str, ast.FunctionDef]:
    return {f.name: f for f in ast.walk(ast.parse(source)) if isinstance(f, ast.FunctionDef)}


def given_names(function: ast.FunctionDef) -> list[str]:
    """Return the names that a function gives: parameters, then what it assigns to."""
    stored = [x.id for x in ast.walk(function) if isinstance(x, ast.Name) and isinstance(x.ctx, ast.Store)]
    return [*(a.arg for a in function.args.args), *stored]


def check_names(source: str) -> None:
    """Every name in a kernel is given there, imported, or Python's; none given means something else."""
    tree = ast.parse(source)
    outside = {
        alias.name for x in ast.walk(tree) if isinstance(x, ast.ImportFrom | ast.Import) for alias in x.names
    }
    outside |= {"np"} | {f.name for f in tree.body if isinstance(f, ast.FunctionDef)}
    assigned = (t for x in tree.body if isinstance(x, ast.Assign) for t in x.targets)
    outside |= {name.id for t in assigned for name in ast.walk(t) if isinstance(name, ast.Name)}
    for name, function in functions(source).items():
        if not name.startswith("kernel_"):
            continue
        own = given_names(function)
        assert len({a.arg for a in function.args.args}) == len(function.args.args)
        assert not outside.intersection(own) and not PYTHON.intersection(own), name
        used = {x.id for x in ast.walk(function) if isinstance(x, ast.Name)}
        assert used <= {*own, *outside, *dir(builtins)}, name


def sources(program: Program, dtype: str = "float64") -> dict[str, str]:
    found = {}
    for name, target in TARGETS.items():
        lowered = lower(program, lowering=target.lowering, batch="n")
        found[name] = module_source(lowered, syntax=target.syntax, dtype=dtype)
    return found


@settings(max_examples=25, deadline=None)
@given(programs())
def test_every_name_in_a_kernel_is_given_there(drawn: tuple[Program, Any]) -> None:
    """And what is computed does not depend on names: none is taken for another."""
    named = sources(drawn[0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(emitted, "put_in", lambda text, _, _words: text)
        unnamed = sources(drawn[0])
    for target, source in named.items():
        check_names(source)
        assert canonical(source) == canonical(unnamed[target])


def network(names: list[str]) -> sd.Tensor:
    X, W, b, V, t = names
    x, labels = sd.tensor(X, (n, 4)), sd.tensor(t, (n,), dtype="int64")
    h = sd.relu(x @ sd.parameter(W, (4, 5)) + sd.parameter(b, (5,)))
    return sd.nn.cross_entropy(h @ sd.parameter(V, (5, 3)), labels)


@pytest.mark.parametrize("target", sorted(set(TARGETS) - {"cuda"}))  # runs without a device
@pytest.mark.parametrize("start", range(0, len(HOSTILE) - 4, 4))
def test_hostile_names(start: int, target: Any) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=s) for s in ((6, 4), (4, 5), (5,), (5, 3))]
    labels = np.array([0, 1, 2, 0, 1, 2])
    plain, odd = ["X", "W", "b", "V", "t"], HOSTILE[start : start + 5]
    wanted = sd.compile(network(plain), wrt="parameters", target=target)
    found = sd.compile(network(odd), wrt="parameters", target=target)
    check_names(found.source)
    loss, slopes = wanted(**dict(zip(plain, [*arrays, labels], strict=True)))
    other, theirs = found(**dict(zip(odd, [*arrays, labels], strict=True)))
    assert loss == other
    for ours, its in zip(plain[1:4], odd[1:4], strict=True):
        np.testing.assert_array_equal(slopes[ours], theirs[its])


def test_names_that_differ_in_nothing_that_is_left_are_numbered() -> None:
    a, b, c = (sd.tensor(name, (n,)) for name in ("first.W", "first W", "first_W"))
    source = sources(collect([sd.exp(a) * b + c]))["python"]
    assert "def kernel_0(first_W, first_W_2, first_W_3, " in source
    assert "# first_W_2: first W" in source and "# first_W: " not in source


def test_programs_that_differ_by_names_have_one_canonical_text() -> None:
    for name in TARGETS:
        one, other = (
            sources(collect([network(names)]))[name] for names in (["X", "W", "b", "V", "t"], HOSTILE[:5])
        )
        assert one != other and canonical(one) == canonical(other)


def test_the_second_of_two_models_compiles_nothing(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMDL_CACHE", str(tmp_path / "kernels"))
    sd.compile(network(["X", "W", "b", "V", "t"]), wrt="parameters")
    monkeypatch.setattr(objects, "_compiled", None)  # what is compiled from now on fails
    sd.compile(network(["input", "weights", "bias", "out", "labels"]), wrt="parameters")
    with pytest.raises(TypeError):
        sd.compile(network(["X", "W", "b", "V", "t"]).sum() * 2, wrt="parameters")


PLAIN = """
def kernel_0(b0, b1, n0):
    # b0: W
    x0 = real(0.0)
    for i0 in range(n0):
        b1[i0] = x0
    for i1 in range(n0):
        x0 += b0[i1]  # what for
"""


@pytest.mark.parametrize(
    "changes, same",
    [
        ([("b0", "W"), ("i1", "i"), ("i0", "i"), ("x0", "W_sum"), ("n0", "n")], True),
        ([("    # b0: W\n", "")], True),
        ([("b1[i0]", "b0[i0]")], False),
        ([("b0[i1]", "b0[n0]")], False),
        ([("real", "whole")], False),
        ([("b0, b1", "b1, b0")], False),
        ([("kernel_0", "kernel_1")], False),
        ([("(0.0)", "(0.5)")], False),
    ],
)
def test_canonical_text(changes: list[tuple[str, str]], same: bool) -> None:
    text = PLAIN
    for old, new in changes:
        text = text.replace(old, new)
    assert (canonical(text) == canonical(PLAIN)) == same and text != PLAIN


def test_what_follows_a_function_does_not_take_its_names() -> None:
    one = "def f(a, b):\n    a = b\n@njit(a, b)\ndef g(c):\n    c = a"
    other = "def f(b, a):\n    b = a\n@njit(b, a)\ndef g(c):\n    c = b"
    assert canonical(one) != canonical(other)


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_arrays_are_named_after_what_a_kernel_itself_makes_or_reads(target: str) -> None:
    """Many tensors lie in one buffer, one after another; the name is of the one that the kernel knows."""
    X, y = sd.tensor("X", (n, 6)), sd.tensor("y", (n, 2))
    hidden = sd.nn.dense(X, 6, activation=sd.tanh, name="first")
    deep = sd.nn.dense(sd.sin(hidden) + 1, 6, activation=sd.sigmoid, name="second")
    states = sd.nn.gru(sd.stack([deep, hidden], axis=1), 2, name="r")
    loss = sd.nn.mean_squared_error(sd.nn.last_state(states), y)
    made = differentiate(loss, sd.parameters(loss)).program
    lowered = lower(made, lowering=TARGETS[target].lowering)
    equations = {e.number: e for e in lowered.program.equations}
    replaced = 0
    for kernel in lowered.kernels:
        stored = {(s.target, equations[s.equation].lhs) for s in writes(kernel.items)}
        known = {r.tensor for number in kernel.equations for r in reads_of(equations[number])}
        for array, tensor in zip(kernel.arrays, kernel.first_arrays, strict=True):
            assert (array.slot, tensor) in stored if array.written else tensor in known
        assert {tensor for _, tensor in kernel.replaced} <= known
        replaced += len(kernel.replaced)
    assert replaced


def writes(items: Iterable[KernelItem]) -> list[Store[Slot] | Update[Slot]]:
    """What stores elements."""
    return [s for s in statements(items) if isinstance(s, Store | Update)]
