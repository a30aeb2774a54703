"""What a bridge is given, and how its results are arranged.

Enters: a tensor, several, a compiled function or a model. Leaves: `Described`: its outputs, the values of
what they depend on, and how the results of a call are put together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from symdl.errors import CompileError
from symdl.express.build import parameters
from symdl.express.modes import inference, training_updates
from symdl.express.program import Fact
from symdl.express.tensors import Tensor
from symdl.interop.derivatives import Differentiable
from symdl.run.compiled import Compiled
from symdl.run.packing import WithGradients, alone
from symdl.train.model import Model
from symdl.train.weights import initial

Function: TypeAlias = "Tensor | Sequence[Tensor] | Compiled[Any] | Model"
"""What becomes a function of another library."""


@dataclass(frozen=True, slots=True)
class Packed:
    """How results are arranged: alone, as a tuple, or by the names of a model's outputs."""

    names: tuple[str, ...] | None
    alone: bool = False

    def __call__(self, results: Sequence[Any]) -> Any:
        """Return the results of a call as a user gets them."""
        if self.alone:
            return results[0]
        return tuple(results) if self.names is None else dict(zip(self.names, results, strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """A function that another library shall have.

    Attributes:
        training, inference: the two forms of it; equal where layers compute alike in both.
        updates: the states that a call of the training form changes; their next values are its last outputs.
        inputs: the arguments, in order.
        parameters, states: the arrays of what else it depends on, by name.
        packed: arranges results.
    """

    training: Differentiable
    inference: Differentiable
    updates: tuple[Tensor, ...]
    inputs: tuple[Tensor, ...]
    parameters: Mapping[str, Any]
    states: Mapping[str, Any]
    packed: Packed


def described(
    function: Function, *, inputs: Sequence[str | Tensor] | None, dtype: str, seed: int
) -> Described:
    """Return what a bridge needs to know of a function.

    Args:
        function: what `symdl.interop.torch.to_torch` takes.
        inputs: the order of the arguments; None for that of their definition.
        dtype: of first values that are drawn here.
        seed: decides them.

    Raises:
        CompileError: it is nothing that a bridge takes, or `inputs` are not its inputs.
    """
    outputs, packed, facts = _outputs(function)
    updates = training_updates(*outputs)
    written = [Differentiable([*outputs, *(new for _, new in updates)], facts=facts)]
    shown = inference(*outputs)
    if updates or shown != outputs:
        written.append(Differentiable(shown, facts=facts))
    known = {str(t.name): t for form in written for t in form.inputs}
    ordered = sorted(known.values(), key=lambda t: t.serial)
    states = {str(t.name): t for t in (*ordered, *(old for old, _ in updates)) if t.role == "state"}
    if isinstance(function, Model):
        values, running = dict(function.parameters), dict(function.running)
        values, running = {n: values[n] for n in known if n in values}, {n: running[n] for n in states}
    else:
        values, running = (
            initial(several, seed=seed, dtype=dtype)
            for several in (parameters(*outputs), tuple(states.values()))
        )
    return Described(
        written[0],
        written[-1],
        tuple(old for old, _ in updates),
        _ordered([t for t in ordered if t.role == "input"], inputs),
        values,
        running,
        packed,
    )


def _outputs(function: Any) -> tuple[tuple[Tensor, ...], Packed, tuple[Fact, ...]]:
    if isinstance(function, Tensor):
        return (function,), Packed(None, alone=True), ()
    if isinstance(function, Model):
        named = function.outputs or function.losses
        return tuple(named.values()), Packed(tuple(named), alone=named.keys() == {""}), function.facts
    if isinstance(function, Compiled):
        if isinstance(function.pack, WithGradients):
            raise CompileError(
                "the function computes gradients, too",
                cure="pass the tensor itself: its gradients are derived when the other library asks for them",
            )
        return function.program.outputs, Packed(None, alone=function.pack is alone), function.program.facts
    if isinstance(function, list | tuple) and function and all(isinstance(t, Tensor) for t in function):
        return tuple(function), Packed(None), ()
    raise CompileError(
        f"{type(function).__name__} is no function of tensors",
        cure="pass a tensor, a list of tensors, a compiled function or a model; a formula in symbols becomes"
        " a tensor by sd.elementwise",
    )


def _ordered(inputs: Sequence[Tensor], asked: Sequence[str | Tensor] | None) -> tuple[Tensor, ...]:
    """Return the inputs in the order that was asked for."""
    if asked is None:
        return tuple(inputs)
    known = {str(t.name): t for t in inputs}
    names = [str(t.name) if isinstance(t, Tensor) else t for t in asked]
    if sorted(names) != sorted(known):
        raise CompileError(
            f"inputs={names}, but the function has {', '.join(known) or 'none'}", cure="name each once"
        )
    return tuple(known[name] for name in names)


def taken(
    inputs: Sequence[Tensor], given: Sequence[Any], named: Mapping[str, Any], wrong: Callable[..., Exception]
) -> dict[str, Any]:
    """Return the arguments of a call by name: first those without names, in order.

    Args:
        wrong: makes the error.
    """
    names = [str(t.name) for t in inputs]
    by_name = dict(zip(names, given, strict=False))
    if len(given) > len(names) or by_name.keys() & named.keys() or {*by_name, *named} != set(names):
        raise wrong(
            f"{len(given)} arguments and {', '.join(named) or 'no names'}",
            cure=f"pass {', '.join(names) or 'nothing'}, in this order or by name",
        )
    return by_name | dict(named)
