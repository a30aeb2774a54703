"""The gradient of a network, told in index form and in matrix form.

Enters: a rank-0 tensor and what to differentiate it by. Leaves: a `Derivation`: symbols with shapes, the
forward equations, the adjoint equations in the order computed, each with its reason, and the gradient.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sympy as sp

from symdl.differentiate.adjoint import differentiate
from symdl.differentiate.compact import compact
from symdl.differentiate.prepare import STABLE
from symdl.differentiate.record import Derivative
from symdl.differentiate.solve import with_indices
from symdl.errors import ExplainError
from symdl.explain.documents.derivation import Derivation
from symdl.explain.matrix.closed_form import closed_form
from symdl.explain.matrix.matrix import matrix_form
from symdl.explain.notation.known import explained
from symdl.explain.notation.letters import spelling
from symdl.explain.notation.names import USUAL_LETTERS
from symdl.explain.notation.shortening import as_written
from symdl.explain.notation.tree import Array, Item, Label, Negative, Node, Terms, number, walk
from symdl.explain.sections import Depth, Kind, Lines, Step, Table, respelled
from symdl.explain.stories.contributions import definitions, every_step, rewritten
from symdl.explain.stories.equations import Page, left_side, right_side
from symdl.explain.stories.page import page_of
from symdl.explain.stories.reasons import Why, reason
from symdl.express.equations import Equation
from symdl.express.program import Fact, collect
from symdl.express.random import RandomUniform
from symdl.express.relations import rebuilt
from symdl.express.tensors import Access, Tensor, substitute

_SAYS_NOTHING = ("definition", "elementwise", "add", "sub", "mul", "div", "neg", "pow")
_IDENTITIES = ("logarithm of exponentials", STABLE)
_IN_WORDS = {"matmul": "matrix product"}
_LONGEST_CLOSED = 40  # nodes of a formula without intermediates that is shown beside the short one


def derive_tensor(
    f: Tensor,
    wrt: Any,
    *,
    facts: Sequence[Fact] = (),
    depth: Depth = "key",
    named: Mapping[str, Label] | None = None,
) -> Derivation:
    """Return the derivation of the gradient of `f` by `wrt`; see `symdl.explain.derive.derive`."""
    targets = found_in(f, wrt)
    derivative = differentiate(f, targets, facts=facts)
    short = compact(derivative)
    page = page_of(derivative, named)
    end = page if short is derivative else page_of(short, named)
    new = short.record.rewrites[len(derivative.record.rewrites) :]
    loss = page.notation.read(f.at())
    forward = _forward(page, derivative)
    matrices = _matrix_section(page)
    result = [step for target in targets for step in _result(end, short, target)]
    sections = (
        symbols(page),
        Lines("Forward", tuple(forward)),
        Lines("Backward", _not_told(_backward(page, derivative), forward), words=_bar_words(page)),
        every_step(page, derivative),
        *matrices,
        *((Lines("Compact form", tuple(rewritten(end, new)), level="all"),) if new else ()),
        Lines("Result", (*_one_hot(end, result, told=matrices), *result), level="result"),
    )
    shown = tuple(s for s in sections if isinstance(s, Table) or s.level == "all" or s.steps)
    title = ("Gradient of ", loss, " with respect to ", *listed([whole(page, t) for t in targets]))
    shown = respelled(shown, spelling(page.letters))
    gradients = tuple(map(derivative.gradient, targets))
    gradient = gradients if isinstance(wrt, list | tuple) else gradients[0]
    return Derivation(title, shown, gradient, depth, page.program, network=f)


def listed(parts: Sequence[Node]) -> tuple[str | Node, ...]:
    """Return formulas with commas between them, and "and" before the last."""
    *first, last = parts
    words = [word for part in first for word in (part, ", ")]
    return (*words[:-1], " and ", last) if first else (last,)


def found_in(f: Tensor, wrt: Any) -> list[Tensor]:
    """Return the tensors that `wrt` is, names, or lists.

    Raises:
        ExplainError: `f` depends on none of that name, or the list is empty or names one twice.
    """
    found = [find(f, one) for one in (wrt if isinstance(wrt, list | tuple) else [wrt])]
    if not found or len(set(found)) < len(found):
        raise ExplainError(f"{wrt} is no list of different tensors", cure="name each tensor once")
    return found


def _not_told(steps: Sequence[Step], before: Sequence[Step]) -> tuple[Step, ...]:
    """Leave out definitions that stand on an earlier line: of a softmax that the user has named."""
    told = {(step.left.label, step.right) for step in before if isinstance(step.left, Item)}
    return tuple(s for s in steps if not (isinstance(s.left, Item) and (s.left.label, s.right) in told))


def find(f: Tensor, wrt: Any) -> Tensor:
    """Return the tensor that `wrt` is or names.

    Raises:
        ExplainError: no tensor that `f` depends on has that name.
    """
    if isinstance(wrt, Tensor):
        return wrt
    program = collect([f])
    defined = (e.lhs for e in program.equations)
    named = {t.name: t for t in (*defined, *program.inputs) if t.name}  # what is given comes first
    if isinstance(wrt, str) and wrt in named:
        return named[wrt]
    known = ", ".join(str(t.name) for t in program.parameters or program.inputs)
    if not isinstance(wrt, str):
        raise ExplainError(f"{wrt!r} is no tensor and no name of one", cure=f"use one of {known}")
    raise ExplainError(f"{f} depends on no tensor called {wrt!r}", cure=f"use one of {known}")


_MEANINGS = {"input": "given", "parameter": "parameters", "state": "given", "constant": "constants"}
_SHOWN = 8
"""Values of a constant up to which they are shown."""


def symbols(page: Page) -> Table:
    """Return the symbols and their shapes, grouped by where their values come from."""
    groups: dict[str, list[str | Node]] = {
        "given": [],
        "constants": [],
        "parameters": [],
        "defined below": [],
    }
    for tensor in page.tensors:
        if tensor.role == "cotangent":
            continue
        name = whole(page, tensor)
        meaning = _MEANINGS.get(tensor.role, "defined below")
        kind = " (integers)" if tensor.dtype == "int64" else ""
        owner, _, word = str(tensor.name).rpartition(".")
        if owner and word in USUAL_LETTERS and word not in ("mean", "unit"):
            kind += f" ({tensor.name if tensor.role == 'parameter' else word})"
        if tensor.value is not None and tensor.rank == 1 and tensor.value.size <= _SHOWN:
            kind += f" = ({', '.join(f'{value:g}' for value in tensor.value)})"
        group = groups[meaning]
        group += [", "] if group else []
        group += [name, ": ", page.shape(tensor), kind]
    rows = tuple((meaning, tuple(group)) for meaning, group in groups.items() if group)
    special = (e for e in (*page.forward, *page.backward) if e.body.has(sp.erf, RandomUniform))
    more = explained(right_side(page, e) for e in special)
    return Table("Symbols and their shapes", (), (*rows, *more))


def _bar_words(page: Page) -> tuple[str | Node, ...]:
    loss = page.notation.read(page.output.at())
    words = ("A bar is the derivative of ", loss, " with respect to what is under it, and has its shape")
    if any(equation.lhs.role == "cotangent" for equation in page.forward):
        return (*words, "; the bars above are of derivatives that ", loss, " is made of.")
    return (*words, ".")


def _forward(page: Page, derivative: Derivative) -> list[Step]:
    steps: list[Step] = []
    told = {*page.tensors, *page.inlined, *page.abbreviations}
    changed = {r.before.lhs: r.rule for r in derivative.record.rewrites if r.rule in _IDENTITIES}
    written = as_written([*page.forward, *page.inlined.values()], told, changed) if changed else {}
    for equation in page.forward:
        rule = equation.origin.rule.removesuffix(" rule")
        rule = "" if rule in _SAYS_NOTHING else _IN_WORDS.get(rule, rule)
        if equation.lhs.role == "cotangent":
            rule = f"derivative, {rule}" if rule else "derivative"
        if equation.reduction and equation.reduction.op == "logsumexp":
            rule = "logsumexp"
        left: Node | None = left_side(page, equation)
        inside = {t: written[t] for t in equation.reads() if t in page.inlined and t in written}
        if equation.lhs in written or inside:  # as it was written, then as it is differentiated
            before = written.get(equation.lhs, equation)
            for one in (before, *inside.values()):
                before_it = definitions(page, one, told, "key")
                steps += [replace(s, rule="" if s.rule in _SAYS_NOTHING else s.rule) for s in before_it]
            steps.append(Step(rule, left, right_side(page.with_inlined(inside), before), "definition"))
            rules = [changed[t] for t in (equation.lhs, *inside) if t in changed]
            left, rule = None, rules[0] if rules else next(iter(changed.values()))
        steps.append(Step(rule, left, right_side(page, equation), "definition"))
    return steps


def _backward(page: Page, derivative: Derivative) -> list[Step]:
    output = derivative.output
    seed = derivative.cotangents[output]
    steps = [Step("where we start", whole(page, seed), number(1), "adjoint")]
    merged = {r.before.lhs: r.before for r in derivative.record.rewrites if r.after is None}
    merged |= _renamed(page, derivative)
    shown = {e.lhs: e for e in page.backward}
    # A line of its own comes in the order computed; in a recurrence each reads the other's next step.
    own = {bar for tensor, bar in derivative.cotangents.items() if tensor not in page.inlined}
    done: set[Tensor] = set(own)
    told: set[Tensor] = set()
    others = own - {derivative.cotangents[output]}
    lines = {bar: e for bar in others if (e := shown.get(bar) or _longer(merged.get(bar))) is not None}
    merged = {bar: e for bar, e in merged.items() if bar not in lines}  # these are written out
    for tensor, bar in derivative.cotangents.items():
        if tensor is output or tensor in page.inlined or bar in told:
            continue
        equation = lines.get(bar)
        if equation is None:
            continue
        for needed in _before(equation, shown, done):
            steps.append(_line(page, needed, derivative))
        steps += _adjoint(page, derivative, equation, merged, lines)
        told.add(bar)
    for equation in page.backward:
        if equation.lhs not in done and equation.lhs not in derivative.cotangents.values():
            steps += [_line(page, e, derivative) for e in _before(equation, shown, done)]
            steps.append(_line(page, equation, derivative))
            done.add(equation.lhs)
    return steps


def _renamed(page: Page, derivative: Derivative) -> dict[Tensor, Equation]:
    """Equations that went because another tensor has the same value: each by that one's name."""
    found = [r.after for r in derivative.record.rewrites if r.after and isinstance(r.after.body, Access)]
    return {e.lhs: e for e in found if e.lhs not in page.program.definitions and not e.reduction}


