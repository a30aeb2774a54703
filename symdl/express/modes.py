"""Training and inference: tensors that are computed one way while learning and another way afterwards.

Enters: a tensor of the training form, what else a training step changes (running statistics), and the tensor
that stands for it at inference. Leaves: the updates of a whole network, or the network's inference form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from symdl.errors import ShapeError
from symdl.express.doors import takes_tensors
from symdl.express.equations import Equation
from symdl.express.operators import axis_indices
from symdl.express.ordering import order
from symdl.express.program import Program, collect
from symdl.express.replacing import renew, replace
from symdl.express.tensors import Tensor


@dataclass(frozen=True, slots=True)
class Modes:
    """What a tensor of the training form brings along.

    Attributes:
        updates: pairs of a state and its value after a training step.
        inference: what takes the tensor's place at inference.
    """

    updates: tuple[tuple[Tensor, Tensor], ...]
    inference: Tensor


def with_modes(tensor: Tensor, *, updates: Sequence[tuple[Tensor, Tensor]] = (), inference: Tensor) -> Tensor:
    """Declare what `tensor` is at inference and what a training step that computes it changes.

    Raises:
        ShapeError: the shapes differ.
    """
    pairs = (*updates, (tensor, inference))
    for old, new in pairs:
        if old.shape != new.shape:
            raise ShapeError("both forms need one shape", shapes={"one": old.shape, "other": new.shape})
    tensor.modes = Modes(tuple(updates), inference)
    return tensor


@takes_tensors
def training_updates(*outputs: Tensor) -> tuple[tuple[Tensor, Tensor], ...]:
    """Return the state updates of every layer that `outputs` depend on, in the order of computation.

    A state that several uses of one layer change (see `symdl.express.replacing.replace`) has one update: each
    use goes on from the value that the one before has left.
    """
    found: dict[Tensor, Tensor] = {}
    for equation in collect(outputs).equations:
        modes = equation.lhs.modes
        for state, value in () if modes is None else modes.updates:
            found[state] = replace(value, {state: found[state]}) if state in found else value
    return tuple(found.items())


@takes_tensors
def inference(*outputs: Tensor) -> tuple[Tensor, ...]:
    """Return `outputs` as they are computed at inference; what does not change is shared.

    >>> x = sd.tensor("x", (sd.Dim("n"), 3))
    >>> (y,) = sd.inference(sd.nn.dropout(x, 0.5, name="drop"))
    >>> print(sd.formula(y))
    x
    """
    found = order(outputs, _definition)
    program = Program(found.inputs, found.equations, outputs, (), (), found.recurrences)
    new: dict[Tensor, Tensor] = {}
    for group in program.groups:
        first = group[0].lhs
        if first.modes is not None:
            new[first] = new.get(first.modes.inference, first.modes.inference)
            continue
        members = {e.lhs for e in group}
        if any(t in new for e in group for t in e.reads() if t not in members):
            renew(group, new)
    return tuple(new.get(output, output) for output in outputs)


def _definition(tensor: Tensor) -> Equation | None:
    if tensor.modes is None:
        return tensor.equation
    where = axis_indices(tensor.rank)
    return Equation(tensor, where, tensor.modes.inference.at(*where))
