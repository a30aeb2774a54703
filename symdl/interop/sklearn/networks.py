"""Networks of the estimators, as models.

Enters: a `Plan`: what an estimator's settings and the shape of its data say of its network. Leaves: a
`Template`: an untrained `Model` of it, whose equations are derived and compiled once however often it is
fitted. Two plans of equal equations have one template.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Any

import numpy as np

from symdl import nn
from symdl.differentiate.prepare import prepare
from symdl.errors import ArgumentError, ShapeError
from symdl.express.build import parameter, parameters, tensor
from symdl.express.dims import Dim
from symdl.express.program import collect
from symdl.express.replacing import replace
from symdl.express.tensors import Tensor
from symdl.nn import activations, gates
from symdl.run.compiled import Compiled
from symdl.train.model import Model
from symdl.train.saving.snapshot import snapshot

Network = tuple[int, ...] | Callable[[Tensor, int], Tensor]
"""Sizes of hidden layers, or a function of inputs, shape ``(n, features)``, and the number of outputs."""
Loss = Callable[[Tensor, Tensor], Tensor] | None

PENALTY = "alpha"
"""The parameter that holds the strength of the penalty. It does not learn, and is no part of the program."""
KEPT = 32
"""Templates that a process keeps."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A network.

    Attributes:
        kind: ``"classifier"``, ``"multilabel"``, ``"regressor"`` or ``"autoencoder"``.
        features, outputs: the sizes of a sample, and of what is computed of it: classes, targets, components.
        network: hidden layers, or a function; of an autoencoder that of the encoder.
        decoder: of an autoencoder: a function, or None: the hidden layers in reverse.
        activation: of hidden layers, a name.
        loss: a function of prediction and target, or None: the customary one.
        dtype, target: as in `symdl.Model`; no target is the usual one.
    """

    kind: str
    features: int
    outputs: int
    network: Network
    activation: str
    dtype: str
    decoder: Callable[[Tensor, int], Tensor] | None = None
    loss: Loss = None
    target: Any = None

    @property
    def plain(self) -> bool:
        """Whether it is settings only, and no function that may build another network tomorrow."""
        return isinstance(self.network, tuple) and self.decoder is None and self.loss is None


def layers_of(network: Any) -> Network:
    """Return the setting of a network, checked: a function as it is, or sizes of hidden layers.

    Raises:
        ArgumentError: it is neither.
    """
    if callable(network):
        function: Network = network
        return function
    sizes = tuple(network) if isinstance(network, Sequence | np.ndarray) else (network, None)
    if not all(isinstance(u, int | np.integer) and not isinstance(u, bool) and u > 0 for u in sizes):
        raise ArgumentError(
            f"network={network!r}", cure="pass sizes of hidden layers, such as (50, 20), or a function"
        )
    return tuple(int(units) for units in sizes)


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """An untrained network.

    Attributes:
        model: its inputs are ``X`` and ``y``.
        decode: of an autoencoder: from components ``Z`` and parameters to samples, compiled.
    """

    model: Model
    decode: Any = None


def template(plan: Plan) -> Template:
    """Return the template of a plan, the same for every plan of the same equations.

    Raises:
        ArgumentError: the activation is unknown, or there is a hidden layer without units.
        ShapeError: the function of the network returns something of another shape.
    """
    if plan.plain:
        return _plain(plan)
    made = _built(plan)
    return _first(_Structure(_text(made.model), made))


@dataclass(frozen=True, slots=True)
class _Structure:
    """Equations as text, and a template of them: equal texts, equal structures."""

    text: object
    made: Template = field(compare=False)


@lru_cache(maxsize=KEPT)
def _plain(plan: Plan) -> Template:
    return _built(plan)


@lru_cache(maxsize=KEPT)
def _first(structure: _Structure) -> Template:
    """Return the template that came first with this structure."""
    return structure.made


def _text(model: Model) -> object:
    """Return what two models share that compute the same; nothing if an initializer is a user's own."""
    found = snapshot(model)
    text = json.dumps({key: value for key, value in found.data.items() if key != "versions"}, sort_keys=True)
    if "elsewhere" in text:
        return object()
    fixed = {k: a for k, a in found.arrays.items() if k not in model.parameters}
    return text, sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in fixed.values())).hexdigest()


