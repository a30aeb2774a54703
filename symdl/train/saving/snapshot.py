"""A model as plain data and arrays, and back.

Enters: a model. Leaves: `Snapshot`, of which a file or a pickle is made: what the model is, its values, and
where its training is, so that another process goes on with it to the same numbers.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np

from symdl.errors import CompileError, DataError, MissingExtraError, SymdlError, TrainingError
from symdl.express.equations import check
from symdl.express.portable import Graph, read, written
from symdl.express.program import Fact
from symdl.express.tensors import Tensor
from symdl.nn.described import Elsewhere, described, made
from symdl.train.history import Epoch, History
from symdl.train.resumable import Resumable
from symdl.train.values import on_host

if TYPE_CHECKING:
    from symdl.train.state import ModelState

FORMAT = 1
"""Counted up when a version writes what earlier ones cannot read."""
OWN = "symdl/"
"""Begins the names of arrays that are no weights."""
_STATE, _CONSTANT = f"{OWN}optimizer/", f"{OWN}constant/"
_METADATA = "__metadata__"
"""What safetensors calls its entry of texts."""
_PACKAGES = ("symdl", "sympy", "numpy", "numba")


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """A model as data.

    Attributes:
        data: what it is, as JSON holds it.
        arrays: its weights by their names, and others by names that begin with `OWN`.
    """

    data: dict[str, Any]
    arrays: dict[str, Any]


def snapshot(model: ModelState) -> Snapshot:
    """Return a model as data.

    Raises:
        ExpressionError: an equation holds what has no form as data.
    """
    named = {"losses": model.losses, "outputs": model.outputs, "metrics": model.metrics}
    facts = [t for f in model.facts for t in (f.tensor, f.right) if t is not None]
    wanted = [*(t for each in named.values() for t in each.values()), *facts]
    graph, numbers = written(wanted)
    arrays = on_host(named_freely(model.values()))
    arrays |= {f"{_CONSTANT}{number}": np.asarray(array) for number, array in graph.arrays.items()}
    data: dict[str, Any] = {
        "format": FORMAT,
        "versions": versions(),
        "network": graph.data,
        "inits": {str(number): described(init) for number, init in graph.inits.items()},
        **{kind: {name: numbers[t] for name, t in each.items()} for kind, each in named.items()},
        "facts": [
            [numbers[f.tensor], f.axis, f.kind, None if f.right is None else numbers[f.right]]
            for f in model.facts
        ],
        "dtype": model.dtype,
        "storage": model.storage,
        "target": model.target.name,
        "training": None,
        "history": None if model.history is None else model.history.to_dict(),
    }
    if model.resumable is not None:
        data["training"] = {
            "optimizers": {name: described(o) for name, o in model.resumable.optimizers.items()},
            "seed": int(model.resumable.seed),
            "random": model.resumable.rng.bit_generator.state,
        }
        arrays |= {_STATE + name: array for name, array in on_host(model.resumable.states).items()}
    return Snapshot(data, arrays)


def named_freely(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a model's arrays if none has a name that files keep for something else.

    Raises:
        DataError: one has.
    """
    for name in values:
        if name == _METADATA or name.startswith(OWN):
            raise DataError(
                f"an array called {name!r} cannot be saved: files keep that name for something else",
                cure="call the parameter or state something else",
            )
    return values


def weights_among(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arrays of parameters and running states among those of a snapshot or a file."""
    return {name: array for name, array in arrays.items() if not name.startswith(OWN)}


def versions() -> dict[str, str]:
    """Return the versions of what made a file."""
    found = {platform.python_implementation(): platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found


@dataclass(frozen=True, slots=True)
class _Forgotten:
    """Stands for a user's own initializer, of which only the name was saved."""

    kind: str

    def __call__(self, shape: Any, rng: Any) -> Any:
        """Refuse to draw."""
        raise TrainingError(
            f"the initializer {self.kind} was not saved, only its name",
            cure="build the network by the code that defines it, then model.load(path)",
        )


def _init(data: Any) -> Callable[..., Any]:
    found = made(data)
    return _Forgotten(found.kind) if isinstance(found, Elsewhere) else found


@contextmanager
def told(where: str) -> Iterator[None]:
    """Say of whatever is wrong with data where they are from, as one kind of error.

    Raises:
        DataError: they are damaged, of a later format, or somebody made them up.
    """
    cure = "load a file that model.save(path) wrote, and that nothing has changed since"
    try:
        yield
    except (CompileError, MissingExtraError):  # of what computes, not of the data
        raise
    except SymdlError as error:
        message = error.message if isinstance(error, DataError) else f"damaged equations: {error.message}"
        raise DataError(f"{where}: {message}", shapes=error.shapes, cure=error.cure or cure) from error
    except _DAMAGED as error:
        raise DataError(f"{where} is damaged: {type(error).__name__}: {error}"[:400], cure=cure) from error


_DAMAGED = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


def parts_of(found: Snapshot) -> dict[str, Any]:
    """Return what a `Model` is made of: losses, outputs, metrics, facts, types, and the target's name.

    Whoever calls this says by `told` where the data are from. Their equations are looked at as those that
    somebody writes are: no access is out of range.

    Raises:
        DataError: the data are of a later format.
    """
    data = checked_format(found.data)
    constants = {
        int(name.removeprefix(_CONSTANT)): array
        for name, array in found.arrays.items()
        if name.startswith(_CONSTANT)
    }
    inits = {int(number): _init(each) for number, each in data["inits"].items()}
    tensors = read(Graph(data["network"], constants, inits))
    for tensor in tensors:
        if tensor.equation is not None:
            check(tensor.equation)
    named: dict[str, Any] = {
        kind: {str(name): tensors[number] for name, number in data[kind].items()}
        for kind in ("losses", "outputs", "metrics")
    }
    facts = tuple(_fact(row, tensors) for row in data["facts"])
    if data["dtype"] not in ("float32", "float64"):
        raise DataError("the saved numbers are neither float32 nor float64")
    types = {"dtype": data["dtype"], "storage": data.get("storage", {})}
    return {**named, "facts": facts, **types, "target": data["target"]}


def _fact(row: Any, tensors: list[Tensor]) -> Fact:
    tensor, axis, kind, right = row
    return Fact(tensors[tensor], axis, kind, None if right is None else tensors[right])


def checked_format(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the data of a snapshot if this version can read them.

    Raises:
        DataError: they are of a later format, or none.
    """
    if data.get("format") != FORMAT:
        written_by = data.get("versions")
        by = f" by symdl {written_by.get('symdl')}" if isinstance(written_by, dict) else ""
        raise DataError(
            f"the model was saved{by} in format {data.get('format')!r}; this version reads format {FORMAT}",
            cure="use the version of symdl that saved it, or a later one",
        )
    return data


def training_of(found: Snapshot) -> tuple[Resumable | None, History | None]:
    """Return where training was, and its history; whoever calls this says by `told` where they are from."""
    training, history = found.data["training"], found.data["history"]
    past = None if history is None else _history(history)
    if training is None:
        return None, past
    rng = np.random.default_rng()
    rng.bit_generator.state = training["random"]
    optimizers = {str(name): made(each) for name, each in training["optimizers"].items()}
    states = {n.removeprefix(_STATE): a for n, a in found.arrays.items() if n.startswith(_STATE)}
    return Resumable(optimizers, states, training["seed"], rng), past


def _history(data: Mapping[str, Any]) -> History:
    return History(**{**data, "epochs": tuple(Epoch(**epoch) for epoch in data["epochs"])})
