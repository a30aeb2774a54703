"""Compiled functions that say where the time of a call goes.

Enters: a compiled function's arguments. Leaves: `Profiled`, which measures a call with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from symdl.run.arguments import Arguments, Bounds
    from symdl.run.build import Built
    from symdl.run.outputs import Outputs
    from symdl.run.profiling.result import Profile
    from symdl.run.runtime import Runtime


class Profiled:
    """A compiled function that can be measured."""

    _arguments: Arguments
    _bounds: Bounds
    _built: Built
    _outputs: Outputs
    _runtime: Runtime

    def profile(self, /, **arrays: Any) -> Profile:
        """Measure for half a second where the time of a call goes: each kernel and equation, on one core.

        Args:
            arrays: as of a call.

        Returns:
            A `symdl.run.profiling.result.Profile`, which prints as a table.

        Raises:
            ArgumentError: the arrays do not fit.

        Example:
            >>> print(sd.compile(L, wrt="parameters").profile(**values))
        """
        from symdl.run.profiling.calls import profiled_call  # calls that nobody profiles do without

        given, dims = self._arguments.take(arrays)
        self._bounds.check_all(given, dims)
        pieces = self._runtime.cut(self._built, dims, 1) is not None
        return profiled_call(self._built, given, dims, self._outputs.written, pieces=pieces)
