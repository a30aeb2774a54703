"""The gradient of a network, told in index form and in matrix form.

Enters: a rank-0 tensor and what to differentiate it by. Leaves: a `Derivation`: symbols with shapes, the
forward equations, the adjoint equations in the order computed, each with its reason, and the gradient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import sympy as sp

from symdl.differentiate.adjoint import differentiate
from symdl.differentiate.compact import compact
from symdl.differentiate.record import Derivative
from symdl.errors import ExplainError
from symdl.explain.documents.derivation import Derivation
from symdl.explain.matrix.closed_form import Closed, closed, closed_form
from symdl.explain.matrix.matrix import matrix_form
from symdl.explain.notation.known import explained
from symdl.explain.notation.letters import spelling
from symdl.explain.notation.names import USUAL_LETTERS
from symdl.explain.notation.tree import Array, Compare, Label, Logic, Negative, Node, Power, Symbol, walk
from symdl.explain.sections import Depth, Lines, Step, Table, respelled
from symdl.explain.stories.assumed import symmetric_line, with_assumptions
from symdl.explain.stories.backward import Told, backward, bar_words, not_told, whole
from symdl.explain.stories.blocks import in_order, with_blocks
from symdl.explain.stories.computed import Form, computed_lines, is_rewritten, last_forms
from symdl.explain.stories.contributions import every_step, rewritten
from symdl.explain.stories.equations import Page, left_side, right_side
from symdl.explain.stories.given import element_line, has_helpers, over_what
from symdl.explain.stories.heads import forward_words, matrix_words
from symdl.explain.stories.normalised import normalised_forms
from symdl.explain.stories.page import page_of
from symdl.explain.stories.reasons import is_window
from symdl.explain.stories.small import with_small_numbers
from symdl.explain.stories.softmaxes import share_lines, shares_of, without_logsumexps
from symdl.explain.stories.steps import told_by_steps, with_time
from symdl.explain.stories.units import with_units
from symdl.explain.stories.vanishing import vanishing_forms
from symdl.explain.stories.windows import spread_line
from symdl.express.equations import Equation
from symdl.express.program import Fact, collect
from symdl.express.properties import in_words
from symdl.express.random import RandomUniform
from symdl.express.tensors import Tensor

_SAYS_NOTHING = ("definition", "elementwise", "add", "sub", "mul", "div", "neg", "pow")
_IN_WORDS = {"matmul": "matrix product"}
_LONGEST_CLOSED = 40  # nodes of a formula without intermediates that is shown beside the short one
_LONG = 24  # nodes of a formula from which on a named part makes it easier to read
_LONGEST_WAY_OUT = 90  # the same where the short one speaks of helpers


def derive_tensor(
    f: Tensor,
    wrt: Any,
    *,
    facts: Sequence[Fact] = (),
    depth: Depth = "key",
    named: Mapping[str, Label] | None = None,
    symmetric_gradient: bool = False,
) -> Derivation:
    """Return the derivation of the gradient of `f` by `wrt`; see `symdl.explain.derive.derive`."""
    targets = found_in(f, wrt)
    computed = derivative = readable(differentiate(f, targets, facts=facts))
    if is_rewritten(computed):  # what is told goes along every name; what is computed comes after it
        derivative = readable(differentiate(f, targets, facts=facts, apart=True))
    short = compact(derivative)
    page = page_of(derivative, named)
    steps = told_by_steps(page, derivative)
    page.forward = in_order(page.forward)
    shares = shares_of(page, derivative)
    without_logsumexps(page, shares, derivative)
    bare = page.without({share.total.lhs for share in shares.values()})
    end = page if short is derivative else page_of(short, named)
    new = short.record.rewrites[len(derivative.record.rewrites) :]
    last = vanishing_forms(page) | normalised_forms(page, derivative, shares)
    last |= last_forms(page, derivative, computed)
    told = Told(page, derivative, shares, last, steps)
    loss = page.notation.read(f.at())
    forward = forward_lines(page)
    matrices = _matrix_section(told)
    result: list[Step] = []
    for target in targets:
        result += _result(end, short, target, told, computed)
        if symmetric_gradient:
            result.append(symmetric_line(loss, whole(page, target), target, result[-1]))
    sections = (
        symbols(page),
        Lines("Forward", tuple(forward), words=forward_words(forward, steps)),
        Lines("Backward", not_told(backward(told), forward), words=bar_words(page, steps)),
        every_step(bare, derivative),
        *matrices,
        *computed_lines(page, computed, shares),
        *((Lines("Compact form", tuple(rewritten(end, new)), level="all"),) if new else ()),
        Lines("Result", (*one_hot_lines(end, result, told=matrices), *result), level="result"),
    )
    kept = [s for s in sections if isinstance(s, Table) or s.level == "all" or s.steps]
    shown = with_assumptions(kept)
    title = ("Gradient of ", loss, " with respect to ", *listed([whole(page, t) for t in targets]))
    shown = respelled(shown, spelling(page.letters))
    gradients = tuple(map(computed.gradient, targets))
    gradient = gradients if isinstance(wrt, list | tuple) else gradients[0]
    return Derivation(title, shown, gradient, depth, page.program, network=f)


def readable(derivative: Derivative) -> Derivative:
    """Return a derivative with the names and signs of a lecture: t for time, δ and ε, named gates."""
    return with_small_numbers(with_blocks(with_units(with_time(derivative))))


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
_SPELLED = {"rstd": "1/standard deviation"}
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
        kind += f" ({in_words(tensor.properties)})" if tensor.properties else ""
        owner, _, word = str(tensor.name).rpartition(".")
        if owner and word in USUAL_LETTERS and word not in ("mean", "unit"):
            kind += f" ({tensor.name if tensor.role == 'parameter' else _SPELLED.get(word, word)})"
        if tensor.value is not None and tensor.rank == 1 and tensor.value.size <= _SHOWN:
            kind += f" = ({', '.join(f'{value:g}' for value in tensor.value)})"
        group = groups[meaning]
        group += [", "] if group else []
        group += [name, ": ", page.shape(tensor), kind]
    rows = tuple((meaning, tuple(group)) for meaning, group in groups.items() if group)
    special = (e for e in (*page.forward, *page.backward) if e.body.has(sp.erf, RandomUniform))
    more = explained(right_side(page, e) for e in special)
    return Table("Symbols and their shapes", (), (*rows, *more))


def forward_lines(page: Page) -> list[Step]:
    steps: list[Step] = []
    for equation in page.forward:
        rule = equation.origin.rule.removesuffix(" rule")
        rule = "" if rule in _SAYS_NOTHING else _IN_WORDS.get(rule, rule)
        if rule == "bias":
            sums = [equation, *(page.inlined[t] for t in equation.reads() if t in page.inlined)]
            rule = "convolution" if any(map(is_window, sums)) else "affine"
        if equation.lhs.role == "cotangent":
            rule = f"derivative, {rule}" if rule not in ("", "part") else "derivative"
        if equation.reduction and equation.reduction.op == "logsumexp":
            rule = "logsumexp"
        steps.append(Step(rule, left_side(page, equation), right_side(page, equation), "definition"))
    return steps


def _matrix_section(story: Told) -> list[Lines]:
    steps: list[Step] = []
    page = story.page
    for equation in (*page.forward, *page.backward):
        node = _matrix_form(page, equation)
        if node is not None and (equation.lhs.rank or equation.reduction or equation.lhs is page.output):
            steps.append(Step("", whole(page, equation.lhs), node, "matrix"))
            form = story.last.get(equation.lhs)
            last = None if form is None else _matrix_form(page, form.equation, form.inside)
            if last is not None and last != node:
                steps.append(Step("", None, last, "matrix"))
    if not steps:
        return []
    return [Lines("In matrix form", (*one_hot_lines(page, steps), *steps), words=matrix_words(steps))]


def one_hot_lines(page: Page, steps: Sequence[Step], *, told: Sequence[Lines] = ()) -> list[Step]:
    """Return definitions of the one-hot arrays that lines speak of, unless sections before did."""
    used = {part.tensor for step in steps for part in walk(step.right) if isinstance(part, Array)}
    known = {e.tensor for s in told for step in s.steps for e in walk(step.right) if isinstance(e, Array)}
    hot = [e for e in page.hot if e.lhs in used - known]
    return [Step("one-hot rows", left_side(page, e), right_side(page, e), "definition") for e in hot]


def _matrix_form(
    page: Page, equation: Equation, inside: Mapping[Tensor, Equation] | None = None
) -> Node | None:
    inline, totals = page.inlined | dict(inside or {}), page.totals
    return matrix_form(equation, page.notation, inline=inline, one_hot=page.one_hot, totals=totals)


def _result(
    page: Page, derivative: Derivative, target: Tensor, story: Told, computed: Derivative
) -> list[Step]:
    gradient = derivative.gradient(target)
    form = story.last.get(gradient) or Form(page.definition(gradient), {})
    equation, share = form.equation, story.shares.get(target) if gradient not in story.last else None
    shown = share_lines(page, share, equation, derivative)[-1].right if share else form.node(page)
    if (spread := spread_line(page, derivative, equation)) is not None:
        return [replace(spread, rule="index form, for", kind="result", level="result")]
    steps = [Step("index form", left_side(page, equation), shown, "result", "result")]
    node = _matrix_form(page, equation, form.inside)
    arrays = any(isinstance(part, Array) for part in walk(node)) if node else bool(equation.reduction)
    arrays = arrays or any(t.equation is not None and not t.name for t in equation.reads())
    if node is not None and (target.rank or arrays):
        steps.append(Step("matrix form", whole(page, gradient), node, "result", "result"))
    found = _without_intermediates(page, target, gradient, computed) if target.rank or arrays else None
    if found is not None and found.node != node and not _says_no_more(page, node, found):
        about = tuple(Compare("=", known.left, known.right) for known in found.used)
        rule = over_what(page, found.node) + ("; declared:" if about else "")
        named = about[0] if len(about) == 1 else Logic("and", about) if about else None
        steps.append(Step(rule, whole(page, gradient), found.node, "result", "result", about=named))
    if not story.steps.axes and has_helpers(page, steps[-1].right):
        steps += _way_out(page, computed, target)
    return steps


def _without_intermediates(
    page: Page, target: Tensor, gradient: Tensor, computed: Derivative
) -> Closed | None:
    """Return a gradient as one formula: as it is computed, or as it is told where that is half as long.

    A logarithm of a softmax is long where it is computed by logsumexp.
    """
    forms: list[Closed] = []
    for one in dict.fromkeys((computed.gradient(target), gradient)):
        form = closed(
            one,
            notation=page.notation,
            one_hot=page.one_hot if page.hot else None,
            largest=_LONGEST_CLOSED,
            facts=computed.program.facts,
        )
        forms += [form] if form is not None else []
    if len(forms) == 2 and 2 * _length(forms[1].node) <= _length(forms[0].node):
        return forms[1]
    return forms[0] if forms else None


def _says_no_more(page: Page, node: Node | None, found: Closed) -> bool:
    """Say whether a formula without intermediates is longer than a line that has none either.

    A line with the function itself, or with what the user has named, is the better one where writing these
    out makes a long line twice as long.
    """
    if node is None or found.used or has_helpers(page, node):
        return False
    loss = any(isinstance(part, Symbol) and part.expr == page.output.at() for part in walk(node))
    named = loss or over_what(page, node) != over_what(page, found.node)
    if named:
        return _length(found.node) > max(2 * _length(node), _LONG)
    return _length(node) < _length(found.node) and not any(map(_is_below, walk(node)))


def _is_below(part: Node) -> bool:
    """Say whether a part is a negative power, which the other formula writes below a fraction bar."""
    return isinstance(part, Power) and isinstance(part.exponent, Negative)


def _length(node: Node) -> int:
    return sum(1 for _ in walk(node))


def _way_out(page: Page, derivative: Derivative, target: Tensor) -> list[Step]:
    """Return a longer line over what is given, where all shorter ones speak of helpers."""
    gradient, paper = derivative.gradient(target), page.abbreviations
    table = page.program.definitions
    if gradient not in table:
        return []
    hot, notation = page.one_hot if page.hot else None, page.notation
    node = closed_form(
        gradient, notation=notation, one_hot=hot, keep=paper, definitions=table, largest=_LONGEST_CLOSED
    )
    node = node or closed_form(gradient, notation=notation, one_hot=hot, largest=_LONGEST_WAY_OUT)
    if node is not None and not has_helpers(page, node):
        return [Step(over_what(page, node), whole(page, gradient), node, "result", "result")]
    line = element_line(page, table, gradient)
    return [line] if line is not None else []