def _built(plan: Plan) -> Template:
    n = Dim("n")
    X = tensor("X", (n, plan.features))
    if plan.kind == "autoencoder":
        return _autoencoder(plan, X, n)
    output = _applied(plan.network, X, plan.outputs, plan.activation, "")
    if plan.kind == "classifier":
        y = tensor("y", (n,), dtype="int64")
        loss = (plan.loss or nn.cross_entropy)(output, y)
    elif plan.kind == "multilabel":
        y = tensor("y", (n, plan.outputs), dtype="int64")
        loss = (plan.loss or nn.binary_cross_entropy)(output, y)
    else:
        y = tensor("y", (n, plan.outputs))
        loss = (plan.loss or nn.mean_squared_error)(output, y)
    return Template(_model(plan, loss, n, {"": output}))


def _autoencoder(plan: Plan, X: Tensor, n: Dim) -> Template:
    hidden = plan.network[::-1] if isinstance(plan.network, tuple) else ()
    code = _applied(plan.network, X, plan.outputs, plan.activation, "encoder.")
    again = _applied(plan.decoder or hidden, code, plan.features, plan.activation, "decoder.")
    loss = (plan.loss or nn.mean_squared_error)(again, X)
    model = _model(plan, loss, n, {"code": code, "again": again})
    Z = tensor("Z", (n, plan.outputs))
    decoder, _ = prepare(collect([replace(again, {code: Z})]))
    return Template(model, Compiled(decoder, dtype=plan.dtype, target=model.target, pack=_only))


def _only(results: list[Any]) -> Any:
    return results[0]


def _model(plan: Plan, loss: Tensor, n: Dim, outputs: dict[str, Tensor]) -> Model:
    """Return a model whose loss has the penalty ``alpha/(2*n)*sum(W**2)`` of all weights but biases."""
    matrices = [p for p in parameters(loss) if p.rank > 1]
    if matrices:
        alpha = parameter(PENALTY, (), init=nn.zeros())
        squares: Any = sum(((p**2).sum() for p in matrices[1:]), (matrices[0] ** 2).sum())
        loss = loss + alpha / 2 * squares / n
    where = {} if plan.target is None else {"target": plan.target}
    return Model(loss, output=outputs[""] if "" in outputs else outputs, dtype=plan.dtype, **where)


def _applied(network: Network, X: Tensor, outputs: int, activation: str, path: str) -> Tensor:
    """Return the output of a network for `X`, shape ``(n, outputs)``."""
    if callable(network):
        found = network(X, outputs)
        if not isinstance(found, Tensor) or found.shape != (X.shape[0], outputs):
            raise ShapeError(
                "the function of the network returns something else than its outputs",
                shapes={"returned": getattr(found, "shape", found), "needed": (X.shape[0], outputs)},
                cure="end with sd.nn.dense(h, outputs, name=...)",
            )
        return found
    functions = {f.__name__: f for f in _ACTIVATIONS}
    if activation != "identity" and activation not in functions:
        raise ArgumentError(f"activation={activation!r}", cure=f"use {', '.join(functions)} or identity")
    h = X
    for number, units in enumerate(network, 1):
        h = nn.dense(h, units, activation=functions.get(activation), name=f"{path}hidden{number}")
    return nn.dense(h, outputs, name=f"{path}output")


_ACTIVATIONS = (
    *(activations.relu, activations.tanh, activations.sigmoid, activations.softplus),
    *(gates.gelu, gates.silu, gates.mish, gates.softsign),
)
