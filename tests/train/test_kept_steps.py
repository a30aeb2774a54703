"""Derived programs are kept on disk: a later process derives and lowers nothing, with the same bits."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl import nn
from symdl.differentiate.adjoint import differentiate
from symdl.express.portable import read_program, written_program
from symdl.lower.pipeline import lower
from symdl.run import derived
from symdl.train.model import Model

rng = np.random.default_rng(3)
n = sd.Dim("n")
ROWS: Mapping[str, Any] = {"x": rng.normal(size=(12, 4)), "t": rng.integers(0, 3, 12)}
Taken = Callable[[], tuple[int, int]]


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Taken:
    """Say how many derivations and lowerings there were since it was asked last."""
    monkeypatch.setenv("SYMDL_CACHE", str(tmp_path / "kernels"))
    monkeypatch.setenv("SYMDL_KEEP_PROGRAMS", "1")
    found = {"derived": 0, "lowered": 0}

    def counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            found[name] += 1
            return function(*args, **options)

        return call

    for module in ("symdl.differentiate.turns", "symdl.run.compile"):
        monkeypatch.setattr(f"{module}.differentiate", counted("derived", differentiate))
    monkeypatch.setattr("symdl.run.build.lower", counted("lowered", lower))

    def taken() -> tuple[int, int]:
        counts = found["derived"], found["lowered"]
        found.update(derived=0, lowered=0)
        return counts

    return taken


def inputs() -> tuple[sd.Tensor, sd.Tensor]:
    return sd.tensor("x", (n, 4)), sd.tensor("t", (n,), dtype="int64")


def plain() -> Model:
    x, t = inputs()
    logits = nn.dense(nn.dense(x, 3, activation=sd.tanh, name="a"), 3, name="b")
    accuracy = nn.accuracy(logits, t)
    return Model(nn.cross_entropy(logits, t), output=logits, metrics={"right": accuracy}, target="python")


def with_states() -> Model:
    """Running statistics and noise: states, and another form at inference."""
    x, t = inputs()
    h = nn.dropout(nn.batch_norm(nn.dense(x, 3, name="a"), name="n"), 0.3)
    return Model(nn.cross_entropy(nn.dense(h, 3, name="b"), t), target="python")


def in_turns() -> Model:
    """Two losses, each with its own optimizer."""
    x, t = inputs()
    h = nn.dense(x, 3, name="a")
    first, second = nn.cross_entropy(h, t), (nn.dense(h, 1, name="b") ** 2).mean()
    return Model({"first": first, "second": second}, target="python")


def in_steps() -> Model:
    """A recurrence over the columns."""
    x, t = inputs()
    h = nn.rnn(x[:, :, None], 3, name="r")
    return Model(nn.cross_entropy(nn.dense(h[:, 3], 3, name="b"), t), target="python")


SCHEDULE = nn.CosineDecay(0.1, steps=10)
CASES: Mapping[str, tuple[Callable[[], Model], Any]] = {
    "plain": (plain, nn.Adam(0.01)),
    "schedule": (plain, nn.Clipped(nn.Momentum(SCHEDULE), norm=1.0)),
    "states": (with_states, nn.AdamW(0.01)),
    "turns": (in_turns, {"first": nn.SGD(0.1), "second": nn.RMSProp(0.01)}),
    "steps": (in_steps, nn.Nesterov(0.1)),
}


def trained(make: Callable[[], Model], optimizer: Any) -> dict[str, Any]:
    model = make()
    model.fit(ROWS, optimizer=optimizer, batch_size=5, epochs=2)
    assert model.resumable is not None
    values = {**model.parameters, **model.running, **model.resumable.states}
    return {name: np.array(array) for name, array in values.items()}


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_second_of_two_equal_models_derives_nothing_and_learns_the_same(
    work: Taken, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, optimizer = CASES[name]
    first = trained(make, optimizer)
    assert work()[0] >= 1
    second = trained(make, optimizer)
    assert work() == (0, 0)
    monkeypatch.setenv("SYMDL_KEEP_PROGRAMS", "0")
    without = trained(make, optimizer)
    assert work()[0] >= 1
    assert first.keys() == second.keys() == without.keys()
    for key, array in first.items():
        assert np.array_equal(array, second[key]), key
        assert np.array_equal(array, without[key]), key


def test_a_step_that_was_found_serves_other_learning_rates(work: Taken) -> None:
    trained(plain, nn.Adam(0.01))
    model = plain()
    model.fit(ROWS, optimizer=nn.Adam(0.01), batch_size=5, epochs=1)
    work()
    model.fit(ROWS, optimizer=nn.Adam(0.5), batch_size=5, epochs=1)
    assert work() == (0, 0)
    fresh = plain()
    fresh.fit(ROWS, optimizer=nn.Adam(0.01), batch_size=5, epochs=1)
    fresh.prepared.steps = ()
    fresh.fit(ROWS, optimizer=nn.Adam(0.5), batch_size=5, epochs=1)
    assert all(np.array_equal(a, fresh.parameters[name]) for name, a in model.parameters.items())


def test_other_settings_derive_anew(work: Taken, monkeypatch: pytest.MonkeyPatch) -> None:
    trained(plain, nn.Adam(0.01))
    work()
    trained(plain, nn.Adam(0.01, beta1=0.8))
    assert work()[0] == 1
    model = plain()
    model.fit(ROWS, optimizer=nn.Adam(0.01), trainable=["b.W"], batch_size=5, epochs=1)
    assert work()[0] == 1
    monkeypatch.setattr("symdl.run.kept.package", lambda: "another version")
    trained(plain, nn.Adam(0.01))
    assert work()[0] == 1


def test_what_users_bring_along_is_asked_every_time(work: Taken, tmp_path: Path) -> None:
    class Halved(nn.SGD):
        """A class of somebody's own, which may do something else tomorrow."""

    for optimizer in (Halved(0.1), nn.SGD(lambda step: 0.1 / (step + 1))):
        for _ in range(2):
            trained(plain, optimizer)
            assert work()[0] == 1
    assert not list((tmp_path / "kernels").glob("*.derived"))


