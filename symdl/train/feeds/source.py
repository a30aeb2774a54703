"""Where batches come from.

Enters: what a user passes as data. Leaves: `Rows`, samples that are taken by their positions, or `Batches`,
one after the other; None for arrays that a compiled epoch reads where they are.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.errors import ArgumentError
from symdl.express.tensors import Tensor
from symdl.train.feeds.tables import by_rows, dense, is_sparse

Batch = Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Feed:
    """Data for `Model.fit` that come batch by batch, with what has to be known of them.

    ``model.fit(source)`` is enough for dictionaries that are prepared ahead by two.

    Attributes:
        source: an iterable of batches or of samples, such as a PyTorch ``DataLoader``; a function that
            returns an iterator, called once an epoch; or a data set with ``len(source)`` and
            ``source[position]``.
        names: what the parts of a batch are called if batches are tuples or lists: ``("X", "t")``.
        prefetch: how many batches a second thread prepares ahead; 0 for none, and no thread.
    """

    source: Any
    names: Sequence[str] | None = None
    prefetch: int = 2

    def __post_init__(self) -> None:
        if type(self.prefetch) is not int or self.prefetch < 0:
            raise ArgumentError(f"prefetch={self.prefetch!r}", cure="give a number of batches, or 0")

    def named(self, item: Any) -> Batch:
        """Return a batch, or a sample, as a dictionary.

        Raises:
            ArgumentError: it is none, and `names` do not make one of it.
        """
        if isinstance(item, Mapping):
            return item
        many = isinstance(item, tuple | list)
        if many and self.names is not None and len(item) == len(self.names):
            return dict(zip(self.names, item, strict=True))
        what = f"{type(item).__name__} of {len(item)}" if many else type(item).__name__
        raise ArgumentError(
            f"the stream gave a {what}, not a dictionary",
            cure="give dictionaries, or say what is what: sd.train.Feed(source, names=('X', 't'))",
        )


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Samples that are taken by their positions.

    Attributes:
        count: how many there are.
        take: from positions to arrays by name.
    """

    count: int
    take: Callable[[NDArray[np.int64]], Batch]

    def batches(self, order: NDArray[np.int64], size: int) -> Iterator[Batch]:
        """Yield the samples in an order."""
        for start in range(0, len(order), size):
            yield self.take(order[start : start + size])


@dataclass(frozen=True, slots=True, eq=False)
class Batches:
    """Batches in an order of their own.

    Attributes:
        feed: what was passed.
        inputs: of the model.
    """

    feed: Feed
    inputs: Sequence[Tensor]

    def batches(self, size: int) -> Iterator[Batch]:
        """Yield one epoch's batches; single samples are put together into batches of `size`."""
        source = self.feed.source
        items = map(self.feed.named, iter(source() if callable(source) else source))
        first = next(items, None)
        if first is None:
            return
        together = itertools.chain([first], items)
        yield from together if not _is_sample(first, self.inputs) else _groups(together, size)


def source_of(feed: Feed, inputs: Sequence[Tensor], *, apart: bool) -> Rows | Batches | None:
    """Return where batches come from; None for arrays that may be bound as they are.

    Args:
        feed: what was passed.
        inputs: of the model.
        apart: whether batches must be made by themselves, whatever the data are.

    Raises:
        ArgumentError: it is nothing that gives batches, or its arrays have different lengths.
    """
    data = feed.source
    if isinstance(data, Mapping):
        return _rows_of_arrays(data) if by_rows(data) or apart else None
    if hasattr(data, "__len__") and hasattr(data, "__getitem__"):
        if not len(data):
            raise ArgumentError("the data hold no samples")
        first = feed.named(data[0])
        if _is_sample(first, inputs):
            return Rows(len(data), _Items(feed))
    if callable(data) or isinstance(data, Iterable):
        return Batches(feed, inputs)
    names = [str(t.name) for t in inputs]
    raise ArgumentError(
        f"the data are a {type(data).__name__}, neither a dictionary nor anything that gives batches",
        cure="pass {" + ", ".join(f"{name!r}: ..." for name in names) + "}, or an iterable of such batches",
    )


def _is_sample(item: Batch, inputs: Sequence[Tensor]) -> bool:
    """Say whether an item is one sample: its arrays lack the axis over samples."""
    ranks = {str(t.name): t.rank for t in inputs}
    found = [(ranks[name], _rank(value)) for name, value in item.items() if name in ranks]
    return bool(found) and all(have == rank - 1 for rank, have in found)


def _rank(value: Any) -> int:
    return len(value.shape) if hasattr(value, "shape") else np.ndim(value)


def _groups(samples: Iterator[Batch], size: int) -> Iterator[Batch]:
    while group := list(itertools.islice(samples, size)):
        yield _stacked(group)


def _stacked(samples: Sequence[Batch]) -> Batch:
    return {name: np.stack([np.asarray(each[name]) for each in samples]) for name in samples[0]}


@dataclass(frozen=True, slots=True, eq=False)
class _Items:
    """Takes samples from a data set that is asked for one position, or for several by ``__getitems__``."""

    feed: Feed

    def __call__(self, positions: NDArray[np.int64]) -> Batch:
        source, places = self.feed.source, positions.tolist()
        several = getattr(source, "__getitems__", None)
        items = [source[place] for place in places] if several is None else several(places)
        return _stacked([self.feed.named(item) for item in items])


def _rows_of_arrays(data: Mapping[str, Any]) -> Rows:
    ready = {name: value.tocsr() if is_sparse(value) else value for name, value in data.items()}
    ready = {n: v if isinstance(v, np.ndarray) or is_sparse(v) else np.asarray(v) for n, v in ready.items()}
    lengths = {name: value.shape[0] if value.shape else 0 for name, value in ready.items()}
    if len(set(lengths.values())) > 1:
        shapes = {name: tuple(value.shape) for name, value in ready.items()}
        raise ArgumentError("the data differ in their number of samples", shapes=shapes)
    if not any(lengths.values()):
        raise ArgumentError("the data hold no samples")

    def take(positions: NDArray[np.int64]) -> Batch:
        return {name: dense(value[positions]) for name, value in ready.items()}

    return Rows(next(iter(lengths.values())), take)
