"""Which equations of a derivative have no line of their own.

Enters: the equations of a derivative. Leaves: unnamed sums and guarded terms that one equation reads, once;
softmaxes that exist on paper only; places on axes of size 1 named by an index.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

import sympy as sp

from symdl.express.dims import Index
from symdl.express.equations import Equation, Origin, guard_terms, map_guard
from symdl.express.program import Program
from symdl.express.tensors import Access, Tensor, map_accesses, substitute


def is_backward(tensor: Tensor) -> bool:
    if tensor.role == "cotangent":
        return True
    return tensor.of is not None and tensor.role in ("index", "intermediate")


def reached(program: Program, output: Tensor) -> set[Tensor]:
    """Return everything that `output` is computed from, and itself."""
    found: set[Tensor] = set()
    waiting = [output]
    while waiting:
        tensor = waiting.pop()
        if tensor not in found:
            found.add(tensor)
            equation = program.definitions.get(tensor)
            waiting += equation.reads() if equation is not None else ()
    return found


def known_softmaxes(
    equations: Iterable[Equation], totals: Mapping[Tensor, Equation]
) -> dict[Tensor, Equation]:
    """Return the equations of softmaxes that are computed, by the logsumexp that they read."""
    known: dict[Tensor, Equation] = {}
    for equation in equations:
        plain = equation.reduction is None and not equation.guards and isinstance(equation.body, sp.exp)
        found = softmax_argument(equation.body, totals) if plain else None
        if found is not None and not is_backward(equation.lhs) and set(found[1]) == set(equation.indices):
            known.setdefault(found[2].tensor, equation)
    return known


def softmax_of(
    node: sp.exp, totals: Mapping[Tensor, Equation], known: dict[Tensor, Equation], *, new: bool
) -> sp.Expr | None:
    """Return the access to P if the node is ``exp(z - logsumexp(z))``; name it if it is `new`.

    SymPy writes ``exp(log(w) - d - l)`` as ``w exp(-d - l)``: then the node is P divided by w.
    """
    found = softmax_argument(node, totals, weighted=True)
    if found is None or len(set(found[1])) != len(found[2].indices) + 1:
        return None
    high, where, low = found
    weight = sp.exp(sp.expand(node.args[0] + low - high))
    if low.tensor not in known and new:
        total = totals[low.tensor]
        assert total.reduction is not None
        (bound, size) = total.reduction.axes[0]
        names, tensor = (*total.indices, bound), Tensor(None, (*total.lhs.shape, size))
        body = sp.exp(total.body - total.target)
        known[low.tensor] = Equation(tensor, names, body, origin=Origin("softmax"))
    if low.tensor not in known:
        return None
    paper = known[low.tensor]
    (own,) = [a for a in paper.body.atoms(Access) if a.tensor is low.tensor]
    places = dict(zip(own.indices, low.indices, strict=True))
    return paper.lhs.at(*(places.get(index, where[-1]) for index in paper.indices)) * weight


def softmax_argument(
    node: sp.exp, totals: Mapping[Tensor, Equation], *, weighted: bool = False
) -> tuple[sp.Expr, tuple[Index, ...], Access] | None:
    """Return `z`, its indices, the summed one last, and `l`, if the node is ``exp(z - l)``.

    With `weighted` also if it is ``exp(z - l)/w`` where ``log(w)`` is a term of z.
    """
    for low in node.args[0].atoms(Access):
        total = totals.get(low.tensor)
        high = sp.expand(node.args[0] + low)
        if total is None or total.reduction is None or total.reduction.op != "logsumexp" or total.guards:
            continue
        spread = [s for s in high.free_symbols if isinstance(s, Index) and s not in low.indices]
        if len(total.bound) != 1 or len(spread) != 1 or high.has(low):
            continue
        own = {**dict(zip(total.indices, low.indices, strict=True)), total.bound[0]: spread[0]}
        whole = substitute(total.body, dict(own))
        rest = sp.expand(whole - high)
        if rest == 0 or (weighted and all(isinstance(t, sp.log) for t in sp.Add.make_args(rest))):
            return (
                high if rest == 0 else whole,
                (*(i for i in low.indices if isinstance(i, Index)), spread[0]),
                low,
            )
    return None


def single_uses(program: Program) -> dict[Tensor, Equation]:
    """Unnamed sums, and terms under guards, that one equation reads, once: they are written inside it."""
    uses = Counter(a.tensor for e in program.equations for a in e.accesses())
    for equation in program.equations:
        for guard in equation.guards:
            uses.update(a.tensor for term in guard_terms(guard) for a in term.atoms(Access))
    barred = {e.lhs.of for e in program.equations if e.lhs.role == "cotangent"}
    # Views of integers stay apart: a sum inside one could run over an index that is on the left.
    views = [e for e in program.equations if isinstance(e.body, Access) and not e.reduction]
    barred |= {e.body.tensor for e in views if e.lhs.dtype == "int64"}
    added = {
        a.tensor
        for e in program.equations
        if not e.guards and e.reduction is None and e.body.is_Add
        for term in e.body.args
        for a in (-term if term.could_extract_minus_sign() else term,)
        if isinstance(a, Access)
    }
    found: dict[Tensor, Equation] = {}
    for equation in program.equations:
        lhs, reduction = equation.lhs, equation.reduction
        named = lhs.name or lhs.role != "intermediate" or lhs in program.outputs
        if named or uses[lhs] != 1 or lhs in barred:
            continue
        if lhs in added if equation.guards else reduction is not None and reduction.op == "sum":
            found[lhs] = equation
    return found


def with_single_places(equation: Equation) -> Equation:
    """Write the only place of an axis of size 1 by the index of such an axis, as everywhere else."""
    shorter = _without_single_sums(equation)
    if shorter is not equation:
        return _usual_names(shorter)
    single = [index for index, size in equation.extents.items() if size == 1]
    if len(single) != 1 or any(single[0] in a.free_symbols for a in equation.body.atoms(Access)):
        return equation

    def change(access: Access) -> sp.Expr:
        sizes = zip(access.indices, access.tensor.shape, strict=True)
        return Access(access.tensor, *(single[0] if e == 0 and size == 1 else e for e, size in sizes))

    return _usual_names(replace(equation, body=map_accesses(equation.body, change)))


def _without_single_sums(equation: Equation) -> Equation:
    """Leave out a sum over an axis of size 1 where the left side has such an axis: both have one place."""
    free = [i for i in equation.indices if equation.extents[i] == 1]
    if len(free) != 1 or equation.reduction is None or equation.reduction.op != "sum":
        return equation
    if equation.lhs.role != "cotangent" or len(equation.indices) > 2:
        return equation  # two axes that happen to have one place each
    kept = tuple((i, size) for i, size in equation.reduction.axes if size != 1)
    change = dict.fromkeys((i for i, size in equation.reduction.axes if size == 1), free[0])
    if not change:
        return equation
    guards = tuple(map_guard(g, lambda e: substitute(e, dict(change))) for g in equation.guards)
    reduction = replace(equation.reduction, axes=kept) if kept else None
    return replace(equation, body=substitute(equation.body, dict(change)), reduction=reduction, guards=guards)


def _usual_names(equation: Equation) -> Equation:
    """Name the indices of a derivative as in the definition of what it is the derivative by."""
    source = equation.lhs.of.equation if equation.lhs.of is not None else None
    if source is None or equation.lhs.role != "cotangent":
        return equation
    pairs = zip(equation.indices, source.indices, strict=True)
    names = {old: new for old, new in pairs if old != new}
    return equation if set(names.values()) & set(equation.extents) else equation.rename(names)
