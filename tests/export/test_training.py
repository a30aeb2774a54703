"""``trainer.export`` and ``model.export``: training and predictions that go on where there is no symdl."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.errors import ArgumentError, CompileError, TrainingError

from . import files
from .c import load, needs_compiler
from .test_c import classifier

STEPS = 10
SIZES = (4, 7, 3)


def batches(*shape: int, dtype: str = "float64") -> Iterator[dict[str, np.ndarray]]:
    """Batches of several sizes, the same ones each time."""
    rng = np.random.default_rng(3)
    for at in range(STEPS):
        n = SIZES[at % len(SIZES)]
        yield {"X": rng.normal(size=(n, *shape)).astype(dtype), "t": rng.integers(0, 3, n)}


def network() -> sd.Model:
    """A network whose layers and optimizer have states of all kinds."""
    n = sd.Dim("n")
    X, t = sd.tensor("X", (n, 5)), sd.tensor("t", (n,), dtype="int64")
    h = sd.nn.batch_norm(sd.nn.dense(X, 6, activation=sd.tanh, name="first"), name="norm")
    h = sd.nn.dropout(h, 0.3, name="lost")
    logits = sd.nn.dense(h, 3, name="second")
    metrics = {"square": (logits**2).mean()}
    return sd.Model(
        sd.nn.cross_entropy(logits, t), output=logits, metrics=metrics, dtype="float64", target="python"
    )


def trained(trainer: Any, *shape: int, dtype: str = "float64") -> list[dict[str, float]]:
    return [trainer.step(batch) for batch in batches(*shape, dtype=dtype)]


def known(model: sd.Model, trainer: Any) -> dict[str, np.ndarray]:
    """Everything that steps change, and the learning rate."""
    return {**model.parameters, **model.running, **trainer.states}


def agree(ours: Mapping[str, Any], theirs: Mapping[str, Any], rtol: float = 1e-9) -> None:
    assert ours.keys() == theirs.keys()
    for name, array in theirs.items():
        np.testing.assert_allclose(ours[name], array, rtol, rtol / 10, err_msg=name)


def test_ten_steps_of_a_python_file(tmp_path: Path) -> None:
    model = network()
    trainer = model.trainer(optimizer=sd.nn.Adam(1e-2, weight_decay=0.01))
    trained(trainer, 5)  # the file goes on from here
    trainer.export(tmp_path / "step.py")
    file = files.module(tmp_path / "step.py")
    state = file.start()
    agree(state, known(model, trainer), 0)
    assert file.test() == 0
    found = [file.step(state, **batch) for batch in batches(5)]
    for ours, theirs in zip(found, trained(trainer, 5), strict=True):
        agree(ours, theirs)
    agree(state, known(model, trainer))
    with pytest.raises(ValueError, match="second.W"):
        file.step(state | {"second.W": np.zeros((6, 4))}, **batch_of_one())
    state["learning_rate"][...] = 0
    before = {name: state[name].copy() for name in model.parameters}
    file.step(state, **batch_of_one())
    agree({name: state[name] for name in before}, before, 0)


def batch_of_one() -> dict[str, np.ndarray]:
    return next(batches(5))


@needs_compiler
def test_ten_steps_in_c(tmp_path: Path) -> None:
    model = network()
    trainer = model.trainer(optimizer=sd.nn.RMSProp(1e-2))
    trainer.export(tmp_path / "step.c")
    function = load([tmp_path / "step.c"])["step"]
    order = [str(t.name) for t in trainer.learner.made.step.derived.inputs if t.role != "input"]
    state = {name: np.full_like(np.asarray(known(model, trainer)[name]), np.nan) for name in order}
    start = ctypes.CDLL(str(tmp_path / "step.so")).step_start
    start(*(ctypes.c_void_p(array.ctypes.data) for array in state.values()))
    agree(state, known(model, trainer), 0)
    for batch, theirs in zip(batches(5), trained(trainer, 5), strict=True):
        results = [np.zeros(()), np.zeros(())]
        assert function({"n": len(batch["t"])}, [*batch.values(), *state.values()], results) == 0
        agree(dict(zip(theirs, results, strict=True)), theirs)
    agree(state, known(model, trainer))
    before = {name: array.copy() for name, array in state.items()}
    assert function({"n": 4}, [np.zeros((4, 5)), np.full(4, 3), *state.values()], results) == 1
    agree(state, before, 0)


MAIN = """
import sys
from pathlib import Path
import numpy as np
sys.path.insert(0, str(Path(sys.argv[0]).parent))
import descent

