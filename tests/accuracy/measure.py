"""How far elementary functions are from the truth, in units in the last place.

Enters: nothing. Leaves: on the terminal, the worst error of each function in each format, and where it is.
``python -m tests.accuracy.measure`` tries a sample; with ``--step 1`` every float32, which takes a quarter of
an hour. Compiled code is measured. References have more digits: float64 for float32, and the processor's
longest format for float64.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numba import njit, types
from scipy import special

from symdl.run.cpu.intrinsics import elementary
from symdl.run.cpu.intrinsics.pointers import OPTIONS, REALS, disjoint
from symdl.run.elementary.formats import DOUBLE, SINGLE
from symdl.run.elementary.trigonometric import NEAR
from symdl.run.memory import address

EXACT: dict[str, Callable[..., Any]] = {
    **{name: getattr(np, name) for name in ("exp", "expm1", "tanh", "log", "log1p", "sin", "cos")},
    "erf": special.erf,
    "near_sin": np.sin,
    "near_cos": np.cos,
}
BOUNDS = {
    ("exp", "float32"): 1.0,
    ("expm1", "float32"): 1.5,
    ("tanh", "float32"): 1.4,
    ("erf", "float32"): 1.0,
    ("log", "float32"): 0.9,
    ("log1p", "float32"): 1.5,
    ("sin", "float32"): 1.6,
    ("cos", "float32"): 1.6,
    ("near_sin", "float32"): 1.6,
    ("near_cos", "float32"): 1.6,
    ("exp", "float64"): 1.3,
    ("tanh", "float64"): 1.4,
    ("log", "float64"): 0.9,
    ("near_sin", "float64"): 1.6,
    ("near_cos", "float64"): 1.6,
}
"""Errors that are not exceeded, in units in the last place; the docstrings say the same."""
STEP = 4093
"""How far the float32 that are tried are apart."""
_BLOCK = 1 << 20


def compiled(name: str, dtype: str) -> Callable[[Any], Any]:
    """Return a function of an array, computed by compiled code in vectors."""
    function, at, kind = getattr(elementary, name), REALS[dtype], types.CPointer(getattr(types, dtype))

    @njit(types.void(kind, kind, types.int64), **OPTIONS)
    def loop(source: Any, target: Any, count: int) -> None:
        disjoint()
        for i in range(count):
            target[i] = function(source[i])

    @njit(types.void(types.int64, types.int64, types.int64), **{**OPTIONS, "no_cpython_wrapper": False})
    def run(source: int, target: int, count: int) -> None:
        loop(at(source), at(target), count)

    def called(x: Any) -> Any:
        result = np.empty_like(x)
        run(address(x), address(result), len(x))
        return result

    return called


def errors(name: str, found: Any, x: Any) -> Any:
    """Return errors in units in the last place; 0 where both are equal, infinite or no numbers."""
    with np.errstate(all="ignore"):
        exact = EXACT[name](x.astype("float64" if x.dtype == np.float32 else np.longdouble))
        near = exact.astype(x.dtype)
        if name == "exp":  # below the smallest normal number results are 0
            exact = np.where(abs(exact) < np.finfo(x.dtype).tiny, 0, exact)
        same = (found == near) & ~np.isfinite(near) | (np.isnan(found) & np.isnan(near)) | (found == exact)
        return np.where(same, 0.0, abs(found - exact) / np.spacing(abs(near))).astype("float64")


def samples(name: str, dtype: str, *, step: int) -> Iterator[Any]:
    """Yield arguments: bit patterns, and numbers near those where the function bends."""
    f = SINGLE if dtype == "float32" else DOUBLE
    if dtype == "float32":
        for start in range(0, 2**32, step * _BLOCK):
            yield np.arange(start, min(start + step * _BLOCK, 2**32), step, dtype="uint32").view(dtype)
    else:
        rng = np.random.default_rng(0)
        yield rng.integers(0, 2**64, _BLOCK, dtype="uint64").view(dtype)
    for top in (1e-3, 0.7, 2.0, 20.0, f.overflow, 1e5):
        yield np.linspace(-top, top, 100_001).astype(dtype)


def worst(name: str, dtype: str, *, step: int = STEP) -> tuple[float, float]:
    """Return the largest error of a function, and an argument that has it."""
    function, most, where = compiled(name, dtype), 0.0, 0.0
    for x in samples(name, dtype, step=step):
        chosen = np.ascontiguousarray(x[abs(x) <= NEAR]) if name.startswith("near") else x
        found = errors(name, function(chosen), chosen)
        if len(found) and found.max() > most:
            most, where = float(found.max()), float(chosen[found.argmax()])
    return most, where


def main() -> None:
    """Print."""
    ask = argparse.ArgumentParser(prog="python -m tests.accuracy.measure", description=__doc__)
    ask.add_argument("--step", type=int, default=STEP, help="how far the float32 tried are apart")
    ask.add_argument("names", nargs="*", help="default all")
    asked = ask.parse_args()
    for name, dtype in BOUNDS:
        if not asked.names or name in asked.names:
            most, where = worst(name, dtype, step=asked.step)
            print(f"{name:9} {dtype} {most:.3f} at {where!r}", flush=True)


if __name__ == "__main__":
    main()
