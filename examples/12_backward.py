"""Backward passes that are often got wrong by hand: derived, and measured.

Batch norm, max pooling, convolution and a recurrent layer. For each, the derivation of a gradient is printed
and the gradient compared with central differences. Beside them stand three shortcuts that are easily written
by hand, and how far off they are: a batch norm that takes mean and variance for constants, a max pooling
that hands each maximum's gradient to its whole window, a kernel's gradient that is divided by the number of
places.

    python examples/12_backward.py
"""

from __future__ import annotations

import numpy as np

import symdl as sd

Arrays = dict[str, np.ndarray]


def weighted(y: sd.Tensor) -> sd.Tensor:
    """Return a loss that weighs every element of `y` differently."""
    return (y * sd.tensor("weight", y.shape)).sum()


def batch_norm() -> sd.Tensor:
    """Return a loss through batch norm of 4 channels."""
    return weighted(sd.nn.batch_norm(sd.parameter("x", (6, 4)), name="bn"))


def max_pool() -> sd.Tensor:
    """Return a loss through max pooling with windows that overlap."""
    return weighted(sd.nn.max_pool2d(sd.parameter("x", (2, 2, 5, 5)), 3, stride=2))


def convolution() -> sd.Tensor:
    """Return a loss through a convolution with stride and padding."""
    x = sd.parameter("x", (2, 2, 6, 6))
    return weighted(sd.nn.conv2d(x, 3, kernel_size=3, stride=2, padding=1, name="conv"))


def recurrent() -> sd.Tensor:
    """Return a loss through a recurrent layer of 5 steps."""
    return weighted(sd.nn.rnn(sd.parameter("x", (2, 5, 3)), 4, name="rnn"))


def values(loss: sd.Tensor) -> Arrays:
    """Return random values for everything the loss reads."""
    rng = np.random.default_rng(0)
    given = sd.compile(loss, wrt=None).program.inputs
    return {str(t.name): rng.normal(size=tuple(map(int, t.shape))) for t in given}


def differences(loss: sd.Tensor, at: Arrays, name: str, step: float = 1e-6) -> np.ndarray:
    """Return the gradient by one array as central differences."""
    function = sd.compile(loss)
    slopes = np.empty_like(at[name])
    for place in np.ndindex(slopes.shape):
        ends = []
        for sign in (1, -1):
            moved = at[name].copy()
            moved[place] += sign * step
            ends.append(function(**(at | {name: moved})))
        slopes[place] = (ends[0] - ends[1]) / (2 * step)
    return slopes


def far(one: np.ndarray, other: np.ndarray) -> float:
    """Return the largest difference as a share of the largest value of `other`."""
    return float(np.abs(one - other).max() / np.abs(other).max())


def batch_norm_by_hand(at: Arrays, _: np.ndarray) -> np.ndarray:
    """The shortcut: mean and variance are taken for constants."""
    return at["weight"] * at["bn.gain"] / np.sqrt(at["x"].var(axis=0) + 1e-5)


def max_pool_by_hand(at: Arrays, _: np.ndarray) -> np.ndarray:
    """The shortcut: every element of a window gets the gradient of the window's maximum."""
    slopes = np.zeros_like(at["x"])
    for h, w in np.ndindex(2, 2):
        slopes[:, :, 2 * h : 2 * h + 3, 2 * w : 2 * w + 3] += at["weight"][:, :, h, w, None, None]
    return slopes


def convolution_by_hand(_: Arrays, right: np.ndarray) -> np.ndarray:
    """The shortcut: divided by the 3 x 3 places at which the kernel is laid."""
    return right / 9


CASES = [
    ("batch norm", batch_norm, "x", batch_norm_by_hand),
    ("max pooling", max_pool, "x", max_pool_by_hand),
    ("convolution, kernel", convolution, "conv.W", convolution_by_hand),
    ("convolution, input", convolution, "x", None),
    ("recurrent layer", recurrent, "rnn.U", None),
]


def main() -> dict[str, tuple[float, float | None]]:
    """Print derivations, and the errors of derived and hand-written gradients."""
    found: dict[str, tuple[float, float | None]] = {}
    for title, build, name, shortcut in CASES:
        loss = build()
        print(title.upper(), sd.derive(loss, name), sep="\n\n", end="\n\n")
        at = values(loss)
        right = differences(loss, at, name)
        _, slopes = sd.compile(loss, wrt=[name])(**at)
        wrong = None if shortcut is None else far(shortcut(at, right), right)
        found[title] = (far(slopes[name], right), wrong)
    print(f"{'error relative to central differences':<40}{'derived':>10}{'by hand':>10}")
    for title, (derived, by_hand) in found.items():
        print(f"{title:<40}{derived:>10.0e}{'' if by_hand is None else format(by_hand, '.0%'):>10}")
    return found


if __name__ == "__main__":
    main()
