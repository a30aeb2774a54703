"""The same seed gives the same bits.

Kind: a result depends on something that is no part of the question: how many kernels are in the cache, how
many threads there are, what was defined before, in which order inputs are declared, or the seed of Python's
hashes. Right values: the bits of the same model in another process, with other threads, after other
definitions.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import symdl as sd

ROOT = Path(__file__).parents[2]
n = sd.Dim("n")


def written(order: str) -> tuple[Any, Any]:
    """Return the loss and the output of a network of two branches, after something else or not."""
    if order == "others first":
        sd.compile(sd.nn.dense(sd.tensor("Y", (n, 7)), 30, activation=sd.tanh, name="other"))
    makers = {"X": lambda: sd.tensor("X", (n, 20)), "t": lambda: sd.tensor("t", (n,), dtype="int64")}
    given = {name: makers[name]() for name in (reversed(makers) if order == "labels first" else makers)}
    X, t = given["X"], given["t"]
    left = sd.nn.dense(X, 33, activation=sd.tanh, name="left")
    right = sd.nn.dense(X, 33, activation=sd.sigmoid, name="right")
    output = sd.nn.dense(left * right + left, 4, name="out")
    return sd.nn.cross_entropy(output, t) + (output**2).mean() / 100, output


ORDERS = ("as it stands", "labels first", "others first")


def digest(order: str) -> str:
    """Return a hash of a training run and of predictions."""
    rng = np.random.default_rng(3)
    data = {"X": rng.normal(size=(300, 20)).astype("float32"), "t": rng.integers(0, 4, 300)}
    loss, output = written(order)
    model = sd.Model(loss, output=output)
    history = model.fit(data, optimizer=sd.nn.Adam(0.01), batch_size=130, epochs=3, seed=5, progress=False)
    found = [np.array([e.loss for e in history.epochs]), model.predict(X=data["X"])]
    return hashed([*found, *(model.parameters[name] for name in sorted(model.parameters))])


def hashed(arrays: Iterable[Any]) -> str:
    found = hashlib.sha256()
    for array in arrays:
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


SCRIPT = "import sys; from tests.kinds.test_determinism import digest; print(*map(digest, sys.argv[1:]))"


def digests(orders: Sequence[str], **changed: str) -> list[str]:
    """Return the hashes in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *orders],
        cwd=ROOT, env={**os.environ, **changed}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.split()


def test_cached_kernels_threads_hashes_and_what_was_defined_before_do_not_matter(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    own = {"SYMDL_CACHE": str(tmp_path)}
    (cold,) = digests(ORDERS[:1], SYMDL_THREADS="1", PYTHONHASHSEED="1", **own)
    again = digests(ORDERS, SYMDL_THREADS="2", PYTHONHASHSEED="2", **own)
    many = digests(ORDERS[-1:], SYMDL_THREADS="3", PYTHONHASHSEED="3")
    assert {cold, *again, *many} == {cold}, (cold, again, many)
