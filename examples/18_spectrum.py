"""A filter learned from what comes out of it, by a loss of spectra.

Noise goes through an unknown filter. Its taps are parameters; the loss is the squared difference of the
spectra of what came out and of what the model says, frequencies as complex numbers. Convolution and loss are
Fourier transforms, and so are their derivatives.

    python examples/18_spectrum.py [--steps 300] [--seed 0]
"""

from __future__ import annotations

import argparse

import numpy as np

import symdl as sd

LENGTH, TAPS = 256, 12


def spectral_loss() -> sd.Tensor:
    """Return the mean squared difference of spectra, for signals x and y of shape ``(n, LENGTH)``."""
    n = sd.Dim("n")
    x, y = sd.tensor("x", (n, LENGTH)), sd.tensor("y", (n, LENGTH))
    taps = sd.parameter("taps", (1, TAPS), init=sd.nn.zeros())
    heard = sd.fft_convolve(x, taps)[:, :LENGTH]
    return (abs(sd.rfft(heard - y, norm="ortho")) ** 2).mean()


def main(arguments: list[str] | None = None) -> float:
    """Learn; return the largest error of a tap."""
    parser = argparse.ArgumentParser(description="Learn a filter by a loss of spectra.")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)

    rng = np.random.default_rng(options.seed)
    time = np.arange(TAPS)
    wanted = np.exp(-time / 4) * np.cos(time)
    x = rng.normal(size=(32, LENGTH))
    y = np.stack([np.convolve(signal, wanted)[:LENGTH] for signal in x])
    step = sd.compile(spectral_loss(), wrt="parameters")
    taps = np.zeros((1, TAPS))
    for _ in range(options.steps):
        loss, slopes = step(x=x, y=y, taps=taps)
        taps -= 0.2 * slopes["taps"]
    error = float(abs(taps[0] - wanted).max())
    print(f"loss {float(loss):.1e}, largest error of a tap {error:.1e}")
    return error


if __name__ == "__main__":
    main()
