"""One sample of an operator: what PyTorch computes of it, and what symdl's spelling does.

Enters: a `Spelling` and one of PyTorch's own sample inputs. Leaves: a `Verdict`: whether values and the
gradient along a random cotangent agree, or why not.
"""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

import symdl as sd
from symdl.express.conditions import Condition
from symdl.express.program import collect
from symdl.express.tensors import Tensor
from symdl.run.reference.interpreter import outputs

TOLERANCE = 1e-9
"""Of values and slopes, relative to the largest one, or to 1."""

Kind = Literal["agrees", "differs", "refused", "not expressible"]


class Absent(Exception):
    """What symdl has no word for."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """An operator of PyTorch in symdl.

    Attributes:
        ours: takes the arguments of the operator, with tensors of symdl in them, and returns tensors,
            comparisons or numbers; raises `Absent` where an argument has no counterpart.
        theirs: what is compared of PyTorch's result; all of it by default.
        symmetrized: whether the first argument is made a symmetric matrix, as PyTorch's own tests do.
    """

    ours: Callable[..., Any]
    theirs: Callable[[Any], Any] = lambda result: result
    symmetrized: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a sample went, and why it did not agree."""

    kind: Kind
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.reason}" if self.reason else self.kind


@dataclass(slots=True)
class Arguments:
    """Tensors of PyTorch in nested arguments, and the symbols that stand for them."""

    values: dict[str, np.ndarray] = field(default_factory=dict)
    moving: list[tuple[Tensor, Any]] = field(default_factory=list)
    known: dict[int, Tensor | Condition] = field(default_factory=dict)

    def symbolic(self, given: Any) -> Any:
        """Return arguments with a symbol for each tensor, the same one for the same tensor."""
        import torch

        if isinstance(given, torch.Tensor):
            if id(given) not in self.known:
                self.known[id(given)] = self._symbol(given)
            return self.known[id(given)]
        if isinstance(given, tuple | list):
            return type(given)(self.symbolic(g) for g in given)
        if isinstance(given, dict):
            return {key: self.symbolic(g) for key, g in given.items()}
        return given

    def _symbol(self, given: Any) -> Tensor | Condition:
        name = f"x{len(self.known)}"
        value = given.detach().resolve_conj().numpy()
        if np.iscomplexobj(value):
            raise Absent("complex numbers")
        if value.size == 0:
            raise Absent("an axis of no elements")
        if given.is_floating_point():
            symbol = sd.tensor(name, value.shape)
            if given.requires_grad:
                self.moving.append((symbol, given))
        else:
            symbol = sd.tensor(name, value.shape, dtype="int64")
        self.values[name] = value.astype(np.float64 if given.is_floating_point() else np.int64)
        return sd.not_equal(symbol, 0) if value.dtype == bool else symbol


def judge(spelling: Spelling, op: Any, sample: Any, *, target: str | None = None) -> Verdict:
    """Compare one sample; by the reference interpreter, or by the kernels of a target."""
    import torch

    given = Arguments()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            first, *more = given.symbolic((sample.input, *sample.args))
            first = first + sd.swapaxes(first, -1, -2) if spelling.symmetrized else first
            options = given.symbolic(sample.kwargs)
            ours = [_tensor(t) for t in _listed(spelling.ours(first, *more, **options))]
        except Absent as reason:
            return Verdict("not expressible", str(reason))
        except sd.SymdlError as error:
            return Verdict("refused", str(error).split("\n")[0])
        start = sample.input + sample.input.mT if spelling.symmetrized else sample.input
        theirs = _listed(spelling.theirs(op(start, *sample.args, **sample.kwargs)))
        if len(ours) != len(theirs):
            return Verdict("differs", f"{len(ours)} results, not {len(theirs)}")
        theirs = [t if isinstance(t, torch.Tensor) else torch.as_tensor(t) for t in theirs]
        for t, y in zip(ours, theirs, strict=True):
            if t.shape != tuple(y.shape):
                return Verdict("differs", f"shape {t.shape}, not {tuple(y.shape)}")
            if y.is_complex():
                return Verdict("not expressible", "complex numbers")
        expected = [y.detach().numpy() for y in theirs]
        try:
            slopes, wanted = _slopes(given, ours, theirs)
            found = _computed([*ours, *slopes], given.values, target)
        except sd.SymdlError as error:
            return Verdict("refused", str(error).split("\n")[0])
    for what, one, other in zip(
        ["value"] * len(ours) + ["slope"] * len(slopes), found, [*expected, *wanted], strict=True
    ):
        if (off := _apart(one, other)) > TOLERANCE:
            return Verdict("differs", f"a {what}, by {off:.1e}")
    return Verdict("agrees")


def _listed(result: Any) -> list[Any]:
    return list(result) if isinstance(result, tuple | list) else [result]


def _tensor(result: Any) -> Tensor:
    if isinstance(result, Condition):
        return sd.where(result, 1, 0)
    return result if isinstance(result, Tensor) else sd.constant(result)


def _slopes(
    given: Arguments, ours: Sequence[Tensor], theirs: Sequence[Any]
) -> tuple[Sequence[Tensor], list[np.ndarray]]:
    """Return the gradient along a random cotangent, derived, and as PyTorch computes it."""
    import torch

    pairs = [(t, y) for t, y in zip(ours, theirs, strict=True) if y.requires_grad]
    moving = given.moving
    if not pairs or not moving:
        return (), []
    generator = np.random.default_rng(zlib.crc32(repr([t.shape for t, _ in pairs]).encode()))
    total: Any = 0
    cotangents = []
    for number, (t, y) in enumerate(pairs):
        along = generator.normal(size=tuple(y.shape))
        symbol = sd.tensor(f"c{number}", t.shape)
        given.values[f"c{number}"] = along
        cotangents.append(torch.from_numpy(np.asarray(along)))
        total = total + (t * symbol).sum()
    wanted = torch.autograd.grad(
        [y for _, y in pairs], [x for _, x in moving], cotangents, allow_unused=True, materialize_grads=True
    )
    reached = {x for x, _ in moving} & set(collect([total]).inputs)
    derived = iter(sd.grad(total, [x for x, _ in moving if x in reached]) if reached else ())
    slopes = [next(derived) if x in reached else sd.full(x.shape, 0.0) for x, _ in moving]
    return slopes, [w.detach().numpy(force=True) for w in wanted]


def _computed(tensors: list[Tensor], values: dict[str, np.ndarray], target: str | None) -> list[np.ndarray]:
    program = collect(tensors)
    used = {str(t.name): values[str(t.name)] for t in program.inputs if t.value is None}
    if target is None:
        return list(outputs(program, used))
    on: Any = target
    return list(sd.compile(tensors, target=on)(**used))


def _apart(found: Any, expected: Any) -> float:
    """The largest distance relative to the largest element, infinite where one is not finite as the other."""
    found, expected = np.asarray(found, float), np.asarray(expected, float)
    finite = np.isfinite(expected)
    if (
        not np.array_equal(found[~finite], expected[~finite], equal_nan=True)
        or not np.isfinite(found[finite]).all()
    ):
        return float("inf")
    scale = max(1.0, float(np.abs(expected[finite]).max(initial=0)))
    return float(np.abs(found[finite] - expected[finite]).max(initial=0)) / scale
