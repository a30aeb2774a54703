"""ThreadPool share the work of calls, sleep, wake, end and begin again; no call depends on them."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.run.cpu.limits import APART
from symdl.run.cpu.threads import thread_pool
from symdl.run.cpu.threads.sample_blocks import Parallel

n = sd.Dim("n")
rng = np.random.default_rng(0)


def network() -> tuple[Any, dict[str, Any]]:
    h = sd.nn.dense(sd.tensor("X", (n, 20)), 50, activation=sd.tanh, name="a")
    output = sd.nn.dense(h, 5, name="b")
    given = {p.name: rng.normal(size=p.shape) for p in sd.parameters(output)}
    return output, {**given, "X": rng.normal(size=(5000, 20))}


def parallel(f: Any, workers: int) -> Parallel:
    """Return the schedule in use, with so many workers from here on."""
    found: Any = f._memories.free[0][0]
    assert isinstance(found, Parallel)
    found._choices = [workers]
    found._workers = lambda: workers  # type: ignore[method-assign]
    return found


def test_calls_one_after_another_and_with_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread_pool, "_IDLE", 0.05)
    output, given = network()
    f: Any = sd.compile(output, threads=3)
    want = f(**given)
    found = parallel(f, 3)
    for pause in (0, 0, 0, 0.01, 0, 0.2, 0, 0.2, 0.01, 0):  # looking, asleep, ended
        time.sleep(pause)
        given["X"] = given["X"][::-1].copy()
        want = want[::-1]
        np.testing.assert_array_equal(f(**given), want)
    time.sleep(0.5)
    assert not any(thread._here for thread in found._pool._threads)


def test_fewer_workers_than_threads() -> None:
    output, given = network()
    f: Any = sd.compile(output, threads=3)
    want = f(**given)
    for workers in (3, 1, 2, 3, 1):
        parallel(f, workers)
        for _ in range(20):
            np.testing.assert_array_equal(f(**given), want)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_fork_gets_threads_of_its_own() -> None:
    output, given = network()
    f: Any = sd.compile(output, threads=2)
    want = f(**given)
    found = parallel(f, 2)
    f(**given)
    child = os.fork()
    if not child:
        end = time.monotonic() + 20
        right = np.array_equal(f(**given), want)
        while right and time.monotonic() < end and not found._pool.counters[2 * APART]:
            right = np.array_equal(f(**given), want)
        os._exit(0 if right and found._pool.counters[2 * APART] else 1)
    _, status = os.waitpid(child, 0)
    assert status == 0


def test_calls_from_many_threads() -> None:
    output, given = network()
    f: Any = sd.compile(output, threads=2)
    want = f(**given)
    parallel(f, 2)
    wrong = []

    def work() -> None:
        for _ in range(30):
            if not np.array_equal(f(**given), want):
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
