"""Which operations on a device are ordered: those of one stream, and those behind an event or a wait.

Vector clocks: each stream knows how many operations of each stream lie behind its next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

Clock = dict[int, int]
Mark = tuple[int, int, str]
"""An operation: its stream, its number there, its name."""


@dataclass
class Touched:
    """Who wrote an array last, and who read it since."""

    writer: Mark | None = None
    readers: list[Mark] = field(default_factory=list)


class Order:
    """The streams, events and the host of one device."""

    def __init__(self) -> None:
        self.clocks: dict[int, Clock] = {0: {0: 0}}
        self.host: Clock = {}
        self.events: list[Clock] = []
        self.captured: set[int] = set()
        self.arrays: dict[int, Touched] = {}

    def new_stream(self) -> int:
        stream = len(self.clocks)
        self.clocks[stream] = {stream: 0}
        return stream

    def new_event(self) -> int:
        self.events.append({})
        return len(self.events) - 1

    def enter(self, stream: int) -> None:
        """Begin an operation: it is behind all that the host waited for before."""
        clock = self.clocks[stream]
        merge(clock, self.host)
        clock[stream] += 1

    def record(self, event: int, stream: int) -> None:
        self.events[event] = dict(self.clocks[stream])

    def wait(self, stream: int, event: int) -> None:
        merge(self.clocks[stream], self.events[event])

    def host_waits_for(self, stream: int) -> None:
        merge(self.host, self.clocks[stream])

    def synchronize(self) -> None:
        for clock in self.clocks.values():
            merge(self.host, clock)

    def behind(self, stream: int, other: int) -> bool:
        """Say whether all of `other` lies behind what comes next in `stream`."""
        return self.clocks[stream].get(other, 0) >= self.clocks[other][other]

    def touch(
        self, name: str, stream: int, read: Sequence[int], written: Sequence[int]
    ) -> list[tuple[int, str]]:
        """Note what the last operation of a stream touched; return (array, whom there is no order with)."""
        clock = self.clocks[stream]
        mark = (stream, clock[stream], name)
        found: list[tuple[int, str]] = []
        for array in sorted({*read, *written}):
            touched = self.arrays.setdefault(array, Touched())
            before = [] if touched.writer is None else [touched.writer]
            if array in written:
                before += touched.readers
            loose = [other for other in before if clock.get(other[0], 0) < other[1]]
            found += [(array, f"no order with {other[2]} in stream {other[0]}") for other in loose[:1]]
            if array in written:
                touched.writer, touched.readers = mark, []
            if array in read:
                kept = [other for other in touched.readers if other[0] != stream]
                touched.readers = [*kept, mark]
        return found


def merge(into: Clock, other: Clock) -> None:
    for stream, count in other.items():
        into[stream] = max(into.get(stream, 0), count)