def _longer(equation: Equation | None) -> Equation | None:
    """An equation that was merged into its users, if it is more than another name of one of them."""
    return None if equation is None or isinstance(equation.body, Access) else equation


def _before(equation: Equation, shown: dict[Tensor, Equation], done: set[Tensor]) -> list[Equation]:
    """What an equation reads of the derivative that has not been shown: helpers, abbreviations."""
    found: list[Equation] = []
    for tensor in equation.reads():
        if tensor in shown and tensor not in done and shown[tensor] is not equation:
            done.add(tensor)
            found += [*_before(shown[tensor], shown, done), shown[tensor]]
    return found


def _line(page: Page, equation: Equation, derivative: Derivative) -> Step:
    paper = equation.lhs in page.abbreviations
    why = Why("softmax") if paper else reason(equation, derivative)
    kind: Kind = "definition" if paper else "adjoint"
    rule, about = told(page, why)
    return Step(rule, left_side(page, equation), right_side(page, equation), kind, about=about)


def told(page: Page, why: Why) -> tuple[str, Node | None]:
    """Return a reason as words and a formula; what has no line of its own is not named."""
    if why.about is None:
        return why.words, None
    if why.about not in page.shown:
        return why.words.removesuffix(" through").removesuffix(" of"), None
    return why.words, whole(page, why.about)


