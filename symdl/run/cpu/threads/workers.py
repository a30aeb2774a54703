"""Threads that take part in one piece of work and are over when it is.

Enters: what each thread does, what the caller does, and how to call all of it off. Leaves: nothing that
still runs. What a thread writes to is often freed soon after, so no thread may outlive the call, however it
ends: by an error, by an interrupt while threads start, or by another one while they are waited for.
"""

from __future__ import annotations

import _thread
from collections.abc import Callable, Sequence

from symdl.errors import CompileError

Part = Callable[[], object]
_LOOK = 0.05
"""Seconds after which a caller who waits for a thread looks whether it is over without having said so."""


class _Worker:
    """A thread that does its part once, if it is not called off before it begins.

    An interrupt can come between the start of a thread and the news of it, so that nobody knows whether there
    is one. So a thread asks, when it begins, whether it is still wanted.
    """

    def __init__(self, part: Part, stop: Callable[[], None]) -> None:
        self._part, self._stop = part, stop
        self._asking = _thread.allocate_lock()
        self._wanted, self._begun, self._over = True, False, False
        self._end = _thread.allocate_lock()
        self._end.acquire()
        self.error: BaseException | None = None

    def start(self) -> None:
        try:
            _thread.start_new_thread(self._run, ())
        except RuntimeError as error:
            cure = "use fewer with threads=1, or with SYMDL_THREADS=1"
            raise CompileError(f"the system starts no thread: {error}", cure=cure) from error

    def _run(self) -> None:
        with self._asking:
            self._begun = self._wanted
        if not self._begun:
            return
        try:
            self._part()
        except BaseException as error:  # it is raised where the work was asked for
            self.error = error
            self._stop()
        finally:
            self._over = True
            self._end.release()

    def finish(self) -> None:
        """Return when the thread is over, or never will begin. May be asked again after an interrupt."""
        with self._asking:
            self._wanted = False
        while self._begun and not self._over:
            self._end.acquire(timeout=_LOOK)


def alongside(mine: Part, others: Sequence[Part], stop: Callable[[], None]) -> None:
    """Do `mine` here and `others` in threads; return when all are over.

    Args:
        stop: makes all parts end soon; called if one fails or the caller is interrupted, perhaps repeatedly.

    Raises:
        CompileError: the system starts no thread.
        BaseException: what a part raised, or the interrupt.
    """
    workers = [_Worker(part, stop) for part in others]
    failed: BaseException | None = None
    try:
        for worker in workers:
            worker.start()
        mine()
    except BaseException as error:
        failed = error
    while True:
        try:
            if failed is not None:
                stop()
            for worker in workers:
                worker.finish()
            break
        except BaseException as error:  # such as a second interrupt: there is nothing to do but to wait
            failed = failed or error
    failed = failed or next((w.error for w in workers if w.error is not None), None)
    if failed is not None:
        raise failed
