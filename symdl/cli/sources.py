"""Source code of formulas and models, for targets and for languages by their names.

Enters: a name, a formula or a tensor, and what to differentiate with respect to. Leaves: generated source, or
files that stand alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from symdl.errors import CommandError
from symdl.run.compile import compile
from symdl.targets import EXPORTERS, PYTHON, TARGETS

LANGUAGES = tuple(ending.removeprefix(".") for ending in EXPORTERS)
"""What files that stand alone are written in: the endings of their names."""
ALL = (*TARGETS, *LANGUAGES)
"""What code can be shown for."""


def source(value: Any, wrt: Any, target: str, *, dtype: Any, naive: bool = False) -> dict[str, str]:
    """Return source code by the endings of files: of a target one text, of a language those of all its files.

    Args:
        value: a formula or a tensor.
        wrt: as in `symdl.compile`.
        target: one of `ALL`.
        dtype: of reals.
        naive: whether each equation has a loop of its own.

    Raises:
        CommandError: there is no such target.
        SymdlError: it cannot be compiled for that.
    """
    if target in TARGETS:
        schedule: Any = "naive" if naive else "fused"
        made = compile(value, wrt=wrt, target=TARGETS[target], dtype=dtype, schedule=schedule)
        return {".py": made.source}
    if target not in LANGUAGES or naive:
        what = "naive code is for targets" if naive else f"there is no target {target!r}"
        raise CommandError(what, cure=f"use one of {', '.join(TARGETS if naive else ALL)}")
    with TemporaryDirectory() as folder:
        files = export(value, wrt, Path(folder, f"kernel.{target}"), dtype=dtype)
        return {file.suffix: file.read_text("utf-8") for file in files}


def export(
    value: Any, wrt: Any, path: Path, *, dtype: Any, values: Mapping[str, Any] | None = None
) -> tuple[Path, ...]:
    """Write files that stand alone, in the language of the path's ending; other arguments as in `source`.

    Args:
        values: arrays of inputs that become part of the files.

    Raises:
        CompileError: no language has that ending.
        DataError: a file cannot be written.
    """
    made: Any = compile(value, wrt=wrt, target=PYTHON, dtype=dtype)
    files: tuple[Path, ...] = made.export(path, values=values) if values else made.export(path)
    return files
