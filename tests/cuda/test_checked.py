"""Gradients are checked against kernels for graphics processors, too."""

from __future__ import annotations

import symdl as sd
from symdl.run.runtime import Target

from .toolchain import needs_compiler

n = sd.Dim("n")


@needs_compiler
def test_gradients_on_a_device(target: Target) -> None:
    h = sd.nn.dense(sd.tensor("X", (n, 4)), 5, activation=sd.relu, name="first")
    loss = (sd.nn.dense(h, 2, name="second") ** 2).mean()
    report = sd.check_gradients(loss, target=target, methods=("tape",)).raise_if_failed()
    assert report.others == ("tape", "compiled", "float32")
