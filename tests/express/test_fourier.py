"""Transforms against NumPy, SciPy and PyTorch, and what must hold of them for any numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import symdl as sd
from symdl.errors import ExpressionError, ShapeError
from symdl.express.program import collect
from symdl.run.reference.interpreter import evaluate

RNG = np.random.default_rng(7)


def value(z: Any, /, **arrays: Any) -> Any:
    """The value by the reference interpreter, from the definition."""
    parts = z.as_parts() if isinstance(z, sd.ComplexTensor) else (z,)
    program = collect(parts)
    read = {t.name for t in program.inputs}  # of one or two elements no sine is read
    given = {k + end: part for k, v in arrays.items() for end, part in _parts(v) if k + end in read}
    found = evaluate(program, given)
    real, *imaginary = (found[part] for part in parts)
    return real + 1j * imaginary[0] if imaginary else real


def _parts(array: Any) -> Any:
    return (("_re", array.real), ("_im", array.imag)) if np.iscomplexobj(array) else (("", array),)


def drawn(*shape: int) -> Any:
    return RNG.normal(size=shape) + 1j * RNG.normal(size=shape)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 12, 33])
@pytest.mark.parametrize("norm", [None, "ortho", "forward"])
def test_definitions_are_numpys(n: int, norm: Any) -> None:
    z, x = sd.complex_tensor("z", (2, 6)), sd.tensor("x", (2, 6))
    at, real = drawn(2, 6), RNG.normal(size=(2, 6))
    for ours, theirs in ((sd.fft, np.fft.fft), (sd.ifft, np.fft.ifft), (sd.irfft, np.fft.irfft)):
        np.testing.assert_allclose(value(ours(z, n, norm=norm), z=at), theirs(at, n, norm=norm), atol=1e-12)
    found = value(sd.rfft(x, n, norm=norm), x=real)
    np.testing.assert_allclose(found, np.fft.rfft(real, n, norm=norm), atol=1e-12)
    np.testing.assert_allclose(value(sd.fft(x, n, 0), x=real), np.fft.fft(real, n, 0), atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 5, 6, 9])
@pytest.mark.parametrize("norm", [None, "ortho", "forward"])
@pytest.mark.parametrize("kind", [2, 3])
def test_cosine_transforms_are_scipys(n: int, norm: Any, kind: Any) -> None:
    fft = pytest.importorskip("scipy.fft")
    x, at = sd.tensor("x", (2, 6)), RNG.normal(size=(2, 6))
    for ours, theirs in ((sd.dct, fft.dct), (sd.idct, fft.idct)):
        want = theirs(at, kind, n, norm=norm)
        np.testing.assert_allclose(value(ours(x, kind, n, norm=norm), x=at), want, atol=1e-12)


def test_several_axes_shifts_and_frequencies() -> None:
    z, at = sd.complex_tensor("z", (3, 4, 5)), drawn(3, 4, 5)
    pairs = [
        (sd.fft2(z), np.fft.fft2(at)),
        (sd.ifft2(z, (2, 6)), np.fft.ifft2(at, (2, 6))),
        (sd.fftn(z), np.fft.fftn(at)),
        (sd.ifftn(z, axes=(0, 2)), np.fft.ifftn(at, axes=(0, 2))),
        (sd.fftshift(z), np.fft.fftshift(at)),
        (sd.ifftshift(z, 1), np.fft.ifftshift(at, 1)),
    ]
    for ours, theirs in pairs:
        np.testing.assert_allclose(value(ours, z=at), theirs, atol=1e-12)
    np.testing.assert_array_equal(sd.fftfreq(7, 0.5).value, np.fft.fftfreq(7, 0.5))
    np.testing.assert_array_equal(sd.rfftfreq(8).value, np.fft.rfftfreq(8))


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("sizes", [(6, 3), (3, 3), (1, 1), (5, 1)])
def test_convolutions(mode: Any, sizes: tuple[int, int]) -> None:
    signal = pytest.importorskip("scipy.signal")
    x, y = (sd.tensor(name, (size,)) for name, size in zip("xy", sizes, strict=True))
    a, b = (RNG.normal(size=size) for size in sizes)
    found = value(sd.fft_convolve(x, y, mode=mode), x=a, y=b)
    np.testing.assert_allclose(found, signal.convolve(a, b, mode), atol=1e-12)


@given(st.integers(1, 24), st.integers(0, 2**32 - 1))
def test_inverse_and_energy(n: int, seed: int) -> None:
    at = np.random.default_rng(seed).normal(size=(2, n)) * 10.0 ** (seed % 7 - 3)
    x = sd.tensor("x", (2, n))
    spectrum = value(sd.fft(x, norm="ortho"), x=at)
    np.testing.assert_allclose((abs(spectrum) ** 2).sum(1), (at**2).sum(1), rtol=1e-12)
    back = value(sd.irfft(sd.rfft(x), n), x=at)
    np.testing.assert_allclose(back, at, atol=1e-12 * abs(at).max())


def test_what_is_nan_or_infinite() -> None:
    """The imaginary part of frequency 0 does not count, whatever it is; a NaN stays in its row."""
    z, at = sd.complex_tensor("z", (2, 4)), drawn(2, 4)
    at.imag[:, 0] = np.inf
    want = np.fft.irfft(np.where(np.arange(4) == 0, at.real, at))
    np.testing.assert_allclose(value(sd.irfft(z), z=at), want, atol=1e-12)
    at = drawn(2, 4)
    at[0, 1] = np.nan
    found = value(sd.fft(z), z=at)
    assert np.isnan(found[0]).all()
    np.testing.assert_allclose(found[1], np.fft.fft(at[1]), atol=1e-12)


def test_the_derivation_reads_as_the_definition() -> None:
    x = sd.tensor("x", (8,))
    text = str(sd.derive((abs(sd.rfft(x, name="Y")) ** 2).sum(), x))
    assert "Y_re[k] = ∑ₙ cos(π/4·k·n)·x[n]" in text
    assert "x̄[n] = 2·∑ₖ cos(π/4·k·n)·Y_re[k] - 2·∑ₖ sin(π/4·k·n)·Y_im[k]" in text


def test_errors() -> None:
    n = sd.Dim("n")
    x, z = sd.tensor("x", (4, n)), sd.complex_tensor("z", (4,))
    for call in (
        lambda: sd.fft(x),
        lambda: sd.fft(x, axis=2),
        lambda: sd.fft(z, 0),
        lambda: sd.fftn(z, (2, 3), (0,)),
        lambda: sd.fftfreq(0),
    ):
        with pytest.raises(ShapeError):
            call()
    for refused in (
        lambda: sd.fft(z, norm="none"),  # type: ignore[arg-type]
        lambda: sd.rfft(z),
        lambda: sd.dct(x, 1, axis=0),  # type: ignore[arg-type]
        lambda: sd.fft_convolve(z.re, z.re, mode="all"),  # type: ignore[arg-type]
    ):
        with pytest.raises(ExpressionError):
            refused()
