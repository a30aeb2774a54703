"""PTX on disk: found again by what it was made of, and by nothing less."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symdl as sd
from tests.cuda.conftest import on
from tests.cuda.device import SimulatedDevice
from tests.cuda.toolchain import needs_compiler

KINDS = {name: (*[f"{name}*"] * 3, name, *["int64"] * 13) for name in ("float32", "float64")}


def product(name: str, left: bool, right: bool) -> Callable[..., None]:
    from symdl.run.cuda.products import multiply_kernel

    made: Callable[..., None] = multiply_kernel(np.dtype(name).type, left_turned=left, right_turned=right)
    return made


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The names of kernels that were compiled; the folder of what is kept is empty at first."""
    from symdl.run.cuda import kept
    from symdl.run.cuda.compiler import translate

    names: list[str] = []

    def noted(function: Callable[..., None], *arguments: Any) -> str:
        names.append(function.__name__)
        return translate(function, *arguments)

    monkeypatch.setattr(kept, "translate", noted)
    monkeypatch.setenv("SYMDL_CACHE", str(tmp_path))
    return names


@needs_compiler
def test_kernels_of_ours_are_kept_by_what_they_are_made_of(compiled: list[str]) -> None:
    from symdl.run.cuda.kept import ptx

    texts = {}
    for name, left, right in itertools.product(KINDS, (False, True), (False, True)):
        texts[name, left, right] = ptx(product(name, left, right), KINDS[name], "sm_90")
    assert len(compiled) == len(set(texts.values())) == 8
    for (name, left, right), text in texts.items():
        assert ptx(product(name, left, right), KINDS[name], "sm_90") == text
    assert len(compiled) == 8
    ptx(product("float32", False, False), KINDS["float32"], "sm_80")
    assert len(compiled) == 9


@needs_compiler
def test_a_warm_start_compiles_nothing(compiled: list[str]) -> None:
    n = sd.Dim("n")
    samples = {"X": np.ones((5, 3)), "t": np.array([0, 1, 1, 0, 1])}

    def fit() -> None:
        X, t = sd.tensor("X", (n, 3)), sd.tensor("t", (n,), dtype="int64")
        device = SimulatedDevice()
        model = sd.Model(sd.nn.cross_entropy(sd.nn.dense(X, 2, name="only"), t), target=on(device))
        model.fit(samples, optimizer=sd.nn.SGD(0.1), batch_size=2, epochs=1)
        device.settled()

    fit()
    assert {"multiply", "gather_kernel", "add_to_total", "advance"} < set(compiled)
    compiled.clear()
    fit()
    assert not compiled
