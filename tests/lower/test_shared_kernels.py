"""Kernels that differ in numbers only are one, which is passed those in which its calls differ."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl import nn
from symdl.differentiate.adjoint import differentiate
from symdl.lower.kernels import KernelCall
from tests.lowering import lower

n = sd.Dim("n")


def network(first: tuple[int, int], second: tuple[int, int]) -> sd.Tensor:
    """Two stages of a convolution and a batch norm: so many channels, and a window so large."""
    h = sd.tensor("X", (n, 4, 9, 9))
    for name, (channels, window) in zip("ab", (first, second), strict=True):
        h = nn.conv2d(h, channels, kernel_size=window, padding=window // 2, name=name)
        h = sd.relu(nn.batch_norm(h, name=f"{name}_norm"))
    return (h * h).mean()


def kernels_of(loss: sd.Tensor) -> tuple[Any, list[KernelCall]]:
    lowered = lower(differentiate(loss, sd.parameters(loss)).program)
    return lowered.kernels, [call for call in lowered.calls if isinstance(call, KernelCall)]


def test_stages_with_other_numbers_of_channels_share_kernels() -> None:
    kernels, calls = kernels_of(network((16, 3), (24, 3)))
    shared = [k for k in kernels if sum(call.kernel == k.number for call in calls) > 1]
    passed = [[str(s) for s in call.sizes] for k in shared for call in calls if call.kernel == k.number]
    assert len({tuple(sizes) for sizes in passed}) > 1
    for kernel in kernels:
        assert all(len(call.sizes) == len(kernel.sizes) for call in calls if call.kernel == kernel.number)


def test_equal_stages_have_their_numbers_written_in() -> None:
    """Nothing is passed in which all calls agree."""
    kernels, calls = kernels_of(network((4, 3), (4, 3)))
    for kernel in kernels:
        mine = [call.sizes for call in calls if call.kernel == kernel.number]
        for column in zip(*mine, strict=True):
            assert len(set(column)) > 1 or column[0].number is None or len(mine) == 1


def test_windows_of_other_lengths_are_other_kernels() -> None:
    """Loops that are unrolled keep their length: a window is 3 or 5 long."""
    alike, _ = kernels_of(network((16, 3), (24, 3)))
    other, _ = kernels_of(network((16, 3), (24, 5)))
    assert len(other) > len(alike)


@pytest.mark.parametrize("rows", [1, 7, 8, 17])
def test_they_compute_what_each_alone_does(rows: int) -> None:
    loss = network((16, 3), (24, 3))
    fused, plain = (sd.compile(loss, wrt="parameters", schedule=s) for s in ("fused", "naive"))
    rng = np.random.default_rng(rows)
    given: dict[str, Any] = {p.name: rng.normal(size=p.shape) for p in sd.parameters(loss)}
    given["X"] = rng.normal(size=(rows, 4, 9, 9))
    (value, gradients), (right, exact) = fused(**given), plain(**given)
    np.testing.assert_allclose(value, right, rtol=1e-12)
    for name, gradient in gradients.items():
        scale = max(np.abs(exact[name]).max(), 1e-3)
        np.testing.assert_allclose(gradient, exact[name], rtol=1e-9, atol=1e-11 * scale)
