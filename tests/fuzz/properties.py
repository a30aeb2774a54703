"""What must hold of everything that the strategies draw.

Each property takes what its strategy draws, and raises if something does not agree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st

import symdl as sd
from symdl.check import strategies
from symdl.check.strategies import Network, Sample
from symdl.check.tape import tape_gradient
from symdl.express.program import collect

from ..lower.programs import assert_agrees
from ..lower.programs import programs as with_gradients

x, y = sp.symbols("x y")
WIDE = (1, 5, 16, 33, 64, 100, 129, 200)
BATCHES = (1, 2, 15, 16, 17, 31, 32, 33, 47, 64, 65, 127, 128, 129, 257, 600)
RATE = 0.05


def scalars(drawn: tuple[sp.Expr, float, float]) -> None:
    """A function of two numbers: all ways to its gradient, and the loops that kernels are made of."""
    f, a, b = drawn
    f = f + x * y
    if {x, y} <= f.free_symbols:
        report = sd.check_gradients(
            f, at={"x": a, "y": b}, tolerance=1e-5, target="python", dtypes=("float64",)
        )
        report.raise_if_failed()


def gradients(sample: Sample) -> None:
    """A loss: differences, complex step, tape and forward mode against the derivation."""
    wrt = [t.name for t in collect([sample.loss]).inputs if t.dtype == "real"]
    report = sd.check_gradients(sample.loss, at=sample.values, wrt=wrt, compiled=False, entries=6)
    report.raise_if_failed()


def loops(case: Any) -> None:
    """A program, and its gradients: both schedules without a compiler against the interpreter."""
    assert_agrees(*case)


def kernels(case: Any) -> None:
    """The same, compiled, in both precisions."""
    program, values = case
    assert_agrees(program, values, targets=("cpu",), schedules=("fused",))
    single = {k: v.astype("float32") if v.dtype == np.float64 else v for k, v in values.items()}
    assert_agrees(program, single, targets=("cpu",), schedules=("fused",), dtype="float32")


def networks(drawn: tuple[Network, Any, int, Any]) -> None:
    """A network, small or wide: its compiled gradient by any schedule, threads and precision."""
    network, schedule, threads, dtype = drawn
    step: Any = sd.compile(network.loss, wrt="parameters", schedule=schedule, threads=threads, dtype=dtype)
    again = step(**network.values)[1]
    report = sd.check_gradients(
        network.loss,
        at=network.values,
        methods=("tape",),
        compiled=lambda point: step(**point)[1],
        dtypes=(dtype,),
    )
    report.raise_if_failed()
    for name, slope in again.items():
        np.testing.assert_array_equal(slope, step(**network.values)[1][name])


def training(drawn: tuple[Network, int, int]) -> None:
    """Two epochs of gradient descent: the bits of one thread on several, and the steps of the tape."""
    network, batch, threads = drawn
    data = {name: network.values[name] for name in ("X", "t")}
    first = {name: a for name, a in network.values.items() if name not in data}
    found = []
    for workers in (1, threads):
        model = sd.Model(network.loss, dtype="float64")
        for name, array in first.items():
            model.parameters[name][...] = array
        model.fit(
            data,
            optimizer=sd.nn.SGD(RATE),
            batch_size=batch,
            epochs=2,
            shuffle=False,
            threads=workers,
            progress=False,
        )
        found.append(dict(model.parameters))
    expected = descended(network, data, first, batch)
    for name in first:
        np.testing.assert_array_equal(found[0][name], found[1][name])
    off = apart(found[0], expected)
    if max(off.values()) > 1e-8:  # steps that are too long drive apart what differs in the last digit
        aside = {name: a * (1 + 1e-15) for name, a in first.items()}
        moved = apart(descended(network, data, aside, batch), expected)
        assert all(off[name] < 1e-8 + 1e4 * moved[name] for name in off), (off, moved)


def apart(some: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, float]:
    """How far some parameters are from others, by name, relative to those that are larger than 1."""
    return {
        name: float(np.abs(some[name] - a).max() / max(1.0, np.abs(a).max())) for name, a in others.items()
    }


def descended(
    network: Network, data: Mapping[str, Any], first: Mapping[str, Any], batch: int
) -> dict[str, Any]:
    """The parameters after two epochs, by the tape."""
    program, now = collect([network.loss]), {name: np.array(a, float) for name, a in first.items()}
    wrt = [t for t in program.inputs if t.name in now]
    count = len(data["X"])
    for _ in range(2):
        for start in range(0, count, batch):
            part = {name: a[start : start + batch] for name, a in data.items()}
            slopes = tape_gradient(program, network.loss, wrt, {**part, **now})
            now = {str(t.name): now[str(t.name)] - RATE * slopes[t] for t in wrt}
    return now


@dataclass(frozen=True)
class Property:
    """A property, what it is tested on, and how many examples a turn has."""

    check: Callable[[Any], None]
    strategy: Any
    examples: int


NUMBER = st.floats(-1.5, 1.5)
SMALL = strategies.networks()
LARGE = strategies.networks(widths=WIDE, batches=BATCHES)
PROPERTIES = (
    Property(scalars, st.tuples(strategies.scalar_expressions([x, y], leaves=12), NUMBER, NUMBER), 25),
    Property(gradients, strategies.losses(), 25),
    Property(loops, with_gradients(), 25),
    Property(kernels, with_gradients(), 2),
    Property(
        networks,
        st.tuples(SMALL | LARGE, st.sampled_from(["fused", "naive"]), st.integers(1, 3),
                  st.sampled_from(["float64", "float64", "float32"])),
        3,
    ),
    Property(
        training, st.tuples(SMALL | LARGE, st.sampled_from([1, 5, 16, 33, 64, 100]), st.integers(2, 3)), 2
    ),
)  # fmt: skip
