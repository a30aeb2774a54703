"""Lowered programs on disk, so that a later process neither lowers nor prints them.

Enters: a program and how it is to be lowered. Leaves: its key; under it what lowering leaves, and the printed
module, if an earlier process has kept them. A file that is missing, damaged, of another version or of others
is as good as none. What nobody can tell again, such as a user's own function or pass, has no key.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from symdl.emit.origins import Unknown, described, package
from symdl.errors import CompileError, ExpressionError, InternalError
from symdl.express.portable import Data, Graph, written_program
from symdl.express.program import Program
from symdl.lower import portable
from symdl.lower.lowered import Lowered
from symdl.run import modules as disk
from symdl.run.pruning import PREFIX
from symdl.run.runtime import Target
from symdl.run.watching import watched

FORMAT = 1
"""The version of the form of files."""
_OWN = "function"
"""How rows of expressions say that a function is a user's own."""


def wanted() -> bool:
    """Say whether programs are kept: not if ``SYMDL_KEEP_PROGRAMS=0``, nor if each pass is to be seen."""
    return os.environ.get("SYMDL_KEEP_PROGRAMS", "1") != "0" and not any(watched().values())


def key_of(program: Program, target: Target, options: Mapping[str, Any]) -> str | None:
    """Return the key of a program for a target, or None if it is not to be kept.

    Args:
        options: the others on which lowering and printing depend, as JSON holds them.
    """
    if not wanted():
        return None
    try:
        made, _ = written_program(program)
        told = [described(target.lowering), described(target.syntax), options]
    except (ExpressionError, Unknown):
        return None
    return digest(told, made.graph, made.data)


def digest(told: Any, graph: Graph, own: Data | None = None) -> str | None:
    """Return a hash of tensors, of what else is told, and of this package; None if users' code is in it.

    Args:
        told: as JSON holds it.
        graph: the tensors.
        own: what a program has besides.
    """
    if any(row[0] == _OWN for data in (graph.data, own or {"rows": ()}) for row in data["rows"]):
        return None
    found = hashlib.sha256(json.dumps([FORMAT, package(), told, graph.data, own]).encode())
    for number, array in sorted(graph.arrays.items()):
        values = np.ascontiguousarray(array)
        found.update(f"{number} {values.dtype} {values.shape} ".encode() + values.tobytes())
    return found.hexdigest()[:32]


def find(key: str | None) -> tuple[Lowered, str] | None:
    """Return a lowered program and its printed module, if they are kept."""
    found = content(key, "lowered")
    if found is None:
        return None
    text, rows = found
    lowered = portable.read(rows)
    return (lowered, text) if isinstance(lowered, Lowered) else None


def keep(key: str | None, lowered: Lowered, text: str) -> None:
    """Keep a lowered program and its printed module."""
    if key is not None:
        with suppress(InternalError):
            write(key, "lowered", [text, portable.written(lowered)])


def content(key: str | None, kind: str) -> Any:
    """Return what `write` put into a file of this kind, or None if there is no such file."""
    where = None if key is None else _folder()
    if key is None or where is None:
        return None
    data = disk.content(_path(where, key, kind))
    if data is None:
        return None
    _, body = disk.unsealed(data)
    if disk.sealed(_head(key, kind), body) != data:
        return None
    with suppress(zlib.error, ValueError):
        return json.loads(zlib.decompress(body))
    return None


def write(key: str, kind: str, value: Sequence[Any]) -> None:
    """Write a file; value: as JSON holds it."""
    where = _folder()
    if where is not None:
        body = zlib.compress(json.dumps(value, separators=(",", ":")).encode(), 1)
        disk.write(_path(where, key, kind), disk.sealed(_head(key, kind), body))


def _folder() -> Path | None:
    """Return the folder, or None where none can be used: whoever needs one says why."""
    with suppress(CompileError):
        return disk.folder()
    return None


def _path(where: Path, key: str, kind: str) -> Path:
    return where / f"{PREFIX}{key}.{kind}"


def _head(key: str, kind: str) -> dict[str, str | int]:
    return {"format": FORMAT, "kind": kind, "key": key}
