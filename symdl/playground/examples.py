"""What the playground offers to begin with.

Enters: nothing. Leaves: texts that `symdl.playground.read` reads, each under a name.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Example:
    """A name, what is typed, and with respect to what it is differentiated."""

    name: str
    text: str
    wrt: str


EXAMPLES = (
    Example("a function", "sin(x**2*y) + exp(z)", "y"),
    Example(
        "logistic regression, one sample",
        "z = w*x + b\np = sigmoid(z)\nL = -t*log(p) - (1 - t)*log(1 - p)",
        "w",
    ),
    Example("least squares", "X: (n, d)\ny: n\nw: d\nr = X @ w - y\nL = r @ r / n", "w"),
    Example("softmax, a Jacobian", "z: k\np = softmax(z)", "z"),
    Example("Gaussian likelihood", "S: positive_definite(d, d)\nx: d\nL = logdet(S) + x @ inv(S) @ x", "S"),
    Example(
        "a network",
        "X: (n, 4)\nt: labels(n)\nh = dense(X, 3, sigmoid)\nz = dense(h, 2)\nL = cross_entropy(z, t)",
        "h.W",
    ),
    Example(
        "a recurrent network",
        "X: (n, T, 3)\nt: labels(n)\nh = rnn(X, 4)\nz = dense(last_state(h), 2)\nL = cross_entropy(z, t)",
        "h.U",
    ),
    Example(
        "a convolutional network",
        "X: (n, 1, 12, 12)\nt: labels(n)\nc = conv2d(X, 4, 3, relu)\nz = dense(flatten(c), 3)\n"
        "L = cross_entropy(z, t)",
        "c.W",
    ),
)

__all__ = ["EXAMPLES", "Example"]
