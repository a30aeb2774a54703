"""Which tensors have their samples innermost.

Enters: equations after matrix products were found. Leaves: the same with tensors marked as in sample layout,
and the sums over moving windows, each of which shall begin a kernel of its own.

A convolution with few channels is best computed directly, for a layout block at a time: every access is
one stretch of memory, a weight is one number for all of them, and nothing is laid out first. So the tensors
of such an equation lie in sample layout, and those of its neighbours, so that pooling, activations and their
derivatives run the same way; tensors of matrix products, given ones and outputs stay row-major, and so do
those that recurrences or scatters make. A given tensor is copied into sample layout. A sum over samples and
something else becomes two: the sum for each sample, which stays in a register, then the one over samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from symdl.lower.equations.contractions import as_contraction, factors
from symdl.lower.ir.integers import Pick, Poly, Size, atoms, of, product, variables
from symdl.lower.ir.loops import FrozenEquation, FrozenProgram, Stated, TensorInfo
from symdl.lower.ir.names import Index, TensorId
from symdl.lower.ir.scalars import MATRIX, Load, Node, load, map_body
from symdl.lower.ir.visitors import reads_of
from symdl.lower.splits import LARGEST_SUM

MOST_WEIGHTS = LARGEST_SUM
"""Weights up to which a sum over windows is computed directly.

Of more, blocks of samples cannot have gradients of their own. Up to there that is faster than a matrix
product, between 1.5 times (64 channels) and 3.5 times (32), except for batches of a few samples.
"""
_IMAGE = 4
"""Axes of images: samples, channels, height and width."""


@dataclass(frozen=True, slots=True)
class SampleLayout:
    """Equations with tensors in sample layout.

    Attributes:
        heads: the numbers of the sums over windows, and the indices of their samples.
        apart: the numbers of those that can be computed for a layout block at once.
    """

    program: FrozenProgram
    equations: list[FrozenEquation]
    heads: Mapping[int, Index]
    apart: frozenset[int]


def direct(equations: Sequence[FrozenEquation], tensors: Sequence[TensorInfo], batch: str) -> list[int]:
    """Return the numbers of the sums to be computed directly.

    Those over moving windows, and where there are some, those over the channels of images, too, so that
    images stay in sample layout from one convolution to the next.
    """
    windows = [e.number for e in equations if _direct(e, tensors, batch, moving=True)]
    more = (e.number for e in equations if windows and _direct(e, tensors, batch, moving=False))
    return [*windows, *(number for number in more if number not in windows)]


def _direct(equation: FrozenEquation, tensors: Sequence[TensorInfo], batch: str, *, moving: bool) -> bool:
    """Say whether an equation is a sum over windows, or over channels if they need not be `moving`."""
    found = factors(equation.body, Load) if equation.op == "sum" else None
    if found is None or equation.scattered or equation.fixed or tensors[equation.lhs].integer:
        return False
    polys = [p for item in found[0] for p in item.where]
    moves = any(variables(p) and not isinstance(p.atom, Index) for p in polys)
    if moves != moving or any(isinstance(a, Pick) for p in polys for a in atoms(p)):
        return False
    sample = samples(equation, tensors, batch)
    with_samples = [item for item in found[0] if any(sample in variables(p) for p in item.where)]
    if sample is None or not with_samples or not (moving or _channels(equation, found[0], with_samples)):
        return False
    weights = [product(tensors[item.tensor].shape) for item in found[0] if item not in with_samples]
    if sample in equation.bound:
        weights = [product(tensors[equation.lhs].shape)]
    small = all(w.number is not None and w.number <= MOST_WEIGHTS for w in weights)
    return small and bool(weights)


def _channels(equation: FrozenEquation, loads: Sequence[Load], with_samples: Sequence[Load]) -> bool:
    """Say whether a product is one of matrices, and has images in it."""
    left, right = ({v for p in item.where for v in variables(p)} & {*equation.free} for item in loads)
    return bool(left - right and right - left) and any(len(item.where) >= _IMAGE for item in with_samples)


def samples(equation: FrozenEquation, tensors: Sequence[TensorInfo], batch: str) -> Index | None:
    """Return the index that counts samples: the first one of a tensor whose first size is the batch's."""
    accesses = [(r.tensor, r.where) for r in reads_of(equation)]
    accesses.append((equation.lhs, equation.where))
    for tensor, where in accesses:
        if len(where) > 1 and _batched(tensors[tensor], batch) and isinstance(first := where[0].atom, Index):
            return first
    return None


def _batched(info: TensorInfo, batch: str) -> bool:
    first = info.shape[0].atom if len(info.shape) > 1 else None
    return isinstance(first, Size) and batch in ("", first.name)


def with_sample_layout(
    program: FrozenProgram, equations: Sequence[FrozenEquation], batch: str, chosen: Iterable[int]
) -> SampleLayout:
    """Return the equations with the tensors of the `chosen` ones and their neighbours in sample layout."""
    worker = _Layout(program, equations, batch, frozenset(chosen))
    worker.spread()
    made = [e for equation in equations for e in worker.rewritten(equation)]
    tensors = tuple(replace(t, sample_layout=t.number in worker.sample_layout) for t in worker.tensors)
    apart = frozenset(e.number for e in made if worker.touched(e) and worker.together(e))
    return SampleLayout(replace(program, tensors=tensors, stated=worker.stated), made, worker.heads, apart)


