"""The examples in docstrings of public names run, and print what stands below them.

They are read as a notebook's cells after ``import numpy as np, sympy as sp, symdl as sd``. Those of training
may speak of a small `model`, its `data` (also as `batches`, and as a `test` set), and a `frame` of pandas.
"""

from __future__ import annotations

import doctest
import inspect
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symdl as sd

ROOT = Path(__file__).parents[1]
PUBLIC = dict(runpy.run_path(str(ROOT / "docs" / "make_reference.py"))["public"]())
LEAST_SHARE = 0.75
"""Of the public names that have an example; the others are shown in pages. Raise it when you add some."""


def documented() -> Iterator[tuple[str, Any]]:
    """Yield public functions and classes, and methods of these, by name."""
    for name, value in PUBLIC.items():
        yield name, value
        if inspect.isclass(value):
            for key, member in inspect.getmembers(value, inspect.isfunction):
                if not key.startswith("_") and str(member.__module__).startswith("symdl."):
                    yield f"{name}.{key}", member


EXAMPLES = {
    name: doc for name, value in documented() if ">>>" in (doc := inspect.getdoc(inspect.unwrap(value)) or "")
}


@pytest.fixture(scope="module")
def training() -> dict[str, Any]:
    """What examples of training speak of."""
    n = sd.Dim("n")
    X, t = sd.tensor("X", (n, 2)), sd.tensor("t", (n,), dtype="int64")
    logits = sd.nn.dense(X, 2, name="out")
    model = sd.Model(sd.nn.cross_entropy(logits, t), output=logits, target="python")
    data = {"X": np.ones((4, 2)), "t": np.array([0, 1, 0, 1])}
    return {"model": model, "data": data, "batches": [data], "test": data}


def names_for(example: str, training: dict[str, Any]) -> dict[str, Any]:
    names = {"np": np, "sp": sp, "sd": sd, **training}
    if "frame" in example:
        pandas = pytest.importorskip("pandas")
        names["frame"] = pandas.DataFrame({"height": [1.0, 2.0], "weight": [3.0, 4.0], "species": [0, 1]})
    return names


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs(
    name: str, training: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    test = doctest.DocTestParser().get_doctest(
        EXAMPLES[name], names_for(EXAMPLES[name], training), name, None, 0
    )
    said: list[str] = []
    doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    assert test.examples and not said, "".join(said)


def test_public_names_have_examples() -> None:
    without = sorted(PUBLIC.keys() - EXAMPLES.keys())
    assert len(without) <= (1 - LEAST_SHARE) * len(PUBLIC), without
