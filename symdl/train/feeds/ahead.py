"""Batches prepared by a second thread while the first one trains.

Enters: an iterator. Leaves: the same items in the same order; a few of them wait, never more.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")
_PATIENCE = 5.0
"""Seconds that a thread has to finish the item that it is at when nobody wants more."""


def ahead(items: Iterator[T], count: int) -> Generator[T]:
    """Yield the items, up to `count` of which a thread of their own has ready; 0: without a thread.

    An error of `items` is raised where the item would have come. When the consumer stops, the thread ends.
    """
    if not count:
        yield from items
        return
    ready: queue.Queue[tuple[Any, BaseException | None, bool]] = queue.Queue(count)
    stop = threading.Event()

    def fill() -> None:
        try:
            for item in items:
                ready.put((item, None, True))
                if stop.is_set():
                    break
            if not stop.is_set():
                ready.put((None, None, False))
        except BaseException as error:  # raised again where the item is waited for
            ready.put((None, error, False))
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()

    thread = threading.Thread(target=fill, name="symdl-prefetch", daemon=True)
    thread.start()
    try:
        while True:
            item, error, more = ready.get()
            if error is not None:
                raise error
            if not more:
                return
            yield item
    finally:
        stop.set()
        _emptied(ready)
        thread.join(_PATIENCE)


def _emptied(ready: queue.Queue[Any]) -> None:
    """Make room: a thread that waits for it puts one item more, and its end, and goes."""
    with suppress(queue.Empty):
        while True:
            ready.get_nowait()
