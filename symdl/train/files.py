"""Files that are there whole or not at all.

Enters: a path. Leaves: an open file whose content appears under that path when it is closed without
an error, so that no reader ever sees half of it and a failure leaves the old file as it was.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from symdl.errors import DataError


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a file for writing bytes; it takes the place of `path` at the end, in one step.

    Raises:
        DataError: the folder is missing or cannot be written.
    """
    target = Path(path)
    beside = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        file = beside.open("xb")
    except OSError as error:
        raise DataError(
            f"{target} cannot be written: {error.strerror or error}",
            cure="give a path in a folder that exists and can be written",
        ) from error
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
    except OSError as error:
        raise DataError(f"{target} cannot be written: {error.strerror or error}") from error
    finally:
        beside.unlink(missing_ok=True)
