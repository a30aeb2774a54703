"""The sections of a scalar derivation: graph, adjoints, chain rule, result.

Enters: a story. Leaves: its sections, and the derivative as an expression over the user's symbols.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import sympy as sp

from symdl.explain.notation.notation import Notation
from symdl.explain.notation.order import has_root
from symdl.explain.notation.tree import Fraction, Label, Negative, Node, Partial, Symbol, Terms
from symdl.explain.sections import Lines, Section, Step, Words
from symdl.explain.stories.closing import (
    LARGEST,
    Value,
    closing_lines,
    has_sigmoid,
    kink_lines,
    own_form,
    shorter,
    written_out,
)
from symdl.explain.stories.scalar import (
    Story,
    adjoint_lines,
    bar,
    chain_lines,
    graph_of,
    graph_table,
    origin,
    with_names,
)
from symdl.express.program import Program
from symdl.express.relations import rebuilt
from symdl.express.tensors import Access, Tensor


def scalar_sections(story: Story, wrt: Tensor, *, brace: bool = False) -> tuple[tuple[Section, ...], Value]:
    """Return the sections and the derivative as an expression over the user's symbols."""
    sections: list[Section] = []
    if story.numbered:
        sections.append(graph_table(story, graph_of(story)))
    else:
        sections.append(definitions(story))
        whole_lines = substituted(story)
        if len(whole_lines) > 1:
            sections.append(Lines("Substituted", whole_lines, level="all"))
    sections.append(adjoint_lines(story))
    result = derivative_value(story, wrt)
    chain = chain_lines(story, wrt, brace=brace)
    if chain is not None:
        if story.small:
            notation = _with_bars(story)
            shown = in_order(notation, result.expr)
            chain += closing_lines(chain[-1].right, result.expr, shown, notation, apart=story.numbered)
        along: Words = (
            "Along a path from the output to ",
            story.notation.read(origin(story, wrt)),
            " the local derivatives are multiplied; the paths are added.",
        )
        sections.append(Lines("Chain rule", tuple(chain), along))
    sections += result_sections(story, {wrt: result})
    return tuple(sections), result


_LONGEST_QUOTIENT = 60  # operations above the fraction bar


def definitions(story: Story) -> Lines:
    """Return the function: in one line, or with its named intermediates, the outermost first."""
    if story.numbered:
        (output,) = story.program.outputs
        whole = _value(story, replace(story.program, outputs=(output,)), {}).expr
        return Lines("Function", (Step("", story.function, story.notation.read(whole), "definition"),))
    steps = []
    for equation in reversed(story.program.equations):
        name, body = story.node(equation.lhs), story.notation.read(story.plain(equation.body))
        steps.append(Step("definition", name, body, "definition"))
    return Lines("Definitions", tuple(steps))


def result_sections(
    story: Story, results: Mapping[Tensor, Value], why: Mapping[Tensor, Node] | None = None
) -> list[Section]:
    """Return what derivatives are at kinks, and the derivatives themselves.

    Args:
        story: what was derived.
        results: the derivatives, by what they are with respect to.
        why: where they were read off: what they stand before.
    """
    notation = _with_bars(story)
    sections: list[Section] = []
    final: list[Step] = []
    named: dict[sp.Symbol, sp.Expr] = {}
    for wrt, result in results.items():
        whole = Partial(story.function, story.notation.read(origin(story, wrt)))
        kinks = kink_lines(result.expr, story.symbols[wrt], whole, notation) if wrt in story.symbols else {}
        sections += [Lines(title, tuple(steps)) for title, steps in kinks.items()]
        rule = "in standard order" if why is None else "what stands before"
        shown = in_order(notation, result.expr)
        final.append(Step(rule, whole, shown, "result", "result", about=(why or {}).get(wrt)))
        joined = _quotient_line(story, wrt, notation) if not result.where else []
        final += [*joined, *_shorter_lines(story, result, shown, notation, told=bool(joined))]
        named |= result.where
    words: Words = ()
    if named:
        words = ("Written out in full this is too long to read: these intermediates keep their names.",)
        lines = [
            Step("definition", notation.read(s), notation.read(e), "definition", "result")
            for s, e in named.items()
        ]
        final = [*lines, *final]
    return [*sections, Lines("Result", tuple(final), words, level="result")]