assert descent.test() == 0
state, data = descent.start(), np.load(Path(sys.argv[0]).with_name("batches.npz"))
for at in range(10):
    print(float(descent.descent(state, data[f"X{at}"], data[f"t{at}"])["loss"]))
np.savez(Path(sys.argv[0]).with_name("after.npz"), **state)
"""


def test_ten_steps_where_there_is_no_symdl(tmp_path: Path) -> None:
    _, loss = classifier()
    model = sd.Model(loss)
    trainer = model.trainer(optimizer=sd.nn.Momentum(0.1))
    trainer.export(tmp_path / "descent.py")
    data = {f"{name}{at}": array for at, batch in enumerate(batches(5, dtype="float32"))
            for name, array in batch.items()}  # fmt: skip
    np.savez(tmp_path / "batches.npz", **data)  # type: ignore[arg-type]
    (tmp_path / "main.py").write_text(MAIN)
    code, said = files.run(tmp_path / "main.py")
    assert code == 0, said
    losses = [step["loss"] for step in trained(trainer, 5, dtype="float32")]
    np.testing.assert_allclose(list(map(float, said.splitlines()[1:])), losses, rtol=1e-5)
    with np.load(tmp_path / "after.npz") as after:
        agree(dict(after), known(model, trainer), 2e-5)


def test_several_losses_in_turns(tmp_path: Path) -> None:
    n = sd.Dim("n")
    X, t = sd.tensor("X", (n, 5)), sd.tensor("t", (n,), dtype="int64")
    a, b = (sd.nn.dense(X, 3, name=name) for name in "ab")
    losses = {"first": sd.nn.cross_entropy(a + b, t), "second": ((a - b) ** 2).mean()}
    model = sd.Model(losses, dtype="float64", target="python")
    optimizers: dict[str, sd.nn.Optimizer] = {
        "first": sd.nn.SGD(sd.nn.StepDecay(0.1, 2)),
        "second": sd.nn.Adam(0.01),
    }
    trainer = model.trainer(optimizer=optimizers, trainable={"first": "a", "second": "b"})
    trainer.export(tmp_path / "turns.py")
    file = files.module(tmp_path / "turns.py")
    state = file.start()
    for batch, theirs in zip(batches(5), trained(trainer, 5), strict=True):
        agree(file.turns(state, **batch), theirs)
    agree(state, known(model, trainer))


def test_what_a_model_predicts(tmp_path: Path) -> None:
    model = network()
    trained(model.trainer(optimizer=sd.nn.SGD(0.1)), 5)
    model.export(tmp_path / "model.py")
    file, X = files.module(tmp_path / "model.py"), next(batches(5))["X"]
    assert file.test() == 0
    np.testing.assert_allclose(file.model(X), model.predict(X=X), rtol=1e-12)
    with pytest.raises(TrainingError, match="no output"):
        sd.Model(classifier()[1], target="python").export(tmp_path / "model.c")


def test_what_is_refused(tmp_path: Path) -> None:
    _, loss = classifier()
    trainer = sd.Model(loss, target="python").trainer(optimizer=sd.nn.SGD(0.1))
    with pytest.raises(CompileError, match=r"use one of \.c, \.py"):
        trainer.export(tmp_path / "step.rs")
    with pytest.raises(ArgumentError, match="no t"):
        trainer.export(tmp_path / "step.py", example={"X": np.zeros((2, 5))})
    assert not list(tmp_path.iterdir())
