"""Complex tensors against NumPy; gradients against PyTorch, whose convention they have."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest

import symdl as sd
from symdl.errors import ArgumentError, CompileError, ExpressionError

RNG = np.random.default_rng(5)
A, B = (RNG.normal(size=(3, 3)) + 1j * RNG.normal(size=(3, 3)) for _ in range(2))
R = RNG.normal(size=(3, 3))
Z, W, X = sd.complex_tensor("z", (3, 3)), sd.complex_tensor("w", (3, 3)), sd.tensor("x", (3, 3))

SAME = {
    "sum": (lambda z, w, x: z + w - x + 2 - 1j + B, Z, A),
    "reversed": (lambda z, w, x: B - (1j + (x - z)), Z, A),
    "product": (lambda z, w, x: z * w * x * 2j * B, Z, A),
    "quotient": (lambda z, w, x: (1 + 2j) / z + z / w + x / z + z / 2, Z, A),
    "power": (lambda z, w, x: z**3 + w**0 + z**-2, Z, A),
    "matrices": (lambda z, w, x: z @ w + x @ z + z @ x + B @ z, Z, A),
    "views": (lambda z, w, x: z.T[1:, ::2].reshape(2, 2) + w.transpose(1, 0)[:2, None, 0], Z, A),
    "sums": (lambda z, w, x: z.sum(0) - w.mean(1) + z.conj().sum(), Z, A),
    "parts": (lambda z, w, x: z * x + z.real - 1j * w * w.imag, Z, A),
    "absolute": (lambda z, w, x: abs(z) + abs(w) ** 2, Z, A),
}


@pytest.mark.parametrize("name", SAME)
def test_arithmetic_is_numpys(name: str) -> None:
    formula: Any = SAME[name][0]
    arrays = {"z": A, "w": B, "x": R}
    found = sd.compile(formula(Z, W, X), target="python")
    want = formula(A, B, R)
    needed = {k: v for k, v in arrays.items() if k in found.signature or f"{k}_re" in found.signature}
    np.testing.assert_allclose(found(**needed), want, rtol=1e-12, atol=1e-12)


def test_functions() -> None:
    f = sd.compile([Z.exp(), Z.log(), Z.angle(), Z.H, -Z, Z.einsum("ij,kj->ik", W)], target="python")
    want = [np.exp(A), np.log(A), np.angle(A), A.conj().T, -A, A @ B.T]
    for ours, theirs in zip(f(z=A, w=B), want, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.torch
def test_gradients_have_pytorchs_convention() -> None:
    torch = pytest.importorskip("torch")
    loss = (abs(Z * W) ** 2).sum() + (Z @ W).re.sum() + (Z.exp() * X).im.sum()
    value, slopes = sd.compile(loss, wrt=["z", W, "x"], target="python")(z=A, w=B, x=R)
    z, w, x = (torch.tensor(v, requires_grad=True) for v in (A, B, R))
    theirs = (abs(z * w) ** 2).sum() + (z @ w).real.sum() + (x * z.exp()).imag.sum()
    theirs.backward()
    np.testing.assert_allclose(value, theirs.item())
    for name, tensor in (("z", z), ("w", w), ("x", x)):
        np.testing.assert_allclose(slopes[name], tensor.grad.numpy(), rtol=1e-10, atol=1e-10)


def test_a_real_array_stands_for_a_complex_one_and_parts_can_be_passed() -> None:
    f = sd.compile(Z * 1j, target="python")
    np.testing.assert_allclose(f(z=R), R * 1j)
    np.testing.assert_allclose(f(z_re=R, z_im=0 * R), R * 1j)


@pytest.mark.parametrize("dtype, kind", [("float64", "complex128"), ("float32", "complex64")])
def test_infinite_and_missing_parts_stay_apart(dtype: Any, kind: str) -> None:
    """``1 + inf*1j`` is not ``nan + inf*1j``, as a product with 1j would make it."""
    given = np.array([[1 + 0j, 0, 2]] * 3)
    given.imag[0], given.real[1] = [np.inf, np.nan, -np.inf], [np.nan, np.inf, -0.0]
    one = sd.complex_tensor("one")
    whole, single = sd.compile([Z, one], dtype=dtype, target="python")(z=given, one=complex(1, np.inf))
    np.testing.assert_array_equal(whole.real, given.real)
    np.testing.assert_array_equal(whole.imag, given.imag)
    assert (single.real, single.imag) == (1, np.inf)
    assert whole.dtype == single.dtype == kind


def test_errors() -> None:
    for refused in (
        lambda: Z < W,
        lambda: Z ** cast("int", 0.5),
        lambda: sd.exp(Z),
        lambda: sd.as_complex(Z, Z),
        lambda: Z[sd.indices("i j")],
        lambda: sd.complex_tensor("", (2,)),
    ):
        with pytest.raises(ExpressionError):
            refused()
    with pytest.raises(CompileError, match="no gradient"):
        sd.compile(Z * W, wrt=Z)
    with pytest.raises(CompileError, match="no input"):
        sd.compile(abs(Z * W).sum(), wrt=Z * W)
    f = sd.compile(abs(Z).sum(), target="python")
    with pytest.raises(ArgumentError):
        f(z=["a"])
    with pytest.raises(ArgumentError):
        f(z=A[:2])
