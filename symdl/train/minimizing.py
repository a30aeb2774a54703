"""SciPy's L-BFGS-B, one iteration at a time.

Enters: a start and settings; loss and gradient where they are asked for. Leaves: the point after each
iteration, and why there are no more.

SciPy calls a function until it is done, and training goes the other way: whoever trains asks for the next
epoch. So SciPy runs in a thread that waits whenever it wants a value; the values themselves are computed by
whoever asks for the next point.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.errors import require_extra
from symdl.nn.lbfgs import LBFGS

Vector = NDArray[np.float64]
Evaluate = Callable[[Vector], tuple[float, Vector]]
"""From a point to loss and gradient there."""


@dataclass(frozen=True, slots=True, eq=False)
class _Wanted:
    """A point at which the value is wanted."""

    x: Vector


@dataclass(frozen=True, slots=True, eq=False)
class _Reached:
    """The point after an iteration."""

    x: Vector


class _Abandoned(Exception):  # nobody sees it: it ends the thread
    """Nobody asks for further points."""


class Minimization:
    """A run of L-BFGS-B.

    Args:
        start: the first point.
        settings: of the method.

    Attributes:
        ended: why there are no further points, or None.
    """

    def __init__(self, start: Vector, settings: LBFGS) -> None:
        self.ended: str | None = None
        self._settings = settings
        self._messages: SimpleQueue[Any] = SimpleQueue()
        self._answers: SimpleQueue[Any] = SimpleQueue()
        self._pending: _Wanted | None = None
        arguments = (start.copy(), settings, self._messages, self._answers)
        self._thread = threading.Thread(target=_drive, args=arguments, name="symdl L-BFGS", daemon=True)
        weakref.finalize(self, self._answers.put, None)

    def advance(self, evaluate: Evaluate) -> Vector | None:
        """Go on for one iteration; return the point it ends at, None if there is no better one."""
        reached: Vector | None = None
        if self._thread.ident is None:
            self._thread.start()
        while self.ended is None:
            message = self._pending or self._messages.get()
            self._pending = None
            if isinstance(message, _Reached):
                reached = message.x
            elif isinstance(message, _Wanted) and reached is None:
                self._answers.put(evaluate(message.x))
            elif isinstance(message, _Wanted):  # of the next iteration: it can wait
                self._pending = message
                return reached
            elif isinstance(message, Exception):
                raise message
            else:
                self.ended = self._reason(message)
        return reached

    def _reason(self, message: str) -> str:
        """Return in words why SciPy stopped."""
        upper = message.upper()
        if "GRADIENT" in upper:
            return f"converged: no derivative is larger than {self._settings.gradient_tolerance:g}"
        if "REDUCTION" in upper:
            return (
                f"converged: the loss got lower by no more than {self._settings.loss_tolerance:g} of itself"
            )
        if "ABNORMAL" in upper:
            return "the line search found no lower loss"
        return f"L-BFGS-B stopped: {message}"


def _drive(start: Vector, settings: LBFGS, messages: SimpleQueue[Any], answers: SimpleQueue[Any]) -> None:
    """Run SciPy's minimizer, with values from the other thread."""

    def value(x: Vector) -> tuple[float, Vector]:
        messages.put(_Wanted(x.copy()))
        answer = answers.get()
        if answer is None:
            raise _Abandoned
        found: tuple[float, Vector] = answer
        return found

    options = {
        "maxcor": settings.memory,
        "gtol": settings.gradient_tolerance,
        "ftol": settings.loss_tolerance,
        "maxls": settings.line_search,
        "maxiter": 2**31 - 1,
        "maxfun": 2**31 - 1,
    }
    try:
        minimize = require_extra("scipy.optimize", "train").minimize
        result = minimize(
            value,
            start,
            jac=True,
            method="L-BFGS-B",
            callback=lambda x: messages.put(_Reached(x.copy())),
            options=options,
        )
        messages.put(str(result.message))
    except _Abandoned:
        return
    except Exception as error:  # whoever asks for the next point gets it
        messages.put(error)
