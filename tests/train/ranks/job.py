"""What each process of a job does; `test_ranks.py` starts it: ``mpiexec -n 2 python job.py CASE FOLDER``."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp

import symdl as sd
from symdl.express.modes import with_modes

n = sd.Dim("n")
COUNT = 150


def data(count: int = COUNT) -> dict[str, Any]:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(count, 12))
    return {"X": X, "t": (X[:, :3] ** 2).argmax(1)}


def network(kind: str) -> sd.Model:
    X, t = sd.tensor("X", (n, 12)), sd.tensor("t", (n,), dtype="int64")
    h = sd.nn.dense(X, 16, activation=sd.tanh, name="first")
    if kind == "batch norm":
        h = sd.nn.batch_norm(h, name="norm_1")
        h = sd.nn.batch_norm(sd.nn.dense(h, 16, activation=sd.relu, name="second"), name="norm_2")
    if kind == "dropout":
        h = sd.nn.dropout(h, 0.3, name="drop")
    logits = sd.nn.dense(h, 3, name="out")
    ignored = 0 if kind == "ignored labels" else None
    loss = sd.nn.cross_entropy(logits, t, ignore_label=ignored)
    if kind == "several losses":
        other = sd.nn.mean_squared_error(sd.nn.dense(h, 12, name="back"), X)
        return sd.Model({"labels": loss, "inputs": other}, output={"logits": logits}, dtype="float64")
    metrics = {"largest": logits.max()} if kind == "largest" else None
    return sd.Model(loss, output=logits, metrics=metrics, dtype="float64")


KINDS = ("plain", "batch norm", "dropout", "ignored labels", "several losses", "largest", "wrapped")


def options(kind: str) -> dict[str, Any]:
    if kind == "several losses":
        return {"optimizer": {"labels": sd.nn.Adam(1e-2), "inputs": sd.nn.RMSProp(1e-2)}}
    if kind == "wrapped":
        groups = sd.nn.Grouped({"first": sd.nn.LAMB(0.05), "rest": sd.nn.Adafactor(0.05)})
        inner = sd.nn.Averaged(sd.nn.Accumulated(sd.nn.Clipped(groups, norm=1.0), 2), 0.9)
        return {"optimizer": sd.nn.ReduceOnPlateau(inner, patience=1, every=2, threshold=0.5)}
    return {"optimizer": sd.nn.Adam(1e-2)}


def results(model: sd.Model, history: Any) -> dict[str, Any]:
    assert model.resumable is not None
    arrays = {**model.parameters, **model.running, **model.resumable.states}
    values = {f"weight {k}": np.asarray(v) for k, v in arrays.items()}
    numbers = [[e.loss, *e.values.values(), e.validation_loss or 0.0] for e in history.epochs]
    return {**values, "history": np.array(numbers)}


def trained(kind: str, comm: Any = None, **more: Any) -> tuple[sd.Model, Any]:
    model = network(kind)
    given = {"batch_size": 32, "epochs": 3, "validation": 0.2, **options(kind), **more}
    return model, model.fit(data(), communicator=comm, **given)


def agree(comm: Any, folder: Path) -> None:
    """All kinds of networks: the processes and one alone."""
    for kind in KINDS:
        model, history = trained(kind, comm)
        mine = results(model, history)
        for name, array in mine.items():
            for other in comm.allgather(array):
                np.testing.assert_array_equal(array, other, err_msg=f"{kind}: {name} differs between ranks")
        if comm.rank == 0:
            np.savez(folder / f"{kind}.npz", **mine)


def few(comm: Any, folder: Path) -> None:
    """Batches of fewer samples than there are processes."""
    model, history = trained("batch norm", comm, batch_size=3, epochs=1)
    if comm.rank == 0:
        np.savez(folder / "few.npz", **results(model, history))


def callbacks(comm: Any, folder: Path) -> None:
    """They are called in the first process; what they change and wish holds in all."""
    heard = []

    def callback(epoch: Any, model: Any) -> bool:
        heard.append(epoch.number)
        model.parameters["out.b"][...] = 7.0
        return epoch.number == 2

    model, history = trained("plain", comm, callbacks=[callback], epochs=9, restore_best=False)
    assert heard == ([1, 2] if comm.rank == 0 else []) and len(history.epochs) == 2
    assert (model.parameters["out.b"] == 7).all()


def fails(comm: Any, folder: Path) -> None:
    """A callback fails in the first process."""

    def callback(epoch: Any, model: Any) -> None:
        raise RuntimeError("the disk is on fire")

    trained("plain", comm, callbacks=[callback])


def dies(comm: Any, folder: Path) -> None:
    """The last process is killed while it trains."""
    from symdl.train.ranks.communicator import Ranks

    merged, count = Ranks.merged, [0]

    def mortal(self: Ranks, parts: Any) -> Any:
        count[0] += 1
        if count[0] == 3 and self.rank == self.size - 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return merged(self, parts)

    Ranks.merged = mortal  # type: ignore[method-assign]
    trained("plain", comm)


def differs(comm: Any, folder: Path) -> None:
    """Processes with other data, other options, and wrong ones: all of them raise."""
    for more, text in (({"batch_size": 32 + comm.rank}, "batch_size"), ({"seed": comm.rank}, "seed")):
        try:
            trained("plain", comm, **more)
        except sd.SymdlError as error:
            assert text in str(error) and "rank" in str(error), error
        else:
            raise AssertionError(f"{more} was taken")
    try:
        network("plain").fit(data(), optimizer=sd.nn.Adam(), epochs=1 - comm.rank, communicator=comm)
    except sd.SymdlError as error:
        assert "epochs=0" in str(error) or (comm.rank == 0 and "rank 1" in str(error)), error
    else:
        raise AssertionError("epochs=0 was taken")


def diverges(comm: Any, folder: Path) -> None:
    """All processes hear of it, and of the step, the sample and the equation that one alone names."""
    (i,) = sd.indices("i")
    x, w = sd.tensor("x", (n,)), sd.parameter("w", (), init=sd.nn.fill(1.0))
    grown = sd.define("grown", (i,), sp.exp(w.at() * x[i]))
    shown = with_modes(grown, inference=sd.define("after", (i,), w.at() * sp.log(x[i])))
    fine, steep, odd = ({"x": np.linspace(0.5, 1, 30)} for _ in range(3))
    steep["x"][13], odd["x"][29] = 1e4, -1.0
    training = ("the loss is inf", "grown[", "sample 13 of the data", "began in step")
    validation = ("the validation loss is nan", "after[29]", "sample 29 of the validation data")
    scored: dict[str, Any] = {"validation": odd}
    for given, said, more in ((steep, training, {}), (fine, validation, scored)):
        told = []
        for ranks in (comm, None):
            model = sd.Model(shown.mean(), dtype="float64")
            options: dict[str, Any] = {"batch_size": 4, "epochs": 2, "progress": False, **more}
            try:
                model.fit(given, optimizer=sd.nn.SGD(1e-3), communicator=ranks, **options)
            except sd.SymdlError as error:
                told.append(str(error))
            else:
                raise AssertionError("it did not diverge")
        assert all(text in told[0] for text in said), told
        assert told[0] == told[1] and len(set(comm.allgather(told[0]))) == 1, told


def saves(comm: Any, folder: Path) -> None:
    """Two epochs, saved by the first process."""
    trained("batch norm", comm, epochs=2, callbacks=[sd.train.save_epochs(folder / "m.safetensors")])


def resumes(comm: Any, folder: Path) -> None:
    """Two more, with another number of processes."""
    model = sd.load(folder / "m.safetensors")
    history = model.fit(data(), batch_size=32, epochs=2, validation=0.2, resume=True, communicator=comm)
    if comm.rank == 0:
        np.savez(folder / "resumed.npz", **results(model, history))


def volume(comm: Any, folder: Path) -> None:
    """Bytes that a process gives into reductions, a step."""
    from symdl.train.ranks.communicator import Ranks

    reduced: list[int] = []
    before = Ranks._reduced

    def counted(self: Ranks, op: str, values: Any) -> Any:
        reduced.append(values.nbytes)
        return before(self, op, values)

    Ranks._reduced = counted  # type: ignore[method-assign]
    model, _ = trained("plain", comm, epochs=1, batch_size=30)
    size = sum(a.size for a in model.parameters.values())
    assert reduced == [8 * (size + 1)] * 4, (reduced, size)  # gradients and the loss, in one message


if __name__ == "__main__":
    from mpi4py import MPI

    globals()[sys.argv[1]](MPI.COMM_WORLD, Path(sys.argv[2]))