def _quotient_line(story: Story, wrt: Tensor, notation: Notation) -> list[Step]:
    """The quotient rule, ``(u' v - u v')/v^2``, where the function is one thing that moves by another."""
    (f,) = story.program.outputs
    above, below = sp.fraction(story.program.definitions[f].body)
    if not (story.numbered and story.small and isinstance(above, Access) and isinstance(below, Access)):
        return []
    u, v = (_over_symbols(story, part.tensor) for part in (above, below))
    x = story.symbols[wrt]
    slopes = u.diff(x), v.diff(x)
    first, second = slopes[0] * v, u * slopes[1]
    if 0 in slopes or sp.count_ops(first) + sp.count_ops(second) > _LONGEST_QUOTIENT:
        return []
    if any(slope.has(sp.Derivative, sp.Heaviside, sp.sign, sp.Piecewise) for slope in slopes):
        return []
    left, right = notation.read(first), notation.read(second)
    top = Terms((left, right.arg if isinstance(right, Negative) else Negative(right)))
    return [Step("quotient rule", None, Fraction(top, notation.read(v**2)), "result", "result")]


def _over_symbols(story: Story, tensor: Tensor) -> sp.Expr:
    given = story.symbols.get(tensor)
    return given if given is not None else _value(story, replace(story.program, outputs=(tensor,)), {}).expr


def _shorter_lines(story: Story, result: Value, shown: Node, notation: Notation, *, told: bool) -> list[Step]:
    """A shorter form of a derivative, by the function itself or over one denominator, where there is one.

    With `told`, the quotient rule stands before it.
    """
    own: Node | None = None
    if story.numbered and story.small:
        (f,) = story.program.outputs
        value = _value(story, replace(story.program, outputs=(f,)), {}).expr
        label = story.function.label if isinstance(story.function, Symbol) else Label("f")
        own = None if has_sigmoid(value) else own_form(value, label, notation)
    if own is not None:
        return [Step("written with the function itself", None, own, "result", "result")]
    rule, short = shorter(result.expr) if not result.where else ("", result.expr)
    if not rule or in_order(notation, short) == shown:
        return []
    if _is_quotient_rule(story, rule):
        rule = "multiplied out" if told else "quotient rule, over one denominator"
    return [Step(rule, None, in_order(notation, short), "result", "result")]


def _with_bars(story: Story) -> Notation:
    return with_names(story, {s: bar(story, t) for t, s in _bars(story).items()})


def substituted(story: Story) -> tuple[Step, ...]:
    """Return the function with its named intermediates put in, one on each line."""
    (output,) = story.program.outputs
    line = story.operation(output)
    steps = [Step("definition", story.function, story.notation.read(line), "definition", "all")]
    for equation in reversed(story.program.equations):
        name = story.nodes[equation.lhs]
        if name not in line.free_symbols:
            continue
        line = rebuilt(line, {name: story.operation(equation.lhs)})
        if sp.count_ops(line) > LARGEST:
            return ()
        step = Step(
            "substitute", None, story.notation.read(line), "definition", "all", about=story.node(equation.lhs)
        )
        steps.append(step)
    return tuple(steps)


def _is_quotient_rule(story: Story, rule: str) -> bool:
    """Say whether fractions are joined that come from a quotient of two functions."""
    body = story.plain(story.program.definitions[story.program.outputs[0]].body)
    below = sp.fraction(body)[1]
    return rule == "common denominator" and story.numbered and bool(below.free_symbols)


def in_order(notation: Notation, result: sp.Expr) -> Node:
    """Return a derivative in standard order, a common number in front of it.

    SymPy multiplies ``2*(a - b)`` out.
    """
    whole = isinstance(result, sp.Add) and not any(map(has_root, result.args))
    content, rest = result.primitive() if whole else (sp.Integer(1), result)
    return notation.read(result) if content == 1 else notation.times((content, rest))


def _bars(story: Story) -> dict[Tensor, sp.Symbol]:
    """A symbol for the adjoint of every node."""
    cotangents = story.derivative.cotangents
    return {t: sp.Symbol(f"{s.name}_bar", real=True) for t, s in story.nodes.items() if t in cotangents}


def derivative_value(story: Story, wrt: Tensor) -> Value:
    """Return the derivative over the user's symbols, by the adjoints that the kernels use."""
    cotangents = story.derivative.cotangents
    bars = {cotangents[t]: symbol for t, symbol in _bars(story).items()}
    program = replace(story.derivative.program, outputs=(cotangents[wrt],))
    return _value(story, program, bars)


def _value(story: Story, program: Program, bars: Mapping[Tensor, sp.Symbol]) -> Value:
    names = {e.lhs: sp.Symbol(f"u_{n}", real=True) for n, e in enumerate(program.equations)}
    return written_out(program, {**names, **story.nodes, **bars}, story.symbols)
