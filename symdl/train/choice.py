"""Who learns what from which loss.

Enters: a model's losses, and the optimizers and learning parameters that a user chose. Leaves: each loss's
optimizer and parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from symdl.errors import ArgumentError, TrainingError
from symdl.express.build import parameters
from symdl.express.tensors import Tensor
from symdl.nn.grouped import Grouped
from symdl.nn.protocol import Optimizer, handed_on, is_optimizer

Trainable: TypeAlias = Sequence[str] | Callable[[str], bool] | None
"""Names or paths of the parameters that learn, or a function that chooses by name; None: all of them."""

Optimizers: TypeAlias = Optimizer | Mapping[str, Optimizer]


def chosen_optimizers(given: Optimizers, losses: Mapping[str, Tensor]) -> dict[str, Optimizer]:
    """Return the optimizer of each loss.

    Raises:
        ArgumentError: one is missing, unknown, or no optimizer.
    """
    found = _for_each(given, losses, "optimizer")
    for optimizer in found.values():
        if not is_optimizer(optimizer):
            raise ArgumentError(f"the optimizer is {optimizer!r}", cure=_made(optimizer))
    return found


def _made(given: Any) -> str:
    """Return how to make an optimizer of what was given in place of one."""
    if isinstance(given, type) and hasattr(given, "updates"):
        return f"make one of the class: {given.__name__}()"
    if callable(given):
        return "give it to an object, as its method updates(self, parameters, gradients)"
    return "pass one, such as sd.nn.Adam(1e-3)"


def learning(
    losses: Mapping[str, Tensor],
    optimizers: Mapping[str, Optimizer],
    trainable: Trainable | Mapping[str, Trainable],
) -> dict[str, tuple[Tensor, ...]]:
    """Return what each loss teaches.

    Raises:
        TrainingError: a loss depends on no parameter.
        ArgumentError: `trainable` or a weight decay names what is not there, or nothing is to learn.
    """
    chosen = _for_each(trainable, losses, "trainable")
    each = {name: parameters(loss) for name, loss in losses.items()}
    names = list(dict.fromkeys(str(t.name) for tensors in each.values() for t in tensors))
    for optimizer in optimizers.values():
        _check_names(optimizer, names)
    for tensors in each.values():
        if not tensors:
            raise TrainingError("the loss depends on no parameter", cure="use sd.parameter(...)")
    return {name: _learning(tensors, chosen[name]) for name, tensors in each.items()}


def _check_names(optimizer: Any, names: Sequence[str]) -> None:
    """Refuse a setting for a parameter that the model does not have, frozen ones included."""
    decay = getattr(optimizer, "weight_decay", None)
    unknown = {
        "weight_decay": [name for name in decay if name not in names] if isinstance(decay, Mapping) else []
    }
    if isinstance(optimizer, Grouped):
        unknown["groups"] = optimizer.unknown(names)
    for setting, strangers in unknown.items():
        if strangers:
            raise ArgumentError(
                f"{setting}: no parameter is called {strangers[0]!r}", cure=f"choose from {', '.join(names)}"
            )
    for inner in handed_on(optimizer).values():
        _check_names(inner, names)


def _for_each(given: Any, losses: Mapping[str, Tensor], what: str) -> dict[str, Any]:
    """Return what each loss has of something that is given once for all or by the losses' names."""
    if not isinstance(given, Mapping):
        return dict.fromkeys(losses, given)
    if given.keys() != losses.keys():
        names = ", ".join(map(repr, losses)) if len(losses) > 1 else "only one, without a name"
        raise ArgumentError(
            f"{what} is given for {', '.join(map(repr, given))}", cure=f"the model's losses are {names}"
        )
    return dict(given)


def _learning(tensors: Sequence[Tensor], trainable: Trainable) -> tuple[Tensor, ...]:
    """Return the parameters that are not frozen."""
    if trainable is None:
        return tuple(tensors)
    names = [str(t.name) for t in tensors]
    cure = f"choose from {', '.join(names)}"
    if callable(trainable):
        chosen = {name for name in names if trainable(name)}
    else:
        paths = [trainable] if isinstance(trainable, str) else list(trainable)
        below = {path: {n for n in names if n == path or n.startswith(f"{path}.")} for path in paths}
        unknown = [path for path, found in below.items() if not found]
        if unknown:
            raise ArgumentError(f"trainable: no parameter is called {unknown[0]!r}", cure=cure)
        chosen = set().union(*below.values())
    if not chosen:
        raise ArgumentError("trainable chooses no parameter", cure=cure)
    return tuple(t for t in tensors if str(t.name) in chosen)
