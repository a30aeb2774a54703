"""Systems other than Linux, as far as one can take away here what they do not have.

Each case runs in a process of its own, in which functions, modules or answers of the system are missing. What
is computed is the same: a training run on several threads, matrix products and factors through BLAS and
LAPACK, a saved model. On which systems all tests were run is said in ``docs/platforms.md``.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import symdl as sd
from symdl import files
from symdl.run.cpu.gemm import blas

BODY = """
import numpy as np
import symdl as sd

n = sd.Dim("n")
X, t = sd.tensor("X", (n, 20)), sd.tensor("t", (n, 3))
h = sd.nn.batch_norm(sd.nn.dense(X, 40, activation=sd.tanh, name="first"), name="norm")
y = sd.nn.dense(h, 3, name="second")
model = sd.Model(sd.nn.mean_squared_error(y, t), output=y)
rng = np.random.default_rng(0)
data = {"X": rng.normal(size=(200, 20)), "t": rng.normal(size=(200, 3))}
model.fit(data, optimizer=sd.nn.Adam(1e-2), batch_size=50, epochs=2, threads=2)
for _ in range(2):  # the second time a file is there that is replaced
    model.save("model.safetensors")
model = sd.load("model.safetensors")
A = sd.tensor("A", (5, 5))
inverse = sd.compile(sd.inv(A))(A=np.eye(5) * 2 + np.ones((5, 5)))
product = sd.compile(sd.tensor("M", (n, n)) @ sd.tensor("N", (n, n)))
M = rng.normal(size=(150, 150))
result = [float(np.abs(model.predict(**data)).sum()), float(inverse[0, 1]), float(product(M=M, N=M).sum())]
print(result, sorted(path.suffix for path in __import__("pathlib").Path(folder).iterdir()))
"""

WITHOUT = {
    "nothing": "",
    "processors": "for name in ('sched_getaffinity', 'sched_setaffinity', 'sched_yield'): delattr(os, name)",
    "modules": "for name in ('fcntl', 'grp', 'pwd', 'resource', 'termios'): sys.modules[name] = None",
    "users": """
for name in ('getuid', 'geteuid', 'getgid', 'umask', 'fork', 'fchmod', 'chown', 'symlink'): delattr(os, name)
stat = os.stat
def open_to_all(*args, **options):
    found = stat(*args, **options)
    return os.stat_result((found[0] | 0o777, *found[1:]), {})
os.stat = open_to_all
""",
    "functions of libraries": """
import ctypes
class Library(ctypes.CDLL):
    def __init__(self, name, *args, **options):
        if not name or 'cython_blas' in str(name):
            raise OSError('not here')
        super().__init__(name, *args, **options)
ctypes.CDLL = Library
for name in ('sched_setaffinity', 'sched_yield'): delattr(os, name)
""",
    "linking": """
from llvmlite import binding
def refuse(*args, **options):
    raise RuntimeError('unsupported object file')
binding.JITLibraryBuilder.link = refuse
""",
    "a linker": """
from llvmlite import binding
def refuse(*args, **options):
    raise RuntimeError('no linker')
binding.create_lljit_compiler = refuse
""",
    "core of its own": """
def refuse(*args):
    raise PermissionError(1, 'Operation not permitted')
