"""What is compiled, as files that stand alone.

Enters: a program that was built. Leaves: `Exported`, the method that writes files in another language.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from symdl.express.program import Program
from symdl.run.alone import write
from symdl.run.build import Built
from symdl.targets import exporter


class Exported:
    """Can be written as files that need no symdl.

    Attributes:
        program: the equations it computes.
    """

    program: Program
    _built: Built

    def export(
        self, path: str | os.PathLike[str], *, values: Mapping[str, Any] | None = None
    ) -> tuple[Path, ...]:
        """Write files that compute the same where there is no symdl.

        A path that ends with ``.c`` gets a source file in C99 and beside it a header, which says how to call
        it and how to build it. Nothing allocates memory: a workspace is passed, and a second function says
        how long it is. Sizes that are symbols are arguments.

        Args:
            path: of the source file; its name becomes that of the function.
            values: arrays of inputs, such as trained weights, that become part of the file.

        Returns:
            The paths of the files.

        Raises:
            ArgumentError: a value is of no input, or does not fit it.
            CompileError: there are no files with such an ending.
            DataError: a file cannot be written.
        """
        return write(self.program, path, exporter(path), dtype=self._built.dtype, values=values or {})
