"""Data sets for examples and tests: digits, iris, MNIST.

Enters: a name (the function), a seed, the share of test samples. Leaves: a `Dataset`, four arrays
that a model takes as they are. Digits and iris come with scikit-learn (extra ``train``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.errors import DataError, require_extra
from symdl.tables import html_table
from symdl.train.mnist import load_mnist

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """A classification data set in two parts.

    Attributes:
        name: what it is called.
        X_train: inputs, float32, shape ``(n, features)`` or ``(n, channels, height, width)``.
        t_train: class numbers, int64, shape ``(n,)``, from 0.
        X_test: the same for the test part, shape ``(m, ...)``.
        t_test: the same for the test part, shape ``(m,)``.
        classes: the name of each class, by its number.
        features: the name of each feature; empty for images.
    """

    name: str
    X_train: Floats
    t_train: Labels
    X_test: Floats
    t_test: Labels
    classes: tuple[str, ...]
    features: tuple[str, ...] = ()

    @property
    def train(self) -> dict[str, NDArray[Any]]:
        """The training part as ``{"X": ..., "t": ...}``."""
        return {"X": self.X_train, "t": self.t_train}

    @property
    def test(self) -> dict[str, NDArray[Any]]:
        """The test part as ``{"X": ..., "t": ...}``."""
        return {"X": self.X_test, "t": self.t_test}

    def __repr__(self) -> str:
        return (
            f"Dataset({self.name!r}, train {self.X_train.shape}, test {self.X_test.shape}, "
            f"{len(self.classes)} classes)"
        )

    def _repr_html_(self) -> str:
        counts = [np.bincount(t, minlength=len(self.classes)) for t in (self.t_train, self.t_test)]
        rows = [("class", "training samples", "test samples")]
        rows += [(name, str(a), str(b)) for name, a, b in zip(self.classes, *counts, strict=True)]
        rows.append(("all", str(len(self.t_train)), str(len(self.t_test))))
        return html_table(rows, repr(self))


def digits(*, seed: int = 0, test: float = 0.2, flatten: bool = True) -> Dataset:
    """Return scikit-learn's handwritten digits: 1797 images of 8 x 8 pixels, scaled to 0..1.

    Inputs have shape ``(n, 64)``, or ``(n, 1, 8, 8)`` with ``flatten=False``. The split is
    stratified and depends on ``seed`` and ``test`` only.

    Raises:
        MissingExtraError: scikit-learn is not installed.
        DataError: ``seed`` or ``test`` is out of range.
    """
    bunch = require_extra("sklearn.datasets", "train").load_digits()
    # The scale, 16, is the format's and not a statistic of the samples.
    images = (bunch.images / 16.0).astype(np.float32)
    X = images.reshape(len(images), -1) if flatten else images[:, None]
    t = bunch.target.astype(np.int64)
    first, second = stratified_split(t, test=test, seed=seed)
    return Dataset("digits", X[first], t[first], X[second], t[second], tuple(map(str, bunch.target_names)))


def iris(*, seed: int = 0, test: float = 0.2) -> Dataset:
    """Return Fisher's iris: 150 flowers of 3 species, 4 lengths in cm, standardised.

    Inputs have shape ``(n, 4)``; mean and standard deviation are those of the training part. The
    split is stratified and depends on ``seed`` and ``test`` only.

    Raises:
        MissingExtraError: scikit-learn is not installed.
        DataError: ``seed`` or ``test`` is out of range.
    """
    bunch = require_extra("sklearn.datasets", "train").load_iris()
    t = bunch.target.astype(np.int64)
    first, second = stratified_split(t, test=test, seed=seed)
    mean, deviation = bunch.data[first].mean(axis=0), bunch.data[first].std(axis=0)
    X = ((bunch.data - mean) / deviation).astype(np.float32)
    return Dataset(
        "iris",
        X[first],
        t[first],
        X[second],
        t[second],
        tuple(map(str, bunch.target_names)),
        tuple(map(str, bunch.feature_names)),
    )


def mnist(*, flatten: bool = True) -> Dataset:
    """Return MNIST: 60000 and 10000 images of 28 x 28 pixels, scaled to 0..1.

    Inputs have shape ``(n, 784)``, or ``(n, 1, 28, 28)`` with ``flatten=False``. The four gzipped
    IDX files are looked for in the folder SYMDL_DATA (directly or under ``mnist``), then in the
    cache (``symdl/mnist`` in ``$XDG_CACHE_HOME``, else in the system's place), then downloaded
    into the cache and verified by SHA-256.

    Raises:
        DataError: nowhere found, damaged, or not in MNIST's form.
    """
    train_images, train_labels, test_images, test_labels = load_mnist()
    return Dataset(
        "mnist",
        _pixels(train_images, flatten),
        train_labels.astype(np.int64),
        _pixels(test_images, flatten),
        test_labels.astype(np.int64),
        tuple("0123456789"),
    )


def stratified_split(t: NDArray[Any], *, test: float, seed: int) -> tuple[Labels, Labels]:
    """Return the positions of the training and of the test samples, each in random order.

    Args:
        t: class numbers, shape ``(n,)``.
        test: share of the test part, between 0 and 1; of every class that share is taken, rounded,
            but at least one sample and never all.
        seed: a nonnegative integer; the same seed gives the same split.

    Raises:
        DataError: an argument is out of range, or a class has fewer than two samples.
    """
    if not 0.0 < test < 1.0:
        raise DataError(f"test={test!r} is not between 0 and 1", cure="give a share such as 0.2")
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise DataError(f"seed={seed!r} is not a nonnegative integer", cure="give one, such as 0")
    rng = np.random.default_rng(int(seed))
    first: list[Labels] = []
    second: list[Labels] = []
    for label in np.unique(t):
        members = rng.permutation(np.flatnonzero(t == label))
        if len(members) < 2:
            raise DataError(f"class {label} has only one sample", cure="give every class two samples or more")
        count = min(max(round(test * len(members)), 1), len(members) - 1)
        second.append(members[:count])
        first.append(members[count:])
    if not first:
        raise DataError("there is nothing to split: no samples", shapes={"t": t.shape})
    return rng.permutation(np.concatenate(first)), rng.permutation(np.concatenate(second))


def _pixels(images: NDArray[np.uint8], flatten: bool) -> Floats:
    scaled = images.astype(np.float32) / np.float32(255.0)
    return scaled.reshape(len(images), -1) if flatten else scaled[:, None]
