"""Kind: what runs beside the caller outlives what it works on, or waits for who will not come.

A native thread was forgotten when its start was interrupted, and went on writing into memory that was free;
labels were checked and then read from an array that another thread changed; one lock around a function's
memory made a signal handler, or a forked child, wait for a call that could not go on.

Cured: a thread asks, when it begins, whether it is still wanted, keeps what it writes to, and is waited for
through any number of interrupts (`symdl.run.cpu.threads.workers`); every call has memory of its own
(`symdl.run.pool`); positions are copied before they are checked. Right values: the same call without the
disturbance. What may crash or hang runs in a process of its own with a time limit.
"""

from __future__ import annotations

import _thread
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.errors import CompileError
from symdl.run.arguments import private
from symdl.run.cpu.gemm.blas import _controls, one_thread
from symdl.run.cpu.threads.workers import alongside

HEAD = """
import _thread, faulthandler, os, random, signal, sys, threading, time
import numpy as np
import sympy as sp
import symdl as sd

signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in a shell's background ignores it
n = sd.Dim("n")

def network():
    X, t = sd.tensor("X", (n, 40)), sd.tensor("t", (n,), dtype="int64")
    h = sd.nn.dense(X, 60, activation=sd.tanh, name="a")
    return sd.nn.cross_entropy(sd.nn.dense(h, 5, name="b"), t)

def samples(count):
    rng = np.random.default_rng(0)
    return {"X": rng.normal(size=(count, 40)), "t": rng.integers(0, 5, count)}

def weights(loss):
    rng = np.random.default_rng(1)
    return {p.name: rng.normal(size=p.shape) for p in sd.parameters(loss)}
"""


def in_a_process(code: str, *, seconds: float = 120.0) -> str:
    """Run code after `HEAD`; return what it printed. It must end well; one that hangs says where."""
    limit = f"faulthandler.dump_traceback_later({seconds}, exit=True)\n"
    whole = HEAD + limit + textwrap.dedent(code)
    done = subprocess.run([sys.executable, "-c", whole], capture_output=True, text=True, timeout=2 * seconds)
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
    return done.stdout


def test_an_interrupt_while_threads_start_slowly() -> None:
    """With starts delayed by 20 ms, interrupts at random moments, and all arrays freed at once after them."""
    printed = in_a_process(
        """
        begin = _thread.start_new_thread

        def late(function, given, *more):
            def later(*args):
                time.sleep(0.02)
                function(*args)
            return begin(later, given, *more)

        sd.Model(network()).fit(samples(64), optimizer=sd.nn.SGD(1e-3), epochs=1)  # all is imported
        def interrupt(caught):
            # Python drops one that comes in a callback of a weak reference: then there is another one.
            os.kill(os.getpid(), signal.SIGINT)
            while not caught.wait(5):
                os.kill(os.getpid(), signal.SIGINT)

        interrupted = 0
        chance = random.Random(0)
        options = {"batch_size": 64, "threads": 2, "progress": False}
        for trial in range(12):
            model = sd.Model(network())
            data = samples(4000)
            caught = threading.Event()
            timer = threading.Timer(0.05 + 0.4 * chance.random(), interrupt, (caught,))
            try:
                timer.start()
                _thread.start_new_thread = late
                model.fit(data, optimizer=sd.nn.SGD(1e-3), epochs=10**6, **options)
            except KeyboardInterrupt:
                interrupted += 1
            finally:
                caught.set()
            _thread.start_new_thread = begin
            timer.join()
            del model, data
            rubbish = [np.full(100_000, np.nan) for _ in range(20)]  # what was freed is used again
        time.sleep(0.2)
        print(interrupted)
        """
    )
    assert int(printed.split()[-1]) == 12


def test_no_part_runs_after_the_call_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that begin late find that they are not wanted."""
    begin, held = _thread.start_new_thread, threading.Event()
    asked: list[threading.Event] = []
    worked: list[int] = []

    def late(function: Callable[..., Any], given: Any) -> int:
        asked.append(threading.Event())

        def later(done: threading.Event = asked[-1]) -> None:
            held.wait()
            function(*given)
            done.set()

        return begin(later, ())

    monkeypatch.setattr(_thread, "start_new_thread", late)

    def interrupted() -> None:
        raise KeyboardInterrupt

    stops: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        alongside(interrupted, [lambda: worked.append(1)] * 2, lambda: stops.append(1))
    held.set()
    assert len(asked) == 2
    assert all(done.wait(10) for done in asked)
    assert not worked
    assert stops


def test_a_second_interrupt_waits_too() -> None:
    begun, held, over, told = threading.Event(), threading.Event(), threading.Event(), []

    def slow() -> None:
        begun.set()
        held.wait()
        over.set()

    def interrupted() -> None:
        begun.wait()
        raise KeyboardInterrupt

    def stop() -> None:
        told.append(1)
        if len(told) < 3:
            raise KeyboardInterrupt
        held.set()

    with pytest.raises(KeyboardInterrupt):
        alongside(interrupted, [slow], stop)
    assert len(told) == 3
    assert over.is_set()


def test_what_a_part_raises_is_raised_by_the_call() -> None:
    stopped = threading.Event()

    def fails() -> None:
        raise CompileError("the part failed")

    with pytest.raises(CompileError, match="the part failed"):
        alongside(stopped.wait, [fails], stopped.set)


def test_a_system_without_threads_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: Any) -> int:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_thread, "start_new_thread", none)
    with pytest.raises(CompileError, match="no thread"):
        alongside(lambda: None, [lambda: None], lambda: None)


FUNCTIONS = {
    "numbers": "f = sd.compile(sp.sin(sp.Symbol('x'))); given = {'x': 0.5}",
    "points": "f = sd.compile(sp.sin(sp.Symbol('x'))); given = {'x': np.linspace(0, 1, 300_000)}",
    "small": "L = network(); f = sd.compile(L); given = {**samples(40), **weights(L)}",
    "large": "L = network(); f = sd.compile(L, threads=2); given = {**samples(8000), **weights(L)}",
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX only")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_handler_calls_the_function_that_it_interrupts(name: str) -> None:
    printed = in_a_process(
        FUNCTIONS[name]
        + """
