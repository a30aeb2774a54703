"""The backward section: the adjoint equations in the order computed, each with its reason.

Enters: a page, the derivative that it tells, and what is computed in another form. Leaves: the lines.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from symdl.differentiate.record import Derivative
from symdl.differentiate.solve import with_indices
from symdl.explain.notation.tree import Compare, Item, Logic, Negative, Node, Partial, Terms, number
from symdl.explain.sections import Kind, Step
from symdl.explain.stories.computed import Form
from symdl.explain.stories.equations import Page, left_side, right_side
from symdl.explain.stories.reasons import Why, reason
from symdl.explain.stories.softmaxes import Share, share_lines
from symdl.explain.stories.steps import Steps, crosses, in_order
from symdl.explain.stories.vanishing import zero_sum
from symdl.explain.stories.windows import spread_line
from symdl.express.equations import Equation
from symdl.express.relations import rebuilt
from symdl.express.tensors import Access, Tensor, substitute


@dataclass(frozen=True, slots=True)
class Told:
    """What the section tells: a derivative on a page.

    Attributes:
        page: the equations and their names.
        derivative: along every name, as a textbook goes.
        shares: softmaxes, by the tensor that each is the softmax of.
        last: of cotangents that kernels compute in another form, that form.
        steps: what the page says of its recurrences.
    """

    page: Page
    derivative: Derivative
    shares: Mapping[Tensor, Share] = field(default_factory=dict)
    last: Mapping[Tensor, Form] = field(default_factory=dict)
    steps: Steps = field(default_factory=Steps)


def not_told(steps: Sequence[Step], before: Sequence[Step]) -> tuple[Step, ...]:
    """Leave out definitions that stand on an earlier line: of a softmax that the user has named."""
    told = {(step.left.label, step.right) for step in before if isinstance(step.left, Item)}
    return tuple(s for s in steps if not (isinstance(s.left, Item) and (s.left.label, s.right) in told))


def bar_words(page: Page, steps: Steps) -> tuple[str | Node, ...]:
    """Return the sentences that say what a bar is, and how the lines of a recurrence are read."""
    loss = page.notation.read(page.output.at())
    words: tuple[str | Node, ...] = (
        "A bar is the derivative of ",
        loss,
        " with respect to what is under it, and has its shape",
    )
    if any(equation.lhs.role == "cotangent" for equation in page.forward):
        words = (*words, "; the bars above are of derivatives that ", loss, " is made of")
    if steps.axes:
        return (
            *words,
            ". The lines are computed for the last step first, then back step by step; past the last step "
            "every bar is 0.",
        )
    return (*words, ".")


def backward(story: Told) -> list[Step]:
    """Return the lines of the backward section."""
    page, derivative = story.page, story.derivative
    output = derivative.output
    seed = derivative.cotangents[output]
    steps = [Step("where we start", whole(page, seed), number(1), "adjoint")]
    merged = {r.before.lhs: r.before for r in derivative.record.rewrites if r.after is None}
    merged |= _renamed(page, derivative)
    shown = {e.lhs: e for e in page.backward}
    # A line of its own comes in the order computed; in a recurrence each reads the other's next step.
    bars = derivative.cotangents
    own = {bar: tensor for tensor, bar in bars.items() if bar in shown or tensor not in page.inlined}
    done: set[Tensor] = set(own)
    others = [bar for bar in own if bar is not bars[output] and bar not in page.inlined]
    read = {bars[s.equation.lhs] for s in story.shares.values()}  # by the lines of the softmaxes
    lines = {bar: e for bar in others if (e := shown.get(bar) or _said(page, merged.get(bar), read))}
    merged = {bar: e for bar, e in merged.items() if bar not in lines}  # these are written out
    for bar in in_order(page, lines, story.steps.axes) if story.steps.axes else lines:
        equation = lines[bar]
        for needed in _before(page, equation, shown, done):
            steps.append(_line(page, needed, derivative))
        steps += _with_last(story, equation, _told_lines(story, own[bar], equation, merged, lines))
    for equation in page.backward:
        if equation.lhs not in done and equation.lhs not in derivative.cotangents.values():
            steps += [_line(page, e, derivative) for e in _before(page, equation, shown, done)]
            steps.append(_line(page, equation, derivative))
            done.add(equation.lhs)
    return steps


def _told_lines(
    story: Told,
    tensor: Tensor,
    equation: Equation,
    hidden: dict[Tensor, Equation],
    lines: Mapping[Tensor, Equation],
) -> list[Step]:
    share, page = story.shares.get(tensor), story.page
    if share is not None:
        return share_lines(page, share, equation, story.derivative)
    uses = story.derivative.record.uses.get(tensor, ())
    if equation.lhs in page.written or any(crosses(use.equation, story.steps.axes) for use in uses):
        last = _line(page, equation, story.derivative)
        rule = story.steps.rules.get(equation.lhs)
        gates = [_gate_line(page, gate) for gate in story.steps.gates.get(equation.lhs, ())]
        return [*gates, last if rule is None else replace(last, rule=rule, about=None)]
    spread = spread_line(page, story.derivative, equation)
    return [spread] if spread is not None else _adjoint(page, story.derivative, equation, hidden, lines)


def _gate_line(page: Page, gate: Equation) -> Step:
    through = [t.of for t in gate.reads() if t.role == "cotangent" and t.of in page.shown]
    about = whole(page, through[0]) if through and through[0] is not None else None
    rule = "chain rule through" if about is not None else "chain rule"
    return Step(rule, left_side(page, gate), right_side(page, gate), "adjoint", about=about)


def _with_last(story: Told, equation: Equation, steps: list[Step]) -> list[Step]:
    """Add the form that kernels compute, after the derivative of the step before it and with it put in."""
    form = story.last.get(equation.lhs)
    if form is None:
        return steps
    page, tensor = story.page, equation.lhs.of
    last = form.node(page)
    if form.zeros:
        return [*steps, Step("with", None, last, "adjoint", about=zeros_named(page, form.zeros))]
    uses = story.derivative.record.uses.get(tensor, ()) if tensor is not None else ()
    bars = [t for t in equation.reads() if t.role == "cotangent" and t in page.shown]
    if tensor not in story.shares and len(uses) == 1 and not uses[0].via.reduction and len(bars) == 1:
        (use,) = uses
        weight = page.notation.read(use.weight)
        above, below = page.notation.read(use.via.target), left_side(page, replace(equation, lhs=use.tensor))
        why = steps[0].rule.replace("chain rule through", "derivative of")
        slope = Step(why, Partial(above, below, weight), weight, "definition", about=steps[0].about)
        steps = [slope, *steps]
    about = whole(page, bars[0]) if len(bars) == 1 else None
    rule = "terms cancel after putting in" if about is not None else "terms cancel"
    return [*steps, Step(rule, None, last, "adjoint", about=about)]


def zeros_named(page: Page, zeros: Sequence[Equation]) -> Node:
    """Return ``sum (z - mu) = 0``, for what is 0 in a line."""
    sides = dict.fromkeys(right_side(page, zero_sum(zero)) for zero in zeros)
    facts = tuple(Compare("=", side, number(0)) for side in sides)
    return facts[0] if len(facts) == 1 else Logic("and", facts)


def _renamed(page: Page, derivative: Derivative) -> dict[Tensor, Equation]:
    """Equations that went because another tensor has the same value: each by that one's name."""
    found = [r.after for r in derivative.record.rewrites if r.after and isinstance(r.after.body, Access)]
    return {e.lhs: e for e in found if e.lhs not in page.program.definitions and not e.reduction}