def _adjoint(
    page: Page,
    derivative: Derivative,
    equation: Equation,
    hidden: dict[Tensor, Equation],
    lines: Collection[Tensor],
) -> list[Step]:
    """The lines of one adjoint equation: its terms where there are several, declared facts, the result."""
    tensor, record = equation.lhs.of, derivative.record
    uses = record.uses.get(tensor, ()) if tensor is not None else ()
    rewrites = record.facts.get(tensor, ())
    facts = [r for r in rewrites if r.before.lhs is equation.lhs]
    inside = [r for r in rewrites if r.before.lhs is not equation.lhs]
    last = _line(page, equation, derivative)
    assert last.left is not None
    steps: list[Step] = []
    if len(uses) > 1:
        uncovered = (filled(page.short(use.equation), hidden) for use in uses)
        named = [with_indices(term, equation.indices) for term in uncovered]
        bars = {t for term in named for t in term.reads() if t.role == "cotangent"}
        if all(bar in page.shown or bar in lines for bar in bars if bar.of is not derivative.output):
            steps.append(replace(last, right=added([right_side(page, term) for term in named])))
        last = replace(last, rule="like terms together", about=None) if steps else last
        if inside:
            rule, about = page.fact(inside[0].rule)
            last = replace(last, rule=f"like terms together, {rule}", about=about)
    for fact in facts:
        rule, about = page.fact(fact.rule)
        steps.append(replace(_line(page, fact.before, derivative), left=last.left))
        last = replace(last, rule=rule, about=about)
    if steps and _same_terms(steps[-1].right, last.right):
        return steps
    if steps:
        last = replace(last, left=None)
    return [*steps, last]


