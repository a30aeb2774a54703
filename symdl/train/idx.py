"""The IDX file format, in which MNIST is published.

Enters: the bytes of an IDX file, plain or gzipped. Leaves: a NumPy array of the shape and type that
the file's header declares, in native byte order. Layout: two zero bytes, a type code, the number of
axes, one big-endian 32-bit extent per axis, then the elements, last axis fastest.
"""

from __future__ import annotations

import gzip
import io
import math
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.errors import DataError

_ELEMENT_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP_MAGIC = b"\x1f\x8b"
_CURE = "the file is damaged or not an IDX file: remove it and get it again"


def unzip(data: bytes, *, source: str) -> bytes:
    """Return ``data``, decompressed if it is gzipped.

    Raises:
        DataError: the gzip stream is cut short, damaged, or would become too large; the error names
            ``source``.
    """
    if not data.startswith(_GZIP_MAGIC):
        return data
    limit = most_unpacked(len(data))
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
            unpacked = packed.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{source}: the gzip stream is damaged: {error}", cure=_CURE) from error
    if len(unpacked) > limit:
        raise too_large(source)
    return unpacked


def most_unpacked(packed: int) -> int:
    """Return how many bytes a compressed file of so many bytes may become."""
    return max(_UNPACKED, packed * _RATIO)


def too_large(source: str) -> DataError:
    """Return the error about a file that unpacks to more than that."""
    return DataError(
        f"{source} unpacks to more than {_RATIO} times its size and {_UNPACKED >> 20} MiB",
        cure="if it is what you want, unpack it yourself",
    )


_UNPACKED, _RATIO = 1 << 30, 100
"""Small files may be compressed however well; large ones are hardly ever a hundredth of what is in them."""


def parse_idx(data: bytes, *, source: str = "data") -> NDArray[Any]:
    """Return the array in the bytes of an IDX file, gzipped or not.

    Raises:
        DataError: no IDX header, an unknown element type, or a length which does not fit the
            header (cut short or followed by something else); the error names ``source``.
    """
    data = unzip(data, source=source)
    if len(data) < 4:
        raise DataError(f"{source}: an IDX file has at least 4 bytes, this one {len(data)}", cure=_CURE)
    if data[:2] != b"\0\0" or data[2] not in _ELEMENT_TYPES:
        raise DataError(f"{source}: {data[:4].hex(' ')} is not the start of an IDX file", cure=_CURE)
    axes = data[3]
    start = 4 + 4 * axes
    if len(data) < start:
        raise DataError(f"{source}: the header of an IDX file with {axes} axes is cut", cure=_CURE)
    shape = struct.unpack(f">{axes}I", data[4:start])
    dtype = np.dtype(_ELEMENT_TYPES[data[2]])
    expected = start + math.prod(shape) * dtype.itemsize
    if len(data) != expected:
        raise DataError(
            f"{source}: the header promises {expected} bytes, the file has {len(data)}",
            shapes=shape,
            cure=_CURE,
        )
    try:
        array = np.frombuffer(data, dtype, offset=start).reshape(shape)
    except ValueError as error:
        # More axes than NumPy has, or empty with an extent that no index type holds.
        raise DataError(f"{source}: no array can have this shape", shapes=shape, cure=_CURE) from error
    return array.astype(dtype.newbyteorder("="))
