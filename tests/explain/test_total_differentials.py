"""The total differential of scalar functions: golden pages, and the value of every line along a direction."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.errors import DerivativeError, ExplainError
from symdl.explain.notation import tree as t
from symdl.explain.printers.text import text
from symdl.explain.sections import Lines, Step

from .problems import SCALARS
from .shown import Shown
from .test_golden_pages import accepted

x, y, z, a, s, p, w, b = sp.symbols("x y z a sigma p w b")
GOLDEN: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "total differential": (sp.sin(x**2 * y) + sp.exp(z), y, {}),
    "total differential of a quotient": ((x**2 + 1) / (x - 3), x, {}),
    "total differential of two": (sp.log(x * y) / sp.sqrt(x + y), [x, y], {}),
    "total differential of a density": (
        sp.exp(-((x - a) ** 2) / (2 * s**2)) / (sp.sqrt(2 * sp.pi) * s),
        x,
        {"parameters": [a, s]},
    ),
    "total differential of a logistic loss": (
        -y * sp.log(p) - (1 - y) * sp.log(1 - p),
        w,
        {"where": {z: w * x + b, p: 1 / (1 + sp.exp(-z))}, "name": "L"},
    ),
}
MORE = {name: (f, by, {}) for name, (f, by) in SCALARS.items()}


@dataclass
class Moving(Shown):
    """`moves` holds the direction that the differential of a symbol stands for."""

    moves: dict[sp.Symbol, float] = field(default_factory=dict)

    def value(self, node: t.Node, at: Any = None) -> Any:
        match node:
            case t.Call(name="differential"):
                return self.change(node.args[0])
            case t.Multiply():
                return np.prod([self.value(factor) for factor in node.args])
        return super().value(node, at)

    def change(self, node: t.Node) -> Any:
        """The derivative along the direction, by a central difference of order six."""
        total = 0.0
        for count, weight in ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60)):
            for sign in (1, -1):
                step = sign * count * 1e-3
                moved = {k: v + step * self.moves.get(k, 0.0) for k, v in self.symbols.items()}
                total += sign * weight / 1e-3 * Moving({}, moved).value(node)
        return total


def lines_of(page: Any, title: str) -> list[Step]:
    (section,) = [one for one in page.sections if isinstance(one, Lines) and one.title == title]
    return list(section.steps)


def world_at(f: sp.Expr, options: dict[str, Any]) -> tuple[Moving, sp.Expr]:
    """A point and a direction, for intermediates too; and the function written out."""
    where, rng = options.get("where", {}), np.random.default_rng(11)
    whole = f
    for _ in where:
        whole = whole.xreplace(where)
    values = {v: 1.3 + 0.17 * n for n, v in enumerate(sorted(whole.free_symbols, key=str, reverse=True))}
    fixed = options.get("parameters", ())
    moves = {v: float(rng.normal()) if v not in fixed else 0.0 for v in values}
    for name, body in where.items():
        for _ in where:
            body = body.xreplace(where)
        values[name] = float(body.subs(values))
        moves[name] = float(sum(body.diff(v).subs(values) * moves[v] for v in body.free_symbols))
    values |= {sp.Symbol(k.name, real=True): v for k, v in values.items()}
    moves |= {sp.Symbol(k.name, real=True): v for k, v in moves.items()}
    return Moving({}, values, moves), whole


@pytest.mark.parametrize("name", GOLDEN)
def test_page(name: str, request: pytest.FixtureRequest) -> None:
    f, by, options = GOLDEN[name]
    accepted(name, sd.derive(f, by, form="differential", **options), request)


@pytest.mark.parametrize("name", [*GOLDEN, *MORE])
def test_every_line_is_the_change_of_the_function(name: str) -> None:
    f, by, options = (GOLDEN | MORE)[name]
    page = sd.derive(f, by, form="differential", **options)
    world, whole = world_at(f, options)
    wanted = sum(float(whole.diff(v).subs(world.symbols)) * world.moves[v] for v in whole.free_symbols)
    for line in lines_of(page, "Differentials"):
        found = world.value(line.right)
        np.testing.assert_allclose(found, wanted, rtol=1e-8, atol=1e-10, err_msg=text(line.right))
    results = page.result if isinstance(by, list) else (page.result,)
    for one, result in zip(by if isinstance(by, list) else [by], results, strict=True):
        np.testing.assert_allclose(
            float(result.subs(world.symbols)), float(whole.diff(one).subs(world.symbols))
        )
    assert page.at("all").text(ascii=True).isascii()


@pytest.mark.parametrize("name", [*GOLDEN, *MORE])
def test_every_rule_that_is_written_out_holds(name: str) -> None:
    """``d(u v) = v du + u dv`` for numbers of our own: whatever the letters are."""
    f, by, options = (GOLDEN | MORE)[name]
    page = sd.derive(f, by, form="differential", **options)
    world, _ = world_at(f, options)
    letters = {sp.Symbol(c, real=True): 0.4 + 0.1 * n for n, c in enumerate("uvwsrqabch")}
    moves = {letter: 0.3 + value for letter, value in letters.items()}
    for line in lines_of(page, "Differentials"):
        if isinstance(line.about, t.Compare):
            user = {k: v for k, v in world.symbols.items() if k not in letters}
            rule = Moving({}, {**letters, **user}, moves)
            np.testing.assert_allclose(rule.value(line.about.left), rule.value(line.about.right), rtol=1e-8)


def test_parameters_are_held_fixed_unless_asked_for() -> None:
    f = a * x**2
    assert "da" not in str(sd.derive(f, x, form="differential", parameters=[a]))
    assert "x² da" in str(sd.derive(f, a, form="differential", parameters=[a]))


def test_a_long_function_keeps_its_nodes_in_linear_time() -> None:
    def seconds(depth: int) -> float:
        f = x
        for count in range(1, depth + 1):
            f = sp.sin(f) * y + count
        start = time.perf_counter()
        page = sd.derive(f, x, form="differential")
        lines = lines_of(page, "Differentials")
        assert len(lines) == 3 * depth
        assert max(len(text(line.right)) for line in lines) < 40
        return time.perf_counter() - start

    seconds(40)
    assert seconds(160) < 8 * max(seconds(40), 0.05)


def test_what_is_refused() -> None:
    with pytest.raises(DerivativeError, match="does not depend on z"):
        sd.derive(x * y, [x, z], form="differential")
    with pytest.raises(ExplainError, match="different symbols"):
        sd.derive(x * y, [x, x], form="differential")
    with pytest.raises(ExplainError, match="first derivatives"):
        sd.derive(x * y, x, form="differential", order=2)
