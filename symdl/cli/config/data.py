"""Data as a file describes them: which columns are inputs, which is the target.

Enters: the table ``[data]`` and what the loss needs. Leaves: `Data`: arrays, and the names of classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.cli.config.learning import Target
from symdl.cli.config.settings import (
    COUNTS,
    FLAG,
    NUMBER,
    POSITIVE,
    TEXT,
    TEXTS,
    Kind,
    either,
    meant,
    settings,
)
from symdl.errors import CommandError, DataError
from symdl.train.datasets import stratified_split
from symdl.train.reading import IDX, Columns, numbers_of, read_columns

Array = NDArray[Any]
_HELD_OUT = Kind("a share between 0 and 1", lambda value: NUMBER.fits(value) and 0 < value < 1)
_KINDS = {
    "file": TEXT,
    "labels": TEXT,
    "inputs": TEXTS,
    "target": TEXTS,
    "separator": Kind("one character", lambda value: isinstance(value, str) and len(value) == 1),
    "shape": COUNTS,
    "scale": POSITIVE,
    "standardize": FLAG,
    "test": either(TEXT, _HELD_OUT),
    "test_labels": TEXT,
    "validation": TEXT,
    "validation_labels": TEXT,
}


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """Samples, and what is known of them.

    Attributes:
        name: of the file.
        X: inputs, shape ``(n, ...)``.
        t: targets: labels ``(n,)``, or numbers ``(n, outputs)``.
        test: the same two of the samples that are held out, if there are such.
        validation: the same two of the samples of a file of their own, if there is one.
        inputs: the names of columns; none for arrays with more axes.
        targets: likewise.
        classes: the class of each label, as text; none where targets are numbers.
        mean, deviation: inputs are ``(X - mean)/deviation`` for the first layer.
    """

    name: str
    X: Array
    t: Array
    test: tuple[Array, Array] | None
    validation: tuple[Array, Array] | None
    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    classes: tuple[str, ...]
    mean: Array | float
    deviation: Array | float

    @property
    def outputs(self) -> int:
        """How many outputs the network has."""
        return len(self.classes) if self.t.ndim == 1 else int(self.t.shape[1])


def read_data(values: Any, folder: Path, target: Target, *, whole: bool, seed: int) -> Data:
    """Return the data that a table describes.

    Args:
        values: the table ``[data]``.
        folder: where its files are, unless their paths are absolute.
        target: what the loss needs.
        whole: whether inputs are integers, such as words.
        seed: decides which samples are held out, where a share of them is.

    Raises:
        CommandError: a setting is wrong, or there is no such column.
        DataError: a file cannot be read, or holds no numbers where there must be some.
    """
    given = settings(values, "[data]", _KINDS, required=("file",))
    if given.get("standardize") and ("scale" in given or whole):
        raise CommandError("[data]: standardize stands alone", cure="leave scale or embedding out")
    path = folder / given["file"]
    columns = _columns(path, given)
    choice = _choice(columns, given, path)
    X, raw = _samples(path, columns, choice, _labels(folder, given, "labels"), given, whole=whole)
    classes = _classes(raw, path) if target != "numbers" else ()
    if target == "two classes" and len(classes) != 2:
        cure = 'use loss = "cross_entropy"'
        raise CommandError(f"{path}: the loss is for two classes, but there are {len(classes)}", cure=cure)
    t = _targets(raw, classes, target, path)

    def of(part: str) -> tuple[Array, Array] | None:
        """Return the samples of another file."""
        if not isinstance(given.get(part), str):
            return None
        other = folder / given[part]
        read = _columns(other, given), choice, _labels(folder, given, f"{part}_labels")
        held, raw_held = _samples(other, *read, given, whole=whole, part=part)
        if held.shape[1:] != X.shape[1:]:
            raise DataError(
                f"{other} holds samples of another shape",
                shapes={"it": held.shape[1:], path.name: X.shape[1:]},
            )
        return held, _targets(raw_held, classes, target, other)

    test, validation = of("test"), of("validation")
    if test is None and "test" in given:
        first, second = _split(t, given["test"], seed)
        X, t, test = X[first], t[first], (X[second], t[second])
    scaling = _scaling(X, given)
    return Data(path.name, X, t, test, validation, choice.inputs, choice.targets, classes, *scaling)


@dataclass(frozen=True, slots=True)
class _Choice:
    """Which columns are inputs and which are targets; none where files hold one array each."""

    inputs: tuple[str, ...]
    targets: tuple[str, ...]


def _columns(path: Path, given: dict[str, Any]) -> Columns:
    return read_columns(path, separator=given.get("separator", ","))


def _choice(columns: Columns, given: dict[str, Any], path: Path) -> _Choice:
    if IDX in columns:
        if "labels" not in given or {"inputs", "target"} & given.keys():
            raise CommandError(
                f"[data]: {path.name} holds inputs alone",
                cure="write labels = …, the file of labels, and no names",
            )
        return _Choice((), ())
    if "target" not in given or {name for name in given if name.endswith("labels")}:
        raise CommandError(
            f"[data] lacks target, or has labels, which are for IDX; {path.name} has {', '.join(columns)}",
            cure="write target = …, the name of a column",
        )
    targets = _list(given["target"])
    inputs = _list(given["inputs"]) if "inputs" in given else [n for n in columns if n not in targets]
    for name in (*targets, *inputs):
        if name not in columns:
            raise CommandError(f"{path} has no column {name!r}", cure=meant(name, columns))
    both = [name for name in inputs if name in targets]
    if both or not inputs:
        raise CommandError(f"[data]: {both[0]!r} is input and target" if both else f"{path} has no inputs")
    return _Choice(tuple(inputs), tuple(targets))


def _list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _labels(folder: Path, given: dict[str, Any], name: str) -> Path | None:
    return folder / given[name] if name in given else None


def _samples(
    path: Path,
    columns: Columns,
    choice: _Choice,
    labels: Path | None,
    given: dict[str, Any],
    *,
    whole: bool,
    part: str = "test",
) -> tuple[Array, list[Array]]:
    """Return the inputs of a file, and its targets as they are."""
    if IDX in columns:
        if labels is None:
            raise CommandError(f"[data]: {path.name} has no labels", cure=f"write {part}_labels = …")
        parts, raw = [columns[IDX]], [read_columns(labels)[IDX]]
    else:
        missing = [name for name in (*choice.inputs, *choice.targets) if name not in columns]
        if missing:
            raise CommandError(f"{path} has no column {missing[0]!r}", cure=meant(missing[0], columns))
        parts, raw = [columns[name] for name in choice.inputs], [columns[name] for name in choice.targets]
    counts = {len(part) if part.ndim else 0 for part in (*parts, *raw)}
    if len(counts) != 1 or 0 in counts:
        raise DataError(f"{path}: inputs and targets are not of the same samples", shapes=_shapes(parts, raw))
    names = choice.inputs or ("the images",)
    numbers = [numbers_of(part, name, path, whole=whole) for part, name in zip(parts, names, strict=True)]
    X = numbers[0] if len(numbers) == 1 and numbers[0].ndim > 1 else _side_by_side(numbers, path)
    return _shaped(X, given, path), raw


def _shapes(parts: Sequence[Array], raw: Sequence[Array]) -> dict[str, Any]:
    return {"inputs": [part.shape for part in parts], "targets": [part.shape for part in raw]}


def _side_by_side(numbers: list[Array], path: Path) -> Array:
    if any(part.ndim > 1 for part in numbers):
        raise DataError(
            f"{path}: several inputs, and not all of them columns", cure="choose one array as inputs"
        )
    return np.stack(numbers, axis=1)


def _shaped(X: Array, given: dict[str, Any], path: Path) -> Array:
    shape = given.get("shape")
    if shape is None:
        return X
    if int(np.prod(shape)) != X[0].size:
        raise CommandError(
            f"[data]: shape = {shape} is not that of the {X[0].size} numbers of a sample of {path.name}"
        )
    return X.reshape(len(X), *shape)


def _classes(raw: list[Array], path: Path) -> tuple[str, ...]:
    """Return the classes of a target in order: of numbers by value, of text by the alphabet."""
    if len(raw) != 1 or raw[0].ndim != 1:
        raise CommandError(f"{path}: classes are one column", cure="name one target")
    column = raw[0]
    if column.dtype.kind == "f" and not np.array_equal(column, np.floor(column)):
        raise CommandError(
            f"{path}: the target is a number that is not whole, and no class",
            cure='use loss = "mean_squared_error"',
        )
    values = np.unique(column)
    if "" in values.astype(str):
        raise DataError(f"{path}: a sample has no class", cure="fill it in, or leave it out")
    return tuple(map(_class, values))


def _class(value: Any) -> str:
    return str(int(value)) if isinstance(value, np.number) else str(value)


def _targets(raw: list[Array], classes: tuple[str, ...], target: Target, path: Path) -> Array:
    """Return targets as the loss takes them."""
    if not classes:
        columns = [numbers_of(column, "target", path, whole=False) for column in raw]
        return columns[0] if columns[0].ndim > 1 else _side_by_side(columns, path)
    label = {name: number for number, name in enumerate(classes)}
    told = [_class(value) for value in raw[0]]
    strange = [name for name in told if name not in label]
    if strange:
        raise DataError(
            f"{path} has the class {strange[0]!r}, which the training data do not have",
            cure=f"their classes are {', '.join(classes)}",
        )
    numbers = np.array([label[name] for name in told], "int64")
    return numbers if target == "classes" else numbers[:, None].astype("float64")


def _split(t: Array, share: float, seed: int) -> tuple[Array, Array]:
    """Return the positions of training and of test samples; of each class that share."""
    if t.ndim == 1:
        return stratified_split(t, test=share, seed=seed)
    order = np.random.default_rng(seed).permutation(len(t))
    count = min(max(round(share * len(t)), 1), len(t) - 1)
    return order[count:], order[:count]


def _scaling(X: Array, given: dict[str, Any]) -> tuple[Array | float, Array | float]:
    """Return what is subtracted from inputs and what they are divided by."""
    if not given.get("standardize"):
        return 0.0, float(given.get("scale", 1.0))
    deviation = X.std(axis=0)
    return X.mean(axis=0), np.where(deviation > 0, deviation, 1.0)
