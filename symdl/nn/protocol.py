"""What an optimizer is, and a careful ear for what one answers.

Enters: an optimizer, a user's own among them, parameters, their gradients, the loss. Leaves: its update
equations, checked: what is wrong with them is said in its own names, before anything is derived from them.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

from symdl.errors import ExpressionError, ShapeError
from symdl.express.ordering import order
from symdl.express.tensors import Tensor
from symdl.nn.steps import Update


class Optimizer(Protocol):
    """Anything with a method ``updates(parameters, gradients)`` can train a model.

    It is called once, with tensors, and answers with formulas: pairs of a tensor and its next value, one for
    every parameter, and one for every state that changes. States, such as a velocity, are made by
    `symdl.nn.state`. A method with a third argument ``loss=None`` gets the loss of the batch, of rank 0.
    A frozen dataclass is compared, printed (`symdl.update_rules`) and set (``model.learning_rate``) by its
    fields; a field `optimizer` says that another optimizer is handed on to.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class SignDescent:
        ...     learning_rate: float = 0.01
        ...
        ...     def updates(self, parameters, gradients):
        ...         rate = sd.nn.state("learning_rate", value=self.learning_rate)
        ...         return [(p, p - rate * sd.sign(gradients[p])) for p in parameters]
        >>> history = model.fit(data, optimizer=SignDescent(0.001))
    """

    def updates(self, parameters: Sequence[Tensor], gradients: Mapping[Tensor, Tensor]) -> Sequence[Update]:
        """Return the update equations of one step.

        Args:
            parameters: what learns.
            gradients: the gradient of each, a tensor of its shape; the keys are the parameters themselves.
        """
        ...


def is_optimizer(value: object) -> bool:
    """Say whether a value is an optimizer, and not the class of some."""
    return not isinstance(value, type) and callable(getattr(value, "updates", None))


def check_optimizer(value: object) -> None:
    """Refuse what is no optimizer.

    Raises:
        ExpressionError: it has no method `updates`, or is a class.
    """
    if not is_optimizer(value):
        raise ExpressionError(f"{value!r} is no optimizer", cure="pass one, such as sd.nn.Adam(1e-3)")


def handed_on(optimizer: object) -> dict[str, Any]:
    """Return the optimizers that one hands on to, by their groups of parameters; ``""`` is all of them."""
    groups = getattr(optimizer, "groups", None)
    if isinstance(groups, Mapping):
        return dict(groups)
    inner = getattr(optimizer, "optimizer", None)
    return {"": inner} if is_optimizer(inner) else {}


def updates_of(
    optimizer: Any,
    parameters: Sequence[Tensor],
    gradients: Mapping[Tensor, Tensor],
    loss: Tensor | None = None,
) -> tuple[Update, ...]:
    """Ask an optimizer for its updates.

    Raises:
        ExpressionError: its method takes other arguments; it returns other things than pairs of a parameter
            or state and a tensor; a parameter has no next value, or two; two states share a name.
        ShapeError: a next value has another shape, or the method combines shapes that do not fit.
    """
    name, method = type(optimizer).__name__, optimizer.updates
    options = _options(name, method, loss)
    try:
        found = method(tuple(parameters), _Gradients(name, parameters, gradients), **options)
        found = found if not isinstance(found, Iterable) else tuple(found)  # a generator runs here
    except ShapeError as error:
        raise ShapeError(
            f"in {name}.updates: {error.message}",
            expression=error.expression,
            shapes=error.shapes,
            cure=error.cure,
        ) from error
    if not isinstance(found, tuple):
        raise ExpressionError(
            f"{name}.updates returned {_short(found)}",
            cure="return a list of pairs: [(p, p - 0.1*gradients[p]) for p in parameters]",
        )
    for pair in found:
        _check_pair(name, pair, parameters)
    _check_all(name, found, parameters)
    given = {*parameters, *(gradients[p] for p in parameters)} | ({loss} if loss is not None else set())
    _check_names(name, found, parameters, given)
    return tuple((old, new) for old, new in found)


class _Gradients(dict[Tensor, Tensor]):
    """Gradients by parameter, which say what their keys are."""

    def __init__(self, name: str, parameters: Sequence[Tensor], gradients: Mapping[Tensor, Tensor]) -> None:
        super().__init__({p: gradients[p] for p in parameters})
        self._name = name

    def __missing__(self, key: object) -> Tensor:
        raise ExpressionError(
            f"{self._name}.updates reads gradients[{_short(key)}]; the keys are the parameters themselves:"
            f" {', '.join(str(p.name) for p in self)}",
            cure="read gradients[p] for each p in parameters; its name is p.name",
        )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _options(name: str, method: Any, loss: Tensor | None) -> dict[str, Any]:
    """Return what a method wants to know besides parameters and gradients."""
    try:
        known = inspect.signature(method)
    except ValueError:  # of what is not written in Python
        return {}
    options = {"loss": loss} if "loss" in known.parameters else {}
    try:
        known.bind((), {}, **options)
    except TypeError as error:
        raise ExpressionError(
            f"{name}.updates{known} cannot be called with parameters and gradients: {error}",
            cure="define it as: def updates(self, parameters, gradients): ...",
        ) from None
    return options


def _check_pair(name: str, pair: Any, parameters: Sequence[Tensor]) -> None:
    cure = "return pairs of a parameter or state and its next value: (p, p - 0.1*gradients[p])"
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise ExpressionError(f"{name}.updates returned {_short(pair)}, which is no pair", cure=cure)
    old, new = pair
    for tensor in pair:
        if not isinstance(tensor, Tensor):
            raise ExpressionError(
                f"{name}.updates returned ({_short(old)}, {_short(new)}): {_short(tensor)} is no tensor",
                cure=cure,
            )
    if old not in parameters and old.role != "state":
        what = "is not among the parameters that learn" if old.role == "parameter" else "is no state"
        raise ExpressionError(
            f"{name}.updates gives {old} a next value, but that {what}",
            cure='update parameters, and states made by sd.nn.state("name", p)',
        )
    if old.shape != new.shape:
        raise ShapeError(
            f"{name}.updates gives {old} a next value of another shape",
            shapes={str(old.name): old.shape, "next value": new.shape},
            cure=f'sd.nn.state("{old.name}", p) makes a state of the shape of p'
            if old.role == "state"
            else f"compute it with operations that keep the shape, from {old.name} and its gradient",
        )


def _check_all(name: str, pairs: Sequence[Any], parameters: Sequence[Tensor]) -> None:
    """See that everything has one next value."""
    moved: set[Tensor] = set()
    for old, _ in pairs:
        if old in moved:
            raise ExpressionError(
                f"{name}.updates gives {old} two next values", cure="return one pair for each tensor"
            )
        moved.add(old)
    still = [str(p.name) for p in parameters if p not in moved]
    if still:
        raise ExpressionError(
            f"{name}.updates gives no next value to {', '.join(still)}",
            cure="return a pair for every parameter; (p, p) leaves one as it is, and trainable= freezes it",
        )


def _check_names(
    name: str, pairs: Sequence[Any], parameters: Sequence[Tensor], known: Collection[Tensor]
) -> None:
    """See that states are told apart by their names."""
    read = order([new for _, new in pairs], lambda t: None if t in known else t.equation).inputs
    states = [t for t in dict.fromkeys((*(old for old, _ in pairs), *read)) if t.role == "state"]
    owners: dict[str | None, Tensor] = {p.name: p for p in parameters}
    for each in states:
        other = owners.setdefault(each.name, each)
        if other is each or each in known:
            continue
        what = "has the name of a parameter" if other in parameters else "is made twice"
        raise ExpressionError(
            f"{name}.updates: the state {each.name!r} {what}",
            shapes={"one": other.shape, "the other": each.shape},
            cure='make each state once, by a name of its own: sd.nn.state(f"{p.name}.velocity", p)',
        )
