"""What a type checker tells users: operators give tensors, comparisons conditions, calls what they return.

mypy reads a file as a user writes it. ``Any`` counts as not told.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import symdl as sd

pytest.importorskip("mypy")

ROOT = Path(__file__).parents[1]

USED = """
import numpy as np
import sympy as sp

import symdl as sd

n = sd.Dim("n")
X = sd.tensor("X", (n, 3))
W = sd.parameter("W", (3, 3))
h = X @ W + 1
ids = sd.tensor("ids", (4,), dtype="int64")
(i,) = sd.indices("i")
"""

TOLD = {
    "h": "Tensor",
    "h + 1": "Tensor",
    "1 - h": "Tensor",
    "2 * h / 3": "Tensor",
    "h ** 2": "Tensor",
    "2 ** h": "Tensor",
    "h // 2 + h % 2": "Tensor",
    "-h": "Tensor",
    "+h": "Tensor",
    "abs(h)": "Tensor",
    "h @ W": "Tensor",
    "np.ones((3, 3)) @ W": "Tensor",
    "X.sum()": "Tensor",
    "np.ones(3) * X": "Tensor",
    "X.mean(0, keepdims=True)": "Tensor",
    "X.max(1).min()": "Tensor",
    "X.T.reshape(-1).cumsum()": "Tensor",
    "X.transpose(1, 0).flatten().var()": "Tensor",
    "X[1:]": "Tensor",
    "X[...]": "Tensor",
    "X[0]": "Tensor",
    "X[:, 0]": "Tensor",
    "X[:, None, -1] - 1": "Tensor",
    "X[:, [0, 2]]": "Tensor",
    "X[ids]": "Tensor",
    "X[i, 2]": "Access",
    "X[i, ids[i]]": "Access",
    "next(iter(W))": "Tensor",
    "W.name": "str | Any",
    "len(X)": "int",
    "X.shape": "tuple",
    "h > 0": "Condition",
    "1 <= h": "Condition",
    "(h > 0) & ~(h > 1)": "Condition",
    "(h > 0) + 1": "Tensor",
    "(h > 0).mean()": "Tensor",
    "sd.equal(h, 0)": "Condition",
    "sd.where(h > 0, h, 0)": "Tensor",
    "sd.where(h.max() > 0, 1, X[0, 0]).sum()": "Tensor",
    "sd.sum(X, 1)": "Tensor",
    "sd.compile(h)": "Compiled[Any]",
    "sd.compile([h, X])": "Compiled[tuple[Any, ...]]",
    "sd.compile([h, X])(X=1)": "tuple[Any, ...]",
    'sd.compile(h.sum(), wrt="parameters", dtype="float32")': "Compiled[tuple[Any, dict[str, Any]]]",
    "sd.compile(h.sum(), wrt=[W])(X=1)[1]": "dict[str, Any]",
    "sd.compile(1.5)": "ScalarFunction[Any]",
    "sd.compile(1.5, wrt=2)()[1]": "dict[str, Any]",
}

WRONG = ('sd.compile(h, dtype="float16")', "sd.compile(h, threds=2)", "h.sum(keepdim=True)", "float(h)")


def test_a_type_checker_knows_what_comes_out(tmp_path: Path) -> None:
    file = tmp_path / "used.py"
    lines = [*(f"reveal_type({told})" for told in TOLD), *WRONG]
    file.write_text(USED + "\n".join(lines), "utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(ROOT / ".mypy_cache" / "users")]
    command += ["--follow-imports=silent", "--no-error-summary", "--hide-error-context", str(file)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    first = len(USED.splitlines()) + 1
    said = {int(number): text for number, text in re.findall(r"used\.py:(\d+): (.*)", run.stdout)}
    for number, (told, wanted) in enumerate(TOLD.items(), first):
        found = re.sub(r"[\w.]+\.(?=[A-Z])|builtins\.", "", said.get(number, run.stdout + run.stderr))
        revealed = found.partition('"')[2].rstrip('"')
        assert revealed == wanted or (wanted == "tuple" and revealed.startswith("tuple[")), (told, found)
    for number, wrong in enumerate(WRONG, first + len(TOLD)):
        assert f"used.py:{number}: error" in run.stdout, (wrong, run.stdout)


def test_only_public_names_are_listed() -> None:
    assert dir(sd) == sorted(sd.__all__)
    assert dir(sd.nn) == sorted(sd.nn.__all__)
    assert dir(sd.train) == sorted(sd.train.__all__)
    assert all(hasattr(sd, name) for name in dir(sd))


def test_a_tensor_lists_what_users_write() -> None:
    X = sd.tensor("X", (3, 4))
    listed = {name for name in dir(X) if not name.startswith("_")}
    wanted = {"T", "argmax", "argmin", "cumsum", "dtype", "equation", "flatten", "init", "max", "mean", "min"}
    wanted |= {
        "name",
        "ndim",
        "prod",
        "properties",
        "rank",
        "reshape",
        "role",
        "shape",
        "squeeze",
        "std",
        "sum",
    }
    assert listed == wanted | {"swapaxes", "transpose", "value", "var"}
    assert X.serial >= 0 and X.at(0, 0) in X.at(0, 0).free_symbols