def _said(page: Page, equation: Equation | None, read: Collection[Tensor]) -> Equation | None:
    """An equation that was merged into its users, if it says something: it is more than another name.

    Of an intermediate that the user has named it is said even so, ``r_bar = r``, and of what lines `read`.
    """
    if equation is None or not isinstance(equation.body, Access) or equation.lhs in read:
        return equation
    of = equation.lhs.of
    known = of is not None and bool(of.name) and "." not in str(of.name) and of in page.shown
    return equation if known and of in page.program.definitions else None


def _before(
    page: Page, equation: Equation, shown: dict[Tensor, Equation], done: set[Tensor]
) -> list[Equation]:
    """What an equation reads of the derivative that has not been shown: helpers, abbreviations.

    What is written inside it is read by it, too.
    """
    found: list[Equation] = []
    for tensor in equation.reads():
        inner = page.inlined.get(tensor)
        if inner is not None and inner is not equation:
            found += _before(page, inner, shown, done)
        elif tensor in shown and tensor not in done and shown[tensor] is not equation:
            done.add(tensor)
            found += [*_before(page, shown[tensor], shown, done), shown[tensor]]
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
    if steps and same_terms(steps[-1].right, last.right):
        return steps
    if steps:
        last = replace(last, left=None)
    return [*steps, last]


def same_terms(left: Node, right: Node) -> bool:
    """Say whether two formulas are equal, or sums of equal terms."""
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


def whole(page: Page, tensor: Tensor) -> Node:
    """A tensor without indices."""
    return page.notation.array(tensor) if tensor.rank else page.notation.read(tensor.at())
