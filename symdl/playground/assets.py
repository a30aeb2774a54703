"""What the playground is made of and comes from package registries: names, versions, hashes.

Enters: a folder. Leaves: the packages in it, each the very file that is named here. Nothing of them is
part of symdl.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from symdl.errors import DataError

_LONGEST = 600  # seconds
_ANY = ("--only-binary=:all:",)
_BUILT = (
    *_ANY,
    "--python-version=3.11",
    "--implementation=cp",
    "--abi=cp311",
    "--platform=manylinux2014_x86_64",
)


@dataclass(frozen=True, slots=True)
class Asset:
    """A package of a registry: its name, version, the hash of its file, and options that choose the file."""

    name: str
    version: str
    digest: str
    options: tuple[str, ...] = _ANY

    @property
    def hash(self) -> str:
        """The name of the hash, by the length of the digest."""
        return "sha512" if len(self.digest) == 128 else "sha256"


PYODIDE = Asset(
    "pyodide",
    "314.0.7",
    "d18bd7c4485f11da4b7dbfd790cd8114078c44eab488c517d9bcf31fda4eb6dc"
    "8c716930abe1db139bb2b860fcd8b37bcb6abe48dbe2ffa579244b0e943d91d4",
)
WHEELS = (
    Asset("sympy", "1.14.0", "e091cc3e99d2141a0ba2847328f5479b05d94a6635cb96148ccb3f34671bd8f5"),
    Asset("mpmath", "1.3.0", "a0b2b9fe80bbcd81a6647ff13108738cfb482d481d826cc0e02f5b35e5c88d2c"),
    Asset("jinja2", "3.1.6", "85ece4451f492d0c13c5dd7c13a64681a86afae63a5f347908daf103ce6d2f67"),
    # its compiled part is left out; what is in Python does the same
    Asset("markupsafe", "3.0.3", "0bf2a864d67e76e5c9a34dc26ec616a66b9888e25e7b9460e1c76d3293bd9dbf", _BUILT),
)


def fetched(folder: Path) -> Iterator[tuple[Asset, Path]]:
    """Fetch everything into `folder` by the registries' own clients, npm and pip, and yield it, checked.

    Raises:
        DataError: a client is missing or fails, or a file is not the one that is named here.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise DataError(
            "the playground needs npm, which is not installed", cure="install Node.js 20 or newer"
        )
    yield PYODIDE, _one(PYODIDE, [npm, "pack", "--silent", f"pyodide@{PYODIDE.version}"], folder)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    for wheel in WHEELS:
        command = [*pip, *wheel.options, "--dest", ".", f"{wheel.name}=={wheel.version}"]
        yield wheel, _one(wheel, command, folder)


def _one(asset: Asset, command: Sequence[str], folder: Path) -> Path:
    own = folder / asset.name
    own.mkdir()
    run(command, own, f"{asset.name} {asset.version} cannot be fetched")
    (file,) = own.iterdir()
    found = hashlib.new(asset.hash, file.read_bytes()).hexdigest()
    if found != asset.digest:
        raise DataError(
            f"{file.name} is not the file that was expected: its {asset.hash} is {found}",
            cure="see which registry pip and npm are set to",
        )
    return file


def run(command: Sequence[str], folder: Path, what: str) -> str:
    """Run a program in a folder and return what it prints.

    Raises:
        DataError: it does not run, or fails.
    """
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=_LONGEST
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DataError(f"{what}: {error}", cure=f"see whether {command[0]} runs") from error
    if done.returncode:
        raise DataError(
            f"{what}: {(done.stderr or done.stdout)[-800:]}", cure="see what it says, and try again"
        )
    return done.stdout


__all__ = ["PYODIDE", "WHEELS", "Asset", "fetched", "run"]
