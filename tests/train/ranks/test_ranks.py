"""Models trained by 2 and 4 processes of MPI: what one process gets, and the end if one of them fails."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import symdl as sd
from tests.train.ranks import job

BESIDE = Path(sys.executable).with_name("mpiexec")
MPIEXEC = str(BESIDE) if BESIDE.exists() else shutil.which("mpiexec")
there = MPIEXEC is not None and importlib.util.find_spec("mpi4py") is not None
pytestmark = pytest.mark.skipif(not there, reason='needs MPI: pip install "symdl[mpi]"')


def ran(case: str, count: int, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a case of `job.py` in so many processes, on however few cores."""
    assert MPIEXEC is not None
    few = [] if _version().startswith("HYDRA") else ["--oversubscribe", "--bind-to", "none"]
    root = Path(__file__).parents[3]
    environ = {
        **os.environ,
        "PYTHONPATH": str(root),
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_mpi_yield_when_idle": "1",  # waiting ranks leave the core to the others
        "SYMDL_THREADS": "1",
    }
    command = [MPIEXEC, *few, "-n", str(count), sys.executable, str(Path(job.__file__)), case, str(folder)]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=300, cwd=folder)


def _version() -> str:
    assert MPIEXEC is not None
    return subprocess.run([MPIEXEC, "--version"], capture_output=True, text=True).stdout


def went_well(case: str, count: int, folder: Path) -> None:
    done = ran(case, count, folder)
    assert not done.returncode, done.stdout + done.stderr


def same(found: Path, expected: dict[str, np.ndarray]) -> None:
    kept = np.load(found)
    assert set(kept) == set(expected)
    for name, array in expected.items():
        np.testing.assert_allclose(kept[name], array, rtol=1e-9, atol=1e-11, err_msg=f"{found.stem}: {name}")


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 4])
def test_several_processes_learn_what_one_does(count: int, tmp_path: Path) -> None:
    went_well("agree", count, tmp_path)
    for kind in job.KINDS:
        same(tmp_path / f"{kind}.npz", job.results(*job.trained(kind)))


@pytest.mark.slow
def test_a_batch_may_be_smaller_than_the_job(tmp_path: Path) -> None:
    went_well("few", 4, tmp_path)
    same(tmp_path / "few.npz", job.results(*job.trained("batch norm", batch_size=3, epochs=1)))


@pytest.mark.slow
@pytest.mark.parametrize("case", ["callbacks", "differs", "diverges", "volume"])
def test_processes_hold_together(case: str, tmp_path: Path) -> None:
    went_well(case, 2, tmp_path)


@pytest.mark.slow
def test_another_number_of_processes_goes_on_from_a_file(tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    went_well("saves", 2, tmp_path)
    went_well("resumes", 3, tmp_path)
    model, _ = job.trained("batch norm", epochs=2, restore_best=False)
    history = model.fit(job.data(), batch_size=32, epochs=2, validation=0.2, resume=True)
    same(tmp_path / "resumed.npz", job.results(model, history))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "said"),
    [("fails", "symdl: rank 0 of 2 failed: the disk is on fire"), ("dies", "signal 9")],
)
def test_one_that_fails_ends_the_job(case: str, said: str, tmp_path: Path) -> None:
    start = time.monotonic()
    done = ran(case, 2, tmp_path)
    assert done.returncode and said in done.stdout + done.stderr, done.stdout + done.stderr
    assert time.monotonic() - start < 60, "with the time to start and compile"


def test_what_is_no_communicator_is_refused() -> None:
    with pytest.raises(sd.SymdlError, match="none of mpi4py"):
        job.trained("plain", comm=object())
