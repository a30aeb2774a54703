"""How many workers: what the caller says, else what is measured, on a clock that the tests move."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from symdl.errors import ArgumentError
from symdl.run.autotune import Autotuner, chosen
from symdl.schedule.plan import Partition

TASKS = (((0, 1, 5e3), (1, 2, 5e3)), ((2, 3, 5e3), (3, 4, 5e3)))


def test_the_number_of_workers_is_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen(None) is None
    assert chosen(3) == 3
    monkeypatch.setenv("SYMDL_THREADS", "2")
    assert chosen(3) == 2
    monkeypatch.setenv("SYMDL_THREADS", "many")
    with pytest.raises(ArgumentError, match="threads"):
        chosen(None)
    monkeypatch.delenv("SYMDL_THREADS")
    with pytest.raises(ArgumentError, match="threads"):
        chosen(0)


class World:
    """A machine on which a step takes as long as a function of workers and time says."""

    def __init__(
        self, step: Callable[[int, float], float], threads: int | None = None, starting: float = 0.0
    ) -> None:
        self.now, self.step, self.starting = 0.0, step, starting
        self.log: list[tuple[float, int, int]] = []
        self.taken: list[int] = []
        self.pace = Autotuner(Partition((), TASKS, (), ()), threads, clock=lambda: self.now)
        if threads is None:
            self.pace.choices = [1, 2]
            self.pace._queue = self.pace._trial()

    def take(self, first: int, last: int, workers: int) -> None:
        self.taken += range(first, last)
        self.log.append((self.now, workers, last - first))
        self.now += (last - first) * self.step(workers, self.now) + self.starting * (workers - 1)

    def run(self, batches: int) -> None:
        self.pace.run(batches, self.take)

    def share(self, workers: int, since: float = 0.0) -> float:
        """The share of batches that so many workers took."""
        counts = [(count, many) for start, count, many in self.log if start >= since]
        return sum(m for c, m in counts if c == workers) / sum(m for _, m in counts)


@pytest.mark.parametrize("batches", [0, 1, 7, 500])
def test_every_batch_is_taken_once(batches: int) -> None:
    world = World(lambda workers, _: 1e-4 / workers)
    world.run(batches)
    assert world.taken == list(range(batches))


def test_the_faster_number_is_found() -> None:
    for best, step in ((2, lambda workers, _: 1e-4 / workers), (1, lambda workers, _: 1e-4 * workers)):
        world = World(step)
        world.run(100_000)
        assert world.share(best) > 0.9


def test_short_runs_count_too() -> None:
    """A trial may go on over several calls: a data set may have two batches."""
    world = World(lambda workers, _: 1e-2 / workers)
    for _ in range(20):
        world.run(2)
    assert world.share(2, since=0.1) == 1.0


def test_single_fast_steps_show_nothing() -> None:
    """Their time is that of starting workers; a long run afterwards is measured afresh."""
    world = World(lambda workers, _: 5e-5 / workers, starting=1e-4)
    for _ in range(20):
        world.run(1)
    since = world.now
    world.run(50_000)
    assert world.share(2, since=since) > 0.9


def test_a_busy_neighbour_is_left_alone_and_its_end_is_seen() -> None:
    def step(workers: int, now: float) -> float:
        busy = 5.0 <= now < 15.0
        return 1e-4 if workers == 1 else (8e-4 if busy else 6e-5)

    world = World(step)
    world.run(400_000)
    assert world.now > 20
    assert world.share(1, since=5.2) > 0.25
    slow = sum(many * 8e-4 for start, workers, many in world.log if workers == 2 and 5.0 <= start < 15.0)
    assert slow < 0.5  # seconds of ten
    assert world.share(2, since=17.0) > 0.9


def test_a_short_disturbance_is_soon_forgotten() -> None:
    def step(workers: int, now: float) -> float:
        return 1e-4 if workers == 1 else (8e-4 if 1.0 <= now < 1.1 else 6e-5)

    world = World(step)
    world.run(50_000)
    assert world.share(2, since=1.5) > 0.9


def test_a_slow_beginning_after_a_pause_says_nothing() -> None:
    """Runs of a tenth of a second, the first part of each slow: workers that have slept wake up."""
    begun = 0.0

    def step(workers: int, now: float) -> float:
        return 1e-4 if workers == 1 else (3e-4 if now - begun < 5e-3 else 6e-5)

    world = World(step)
    for _ in range(40):
        begun = world.now
        world.run(1200)
    assert world.share(2, since=0.2) > 0.8


def test_luck_in_a_trial_does_not_last() -> None:
    """Two workers are fast for a moment now and then; on the whole one is better."""
    world = World(lambda workers, now: 1e-4 if workers == 1 else (6e-5 if now % 0.1 < 0.02 else 4e-4))
    world.run(100_000)
    assert world.now < 1.15 * 100_000 * 1e-4


def test_a_number_that_was_asked_for_is_kept() -> None:
    world = World(lambda workers, _: 1e-4 * workers, threads=2)
    world.run(1000)
    assert {workers for _, workers, _ in world.log} == {2}
