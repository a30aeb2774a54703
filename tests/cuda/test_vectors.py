"""Kernels that go through arrays element by element, four (or two) at once.

Right values come from the target cpu; which kernels have that form, and when it is launched, is asked, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.lower.cuda.flat import LONG
from symdl.run import modules
from symdl.run.cuda import choice
from symdl.run.cuda.choice import chosen
from symdl.run.cuda.compiler import translate
from symdl.run.runtime import Target
from tests.cuda.conftest import on
from tests.cuda.device import SimulatedDevice
from tests.cuda.generated import generated
from tests.cuda.test_arrays import Other
from tests.cuda.toolchain import ARCHITECTURES, assembled, needs_compiler
from tests.totality import checks
from tests.totality.case import Case
from tests.totality.elementwise import SPECIAL
from tests.totality.test_totality import FIRST, named

n = sd.Dim("n")
RNG = np.random.default_rng(7)
X, Y = sd.tensor("X", (n, 5)), sd.tensor("Y", (n, 5))
b, labels = sd.parameter("b", (5,)), sd.tensor("t", (n,), dtype="int64")
K = sd.tensor("K", (n, 5), dtype="int64")
WIDTHS: dict[Any, int] = {"float32": 4, "float64": 2}


def launched(device: SimulatedDevice) -> set[str]:
    """Return the forms of generated kernels that were launched."""
    return {found for text in device.texts for found in re.findall(r"kernel_\d+_([a-z]+)B", text)}


def forms(made: Any) -> list[str]:
    """Return the forms of a program's kernels."""
    return re.findall(r"^def kernel_\d+_(\w+)", sd.compile(made, target="cuda").source, re.MULTILINE)


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vectors are taken however short arrays are."""
    monkeypatch.setattr(choice, "LONG", 1)


PROGRAMS: dict[str, tuple[Callable[[], Any], str]] = {
    "one array": (lambda: sd.exp(X), "X"),
    "several": (lambda: [X * Y + 1, sd.tanh(Y - X)], "X Y"),
    "another one along columns": (lambda: sd.relu(X + b), "X b"),
    "transposed": (lambda: X + sd.tensor("Z", (5, n)).T, "X Z"),
    "integers": (lambda: sd.where(K > 1, X, -Y), "X Y K"),
    "integers made": (lambda: labels * 3 + 1, "t"),
    "nothing of their shape read": (lambda: [sd.broadcast_to(b, (n, 5)) * 2, labels.sum()], "b t"),
    "a mask of random numbers": (lambda: sd.nn.dropout(X, 0.4, name="drop"), "X drop.step"),
    "joined": (lambda: sd.concatenate([X, Y], axis=0) * 2, "X Y"),
    "behind a row": (lambda: sd.concatenate([b[None, :], X], axis=0), "X b"),
    "where there is something": (lambda: sd.where(Y > 0, X / Y, X), "X Y"),
}


@needs_compiler
@pytest.mark.parametrize("dtype", WIDTHS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_they_compute_what_single_elements_do(
    name: str, dtype: Any, device: SimulatedDevice, target: Target, always: None
) -> None:
    build, inputs = PROGRAMS[name]
    made = build()
    ours, right = (sd.compile(made, dtype=dtype, target=where) for where in (target, "cpu"))
    for rows in (1, 2, 3, 4, 5, 103):
        shapes = {"X": (rows, 5), "Y": (rows, 5), "b": (5,), "Z": (5, rows)}
        values: dict[str, Any] = {key: RNG.normal(size=shape).astype(dtype) for key, shape in shapes.items()}
        values |= {"t": RNG.integers(0, 4, rows), "K": RNG.integers(0, 4, (rows, 5))}
        values |= {"drop.step": np.zeros((), dtype)}
        given = {key: values[key] for key in inputs.split()}
        found, wanted = ours(**given), right(**given)
        pairs = zip(found, wanted, strict=True) if isinstance(made, list) else [(found, wanted)]
        for one, other in pairs:
            np.testing.assert_allclose(one, other, rtol=1e-5 if dtype == "float32" else 1e-13, atol=1e-7)
    assert ("vectors" in launched(device)) == ("vectors" in forms(made))


def test_which_kernels_have_them() -> None:
    for name, (build, _) in PROGRAMS.items():
        assert "vectors" in forms(build()), name
    fixed = sd.tensor("F", (2, 4))
    assert forms(sd.exp(fixed)) == ["threads"]
    for other in (X.sum(axis=1), X.sum(axis=0), sd.cumsum(X, axis=1), sd.softmax(X)):
        assert "vectors" not in forms(other)


def test_they_are_taken_where_arrays_are_long_and_aligned() -> None:
    for width in WIDTHS.values():
        assert chosen(("threads", "vectors"), LONG - 1, 1, width).form == "threads"
        taken = chosen(("threads", "vectors"), LONG, 1, width)
        assert taken.form == "vectors"
        assert (taken.blocks - 1) * taken.threads * width < LONG <= taken.blocks * taken.threads * width
    assert chosen(("threads", "vectors"), LONG, 1, 0).form == "threads"


@needs_compiler
@pytest.mark.parametrize("behind", [0, 4, 8, 16])
def test_an_array_that_begins_elsewhere_is_read_element_by_element(
    behind: int, device: SimulatedDevice, target: Target, always: None
) -> None:
    values = RNG.normal(size=(9, 5)).astype("float32")
    whole = np.concatenate([np.zeros(behind // 4, "float32"), values.ravel()])
    there = Other(device, whole)
    there.changes = {"shape": values.shape, "data": (there.address + behind, False)}
    found = sd.compile(sd.exp(X), dtype="float32", target=target)(X=there)
    np.testing.assert_allclose(found.numpy(), np.exp(values), rtol=1e-6)
    assert launched(device) == {"threads" if behind % 16 else "vectors"}


@needs_compiler
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_they_are_one_instruction(architecture: str) -> None:
    for dtype, width in WIDTHS.items():
        ending = f"v{width}.f{dtype[-2:]}"
        made: Any = [sd.tanh(X + b) * Y, sd.where(K > 2, X, Y)]
        kernels = list(generated(sd.compile(made, dtype=dtype, target="cuda")))
        for kernel in kernels:
            text = translate(kernel.function, kernel.kinds, architecture, kernel.threads)
            vectors = re.findall(r"(ld|st)\.global\.v\d\.\w+", text)
            assert bool(vectors) == (kernel.team == "vectors")
            if vectors:
                assert {f"ld.global.{ending}", f"st.global.{ending}"} <= set(
                    re.findall(r"[ls][dt]\.global\S+", text)
                )
                (machine,) = assembled(text, architecture)
                assert machine.spills == machine.stack == 0
        assert any(kernel.team == "vectors" for kernel in kernels)


@needs_compiler
@pytest.mark.parametrize("optimizer", [sd.nn.SGD(0.1), sd.nn.Adam(1e-2)], ids=["SGD", "Adam"])
def test_weights_are_updated_in_place(
    optimizer: Any, device: SimulatedDevice, target: Target, always: None
) -> None:
    data = {"X": RNG.normal(size=(11, 5)), "y": RNG.normal(size=(11, 3))}
    models = []
    for where in (target, "cpu"):
        hidden = sd.nn.dense(X, 7, activation=sd.tanh, name="first")
        loss = ((sd.nn.dense(hidden, 3, name="second") - sd.tensor("y", (n, 3))) ** 2).mean()
        models.append(sd.Model(loss, target=where))
        models[-1].fit(data, optimizer=optimizer, batch_size=4, epochs=2, seed=1)
    for name, value in models[0].parameters.items():
        np.testing.assert_allclose(value, models[1].parameters[name], atol=2e-6)


@needs_compiler
@pytest.mark.parametrize("case", [c for c in FIRST if c not in SPECIAL][::15], ids=named)
def test_totality_agrees_with_the_interpreter(case: Case, target: Target, always: None) -> None:
    count = case.sizes[0]
    assert checks.Kernels.of([case], checks.first, n=count, target=target).failures(count) == []


BROKEN = {
    "one element too many": (r"first \+ lane, (\w+) - 1", r"first + lane, \1"),
    "a vector too early": (r"(vector\(\w+, )first", r"\1first + 1"),
    "each element twice": (r"(thread\(\)\)) \* width", r"\1"),
    "not all elements": (r"while first < (\w+)", r"while first + width < \1"),
    "nothing is written": (r" +store_vector\(.*\n", ""),
}


@needs_compiler
@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_found(name: str, monkeypatch: pytest.MonkeyPatch, always: None) -> None:
    load = modules.load

    def broken(source: str, foundation: tuple[str, ...] = ()) -> Any:
        changed = re.sub(BROKEN[name][0], BROKEN[name][1], source)
        assert changed != source
        return load(changed, foundation)

    monkeypatch.setattr(modules, "load", broken)
    device, values = SimulatedDevice(), RNG.normal(size=(7, 5))
    found = sd.compile(sd.exp(X) + X[::-1], target=on(device))(X=values)
    assert device.findings or not np.allclose(found, np.exp(values) + values[::-1], rtol=1e-12)
