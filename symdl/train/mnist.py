"""The four files of MNIST: from a folder of the user's, from a cache, or from the net.

Enters: the environment (SYMDL_DATA, XDG_CACHE_HOME) and a way to download. Leaves: four arrays of
unsigned bytes. What the cache or the net gives is checked against SHA-256 sums before it is used;
the sums are those of the unzipped files, because mirrors differ in how they compress them. A folder
of the user's may hold other digits in the same form, so there the form alone is checked.
"""

from __future__ import annotations

import hashlib
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.errors import DataError
from symdl.files import replacing, user_cache
from symdl.train.idx import parse_idx, unzip

Bytes = NDArray[np.uint8]
Download = Callable[[str], bytes]

SUMS: Mapping[str, str] = {
    "train-images-idx3-ubyte.gz": ("ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
    "train-labels-idx1-ubyte.gz": ("65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
    "t10k-images-idx3-ubyte.gz": ("0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
    "t10k-labels-idx1-ubyte.gz": ("ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
}
"""SHA-256 of each file's unzipped content."""

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
_LARGEST = 64 * 2**20
_TIMEOUT = 30.0


def load_mnist(
    *, environ: Mapping[str, str] | None = None, download: Download | None = None
) -> tuple[Bytes, Bytes, Bytes, Bytes]:
    """Return MNIST as (train images, train labels, test images, test labels).

    Images have shape ``(n, 28, 28)``, labels shape ``(n,)`` with values 0 to 9; all are unsigned
    bytes. Looked for in this order: the folder SYMDL_DATA, directly or under ``mnist``; the cache
    folder; the mirrors, whose files are then kept in the cache.

    Args:
        environ: the environment variables; those of the process if not given.
        download: returns the content at an address; over https if not given.

    Raises:
        DataError: nowhere found, damaged, or not in MNIST's form.
    """
    environ = os.environ if environ is None else environ
    folder = user_folder(environ)
    if folder is not None:
        contents = {name: (folder / name).read_bytes() for name in SUMS}
        where = str(folder)
    else:
        cache = cache_folder(environ)
        contents = {name: _obtain(name, cache, environ, download or fetch) for name in SUMS}
        where = str(cache)
    arrays = {name: parse_idx(contents[name], source=f"{where}/{name}") for name in SUMS}
    train_images, train_labels, test_images, test_labels = arrays.values()
    _check_form(train_images, train_labels, f"the training part in {where}")
    _check_form(test_images, test_labels, f"the test part in {where}")
    return train_images, train_labels, test_images, test_labels


def user_folder(environ: Mapping[str, str]) -> Path | None:
    """Return the folder under SYMDL_DATA that holds MNIST, or None if there is none.

    Raises:
        DataError: SYMDL_DATA is not a folder, or holds only some of the four files.
    """
    value = environ.get("SYMDL_DATA")
    if not value:
        return None
    root = Path(value).expanduser()
    if not root.is_dir():
        raise DataError(
            f"SYMDL_DATA is set to {value!r}, which is not a folder",
            cure="set SYMDL_DATA to a folder which holds the data files, or unset it",
        )
    for folder in (root, root / "mnist"):
        missing = [name for name in SUMS if not (folder / name).is_file()]
        if not missing:
            return folder
        if len(missing) < len(SUMS):
            raise DataError(
                f"{folder} holds only a part of MNIST: {', '.join(missing)} missing",
                cure=f"put all four files there: {', '.join(SUMS)}",
            )
    return None


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Return the folder in which downloaded files are kept; it need not exist."""
    return user_cache(environ) / "mnist"


def fetch(url: str) -> bytes:
    """Return the content at ``url`` (https only), of at most 64 MiB."""
    if not url.startswith("https://"):
        raise DataError(f"{url} is not an https address")
    with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:
        data: bytes = answer.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise DataError(f"{url} answers with more than {_LARGEST} bytes")
    return data


def _obtain(name: str, cache: Path, environ: Mapping[str, str], download: Download) -> bytes:
    """Return one verified file, gzipped, from the cache or else from a mirror."""
    kept = cache / name
    failures: list[str] = []
    if kept.is_file():
        try:
            data = kept.read_bytes()
            _verify(name, data, str(kept))
            return data
        except (DataError, OSError) as error:
            failures.append(_reason(error))
    else:
        failures.append(f"{kept}: no such file")
    for mirror in MIRRORS:
        try:
            data = download(mirror + name)
            _verify(name, data, mirror + name)
        except (OSError, HTTPException, DataError) as error:
            failures.append(f"{mirror + name}: {_reason(error)}")
            continue
        _keep(kept, data)
        return data
    given = environ.get("SYMDL_DATA")
    looked = f"SYMDL_DATA: {f'no MNIST in {given} nor its mnist/' if given else 'not set'}"
    raise DataError(
        "\n    ".join([f"MNIST's {name} was found nowhere. Looked for in this order:", looked])
        + "".join(f"\n    {failure}" for failure in failures),
        cure=f"get the four files ({', '.join(SUMS)}), put them in a folder and set "
        f"SYMDL_DATA to it, or put them in {cache}",
    )


def _verify(name: str, data: bytes, source: str) -> None:
    found = hashlib.sha256(unzip(data, source=source)).hexdigest()
    if found != SUMS[name]:
        raise DataError(f"{source}: SHA-256 of the content is {found}, should be {SUMS[name]}")


def _keep(path: Path, data: bytes) -> None:
    """Write a file into the cache in one step, so that no reader ever sees half of it."""
    try:
        with replacing(path, parents=True) as file:
            file.write(data)
    except DataError as error:
        raise DataError(
            f"the download cannot be kept in {path.parent}: {error.message}",
            cure="set XDG_CACHE_HOME to a folder that can be written",
        ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, DataError):
        return error.message
    if isinstance(error, urllib.error.URLError) and not isinstance(error, urllib.error.HTTPError):
        return str(error.reason)
    return f"{type(error).__name__}: {error}"


def _check_form(images: NDArray[Any], labels: NDArray[Any], where: str) -> None:
    shapes = {"images": images.shape, "labels": labels.shape}
    cure = "give files in the form of MNIST: images (n, 28, 28) and labels (n,), unsigned bytes"
    if images.dtype != np.uint8 or labels.dtype != np.uint8:
        raise DataError(f"{where}: types {images.dtype} and {labels.dtype}, should be uint8", cure=cure)
    if images.ndim != 3 or images.shape[1:] != (28, 28) or labels.ndim != 1:
        raise DataError(f"{where} does not have the shapes of MNIST", shapes=shapes, cure=cure)
    if len(images) != len(labels) or len(labels) == 0:
        raise DataError(f"{where}: one label per image and at least one are needed", shapes=shapes, cure=cure)
    if labels.max() > 9:
        raise DataError(f"{where}: label {labels.max()} is not a digit", cure=cure)
