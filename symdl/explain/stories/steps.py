"""Recurrences as a lecturer writes them: a letter for time, the step before, no conditions for the ends.

Enters: a derivative, a page. Leaves: the derivative with the index of time called t; the page with the
previous step written ``h[t - 1]``, what comes from the next step put into the line that adds it, and sums of
blocks, one for each gate, as cases. What lies before the first step and after the last is 0, as is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import sympy as sp

from symdl.differentiate.record import Derivative
from symdl.explain.notation.conditions import condition
from symdl.explain.notation.tree import Cases, Compare, Item, Node, mapped, number
from symdl.explain.sections import Words
from symdl.explain.stories.equations import Page, inliner, right_side
from symdl.explain.stories.gates import by_gates
from symdl.express.dims import Index
from symdl.express.equations import Equal, Equation, InRange, map_guard
from symdl.express.tensors import Access, Tensor, substitute

TIME, OTHER = Index("t"), Index("s")
_FROM_LAST = "the last step, then from the next one"
_PASSES = 8  # in which axes of time are found along a chain of equations


@dataclass(frozen=True, slots=True)
class Steps:
    """What a page says of its recurrences.

    Attributes:
        axes: of every tensor with an axis of time, which it is.
        starts: the states that are 0 before the first step, each at that place.
        rules: why lines are what they are that are not written as they are computed.
        gates: of what is written block by block, the blocks, in order.
    """

    axes: Mapping[Tensor, int] = field(default_factory=dict)
    starts: tuple[Item, ...] = ()
    rules: Mapping[Tensor, str] = field(default_factory=dict)
    gates: Mapping[Tensor, tuple[Equation, ...]] = field(default_factory=dict)


def time_axes(equations: Iterable[Equation]) -> dict[Tensor, int]:
    """Return the axis of time of every tensor that is computed step by step, or from one that is."""
    every = list(equations)
    axes: dict[Tensor, int] = {}
    for equation in every:
        body = equation.body
        if equation.origin.rule != "previous step" or not isinstance(body, Access):
            continue
        if body.tensor.rank != equation.lhs.rank:  # a given start, which has no steps
            continue
        for axis, (index, place) in enumerate(zip(equation.indices, body.indices, strict=True)):
            if place != index:
                axes |= {body.tensor: axis, equation.lhs: axis}
    for _ in range(_PASSES if axes else 0):
        before = len(axes)
        for equation in every:
            _pass_on(equation, axes)
        if len(axes) == before:
            break
    return axes


def _pass_on(equation: Equation, axes: dict[Tensor, int]) -> None:
    if equation.lhs not in axes and equation.lhs.of in axes:
        axes[equation.lhs] = axes[equation.lhs.of]
    names = _times(equation, axes)
    if len(names) != 1:
        return
    (t,) = names
    if t in equation.indices:
        axes.setdefault(equation.lhs, equation.indices.index(t))
    for access in equation.body.atoms(Access):
        for axis, place in enumerate(access.indices):
            if t in place.free_symbols and _is_shift(place, t):
                axes.setdefault(access.tensor, axis)


def _is_shift(place: sp.Expr, index: Index) -> bool:
    return bool((place - index).is_number) or not (place - index).free_symbols & {index}


def _times(equation: Equation, axes: Mapping[Tensor, int]) -> list[Index]:
    """The index variables that run along time."""
    found: dict[Index, None] = {}
    if equation.lhs in axes and axes[equation.lhs] < len(equation.indices):
        found[equation.indices[axes[equation.lhs]]] = None
    for access in sorted(equation.body.atoms(Access), key=lambda a: a.order):
        if access.tensor in axes:
            place = access.indices[axes[access.tensor]]
            found |= dict.fromkeys(i for i in place.free_symbols if isinstance(i, Index))
    return [i for i in found if i in equation.extents]


def with_time(derivative: Derivative) -> Derivative:
    """Return the derivative with the index of time called t in every equation that is shown."""
    record = derivative.record
    vias = [use.via for use in record.contributions]
    axes = time_axes([*derivative.program.equations, *vias])
    if not axes:
        return derivative

    def names(equation: Equation) -> dict[Index, Index]:
        wish = dict(zip(_times(equation, axes), (TIME, OTHER), strict=False))
        moved = {new: old for old, new in wish.items() if new in equation.extents and new not in wish}
        return {old: new for old, new in (wish | moved).items() if old != new}

    def timed(equation: Equation) -> Equation:
        change = names(equation)
        return equation.rename(change) if change else equation

    uses = []
    for use in record.contributions:
        change = dict(names(use.via))
        local, weight = (substitute(e, dict(change)) for e in (use.local, use.weight))
        limits = tuple(map_guard(g, lambda e, c=change: substitute(e, dict(c))) for g in use.limits)  # type: ignore[misc]
        uses.append(
            replace(
                use,
                via=use.via.rename(change),
                access=substitute(use.access, dict(change)),
                local=local,
                weight=weight,
                equation=timed(use.equation),
                limits=limits,
            )
        )
    rewrites = [replace(r, before=timed(r.before), after=r.after and timed(r.after)) for r in record.rewrites]
    program = derivative.program.with_equations(map(timed, derivative.program.equations))
    return replace(
        derivative,
        program=program,
        record=replace(record, contributions=tuple(uses), rewrites=tuple(rewrites)),
    )


def told_by_steps(page: Page, derivative: Derivative) -> Steps:
    """Take the conditions for the first and the last step off a page; return what it has to say instead."""
    axes = time_axes(page.program.equations)
    if not axes:
        return Steps()
    previous = {e.lhs: e for e in page.program.equations if _is_previous(e, axes)}
    starts: dict[Tensor, Item] = {}
    for tensor, equation in previous.items():
        if tensor.name or tensor is page.output or tensor in derivative.wrt:
            continue
        assert isinstance(equation.body, Access)
        _write_inside(page, equation, _edge(page, equation))
        starts[tensor] = _start(page, equation, axes)
    for equation in page.forward:
        cases = _from_outside(page, equation, axes)
        if cases is not None:  # from a given start
            page.written[equation.lhs] = cases
            starts = {t: item for t, item in starts.items() if t not in equation.reads()}
    merged = {e.lhs for e in page.forward if _one_letter(page, derivative, e, axes)}
    inside = {derivative.cotangents[t] for t in merged if t in derivative.cotangents}
    for equation in page.program.equations:
        if _is_next(equation, axes) and equation.lhs not in derivative.wrt:
            _from_the_next(
                page, equation, axes, alone=equation.lhs.role == "cotangent" and equation.lhs not in inside
            )
    rules: dict[Tensor, str] = {}
    gates: dict[Tensor, tuple[Equation, ...]] = {}
    for equation in page.backward:
        if (blocks := by_gates(page, equation)) is not None:
            page.written[equation.lhs], gates[equation.lhs] = blocks
            rules[equation.lhs] = "the gates side by side"
        elif (cases := _from_outside(page, equation, axes)) is not None:
            page.written[equation.lhs], rules[equation.lhs] = cases, _FROM_LAST
    page.forward = tuple(e for e in page.forward if e.lhs not in page.inlined and e.lhs not in merged)
    page.backward = tuple(e for e in page.backward if e.lhs not in page.inlined)
    page.shown = frozenset(page.tensors)
    return Steps(axes, tuple(starts.values()), rules, gates)


def _is_previous(equation: Equation, axes: Mapping[Tensor, int]) -> bool:
    return equation.origin.rule == "previous step" and _is_edge(equation, axes)


def _is_next(equation: Equation, axes: Mapping[Tensor, int]) -> bool:
    """Say whether an equation is what a step hands back to the one before it, where there is one."""
    return equation.lhs.of is not None and _is_edge(equation, axes)


def _is_edge(equation: Equation, axes: Mapping[Tensor, int]) -> bool:
    """Say whether an equation is an element one step away, where there is such a step."""
    body = equation.body
    if equation.reduction is not None or not isinstance(body, Access) or body.tensor not in axes:
        return False
    axis = axes[body.tensor]
    place, size = body.indices[axis], body.tensor.shape[axis]
    return equation.guards == (InRange(place, size),)


def crosses(equation: Equation, axes: Mapping[Tensor, int]) -> bool:
    """Say whether a term reads another step under the condition that there is one."""
    shifted = (a for a in equation.body.atoms(Access) if a.tensor in axes or a.tensor.of in axes)
    return bool(equation.guards) and any(
        not isinstance(a.indices[axes.get(a.tensor, axes.get(a.tensor.of, 0))], Index) for a in shifted
    )


def start_words(steps: Steps) -> Words:
    """Return the sentence that says where a recurrence starts."""
    if not steps.starts:
        return ()
    parts: list[str | Node] = ["Before the first step there is 0: "]
    for item in steps.starts:
        parts += [", "] if len(parts) > 1 else []
        parts.append(Compare("=", item, number(0)))
    return (*parts, ".")


def _start(page: Page, equation: Equation, axes: Mapping[Tensor, int]) -> Item:
    """The state before the first step."""
    body = equation.body
    assert isinstance(body, Access)
    axis = axes[body.tensor]
    forwards = (body.indices[axis] - equation.indices[axis]).is_negative
    place = page.notation.read(
        sp.Integer(-1) if forwards else sp.sympify(body.tensor.shape[axis], strict=True)
    )
    where = [page.notation.place(i) for i in equation.indices]
    return Item(
        page.notation.label(body.tensor), body.tensor, (*where[:axis], place, *where[axis + 1 :]), True
    )


Writer = Callable[[tuple[sp.Expr, ...]], Node]


def _edge(page: Page, equation: Equation) -> Writer:
    """Write an element one step away, which is 0 where there is no such step."""
    plain = replace(equation, guards=())

    def write(where: tuple[sp.Expr, ...]) -> Node:
        change = dict(zip(plain.indices, where, strict=True))
        node = page.notation.read(substitute(plain.body, dict(change)))
        return replace(node, outside=True) if isinstance(node, Item) else node

    return write


def _write_inside(page: Page, equation: Equation, writer: Writer) -> None:
    page.inlined[equation.lhs] = equation
    page.notation = replace(page.notation, inline={**page.notation.inline, equation.lhs: writer})


def _from_the_next(page: Page, equation: Equation, axes: Mapping[Tensor, int], *, alone: bool) -> None:
    """Write what comes from the next step where it is added, or `alone` on a line of its own."""
    body = equation.body
    assert isinstance(body, Access)
    handed = page.program.definitions.get(body.tensor)
    readers = [e for e in page.program.equations if body.tensor in e.reads()]
    short = handed is not None and not handed.guards and len(sp.Add.make_args(handed.body)) <= 2
    if handed is not None and short and len(readers) == 1 and not body.tensor.name:
        write = inliner(page, handed)
        axis = axes[body.tensor]

        def outside(where: tuple[sp.Expr, ...]) -> Node:
            change = dict(zip(equation.indices, where, strict=True))
            place = page.notation.read(substitute(body.indices[axis], dict(change)))
            node = write(tuple(substitute(e, dict(change)) for e in body.indices))
            return mapped(node, lambda part: _at_the_edge(part, place))

        _write_inside(page, handed, write)
        writer: Writer = outside
    else:
        writer = _edge(page, equation)
    if alone:
        page.written[equation.lhs] = writer(equation.indices)
    else:
        _write_inside(page, equation, writer)


def _at_the_edge(part: Node, place: Node) -> Node | None:
    return replace(part, outside=True) if isinstance(part, Item) and place in part.indices else None


def _from_outside(page: Page, equation: Equation, axes: Mapping[Tensor, int]) -> Node | None:
    """Return what one step gets from outside, and what any other gets from its neighbour, as cases.

    The last step gets something from the loss, the first one a given start.
    """
    if equation.lhs not in axes or equation.reduction is not None or equation.guards:
        return None
    t = equation.indices[axes[equation.lhs]]
    last: Node | None = None
    rest: list[sp.Expr] = []
    for term in sp.Add.make_args(equation.body):
        source = page.inlined.get(term.tensor) if isinstance(term, Access) else None
        if source is None:
            return None
        if len(source.guards) == 1 and isinstance(source.guards[0], Equal) and last is None:
            own = source.rename(dict(zip(source.indices, equation.indices, strict=True)))
            when = condition(page.notation, own.guards[0], own.extents)
            if not isinstance(when, Compare) or when.left != page.notation.symbol(t):
                return None
            last = right_side(page, replace(own, guards=()))
        elif _is_edge(source, axes):
            rest.append(term)
        else:
            return None
    if last is None or not rest:
        return None
    return Cases(((last, when), (page.notation.read(sp.Add(*rest)), None)))


def _one_letter(page: Page, derivative: Derivative, equation: Equation, axes: Mapping[Tensor, int]) -> bool:
    """Call a state and the unnamed value that it is by one name; say whether its own line says nothing new.

    Then its cotangent is no more than what comes from the next step, which is written where it is added.
    """
    body, state, bars = equation.body, equation.lhs, derivative.cotangents
    if equation.origin.rule != "recurrence" or not isinstance(body, Access) or equation.reduction:
        return False
    value, bar = body.tensor, bars.get(state)
    handed = page.program.definitions.get(bar) if bar is not None else None
    if body.indices != equation.indices or value.name or value not in page.shown or state in derivative.wrt:
        return False
    if value not in bars or handed is None or not _is_next(handed, axes):
        return False
    labels, free = page.labels, page.letters
    for tensor in (value, bars[value]):
        free.release(labels[tensor])
    labels[value], labels[bars[value]] = labels[state], labels[handed.lhs]
    labels[handed.lhs] = free.free(replace(labels[handed.lhs], sub=(*labels[handed.lhs].sub, "next")))
    return True


def in_order(page: Page, equations: Mapping[Tensor, Equation], axes: Mapping[Tensor, int]) -> list[Tensor]:
    """Return cotangents in an order in which one step can be computed, whatever comes from other steps."""
    done: dict[Tensor, None] = {}
    open_: set[Tensor] = set()

    def visit(first: Tensor) -> None:
        stack = [(first, iter(_same_step(page, equations[first], axes)))]
        open_.add(first)
        while stack:
            tensor, rest = stack[-1]
            following = next((t for t in rest if t in equations and t not in done and t not in open_), None)
            if following is None:
                stack.pop()
                done[tensor] = None
            else:
                open_.add(following)
                stack.append((following, iter(_same_step(page, equations[following], axes))))

    for tensor in equations:
        if tensor not in done:
            visit(tensor)
    return list(done)


def _same_step(page: Page, equation: Equation, axes: Mapping[Tensor, int]) -> list[Tensor]:
    """What an equation reads of its own step."""
    found: list[Tensor] = []
    waiting = [equation]
    while waiting:
        current = waiting.pop()
        for access in sorted(current.body.atoms(Access), key=lambda a: a.order):
            axis = axes.get(access.tensor)
            if axis is not None and not isinstance(access.indices[axis], Index):
                continue
            inner = page.inlined.get(access.tensor)
            if inner is not None and inner is not current:
                waiting.append(inner)
            elif inner is None:
                found.append(access.tensor)
    return found
