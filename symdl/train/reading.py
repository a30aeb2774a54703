"""Files of tables and arrays, read as columns.

Enters: the path of a file in CSV, NPZ, Parquet or IDX. Leaves: arrays by name, samples first. Nothing in
a file is ever run, and a file that cannot be read is named, with the line where that is known.
"""

from __future__ import annotations

import csv
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.errors import DataError, require_extra
from symdl.train.idx import most_unpacked, parse_idx, too_large

Columns = dict[str, NDArray[Any]]
"""Arrays by name; a column of text has the dtype of NumPy's strings."""
IDX = ""
"""The name of the only array of an IDX file."""


def read_columns(path: Path, *, separator: str = ",") -> Columns:
    """Return what is in a file: ``read_columns(Path("data.csv"))["width"]`` has shape ``(samples,)``.

    The ending says the format: ``.csv``, ``.tsv`` or ``.txt`` (a line of names, then lines of values),
    ``.npz``, ``.parquet``; names such as ``train-images-idx3-ubyte.gz`` and ``labels.idx1`` are IDX.

    Args:
        path: the file.
        separator: what stands between the values of a line of text; of ``.tsv`` a tab.

    Raises:
        DataError: there is no such file, it has another ending, or it is damaged.
        MissingExtraError: it is Parquet, and the extra ``parquet`` is not installed.
    """
    ending = path.suffix.lower()
    with _told(path):
        with open(path, "rb"):
            pass  # what the system has against it is told once, for all formats
        if ending in (".csv", ".txt", ".tsv"):
            return _lines(path, "\t" if ending == ".tsv" else separator)
        reader = _ARRAYS.get(ending) or (_idx if re.search(r"\bidx\d?\b", path.name) else None)
        if reader is None:
            raise DataError(f"{path} has an ending that says no format", cure=_FORMATS)
        return reader(path)


def numbers_of(column: NDArray[Any], name: str, path: Path, *, whole: bool = False) -> NDArray[Any]:
    """Return a column as float64, or as int64 if it must be `whole`.

    Args:
        column: as `read_columns` returns it.
        name: what it is called, for errors.
        path: the file that it is from, for errors.
        whole: whether its numbers must be integers.

    Raises:
        DataError: it holds text, something that is missing, or a number that is not whole.
    """
    if column.dtype.kind not in "iufb":
        wrong = next((value for value in column.ravel() if not _is_number(str(value))), "")
        raise DataError(
            f"{path}: the column {name!r} holds {str(wrong)[:40]!r}, which is no number",
            cure="choose columns of numbers: inputs = [...]",
        )
    if whole and column.dtype.kind == "f" and not np.array_equal(column, np.floor(column)):
        raise DataError(
            f"{path}: the column {name!r} holds numbers that are not whole", cure="leave embedding out"
        )
    missing = ~np.isfinite(column)
    if missing.any():
        place = int(np.argwhere(missing)[0][0]) + 1
        raise DataError(
            f"{path}: sample {place} has no number in {name!r}, {int(missing.sum())} such in all",
            cure="fill them in, or leave these samples out",
        )
    return column.astype("int64" if whole else "float64")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


_FORMATS = "use .csv, .tsv, .txt, .npz, .parquet, or a name with idx in it for IDX"


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say of an error which file it was."""
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}", cure="name a file that is there") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text in UTF-8", cure="save it as UTF-8") from error
    except OSError as error:
        cure = "name a file that you may read"
        raise DataError(f"{path} cannot be read: {error.strerror or error}", cure=cure) from error


def _lines(path: Path, separator: str) -> Columns:
    """Read lines of text, the first of which has the names of columns."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, delimiter=separator, strict=True)
            names = [name.strip() for name in next(rows, [])]
            _check_names(path, names)
            cells: list[list[str]] = [[] for _ in names]
            for row in rows:
                if not row:
                    continue
                if len(row) != len(names):
                    raise DataError(
                        f"{path}, line {rows.line_num}: {len(row)} values, but {len(names)} columns",
                        cure="give every line a value for each column; set separator where it is no comma",
                    )
                for column, cell in zip(cells, row, strict=True):
                    column.append(cell)
    except (csv.Error, TypeError) as error:
        raise DataError(f"{path} is no table: {error}", cure="separate values by one character") from error
    return {name: _values(column) for name, column in zip(names, cells, strict=True)}


def _check_names(path: Path, names: list[str]) -> None:
    if not names:
        raise DataError(f"{path} is empty", cure="begin with a line of names")
    counts = Counter(names)
    wrong = next((name for name in names if not name or counts[name] > 1), None)
    if wrong is not None:
        raise DataError(
            f"{path}: the name {wrong!r} is empty or stands twice", cure="begin with a line of names"
        )


def _values(cells: list[str]) -> NDArray[Any]:
    """Return cells as whole numbers, else as numbers, where empty ones are NaN, else as text."""
    for kind in ("int64", "float64"):
        try:
            return np.array([cell or "nan" for cell in cells] if kind == "float64" else cells, kind)
        except (ValueError, OverflowError):
            continue
    return np.array([cell.strip() for cell in cells])


def _npz(path: Path) -> Columns:
    try:
        with open(path, "rb") as file:
            with zipfile.ZipFile(file) as archive:
                unpacked = sum(entry.file_size for entry in archive.infolist())
            if unpacked > most_unpacked(path.stat().st_size):
                raise too_large(str(path))
            file.seek(0)
            arrays = np.load(file, allow_pickle=False)
            return {name: _plain(name, arrays[name]) for name in arrays}
    except DataError:
        raise
    except _NO_ARRAYS as error:
        raise DataError(
            f"{path} holds no arrays that can be read: {str(error)[:200] or type(error).__name__}",
            cure="write it by numpy.savez(path, X=X, t=t)",
        ) from error


_NO_ARRAYS = (
    *(ValueError, EOFError, KeyError, OverflowError, MemoryError, zipfile.BadZipFile, zlib.error),
    *(RuntimeError, NotImplementedError),  # it is encrypted, or compressed in another way
    OSError,  # of a decompressor; a file that cannot be read was found out by opening it
)


def _plain(name: str, array: Any) -> NDArray[Any]:
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "biufU":
        raise ValueError(f"{name!r} holds neither numbers nor text")
    return array


def _parquet(path: Path) -> Columns:
    arrow = require_extra("pyarrow", "parquet")
    table = require_extra("pyarrow.parquet", "parquet")
    try:
        read = table.read_table(path)
    except (arrow.ArrowException, OSError, MemoryError, ValueError) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0][:200]
        cure = "write it by pandas or polars, without encryption"
        raise DataError(f"{path} is no file of Parquet: {why}", cure=cure) from error
    return {name: _of_arrow(read[name]) for name in read.column_names}


def _of_arrow(column: Any) -> NDArray[Any]:
    """Return a column of Arrow's; what is missing is NaN, and all but numbers is text."""
    values = column.to_numpy()
    if values.dtype.kind in "iufb":
        return np.asarray(values)
    return np.array(["" if value is None else str(value) for value in values])


def _idx(path: Path) -> Columns:
    return {IDX: parse_idx(path.read_bytes(), source=str(path))}


_ARRAYS: Mapping[str, Callable[[Path], Columns]] = {".npz": _npz, ".parquet": _parquet, ".pq": _parquet}
