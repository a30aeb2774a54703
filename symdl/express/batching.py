"""One more axis: what is written for one sample, computed for many.

Enters: tensors, and for some that they depend on others with a further axis in front. Leaves: the same
mathematics for every place along that axis. In index notation that is one index more, on the left and at each
tensor that varies; there is no loop, and what does not vary is computed once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args, overload

import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.dims import Extent, Index, as_extent
from symdl.express.doors import as_tensor, in_place_of
from symdl.express.equations import Equation, Origin, map_guard
from symdl.express.modes import Modes
from symdl.express.operators import axis_indices
from symdl.express.ordering import Ordered
from symdl.express.program import Program
from symdl.express.random import RandomUniform
from symdl.express.reducing import mean
from symdl.express.replacing import affected_by, check_read, in_every_mode
from symdl.express.shaping import moveaxis
from symdl.express.surface import define
from symdl.express.tensors import Access, Tensor, map_accesses
from symdl.express.walks import any_of, mapped

Randomness = Literal["same", "different"]
Axes = int | Sequence[int | None]


@overload
def vmap(
    f: Tensor,
    over: Mapping[Tensor, Any] | Sequence[Tensor],
    *,
    size: Extent | None = None,
    randomness: Randomness = "same",
) -> Tensor: ...
@overload
def vmap(
    f: Sequence[Tensor],
    over: Mapping[Tensor, Any] | Sequence[Tensor],
    *,
    size: Extent | None = None,
    randomness: Randomness = "same",
) -> tuple[Tensor, ...]: ...
@overload
def vmap(f: Callable[..., Any], over: Axes = 0, *, randomness: Randomness = "same") -> Callable[..., Any]: ...
def vmap(f: Any, over: Any = 0, *, size: Extent | None = None, randomness: Randomness = "same") -> Any:
    """Compute something for every entry along a further axis: ``sd.vmap(y, {x: X})``, ``sd.vmap(f)(X)``.

    ``y`` may be any tensor: an output, a gradient, a Jacobian, a weight after a step of training. It was
    written for one ``x``; ``X`` holds many, along its first axis. What does not depend on them is shared and
    computed once. Equations get one index more, so there is no loop, and the result is derived as usual::

        J = sd.jacobian(residual, camera)                  # of one camera and one point: (2, 6)
        Js = sd.vmap(J, [camera, point], size=sd.Dim("m")) # of m of each: (m, 2, 6)

    Args:
        f: a tensor, or several; or a function from tensors to a tensor, a tuple or a dictionary of them.
        over: of tensors: what takes the place of tensors that `f` depends on (inputs, parameters,
            intermediates), each with one axis more, in front: ``{x: X}``; or a list of inputs, which get that
            axis of length `size` and keep their names. Of a function: the axis of each argument, None for one
            that does not vary; one number is that of all.
        size: the length of the axis for a list of inputs, a number or a `Dim`.
        randomness: ``"same"``: dropout and noise draw the same numbers for every entry, as the function does
            for each alone; ``"different"``: other numbers for each.

    Returns:
        For each output a tensor of shape ``(size, *output.shape)``; for a function a function. States that
        layers keep, such as the running means of batch norm, get the mean of what the entries make of them.

    Raises:
        ShapeError: shapes or sizes do not fit.
        ExpressionError: nothing varies, `f` does not depend on what is named, or an option is unknown.

    Example:
        >>> x, X = sd.tensor("x", (3,)), sd.tensor("X", (sd.Dim("n"), 3))
        >>> sd.vmap((x**2).sum(), {x: X}).shape
        (n,)
    """
    if randomness not in get_args(Randomness):
        raise ExpressionError(f"randomness={randomness!r}", cure='use "same" or "different"')
    if isinstance(f, Tensor | list | tuple):
        outputs = [as_tensor(y, "vmap: f") for y in (f if isinstance(f, list | tuple) else (f,))]
        found = _batched(outputs, _parts(over, size), randomness)
        return found[0] if isinstance(f, Tensor) else found
    if not callable(f):
        raise ExpressionError(
            f"a {type(f).__name__} cannot be computed for many", cure="pass a tensor or a function"
        )
    if size is not None:
        raise ExpressionError("the size of a function's axis is that of its arguments", cure="leave size out")
    return _function(f, over, randomness)


def of_many(tensor: Tensor, size: Extent) -> Tensor:
    """Return an input of the same name that holds many of a tensor, along an axis in front."""
    return Tensor(tensor.name, (size, *tensor.shape), dtype=tensor.dtype, role="input", below=tensor.below)


def _parts(over: Any, size: Extent | None) -> dict[Tensor, Tensor]:
    """Return what takes the place of which tensor, checked."""
    if not isinstance(over, Mapping):
        tensors = [over] if isinstance(over, Tensor) else list(over) if hasattr(over, "__iter__") else []
        if not tensors or not all(isinstance(t, Tensor) and t.name for t in tensors):
            raise ExpressionError(
                "vmap is not told what varies",
                cure="pass over={x: X}, or over=[x, ...] with size=sd.Dim('n')",
            )
        if size is None:
            raise ExpressionError("the new axis has no size", cure='pass size=sd.Dim("n"), or a number')
        return {t: of_many(t, size) for t in tensors}
    if size is not None:
        raise ExpressionError("the size of the new axis is that of the tensors given", cure="leave size out")
    parts = {old: in_place_of(old, new, f"what varies in place of {old}") for old, new in over.items()}
    if not parts:
        raise ExpressionError("vmap is not told what varies", cure="pass over={x: X}")
    for old, new in parts.items():
        if new.rank != old.rank + 1 or new.shape[1:] != old.shape:
            raise ShapeError(
                f"{new} cannot vary in place of {old}",
                shapes={str(old.name): old.shape, str(new.name or "given"): new.shape},
                cure="pass a tensor with one axis more, in front",
            )
        if old.dtype != new.dtype:
            raise ExpressionError(f"{new} holds {new.dtype}, but {old} holds {old.dtype}")
    sizes = {str(new.name or old.name): new.shape[0] for old, new in parts.items()}
    if len(set(sizes.values())) > 1:
        raise ShapeError("what varies has axes of different lengths", shapes=sizes, cure="use one size")
    return parts


def _batched(
    outputs: Sequence[Tensor], parts: Mapping[Tensor, Tensor], randomness: Randomness
) -> tuple[Tensor, ...]:
    """Return `outputs` with one axis more."""
    sources = _sources(outputs)
    found = in_every_mode([*outputs, *sources], parts)
    check_read(parts, found, outputs[0])
    size = next(iter(parts.values())).shape[0]
    start = set(parts)
    if randomness == "different":
        start.update(e.lhs for e in found.equations if any_of(e.body, RandomUniform))
    varies = affected_by(start, found.equations) | start
    new = dict(parts)
    for group in _groups(found):
        if any(e.lhs in varies and e.lhs not in new for e in group):
            _renew(group, new, size, randomness)
    _change_modes(new, parts)
    results = [new[y] if y in new else _repeated(y, size) for y in outputs]
    behind = [new.get(s, s) for s in sources]
    return tuple(result.derived(*behind, *parts.values()) for result in results)


def _groups(found: Ordered) -> tuple[tuple[Equation, ...], ...]:
    return Program(found.inputs, found.equations, (), recurrences=found.recurrences).groups


def _sources(outputs: Sequence[Tensor]) -> list[Tensor]:
    """Return what `outputs` were derived from: a tensor that dropped out of a derivative may vary, too."""
    found: dict[Tensor, None] = {}
    todo = list(outputs)
    while todo:
        fresh = [s for t in todo for s in t.sources if s not in found]
        found.update(dict.fromkeys(fresh))
        todo = fresh
    return list(found)


def _renew(
    group: Sequence[Equation], new: dict[Tensor, Tensor], size: Extent, randomness: Randomness
) -> None:
    """Define the tensors of a group anew, with one axis more; they are added to `new`."""
    for equation in group:
        old = equation.lhs
        of = None if old.of is None else new.get(old.of, old.of)
        made = Tensor(old.name, (size, *old.shape), dtype=old.dtype, role=old.role, of=of, below=old.below)
        made.segment = old.segment
        new[old] = made
    for equation in group:
        new[equation.lhs].attach(_with_index(equation, new, randomness))


def _with_index(equation: Equation, new: Mapping[Tensor, Tensor], randomness: Randomness) -> Equation:
    """Return the equation with one index more on the left, and at each tensor in `new`."""
    entry = _unused(equation)

    def change(expr: sp.Expr) -> sp.Expr:
        return map_accesses(expr, access)

    def access(old: Access) -> sp.Expr:
        where = tuple(change(e) for e in old.indices)
        return Access(new[old.tensor], entry, *where) if old.tensor in new else Access(old.tensor, *where)

    def draw(node: sp.Basic) -> sp.Basic:
        if not isinstance(node, RandomUniform):
            return node
        seed, step, place = node.args
        return RandomUniform(seed, step, place + entry * sp.Mul(*equation.extents.values()))

    body = change(equation.body)
    if randomness == "different" and any_of(body, RandomUniform):
        body = mapped(body, draw)
    return dataclasses.replace(
        equation,
        lhs=new[equation.lhs],
        indices=(entry, *equation.indices),
        body=body,
        guards=tuple(map_guard(guard, change) for guard in equation.guards),
    )


def _unused(equation: Equation) -> Index:
    """Return an index variable that an equation has not, a usual letter if one is free."""
    taken = {str(index) for index in equation.extents}
    letters = (letter for letter in "bsvuw" if letter not in taken)
    return Index(next(letters, None) or next(f"b{k}" for k in range(len(taken) + 1) if f"b{k}" not in taken))


def _change_modes(new: Mapping[Tensor, Tensor], parts: Mapping[Tensor, Tensor]) -> None:
    """Say what the new tensors are at inference, and what becomes of states."""
    for old, tensor in new.items():
        if old.modes is None or old in parts:
            continue
        updates = tuple(
            (state, mean(new[value], 0) if value in new else value)
            for state, value in old.modes.updates
            if state not in parts  # what varies is not the model's own
        )
        still = old.modes.inference
        tensor.modes = Modes(updates, new[still] if still in new else _repeated(still, tensor.shape[0]))


def _repeated(tensor: Tensor, size: Extent) -> Tensor:
    """Return a tensor that has the same value at each place of a new first axis."""
    where = axis_indices(tensor.rank + 1)
    body, shape = tensor.at(*where[1:]), (size, *tensor.shape)
    return define(None, where, body, shape=shape, dtype=tensor.dtype, origin=Origin("repeat"))


def _function(f: Callable[..., Any], over: Axes, randomness: Randomness) -> Callable[..., Any]:
    """Return the function of tensors with one axis more."""

    def mapped_function(*arguments: Any) -> Any:
        axes = list(over) if isinstance(over, Sequence) else [over] * len(arguments)
        if len(axes) != len(arguments):
            raise ExpressionError(
                f"{len(arguments)} arguments, and over={tuple(axes)} tells of {len(axes)}",
                cure="give an axis for each argument, None for one that does not vary",
            )
        given = [as_tensor(value, f"vmap: argument {k}") for k, value in enumerate(arguments)]
        inside, parts = list(given), {}
        for k, (tensor, axis) in enumerate(zip(given, axes, strict=True)):
            if axis is None:
                continue
            if not tensor.rank:
                raise ShapeError(f"argument {k}, {tensor}, has no axis to vary along", cure="use None for it")
            many = moveaxis(tensor, axis, 0) if axis else tensor
            one = Tensor(
                tensor.name or f"argument{k}", many.shape[1:], dtype=tensor.dtype, below=tensor.below
            )
            inside[k], parts[one] = one, many
        return _like(f(*inside), _parts(parts, None), randomness)

    return mapped_function


def _like(result: Any, parts: Mapping[Tensor, Tensor], randomness: Randomness) -> Any:
    """Return what a function returned, a tensor, a sequence or a dictionary, with one axis more."""
    several = result.values() if isinstance(result, Mapping) else result
    several = list(several) if isinstance(result, Mapping | list | tuple) else [result]
    outputs = [as_tensor(y, "vmap: a result") for y in several]
    program = in_every_mode([*outputs, *_sources(outputs)], parts)
    known = {*program.inputs, *(e.lhs for e in program.equations)}
    used = {one: many for one, many in parts.items() if one in known}
    if used:
        found = _batched(outputs, used, randomness)
    else:
        size = as_extent(next(iter(parts.values())).shape[0])
        found = tuple(_repeated(y, size) for y in outputs)
    if isinstance(result, Mapping):
        return dict(zip(result, found, strict=True))
    return found if isinstance(result, list | tuple) else found[0]