class _Layout:
    def __init__(
        self,
        program: FrozenProgram,
        equations: Sequence[FrozenEquation],
        batch: str,
        chosen: frozenset[int],
    ) -> None:
        self.tensors = list(program.tensors)
        self.equations, self.batch, self.chosen = equations, batch, chosen
        self.stated = dict(program.stated)
        self.count = 1 + max((e.number for e in equations), default=0)
        self.copies: dict[TensorId, TensorId] = {}
        self.heads: dict[int, Index] = {}
        self.sample_layout: set[TensorId] = set()
        defined = {e.lhs for e in equations if not e.scattered and not e.fixed}
        kept = {*program.outputs, *(t for pair in program.updates for t in pair)}
        self.free = {t for t in defined - kept if _batched(self.tensors[t], batch)}
        others = [e for e in equations if e.number not in chosen]
        self.products = {e.number for e in others if as_contraction(e, self.tensors) is not None}
        for equation in equations:
            whole = equation.number in self.products or equation.fixed or equation.scattered
            for tensor, first in self.accesses(equation):
                if whole or not isinstance(first.atom, Index) or first.atom != self.sample(equation):
                    self.free.discard(tensor)

    def sample(self, equation: FrozenEquation) -> Index | None:
        return samples(equation, self.tensors, self.batch)

    def accesses(self, equation: FrozenEquation) -> list[tuple[TensorId, Poly]]:
        """Return the tensors of an equation, each with its first index."""
        found = [(r.tensor, r.where[0]) for r in reads_of(equation) if r.where]
        return [*found, *([(equation.lhs, equation.where[0])] if equation.where else [])]

    def spread(self) -> None:
        """Lay out the tensors of the chosen equations and of their neighbours."""
        todo = [e for e in self.equations if e.number in self.chosen]
        while todo:
            new = {t for e in todo for t, _ in self.accesses(e)} & self.free - self.sample_layout
            self.sample_layout |= new
            rest = [e for e in self.equations if e.number not in self.products]
            todo = [e for e in rest if any(t in new for t, _ in self.accesses(e))]

    def rewritten(self, equation: FrozenEquation) -> list[FrozenEquation]:
        """Return what computes an equation, with copies in sample layout before it."""
        if equation.number not in self.chosen and not self.touched(equation):
            return [equation]
        sample = self.sample(equation)
        if sample is None:
            return [equation]
        made: list[FrozenEquation] = []
        if equation.number in self.chosen:
            equation, made = self.with_copies(equation, sample)
        if equation.op == "sum" and sample in equation.bound and len(equation.sizes) > 1:
            made += self.two(equation, sample)
        else:
            made.append(equation)
        if equation.number in self.chosen:
            self.heads[made[-1 if sample in equation.free else -2].number] = sample
        return made

    def touched(self, equation: FrozenEquation) -> bool:
        return any(t in self.sample_layout for t, _ in self.accesses(equation))

    def together(self, equation: FrozenEquation) -> bool:
        """Say whether an equation can be computed for several samples at once."""
        sample = self.sample(equation)
        if equation.op not in (None, "sum") and sample in equation.bound:
            return False
        if any(node.op in MATRIX for node in equation.body.nodes):
            return False
        places = [*equation.where, *(p for item in equation.body.loads for p in item.where)]
        moved = any(sample in variables(p) and p.atom != sample for p in places)
        return not moved and not any(isinstance(a, Pick) for p in places for a in atoms(p))

    def with_copies(
        self, equation: FrozenEquation, sample: Index
    ) -> tuple[FrozenEquation, list[FrozenEquation]]:
        """Return an equation that reads copies in sample layout of the row-major tensors with samples."""
        made: list[FrozenEquation] = []
        for item in equation.body.loads:
            tensor = item.tensor
            if not item.where or item.where[0] != of(sample) or tensor in self.sample_layout:
                continue
            if tensor not in self.copies:
                made.append(self.copy(tensor))

        def moved(found: Load) -> Node:
            plain = found.where and found.where[0] == of(sample)
            tensor = self.copies.get(found.tensor, found.tensor) if plain else found.tensor
            return Node("load", (), Load(tensor, found.where))

        return replace(equation, body=map_body(equation.body, lambda p: p, moved)), made

    def copy(self, tensor: TensorId) -> FrozenEquation:
        """Return the equation that copies a tensor into sample layout."""
        info = self.tensors[tensor]
        new = self.copies[tensor] = TensorId(len(self.tensors))
        self.tensors.append(
            TensorInfo(new, f"{info.name} (laid out)", info.shape, info.integer, "intermediate")
        )
        self.sample_layout.add(new)
        free = tuple(map(Index, range(len(info.shape))))
        where = tuple(of(v) for v in free)
        number = self.number(f"{info.name}, samples innermost")
        return FrozenEquation(number, new, free, (), info.shape, None, (), load(tensor, where), where)

    def number(self, text: str) -> int:
        self.stated[self.count] = Stated(text)
        self.count += 1
        return self.count - 1

    def two(self, equation: FrozenEquation, sample: Index) -> list[FrozenEquation]:
        """Return the sum for each sample and the one over samples."""
        sizes = equation.sizes
        info = self.tensors[equation.lhs]
        new = TensorId(len(self.tensors))
        shape = tuple(sizes[v] for v in (sample, *equation.free))
        self.tensors.append(TensorInfo(new, f"{info.name} (each)", shape, False, "intermediate"))
        self.sample_layout.add(new)
        number = self.number(f"{info.name}, for each sample of {self.stated[equation.number].text}")
        free = (sample, *equation.free)
        bound = tuple(v for v in equation.bound if v != sample)
        where = tuple(of(v) for v in free)
        extents = tuple(sizes[v] for v in (*free, *bound))
        each = replace(equation, number=number, lhs=new, free=free, bound=bound, extents=extents, where=where)
        if not bound:
            each = replace(each, op=None)
        outer = tuple(sizes[v] for v in (*equation.free, sample))
        body = load(new, where)
        total = replace(equation, bound=(sample,), extents=outer, guards=(), body=body)
        return [each, total]
