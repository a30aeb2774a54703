"""The sections of a scalar derivation: graph, adjoints, chain rule, result.

Enters: a story. Leaves: its sections, and the derivative as an expression over the user's symbols.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import sympy as sp

from symdl.explain.notation.notation import Notation
from symdl.explain.notation.order import has_root
from symdl.explain.notation.tree import Label, Node, Partial, Symbol
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
from symdl.express.tensors import Tensor


def scalar_sections(story: Story, wrt: Tensor, *, brace: bool = False) -> tuple[tuple[Section, ...], Value]:
    """Return the sections and the derivative as an expression over the user's symbols."""
    sections: list[Section] = []
    graph = graph_of(story)
    if story.numbered:
        sections.append(graph_table(story, graph))
    else:
        steps = []
        for equation in reversed(story.program.equations):
            name, body = story.node(equation.lhs), story.notation.read(story.plain(equation.body))
            steps.append(Step("definition", name, body, "definition"))
        sections.append(Lines("Definitions", tuple(steps)))
        whole_lines = substituted(story)
        if len(whole_lines) > 1:
            sections.append(Lines("Substituted", whole_lines, level="all"))
    sections.append(adjoint_lines(story))
    result = derivative_value(story, wrt)
    chain = chain_lines(story, wrt, brace=brace)
    whole = Partial(story.function, story.notation.read(origin(story, wrt)))
    notation = with_names(story, {s: bar(story, t) for t, s in _bars(story).items()})
    shown = _result(notation, result.expr)
    if chain is not None:
        if story.small:
            chain += closing_lines(chain[-1].right, result.expr, shown, notation, apart=story.numbered)
        along: Words = (
            "Along a path from the output to ",
            story.notation.read(origin(story, wrt)),
            " the local derivatives are multiplied; the paths are added.",
        )
        sections.append(Lines("Chain rule", tuple(chain), along))
    kinks = kink_lines(result.expr, story.symbols[wrt], whole, notation) if wrt in story.symbols else {}
    sections += [Lines(title, tuple(steps)) for title, steps in kinks.items()]
    final = [Step("in standard order", whole, shown, "result", "result")]
    own: Node | None = None
    if story.numbered and story.small:
        (f,) = story.program.outputs
        value = _value(story, replace(story.program, outputs=(f,)), {}).expr
        label = story.function.label if isinstance(story.function, Symbol) else Label("f")
        own = None if has_sigmoid(value) else own_form(value, label, notation)
    rule, short = shorter(result.expr) if not result.where and own is None else ("", result.expr)
    if own is not None:
        final.append(Step("written with the function itself", None, own, "result", "result"))
    elif rule and _result(notation, short) != shown:
        rule = "quotient rule, over one denominator" if _is_quotient_rule(story, rule) else rule
        final.append(Step(rule, None, _result(notation, short), "result", "result"))
    words: Words = ()
    if result.where:
        words = ("Written out in full this is too long to read: these intermediates keep their names.",)
        named = [
            Step("definition", notation.read(s), notation.read(e), "definition", "result")
            for s, e in result.where.items()
        ]
        final = [*named, *final]
    sections.append(Lines("Result", tuple(final), words, level="result"))
    return tuple(sections), result


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


def _result(notation: Notation, result: sp.Expr) -> Node:
    """The derivative, a common number in front: ``2*(a - b)``, which SymPy multiplies out."""
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