def _same_terms(left: Node, right: Node) -> bool:
    if isinstance(left, Terms) and isinstance(right, Terms):
        return set(left.args) == set(right.args)
    return left == right


def filled(equation: Equation, hidden: dict[Tensor, Equation]) -> Equation:
    """Put in the values of cotangents that have no line of their own."""
    while reads := [a for a in equation.body.atoms(Access) if a.tensor in hidden]:
        values = {}
        for access in reads:
            source = hidden[access.tensor]
            values[access] = substitute(source.body, dict(zip(source.indices, access.indices, strict=True)))
        equation = replace(equation, body=rebuilt(equation.body, values))
    return equation


def added(terms: Sequence[Node]) -> Node:
    """Return a sum of terms, positive ones first."""
    flat = [t for term in terms for t in (term.args if isinstance(term, Terms) else (term,))]
    return Terms(tuple(sorted(flat, key=lambda t: isinstance(t, Negative))))


def _matrix_section(page: Page) -> list[Lines]:
    steps: list[Step] = []
    for equation in (*page.forward, *page.backward):
        node = _matrix_form(page, equation)
        if node is not None and (equation.lhs.rank or equation.reduction or equation.lhs is page.output):
            steps.append(Step("", whole(page, equation.lhs), node, "matrix"))
    if not steps:
        return []
    return [Lines("In matrix form", (*_one_hot(page, steps), *steps))]


def _one_hot(page: Page, steps: Sequence[Step], *, told: Sequence[Lines] = ()) -> list[Step]:
    """Define the one-hot arrays that lines speak of, unless sections before did."""
    used = {part.tensor for step in steps for part in walk(step.right) if isinstance(part, Array)}
    known = {e.tensor for s in told for step in s.steps for e in walk(step.right) if isinstance(e, Array)}
    hot = [e for e in page.hot if e.lhs in used - known]
    return [Step("one-hot rows", left_side(page, e), right_side(page, e), "definition") for e in hot]


def _matrix_form(page: Page, equation: Equation) -> Node | None:
    inline, totals = page.inlined, page.totals
    return matrix_form(equation, page.notation, inline=inline, one_hot=page.one_hot, totals=totals)


def whole(page: Page, tensor: Tensor) -> Node:
    """A tensor without indices."""
    return page.notation.array(tensor) if tensor.rank else page.notation.read(tensor.at())


def _result(page: Page, derivative: Derivative, target: Tensor) -> list[Step]:
    gradient = derivative.gradient(target)
    equation = page.definition(gradient)
    steps = [Step("index form", left_side(page, equation), right_side(page, equation), "result", "result")]
    node = _matrix_form(page, equation)
    arrays = node is not None and any(isinstance(part, Array) for part in walk(node))
    if node is not None and (target.rank or arrays):
        steps.append(Step("matrix form", whole(page, gradient), node, "result", "result"))
    hot = page.one_hot if page.hot else None
    closed = None
    if target.rank or arrays:
        closed = closed_form(gradient, notation=page.notation, one_hot=hot, largest=_LONGEST_CLOSED)
    if closed is not None and closed != node:
        steps.append(Step("in the given symbols", whole(page, gradient), closed, "result", "result"))
    return steps
