"""A program as files in C99.

Enters: a program, and what is written besides it. Leaves: the texts of a source file and of its header, by
their endings.
"""

from __future__ import annotations

from symdl.emit.alone import Alone
from symdl.emit.c99.alone import files
from symdl.express.program import Program
from symdl.lower.c99.lowering import C
from symdl.lower.pipeline import lower


def source_and_header(program: Program, wanted: Alone) -> dict[str, str]:
    """Return the texts of both files; see `symdl.run.alone.Exporter`."""
    found = files(lower(program, lowering=C), wanted)
    return {".c": found.source, ".h": found.header}
