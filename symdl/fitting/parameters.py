"""What a fit varies, and between which bounds.

Enters: start values, bounds, what is fixed or tied, by symbol, tensor or name. Leaves: `Parameters`: names,
one vector of free numbers, its bounds.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symdl.errors import FittingError
from symdl.express.tensors import Tensor
from symdl.express.values import numbers
from symdl.train.layout import Layout, Vector


@dataclass(frozen=True, slots=True, eq=False)
class Parameters:
    """The parameters of a fit.

    Attributes:
        layout: where each free parameter lies in the vector.
        start: the vector at which the search starts.
        lower: the least each number may be.
        upper: the most.
        fixed: parameters that do not move.
        tied: formulas of others, by name; each of them over free and fixed parameters only.
    """

    layout: Layout
    start: Vector
    lower: Vector
    upper: Vector
    fixed: Mapping[str, Any]
    tied: Mapping[str, Any]

    @property
    def labels(self) -> tuple[str, ...]:
        """A name for each number of the vector: ``b``, or ``W[0,1]`` for an element of a tensor."""
        return tuple(label for name, shape in self.layout.shapes.items() for label in labels_of(name, shape))

    def values(self, x: Any) -> dict[str, Any]:
        """Return free and fixed parameters by name."""
        return {**self.layout.unflatten(x), **self.fixed}

    def place(self, label: str) -> int:
        """Return where a number lies in the vector.

        Raises:
            FittingError: there is none of that name.
        """
        if label not in self.labels:
            raise FittingError(f"no free parameter is called {label!r}", cure=choose(self.labels))
        return self.labels.index(label)


def labels_of(name: str, shape: Sequence[int]) -> list[str]:
    """Return the names of the elements of an array."""
    if not shape:
        return [name]
    return [f"{name}[{','.join(map(str, at))}]" for at in itertools.product(*map(range, shape))]


def choose(names: Iterable[str]) -> str:
    """Return the cure for a name that is none."""
    return f"choose from {', '.join(names)}"


def by_name(mapping: Any, what: str) -> dict[str, Any]:
    """Return a mapping whose keys are names.

    Raises:
        FittingError: it is no mapping, or has one name twice.
    """
    if mapping is None:
        return {}
    if not isinstance(mapping, Mapping):
        cure = f"pass a dictionary: {what}={{b: ...}}"
        raise FittingError(f"{what} is a {type(mapping).__name__}", cure=cure)
    found = {name_of(key): value for key, value in mapping.items()}
    if len(found) < len(mapping):
        raise FittingError(
            f"{what} has one name twice: {', '.join(map(name_of, mapping))}", cure="once is enough"
        )
    return found


def name_of(key: Any) -> str:
    """Return the name of a symbol or a tensor."""
    return str(key.name) if isinstance(key, Tensor) else str(key)


def names_in(keys: Any) -> list[str]:
    """Return the names in a mapping, a collection, or of one symbol or tensor."""
    alone = isinstance(keys, str | Tensor | sp.Basic)
    return [name_of(key) for key in ((keys,) if alone else keys or ())]


def read_parameters(
    needed: Sequence[str],
    shapes: Mapping[str, tuple[int, ...]],
    start: Any,
    bounds: Any,
    fixed: Any,
    tied: Any,
) -> Parameters:
    """Check what was said about parameters.

    Args:
        needed: the names of all parameters that formulas read, tied ones put in already.
        shapes: of those that are tensors.
        start, bounds, fixed, tied: as `symdl.fit` takes them.

    Raises:
        FittingError: a name nobody reads, a missing start, a value that is no finite number or has another
            shape, a start outside of its bounds, or nothing to fit.
    """
    values = {
        n: _array(v, f"the start of {n}", shapes.get(n, ())) for n, v in by_name(start, "start").items()
    }
    held = _fixed(fixed, values, shapes)
    limits = by_name(bounds, "bounds")
    for what, given in (("start", values), ("fixed", held), ("bounds", limits)):
        _known(what, given, needed, tied)
    if twice := [name for name in limits if name in held]:
        raise FittingError(
            f"{twice[0]} is fixed, and has bounds", cure=f"leave one of them out for {twice[0]}"
        )
    free = {name: values[name] for name in values if name not in held}
    if missing := [name for name in needed if name not in free and name not in held]:
        listed = ", ".join(f"{name}: 1.0" for name in missing)
        raise FittingError(
            f"no start for {', '.join(missing)}",
            cure=f"pass start={{{listed}, ...}}; or data, if it was measured; or fixed=, if it is known",
        )
    if not free:
        raise FittingError("nothing is left to fit", cure="leave a parameter free")
    layout = Layout({name: value.shape for name, value in free.items()})
    lower, upper = _limits(limits, layout)
    found = Parameters(layout, layout.flatten(free), lower, upper, held, tied)
    _inside(found)
    return found


def _known(what: str, given: Iterable[str], needed: Sequence[str], tied: Mapping[str, Any]) -> None:
    for name in given:
        if name in tied:
            raise FittingError(
                f"{name} is tied to {tied[name]}, and {what} has it too", cure=f"leave it out of {what}"
            )
        if name not in needed:
            raise FittingError(f"{what} has {name!r}, which no formula reads", cure=choose(needed))


def _fixed(fixed: Any, values: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """Return the values of fixed parameters; a list of names holds them at their start."""
    if isinstance(fixed, Mapping) or fixed is None:
        return {n: _array(v, f"fixed {n}", shapes.get(n, ())) for n, v in by_name(fixed, "fixed").items()}
    names = names_in(fixed)
    if missing := [name for name in names if name not in values]:
        cure = f"pass fixed={{{missing[0]}: value}}, or a start for it"
        raise FittingError(f"{missing[0]} is fixed, but at what value?", cure=cure)
    return {name: values[name] for name in names}


def _array(value: Any, what: str, shape: tuple[int, ...]) -> Any:
    found = np.asarray(numbers(value, what, error=FittingError), "float64")
    if found.shape != shape and found.size == 1:
        found = np.full(shape, found.reshape(()))
    if found.shape != shape:
        shapes = {"needed": shape, "given": found.shape}
        raise FittingError(f"{what} has another shape", shapes=shapes, cure="one value for each element")
    if not np.isfinite(found).all():
        raise FittingError(f"{what} is {found}", cure="pass finite numbers")
    return found


def _limits(limits: Mapping[str, Any], layout: Layout) -> tuple[Vector, Vector]:
    lower, upper = np.full(layout.size, -np.inf), np.full(layout.size, np.inf)
    for name, pair in limits.items():
        if not isinstance(pair, list | tuple | np.ndarray) or len(pair) != 2:
            cure = f"pass {name}: (lowest, highest), None where there is none"
            raise FittingError(f"the bounds of {name} are {pair!r}, no pair", cure=cure)
        for side, value in zip((lower, upper), pair, strict=True):
            if value is not None:
                found = np.asarray(numbers(value, f"a bound of {name}", error=FittingError), "float64")
                shape = layout.shapes[name]
                if found.ndim and found.shape != shape:
                    shapes = {"needed": shape, "given": found.shape}
                    raise FittingError(
                        f"a bound of {name} has another shape", shapes=shapes, cure="pass a number"
                    )
                side[layout.slices[name]] = np.broadcast_to(found, shape).ravel()
    return lower, upper


def _inside(parameters: Parameters) -> None:
    rows = zip(parameters.labels, parameters.start, parameters.lower, parameters.upper, strict=True)
    for label, start, low, high in rows:
        if not low < high:  # NaN too
            cure = f"the lower bound comes first; to hold it: fixed={{{label}: value}}"
            raise FittingError(f"the bounds of {label} are ({low:g}, {high:g})", cure=cure)
        if not low <= start <= high:
            cure = "start between the bounds, or widen them"
            raise FittingError(
                f"{label} starts at {start:g}, outside of its bounds ({low:g}, {high:g})", cure=cure
            )
