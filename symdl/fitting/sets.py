"""Measured data, each set with its formula.

Enters: arrays by name, and formulas by what was measured. Leaves: a `DataSet` for each. What cannot be fitted
is refused here, before anything is compiled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdl.errors import FittingError
from symdl.express.tensors import Tensor
from symdl.express.values import numbers
from symdl.fitting.equations import names_of
from symdl.fitting.parameters import by_name, choose
from symdl.train.layout import Vector


@dataclass(frozen=True, slots=True, eq=False)
class DataSet:
    """Measured values of one quantity.

    Attributes:
        name: what was measured.
        formula: what is fitted to it, tied parameters put in.
        data: what the formula reads; of an expression vectors of one length.
        measured: the values, in one vector.
        sigma: their standard deviations, or None.
        shape: that of what was measured.
    """

    name: str
    formula: Any
    data: Mapping[str, Any]
    measured: Vector
    sigma: Vector | None
    shape: tuple[int, ...]

    @property
    def weighted(self) -> Vector:
        """What residuals are divided by."""
        return np.ones_like(self.measured) if self.sigma is None else self.sigma

    def row(self, at: int) -> dict[str, float]:
        """Return the data of one point, as far as they are of one."""
        found = {n: v[at] for n, v in self.data.items() if np.ndim(v) and len(v) == len(self.measured)}
        return {name: float(value) for name, value in found.items() if not np.ndim(value)}


def read_arrays(data: Any, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Return all arrays by name.

    Args:
        data: a dictionary or a table, by name or symbol, or None.
        arrays: those passed by keyword.

    Raises:
        FittingError: a name is there twice, or `data` is no dictionary.
    """
    if data is not None and not isinstance(data, Mapping) and hasattr(data, "columns"):
        data = {name: data[name] for name in data.columns}
    found = by_name(data, "data")
    if twice := [name for name in arrays if name in found]:
        raise FittingError(f"{twice[0]} is in data, and passed by its name", cure="pass it once")
    return {**found, **arrays}


def read_sets(
    formulas: Mapping[str, Any], arrays: Mapping[str, Any], sigma: Any, passed: Mapping[str, Any]
) -> tuple[DataSet, ...]:
    """Check arrays and formulas.

    Args:
        formulas: by what was measured, tied parameters put in.
        arrays: all by name.
        sigma: as `symdl.fit` takes it.
        passed: arrays of which each must be of use.

    Raises:
        FittingError: lengths that differ, values that are not finite or all the same, uncertainties that are
            not positive, an array that nothing reads.
    """
    read = {name for formula in formulas.values() for name in names_of(formula)}
    if idle := [name for name in passed if name not in read and name not in formulas]:
        needed = sorted({*read, *formulas})
        raise FittingError(f"no formula reads {idle[0]}", cure=f"leave it out, or {choose(needed)}")
    several = sigma if isinstance(sigma, Mapping) else dict.fromkeys(formulas, sigma)
    given = by_name(several, "sigma")
    if strangers := [name for name in given if name not in formulas]:
        raise FittingError(f"sigma has {strangers[0]!r}, which was not measured", cure=choose(formulas))
    return tuple(_set(name, formula, arrays, given.get(name)) for name, formula in formulas.items())


def _set(name: str, formula: Any, arrays: Mapping[str, Any], sigma: Any) -> DataSet:
    measured = _finite(arrays[name], name)
    if not measured.size:
        raise FittingError(f"{name} is empty", cure="pass at least as many points as there are parameters")
    if measured.size > 1 and (measured == measured.flat[0]).all():
        value = float(measured.flat[0])
        cure = f"look at where {name} comes from; a fit needs values that vary"
        raise FittingError(f"all {measured.size} values of {name} are {value:g}", cure=cure)
    read = {n: _finite(arrays[n], n) for n in names_of(formula) if n in arrays}
    data = read if isinstance(formula, Tensor) else spread(read, measured.shape, name)
    return DataSet(
        name, formula, data, measured.ravel(), _uncertainties(sigma, name, measured), measured.shape
    )


def spread(arrays: Mapping[str, Any], shape: tuple[int, ...], name: str) -> dict[str, Vector]:
    """Return arrays as vectors of one length; a number is the same at all points.

    Raises:
        FittingError: their shapes differ.
    """
    shapes = {name: shape, **{n: a.shape for n, a in arrays.items()}}
    if any(a.shape not in (shape, ()) for a in arrays.values()):
        cure = "pass one value of each for every point"
        raise FittingError("lengths differ", shapes=shapes, cure=cure)
    return {n: np.ascontiguousarray(np.broadcast_to(a, shape)).ravel() for n, a in arrays.items()}


def _uncertainties(sigma: Any, name: str, measured: Any) -> Vector | None:
    if sigma is None:
        return None
    what = f"sigma of {name}"
    found = _finite(sigma, what)
    if found.shape not in ((), measured.shape):
        shapes = {name: measured.shape, "sigma": found.shape}
        raise FittingError(
            f"{what} has another shape", shapes=shapes, cure="pass a number, or one for each point"
        )
    if (wrong := found <= 0).any():
        cure = "pass standard deviations, larger than 0; leave out points that are not to count"
        raise FittingError(f"{what} is {found[wrong].flat[0]:g}{_where(wrong)}", cure=cure)
    return np.broadcast_to(found, measured.shape).ravel().astype("float64")


def _finite(value: Any, name: str) -> Any:
    found = np.asarray(numbers(value, name, error=FittingError), "float64")
    wrong = ~np.isfinite(found)
    if wrong.any():
        cure = "leave those points out, of all arrays: keep = np.isfinite(y); x[keep], y[keep]"
        many = f" ({int(wrong.sum())} values are not finite)" if wrong.sum() > 1 else ""
        raise FittingError(f"{name} is {found[wrong].flat[0]}{_where(wrong)}{many}", cure=cure)
    return found


def _where(mask: Any) -> str:
    if not mask.ndim:
        return ""
    at = np.unravel_index(int(np.argmax(mask)), mask.shape)
    return f" in row {int(at[0])}" if len(at) == 1 else f" at {tuple(map(int, at))}"
