"""Programs: order, names, parameters; and the tensors they are made of."""

from __future__ import annotations

from typing import Any

import pytest
import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.build import parameter, parameters, sums_to_one, tensor
from symdl.express.dims import Dim, indices
from symdl.express.program import Fact, collect, name_tensors
from symdl.express.surface import Sum, define
from symdl.express.tensors import Access, Tensor, accesses_in, is_plain, substitute

n = Dim("n")
i, j, k = indices("i j k")


def test_definitions_come_before_their_uses() -> None:
    X = tensor("X", (n,))
    tensors = [X]
    for step in range(200):
        tensors.append(tensors[-1] * 0.5 + tensors[max(0, step - 3)])
    program = collect([tensors[-1]])
    known = set(program.inputs)
    for equation in program.equations:
        assert set(equation.reads()) <= known
        known.add(equation.lhs)
    assert program.inputs == (X,)
    assert len(program.equations) == 400
    assert program.definitions[tensors[-1]] is tensors[-1].equation
    assert program.dims == (n,)


def test_depth_is_not_limited() -> None:
    X = tensor("X", (2,))
    deep = X
    for _ in range(3000):
        deep = deep + 1
    assert len(collect([deep]).equations) == 3000


def test_what_is_not_used_is_left_out() -> None:
    X = tensor("X", (n,))
    Y, unused = X + 1, X + 2
    Z = Y * 2
    program = collect([Z])
    assert [e.lhs for e in program.equations] == [Y, Z]
    assert unused.equation is not None
    kept = program.with_equations([*program.equations, unused.equation])
    assert kept.equations == program.equations


def test_parameters_in_the_order_of_their_creation() -> None:
    W, V = parameter("a.W", (2, 2)), parameter("a.V", (2,))
    X = tensor("X", (n, 2))
    assert parameters(X @ V + (X @ W).sum(1)) == (W, V)
    assert collect([X @ W]).parameters == (W,)


def test_updates_are_wanted_too() -> None:
    w, s = parameter("w", (2,)), Tensor("s", (2,), role="state")
    new = w * 0.9
    program = collect([w.sum()], updates=[(w, new), (s, new)])
    assert program.inputs == (w, s)
    assert new in program.definitions


def test_names() -> None:
    X = tensor("X", (n,))
    bar = Tensor(None, (n,), role="cotangent", of=X)
    second = Tensor(None, (n,), role="cotangent", of=bar)
    dot = Tensor(None, (n,), role="tangent", of=X)
    plain, other = Tensor(None, ()), Tensor(None, ())
    same = Tensor("X", (n,))
    names = name_tensors([plain, X, bar, second, dot, same, other])
    assert [names[t] for t in (X, bar, second, dot)] == ["X", "X_bar", "X_bar_bar", "X_dot"]
    assert [names[t] for t in (plain, other)] == ["t1", "t2"]
    assert len(set(names.values())) == len(names) == 7


@pytest.mark.parametrize("name", ["", " X", "a\nb", 3, None])
def test_names_that_are_refused(name: Any) -> None:
    with pytest.raises(ExpressionError, match="cannot name a tensor"):
        tensor(name, ())


def test_declarations_that_are_refused() -> None:
    with pytest.raises(ExpressionError, match="has dtype 'complex'"):
        tensor("X", (), dtype="complex")
    with pytest.raises(ExpressionError, match="use integer sizes"):
        parameter("W", (n,))
    with pytest.raises(ExpressionError, match="two tensors are called 'X'"):
        collect([tensor("X", (2,)) + tensor("X", (2,))])
    with pytest.raises(ExpressionError, match="neither a name nor a definition"):
        collect([Tensor(None, (2,)) + 1])
    Y = tensor("X", (2,)) + 1
    assert Y.equation is not None
    with pytest.raises(ExpressionError, match="already defined"):
        Y.attach(Y.equation)


def test_facts() -> None:
    X = tensor("X", (n, 3))
    assert sums_to_one(X) == Fact(X, 1, "sums_to_one")
    assert sums_to_one(X, axis=0).axis == 0


def test_accesses() -> None:
    X, t = tensor("X", (n, 4)), tensor("t", (n,), dtype="int64")
    gather = X[i, t[i]]
    assert gather == X.at(i, t.at(i))
    assert gather != X.at(i, 0)
    assert gather.free_symbols == {gather, t[i], i}
    assert gather.nested() == [t.at(i)]
    assert accesses_in(sp.exp(gather) + X[i, 0]) == [X.at(i, 0), gather, t.at(i)]
    assert substitute(gather * i, {i: j + 1}) == X.at(j + 1, t.at(j + 1)) * (j + 1)
    assert substitute(gather, {}) is gather
    assert is_plain(X.at(i, j))
    assert not is_plain(X.at(i, i))
    assert not is_plain(X.at(i, 0))


def test_structure_does_not_depend_on_names() -> None:
    def bodies(*names: str) -> list[str]:
        A, B, C = (tensor(name, (n,)) for name in names)
        Y = define("Y", (i,), A[i] * B[i] + sp.exp(C[i]) * B[i] - C[i])
        order = {str(A.at(i)): "1", str(B.at(i)): "2", str(C.at(i)): "3"}
        assert Y.equation is not None
        return [order[str(a)] for a in Y.equation.accesses()] + [
            str(type(part)) for part in sp.preorder_traversal(Y.equation.body)
        ]

    assert bodies("a", "b", "c") == bodies("z", "m", "b2") == bodies("c", "b", "a")


def test_repr_and_str() -> None:
    X = tensor("X", (n, 4))
    assert repr(X) == "X(n, 4)"
    assert str(X[i, 2 * j + 1]) == "X[i, 2*j + 1]"
    S = define("S", (i,), Sum(X[i, k], k))
    assert str(collect([S])) == "S[i] = sum_{k} X[i, k]"
    assert isinstance(X[i, j], Access)


def test_shapes_are_checked() -> None:
    with pytest.raises(ExpressionError, match="negative"):
        tensor("X", (-1,))
    with pytest.raises((ExpressionError, ShapeError)):
        define("Z", (i, j), tensor("X", (3,))[i])
