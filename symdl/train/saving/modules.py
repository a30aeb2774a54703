"""Weights from PyTorch's modules and back, by the kinds of their layers.

Enters: a module, or a dictionary of arrays, and a model's arrays. Leaves: arrays under the names and in the
order of axes of the other side. Modules are asked for names and arrays only: nothing here imports PyTorch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.errors import ArgumentError, DataError
from symdl.express.values import numbers
from symdl.train.saving.taking import Taken, renamed, take

_TRANSPOSED = ("Linear", "RNN", "LSTM", "GRU")
"""Kinds whose matrices are (outputs, inputs) there and (inputs, outputs) here."""
_AFFINE = {"weight": "W", "bias": "b"}
_SCALED = {"weight": "gain", "bias": "shift"}
_RUNNING = {"running_mean": "running_mean", "running_var": "running_variance", "num_batches_tracked": ""}
_STEPS = {
    "weight_ih_l0": "W",
    "weight_hh_l0": "U",
    "bias_ih_l0": "b",
    "bias_hh_l0": "b",
}  # one bias, their sum
_KINDS: Mapping[str, Mapping[str, str]] = {
    "Linear": _AFFINE,
    **dict.fromkeys([f"Conv{axes}d" for axes in (1, 2, 3)], _AFFINE),
    **dict.fromkeys([f"ConvTranspose{axes}d" for axes in (1, 2, 3)], _AFFINE),
    "Embedding": {"weight": "E"},
    **dict.fromkeys(["LayerNorm", "GroupNorm", "RMSNorm"], _SCALED),
    **dict.fromkeys([f"BatchNorm{axes}d" for axes in (1, 2, 3)], _SCALED | _RUNNING),
    "PReLU": {"weight": "a"},
    "RNN": _STEPS,
    "LSTM": _STEPS,
    "GRU": _STEPS | {"bias_hh_l0": "d"},
}
"""What the arrays of a kind of layer are called in `symdl.nn`; "" for what there is no use for."""


@dataclass(frozen=True, slots=True)
class _Part:
    """An array of the module, whole or a term of what a model has, and whether its axes are turned round."""

    name: str
    transposed: bool


def load_module(
    wanted: Mapping[str, Any],
    source: Any,
    *,
    strict: bool,
    rename: Mapping[str, str] | None,
    transpose: Collection[str],
) -> tuple[dict[str, Any], Taken]:
    """Return new values for a model's arrays; see `symdl.Model.load_state_dict`."""
    found = _arrays(source)
    arrays = {
        name: sum(_turned(found, p) for p in parts) for name, parts in _parts(source, rename, transpose)
    }
    now = renamed(arrays, rename or {}, "the module")
    for name, array in now.items():
        shape = np.shape(wanted.get(name, array))
        if np.shape(array) != shape and np.shape(array)[::-1] == shape:
            raise DataError(
                f"the axes of {name!r} are the other way round",
                shapes={"model": shape, "given": np.shape(array)},
                cure="name it in transpose=[...] as it is called there; pass the module for this by kind",
            )
    return take(wanted, arrays, where="the module", strict=strict, rename=rename)


def state_of_module(
    values: Mapping[str, Any], module: Any, *, rename: Mapping[str, str] | None, transpose: Collection[str]
) -> dict[str, Any]:
    """Return what ``module.load_state_dict`` takes; see `symdl.Model.state_dict`."""
    state = dict(module.state_dict())
    for name, parts in renamed(dict(_parts(module, rename, transpose)), rename or {}, "the module").items():
        if name not in values:
            raise ArgumentError(
                f"the model has no array {name!r}",
                cure=f"say by rename={{...}} which it is: {', '.join(values)}",
            )
        array = np.asarray(values[name])
        for number, part in enumerate(parts):
            share = np.zeros_like(array) if number else array
            share = share.T if part.transposed else share
            if share.shape != tuple(state[part.name].shape):
                shapes = {"model": share.shape, "module": tuple(state[part.name].shape)}
                raise DataError(f"{name!r} does not fit {part.name!r}", shapes=shapes)
            state[part.name] = state[part.name].new_tensor(np.ascontiguousarray(share))
    return state


def _parts(
    source: Any, rename: Mapping[str, str] | None, transpose: Collection[str]
) -> Iterator[tuple[str, list[_Part]]]:
    """The arrays of a source under the names of `symdl.nn`; a name that is in `rename` is left as it is."""
    kinds = _kinds(source)
    names = list(_state(source))
    unknown = [name for name in transpose if name not in names]
    if unknown:
        raise ArgumentError(f"transpose={unknown}, which is not there", cure=f"there is {', '.join(names)}")
    found: dict[str, list[_Part]] = {}
    for name in names:
        path, _, leaf = name.rpartition(".")
        kind = kinds.get(path, "")
        ours = _KINDS.get(kind, {}).get(leaf, leaf)
        matrix = kind in _TRANSPOSED and leaf.startswith("weight")
        if ours:
            known = name if name in (rename or {}) else f"{path}.{ours}" if path else ours
            found.setdefault(known, []).append(_Part(name, matrix or name in transpose))
    yield from found.items()


def _kinds(source: Any) -> dict[str, str]:
    """Return the kind of layer of every module inside, by its path: a class of its own counts as its base."""
    modules = dict(source.named_modules()) if hasattr(source, "named_modules") else {}
    return {
        path: next((base.__name__ for base in type(module).__mro__ if base.__name__ in _KINDS), "")
        for path, module in modules.items()
    }


def _state(source: Any) -> Mapping[str, Any]:
    state = source.state_dict() if hasattr(source, "state_dict") else source
    if not isinstance(state, Mapping):
        raise ArgumentError(
            f"{type(source).__name__} is no module and no dictionary of arrays",
            cure="pass a torch.nn.Module, or its state_dict()",
        )
    return state


def _arrays(source: Any) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {}
    for name, value in _state(source).items():
        if hasattr(value, "detach"):
            value = value.detach().cpu().double()  # which NumPy has, and which holds every shorter type
        found[name] = numbers(value, name)
    return found


def _turned(found: Mapping[str, NDArray[Any]], part: _Part) -> NDArray[Any]:
    array = found[part.name]
    return array.T if part.transposed else array
