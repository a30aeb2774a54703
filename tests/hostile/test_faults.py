"""Faults that are caused for real: processes that are killed, interrupted, started together, set up oddly.

Right values are those of a process that nothing happens to. Threads, forks and signal handlers during calls
are in tests/kinds/test_threads.py; a save that is killed in tests/train/test_saving.py. The suite kills a few
times; ``SYMDL_KILLS=50`` kills at so many random moments.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import symdl as sd

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that can be killed anywhere")
KILLS = int(os.environ.get("SYMDL_KILLS", "2"))

COMPILE = """
import numpy as np, sympy as sp, symdl as sd
x = sp.Symbol("x")
f = sd.compile(sp.sin(x) ** 2 / (1 + x**2), wrt=[x])
value, slopes = f(x=np.linspace(0, 1, 7))
print(value.tobytes().hex(), slopes["x"].tobytes().hex())
"""

TRAIN = """
import os, sys
import numpy as np, symdl as sd
from symdl import nn, train
n = sd.Dim("n")
x, t = sd.tensor("x", (n, 3)), sd.tensor("t", (n,))
h = nn.dense(nn.dense(x, 4, activation=sd.tanh, name="a"), 1, name="b")
model = sd.Model(nn.mean_squared_error(h[:, 0], t), target="python")
rng = np.random.default_rng(0)
data = {"x": rng.normal(size=(40, 3)), "t": rng.normal(size=40)}
path, epochs = sys.argv[1], int(sys.argv[2])
if os.path.exists(path):
    model.load(path)
done = len(model.history.epochs) if model.history else 0
print("at work", flush=True)
for done in range(done, epochs):
    before = model.history
    made = model.fit(data, optimizer=nn.Adam(0.01), epochs=1, batch_size=8, progress=False, resume=done > 0)
    model.history = made.following(before)  # a fit's own history tells of its own epochs only
    model.save(path)
print(b"".join(model.parameters[name].tobytes() for name in sorted(model.parameters)).hex())
"""


def started(code: str, cache: Path, *arguments: str, **settings: str) -> subprocess.Popen[str]:
    environ = {**os.environ, "SYMDL_CACHE": str(cache), "SYMDL_COMPILE_PROCESSES": "1", **settings}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def printed(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err[-2000:]
    return out


def litter(cache: Path) -> list[Path]:
    return [path for path in cache.iterdir() if path.suffix == ".tmp"]


@pytest.fixture(scope="module")
def want(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, float]:
    """What processes print that start together with an empty cache; the cache; how long they took."""
    cache, begin = tmp_path_factory.mktemp("together") / "kernels", time.monotonic()
    every = {printed(process) for process in [started(COMPILE, cache) for _ in range(2)]}
    assert len(every) == 1 and not litter(cache)
    return every.pop(), cache, time.monotonic() - begin


def test_processes_compile_the_same_at_once(want: tuple[str, Path, float]) -> None:
    """And what they leave serves the next one, which compiles nothing."""
    text, cache, _ = want
    before = {path.name for path in cache.iterdir()}
    assert printed(started(COMPILE, cache, NUMBA_NUM_THREADS="0")) == text
    assert {path.name for path in cache.iterdir()} == before


def test_a_process_that_is_killed_while_it_compiles(want: tuple[str, Path, float], tmp_path: Path) -> None:
    """Whatever it has written by then: the next one is right, and nobody reads half a file."""
    text, _, usual = want
    chance, cache = random.Random(1), tmp_path / "kernels"
    for _ in range(KILLS // 2):
        process = started(COMPILE, cache)
        time.sleep(usual * chance.uniform(0.3, 0.9))
        process.kill()
        process.communicate()
    assert printed(started(COMPILE, cache)) == text


def test_a_process_that_is_killed_while_it_trains(tmp_path: Path) -> None:
    """It goes on from its last file, and learns to the bit what one learns that was left alone."""
    chance, cache, epochs = random.Random(2), tmp_path / "kernels", "12"
    alone = printed(started(TRAIN, cache, str(tmp_path / "alone"), epochs)).split()[-1]
    path = tmp_path / "killed"
    for _ in range(KILLS):
        process = started(TRAIN, cache, str(path), epochs)
        assert process.stdout is not None and process.stdout.readline() == "at work\n"
        time.sleep(chance.uniform(0.0, 0.15))
        process.kill()
        process.communicate()
    assert printed(started(TRAIN, cache, str(path), epochs)).split()[-1] == alone


def test_an_interrupt_while_it_compiles(tmp_path: Path) -> None:
    """The interrupt comes out as one; the same process compiles the same afterwards."""
    code = f"""
import itertools, os, signal, threading
import numba, symdl as sd, sympy as sp
signal.signal(signal.SIGINT, signal.default_int_handler)
threading.Timer(0.15, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    for number in itertools.count(2):
        sd.compile(sp.exp(number * sp.Symbol("x")))
except KeyboardInterrupt:
    print("interrupted")
{COMPILE}"""
    assert printed(started(code, tmp_path / "kernels")).startswith("interrupted")
    assert not litter(tmp_path / "kernels")


def test_the_end_of_a_process_whose_threads_are_awake(want: tuple[str, Path, float]) -> None:
    """Workers wait for the next call when Python ends, also in a thread that goes on calling."""
    code = f"""
import threading
{COMPILE}
going = threading.Thread(target=lambda: [f(x=np.linspace(0, 1, 300_000)) for _ in range(10**6)], daemon=True)
going.start()
f(x=np.linspace(0, 1, 300_000))
"""
    process = started(code, want[1])
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, (process.returncode, said[-2000:])


SETTINGS = {
    "NUMBA_DISABLE_JIT=1": "NUMBA_DISABLE_JIT is set",
    "NUMBA_NUM_THREADS=0": "is no positive number",
    "NUMBA_NUM_THREADS=many": "is no positive number",
    "SYMDL_THREADS=-3": "no positive integer",
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_settings_that_cannot_be(setting: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is an error of ours with a cure, before Numba says it in its own way."""
    monkeypatch.setenv("SYMDL_CACHE", str(tmp_path / "kernels"))
    monkeypatch.setenv(*setting.split("="))
    x = sp.Symbol("x")
    with pytest.raises(sd.SymdlError, match=SETTINGS[setting]):
        sd.compile(sp.exp(x) * (3 + x**5))(x=np.linspace(0.0, 1.0, 300_000))


def test_settings_that_say_nothing(want: tuple[str, Path, float]) -> None:
    odd = {"OMP_NUM_THREADS": "abc", "OPENBLAS_NUM_THREADS": "-1", "SYMDL_THREADS": "1000000"}
    odd |= {"SYMDL_CACHE_MB": "²", "SYMDL_CACHE_DAYS": "-1", "SYMDL_COMPILE_PROCESSES": "²"}
    assert printed(started(COMPILE, want[1], **odd)) == want[0]