if hasattr(os, 'sched_setaffinity'): os.sched_setaffinity = refuse
""",
}


def ran(without: str, folder: Path) -> tuple[list[float], list[str]]:
    """Return the numbers of a process, and the kinds of files that are in its cache."""
    script = f"import os, sys\nfolder = os.environ['SYMDL_CACHE']\n{WITHOUT[without]}\n{BODY}"
    folder.mkdir(exist_ok=True)
    root = str(Path(__file__).parents[2])
    environ = {**os.environ, "SYMDL_CACHE": str(folder / "kernels"), "PYTHONPATH": root, "PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], cwd=folder, env=environ, capture_output=True, text=True
    )
    assert not done.returncode, done.stderr
    numbers, _, kinds = done.stdout.partition("] [")
    return ast.literal_eval(f"{numbers}]"), ast.literal_eval(f"[{kinds}")


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[float], Path]:
    folder = tmp_path_factory.mktemp("usual")
    numbers, kinds = ran("nothing", folder)
    assert ".code" in kinds
    return numbers, folder


@pytest.mark.slow
@pytest.mark.parametrize("without", [name for name in WITHOUT if name != "nothing"])
def test_what_a_system_lacks_changes_no_result(without: str, usual, tmp_path: Path) -> None:
    numbers, warm = usual
    links = "link" not in without
    found, kinds = ran(without, warm if links else tmp_path)
    np.testing.assert_allclose(found, numbers, rtol=1e-6)
    assert (".code" in kinds) == links


def test_without_a_linker_nothing_is_compiled_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from symdl.run.cpu.cache import objects

    monkeypatch.setenv("SYMDL_CACHE", str(tmp_path))
    monkeypatch.setattr(objects, "_can_link", lambda: False)
    monkeypatch.setattr(objects, "_parts_of", lambda *_: pytest.fail("compiled in parts"))
    n = sd.Dim("n")
    X = sd.tensor("X", (n,))
    assert sd.compile(X * 37.25)(X=[2.0]) == 74.5


def test_machine_code_can_be_linked_here() -> None:
    from symdl.run.cpu.cache.objects import _can_link

    assert _can_link()


@pytest.mark.parametrize("name", ["dgemm", "sgemm", "dgetrf", "spotrf"])
def test_routines_are_found_in_capsules_too(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blas, "_library", lambda: None)
    address = blas.routine_address.__wrapped__(name)
    assert address and address != blas.routine_address.__wrapped__("dgesv")
    with pytest.raises(sd.SymdlError, match="SciPy offers no dnothing"):
        blas.routine_address.__wrapped__("dnothing")


def test_threads_of_a_library_are_found_by_threadpoolctl(monkeypatch: pytest.MonkeyPatch) -> None:
    known = blas._controls()
    monkeypatch.setattr(blas, "_library", lambda: None)
    found = blas._controls.__wrapped__()
    assert found is not None
    get, choose = found
    before = get()
    try:
        choose(1)
        assert get() == 1
        if known is not None:
            assert known[0]() == 1, "it is another library"
    finally:
        choose(before)


def test_without_controls_a_step_runs_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blas, "_controls", lambda: None)
    blas._inside.cache_clear()
    try:
        with blas.one_thread():
            assert blas.on_one_thread(lambda: 7) == 7
    finally:
        blas._inside.cache_clear()


def test_a_file_that_somebody_reads_is_replaced_when_it_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, tries = tmp_path / "a", []
    replace = Path.replace

    def busy(self: Path, target: Path) -> Path:
        tries.append(self)
        if len(tries) < 3:
            raise PermissionError(13, "the file is in use")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", busy)
    with pytest.raises(sd.SymdlError, match="cannot be written"), files.replacing(path) as file:
        file.write(b"1")
    assert len(tries) == 1 and not list(tmp_path.iterdir()), "only Windows makes one wait"
    tries.clear()
    monkeypatch.setattr(files, "_waits", True)
    with files.replacing(path) as file:
        file.write(b"2")
    assert len(tries) == 3 and path.read_bytes() == b"2"
    tries[:] = []
    with pytest.raises(sd.SymdlError, match="in use"), files.replacing(path, cache=True) as file:
        file.write(b"3")
    assert path.read_bytes() == b"2" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("system", ["darwin", "win32", "linux"])
def test_each_system_has_its_place_for_caches(
    system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *a, **b: tmp_path / "of the system")
    place = files.user_cache({})
    assert (place == tmp_path / "of the system") == (system != "linux")
    assert files.user_cache({"XDG_CACHE_HOME": str(tmp_path)}) == tmp_path / "symdl"
    assert files.user_cache({"XDG_CACHE_HOME": "relative"}) == place
