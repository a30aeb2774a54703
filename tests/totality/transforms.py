"""Fourier transforms, and complex tensors by their parts."""

from __future__ import annotations

import math
from typing import Any

import symdl as sd

from .case import Case, Given, real

X = real("n", 6)
PAIR = {"x": X, "y": real("n", 6)}


def _real(operation: str, ours: Any, theirs: Any, setting: str = "", x: Given = X) -> Case:
    """A transform of real numbers, by its two parts."""
    return Case(operation, lambda x: ours(x).as_parts(), {"x": x}, lambda t, x: _parts(theirs(t, x)), setting)


def _complex(operation: str, ours: Any, theirs: Any, setting: str = "") -> Case:
    """A function of complex numbers, by the two parts of the result."""
    return Case(operation, lambda x, y: ours(sd.as_complex(x, y)).as_parts(), PAIR,
                lambda t, x, y: _parts(theirs(t, t.complex(x, y))), setting)  # fmt: skip


def _parts(z: Any) -> Any:
    return (z.real, z.imag)


def _dft(t: Any, z: Any, n: int | None = None, *, dim: int = -1, inverse: bool = False) -> Any:
    """The definition, in PyTorch: its own transforms fail beside other libraries of mathematics."""
    z = z.to(t.complex128).movedim(dim, -1)
    size = n or z.shape[-1]
    z = z[..., :size]
    out = z @ _waves(t, size, size, z.shape[-1], 1 if inverse else -1)
    return (out / size if inverse else out).movedim(-1, dim)


def _half(t: Any, z: Any, n: int | None = None) -> Any:
    """The real inverse of a transform of which half is given."""
    size = n or 2 * (z.shape[-1] - 1)
    k = t.arange(size // 2 + 1)
    twice = t.where((k == 0) | (2 * k == size), 1.0, 2.0)
    return ((z[..., : len(k)] * twice) @ _waves(t, size, size, len(k), 1)).real / size


def _waves(t: Any, size: int, rows: int, columns: int, sign: int) -> Any:
    turns = t.outer(t.arange(columns), t.arange(rows)) % size
    angles = turns.to(t.float64) * (2 * sign * math.pi / size)
    return t.polar(t.ones_like(angles), angles)


CASES = (
    _complex("sd.as_complex", lambda z: z * z.conj() - 2j * z, lambda t, z: z * z.conj() - 2j * z),
    _complex("sd.as_complex", lambda z: z.exp() / (z + 3), lambda t, z: z.exp() / (z + 3), "quotient"),
    _real("sd.fft", lambda x: sd.fft(x), lambda t, x: _dft(t, x)),
    _complex("sd.fft", lambda z: sd.fft(z, norm="ortho"), lambda t, z: _dft(t, z) / z.shape[-1] ** 0.5,
             "complex"),
    _real("sd.fft", lambda x: sd.fft(x, 20), lambda t, x: _dft(t, x, 20), "continued"),
    _real("sd.fft", lambda x: sd.fft(x, 4), lambda t, x: _dft(t, x, 4), "cut"),
    _complex("sd.ifft", lambda z: sd.ifft(z), lambda t, z: _dft(t, z, inverse=True)),
    _real("sd.rfft", lambda x: sd.rfft(x), lambda t, x: _dft(t, x)[..., : x.shape[-1] // 2 + 1]),
    _real("sd.rfft", lambda x: sd.rfft(x, axis=1), lambda t, x: _dft(t, x, dim=1)[:, :10], "inner",
          real("n", 18, 2)),
    Case("sd.irfft", lambda x, y: sd.irfft(sd.as_complex(x, y)), PAIR,
         lambda t, x, y: _half(t, t.complex(x, y))),
    Case("sd.irfft", lambda x, y: sd.irfft(sd.as_complex(x, y), 9), PAIR,
         lambda t, x, y: _half(t, t.complex(x, y), 9), "odd"),
    _real("sd.fft2", lambda x: sd.fft2(x), lambda t, x: _dft(t, _dft(t, x), dim=-2), x=real("n", 3, 4)),
    _real("sd.ifft2", lambda x: sd.ifft2(x),
          lambda t, x: _dft(t, _dft(t, x, inverse=True), dim=-2, inverse=True),
          x=real("n", 3, 4)),
    _real("sd.fftn", lambda x: sd.fftn(x, axes=(1, 2)), lambda t, x: _dft(t, _dft(t, x), dim=1),
          x=real("n", 3, 4)),
    _real("sd.ifftn", lambda x: sd.ifftn(x, axes=(1,)), lambda t, x: _dft(t, x, dim=1, inverse=True),
          x=real("n", 3, 4)),
    Case("sd.fftshift", lambda x: sd.fftshift(x, -1), {"x": real("n", 5)},
         lambda t, x: t.fft.fftshift(x, dim=-1)),
    Case("sd.ifftshift", lambda x: sd.ifftshift(x, -1), {"x": real("n", 5)},
         lambda t, x: t.fft.ifftshift(x, dim=-1)),
    Case("sd.fftfreq", lambda x: sd.fftfreq(6, 0.5) * x, {"x": X},
         lambda t, x: t.fft.fftfreq(6, 0.5, dtype=t.float64) * x),
    Case("sd.rfftfreq", lambda x: sd.rfftfreq(11) * x, {"x": X},
         lambda t, x: t.fft.rfftfreq(11, dtype=t.float64) * x),
    Case("sd.dct", lambda x: sd.dct(x), {"x": X}, None),
    Case("sd.dct", lambda x: sd.dct(x, 3, norm="ortho"), {"x": X}, None, "type 3"),
    Case("sd.idct", lambda x: sd.idct(x), {"x": X}, None),
    Case("sd.fft_convolve", lambda x, y: sd.fft_convolve(x, y, mode="same"), {"x": X, "y": real("n", 3)},
         None),
)  # fmt: skip