want = np.array(f(**given))
wrong = calls = 0

def handler(*_):
    global wrong, calls
    calls += 1
    wrong += not np.array_equal(f(**given), want)
    signal.setitimer(signal.ITIMER_REAL, 0.003)  # not before: a handler that takes longer interrupts itself

signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.003)
end = time.monotonic() + 1.0
while time.monotonic() < end:
    wrong += not np.array_equal(f(**given), want)
signal.setitimer(signal.ITIMER_REAL, 0)
print(calls, wrong)
"""
    )
    calls, wrong = map(int, printed.split())
    assert calls > 10
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX only")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_child_forked_while_another_thread_calls(name: str) -> None:
    printed = in_a_process(
        FUNCTIONS[name]
        + """
want = np.array(f(**given))
going = True

def work():
    while going:
        f(**given)

thread = threading.Thread(target=work)
thread.start()
good = 0
for _ in range(6):
    time.sleep(0.003)
    child = os.fork()
    if not child:
        os._exit(0 if np.array_equal(f(**given), want) else 1)
    end = time.monotonic() + 20
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done or time.monotonic() > end:
            break
        time.sleep(0.002)
    good += bool(done) and status == 0
    if not done:
        os.kill(child, signal.SIGKILL)
going = False
thread.join()
print(good)
"""
    )
    assert int(printed) == 6


def test_labels_that_another_thread_changes_during_calls() -> None:
    """The result is that of some labels, or the error; never a read outside of the array."""
    printed = in_a_process(
        """
        L = network()
        f = sd.compile(L, wrt="parameters", threads=2)
        ids = sd.tensor("ids", (n,), dtype="int64")
        g = sd.compile(sd.take(sd.tensor("E", (50, 4)), ids).sum())
        given, rows = {**samples(6000), **weights(L)}, {"E": np.ones((50, 4)), "ids": np.zeros(3000, "int64")}
        model = sd.Model(network())
        data = samples(2000)
        going = True

        def change():
            while going:
                for labels in (given["t"], rows["ids"], data["t"]):
                    labels[:] = 1 << 55
                    labels[:] = 1

        thread = threading.Thread(target=change)
        thread.start()
        refused = 0
        for _ in range(60):
            for call in (lambda: f(**given), lambda: g(**rows), lambda: model.evaluate(data)):
                try:
                    call()
                except sd.SymdlError:
                    refused += 1
        for _ in range(5):
            try:
                model.fit(data, optimizer=sd.nn.SGD(1e-3), epochs=20, progress=False)
            except sd.SymdlError:
                refused += 1
        going = False
        thread.join()
        print("alive", refused)
        """
    )
    assert printed.startswith("alive")


def test_positions_in_memory_that_cannot_change_are_not_copied() -> None:
    fixed = np.frombuffer(np.arange(6).tobytes(), "int64")
    assert private(fixed) is fixed
    for shared in (np.arange(6), np.arange(12)[::2], np.broadcast_to(np.arange(1), (6,))):
        assert not np.shares_memory(private(shared), shared)


def test_many_threads_call_one_function() -> None:
    x = sp.Symbol("x")
    f = sd.compile(sp.exp(-x) * x**2, wrt=[x])
    points = [np.linspace(k, k + 1, 40_000 if k % 2 else 5) for k in range(4)]
    want = [(p**2 * np.exp(-p), (2 * p - p**2) * np.exp(-p)) for p in points]
    wrong: list[int] = []

    def work(k: int) -> None:
        kept: list[Any] = []
        for _ in range(40):
            value, slopes = f(x=points[k])
            kept = [*kept[-3:], (value, slopes["x"])]  # the latest results stay as they are
            pairs = (pair for one in kept for pair in zip(one, want[k], strict=True))
            if not all(np.allclose(*pair, rtol=1e-12) for pair in pairs):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_blas_gets_its_threads_back_whatever_the_order() -> None:
    controls = _controls()
    if controls is None:
        pytest.skip("no OpenBLAS whose threads can be counted")
    get, choose = controls
    before = get()
    choose(2)
    try:
        first, second = one_thread(), one_thread()
        first.__enter__()
        second.__enter__()
        assert get() == 1
        first.__exit__(None, None, None)
        assert get() == 1
        second.__exit__(None, None, None)
        assert get() == 2
    finally:
        choose(before)