def test_functions_are_found_again_with_their_gradients(work: Taken) -> None:
    def values() -> Any:
        x, t = inputs()
        loss = nn.cross_entropy(nn.dense(x, 3, name="a"), t)
        f = sd.compile(loss, wrt="parameters", target="python")
        return f(**ROWS, **{"a.W": np.ones((4, 3)), "a.b": np.zeros(3)})

    first = values()
    assert work() == (1, 1)
    second = values()
    assert work() == (0, 0)
    assert first[0] == second[0]
    assert all(np.array_equal(g, second[1][name]) for name, g in first[1].items())


def test_a_damaged_file_is_made_again(work: Taken, tmp_path: Path) -> None:
    first = trained(plain, nn.SGD(0.1))
    work()
    (file,) = (tmp_path / "kernels").glob(f"*.{derived.KIND}")
    right = file.read_bytes()
    for wrong in (right[:-1], right[:50] + b"!" + right[51:], b""):
        file.write_bytes(wrong)
        second = trained(plain, nn.SGD(0.1))
        assert work() == (1, 0)
        assert all(np.array_equal(array, second[name]) for name, array in first.items())
        assert file.read_bytes() == right


def test_programs_come_back_with_the_tensors_that_are_given() -> None:
    x, t = inputs()
    loss = nn.cross_entropy(nn.dense(x, 3, name="a"), t)
    program = differentiate(loss, sd.parameters(loss)).program
    made, numbers = written_program(program, given=program.inputs)
    back, tensors = read_program(made, program.inputs)
    assert back.inputs == program.inputs
    assert [len(e.reads()) for e in back.equations] == [len(e.reads()) for e in program.equations]
    again, _ = written_program(back, given=program.inputs)
    assert (again.graph.data, again.data) == (made.graph.data, made.data)
    assert len(tensors) == len(numbers)


SCRIPT = """
import hashlib
import numpy as np
import symdl as sd
from symdl.differentiate import turns
from symdl.run import build
work = []
derive, lower = turns.differentiate, build.lower
turns.differentiate = lambda *a, **o: work.append(a) or derive(*a, **o)
build.lower = lambda *a, **o: work.append(a) or lower(*a, **o)
n = sd.Dim("n")
x, t = sd.tensor("x", (n, 1, 6, 6)), sd.tensor("t", (n,), dtype="int64")
h = sd.relu(sd.nn.batch_norm(sd.nn.conv2d(x, 2, kernel_size=3, name="c"), name="n"))
model = sd.Model(sd.nn.cross_entropy(sd.nn.dense(h.mean((2, 3)), 3, name="d"), t), target="python")
rng = np.random.default_rng(0)
data = {"x": rng.normal(size=(4, 1, 6, 6)), "t": rng.integers(0, 3, 4)}
model.fit(data, optimizer=sd.nn.Adam(0.01), batch_size=4, epochs=1)
bits = b"".join(model.parameters[name].tobytes() for name in sorted(model.parameters))
print(len(work), hashlib.sha256(bits).hexdigest())
"""


def test_another_process_derives_and_lowers_nothing(tmp_path: Path) -> None:
    found = []
    for seed in ("1", "2"):
        environment = {**os.environ, "SYMDL_CACHE": str(tmp_path / "kernels"), "PYTHONHASHSEED": seed}
        environment["SYMDL_KEEP_PROGRAMS"] = "1"
        command = [sys.executable, "-c", SCRIPT]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        found.append(done.stdout.split())
    (first, bits), (second, again) = found
    assert int(first) == 2
    assert int(second) == 0
    assert bits == again
