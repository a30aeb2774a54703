"""A program as files in C99.

Enters: a program. Leaves: the texts of a source file and of its header, by their endings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from symdl.emit.c99.alone import files
from symdl.express.program import Program
from symdl.lower.c99.lowering import C
from symdl.lower.pipeline import lower


def source_and_header(program: Program, name: str, dtype: str, values: Mapping[int, Any]) -> dict[str, str]:
    """Return the texts of both files; see `symdl.run.alone.Exporter`."""
    found = files(lower(program, lowering=C), name=name, dtype=dtype, values=values)
    return {".c": found.source, ".h": found.header}
