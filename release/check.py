"""Is this state fit for a release? Builds it, looks into it, installs it elsewhere and runs it there.

    python release/check.py [--python python3.11 python3.12 ...] [--folder dist]

Enters: the checkout. Leaves: a source archive and a wheel in `folder`, or a message and the exit code 1.
The version must be the same everywhere; what was built must have the right metadata and files; and both,
each installed into a fresh environment of every Python named, must pass `smoke.py`. Needs `build` (extra
``release``).
"""

from __future__ import annotations

import argparse
import email
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from email.message import Message
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = ("symdl/__init__.py", "symdl/py.typed", "symdl/templates/cpu/module.jinja")
"""Some files of a wheel; without them nothing works, or types are not seen."""
NOT_SHIPPED = ("tests/", "docs/", "examples/")


def project() -> dict[str, Any]:
    """The table ``project`` of pyproject.toml."""
    return dict(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"])


def versions() -> dict[str, str | None]:
    """The version by the files in which it stands."""
    patterns = {
        "symdl/__init__.py": r'^__version__ = "(.*)"',
        "CITATION.cff": r"^version: (.*)$",
        "release/conda/meta.yaml": r'set version = "(.*)"',
        "docs/citing.md": r"version = \{(.*)\}",
        "CHANGELOG.md": r"^## (?:Unreleased \()?([\d.]+)",
    }
    found: dict[str, str | None] = {"pyproject.toml": str(project()["version"])}
    for name, pattern in patterns.items():
        match = re.search(pattern, (ROOT / name).read_text("utf-8"), re.MULTILINE)
        found[name] = match[1] if match else None
    return found


def metadata_faults(metadata: Message) -> list[str]:
    """What is wrong with the metadata of something built."""
    wanted = project()
    faults = [
        f"{key} is {metadata[key]!r}, not {value!r}"
        for key, value in (
            ("Name", wanted["name"]),
            ("Version", wanted["version"]),
            ("Summary", wanted["description"]),
            ("Requires-Python", wanted["requires-python"]),
            ("License-Expression", wanted["license"]),
        )
        if metadata[key] != value
    ]
    needs = [each for each in metadata.get_all("Requires-Dist", []) if "extra ==" not in each]
    if len(needs) != len(wanted["dependencies"]):
        faults.append(f"{len(needs)} dependencies in place of {len(wanted['dependencies'])}")
    if not str(metadata.get_payload()).startswith("# symdl"):
        faults.append("the README is not the long description")
    return faults


def wheel_faults(wheel: Path) -> list[str]:
    """What is wrong with a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        about = next(name for name in names if name.endswith(".dist-info/METADATA"))
        faults = metadata_faults(email.message_from_bytes(archive.read(about)))
    faults += [f"{name} is missing" for name in SHIPPED if name not in names]
    faults += [f"{name} does not belong into a wheel" for name in names if name.startswith(NOT_SHIPPED)]
    if not any(name.endswith("/LICENSE") for name in names):
        faults.append("the license is missing")
    return faults


def source_faults(source: Path) -> list[str]:
    """What is wrong with a source archive."""
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = ("pyproject.toml", "README.md", "LICENSE", "symdl/__init__.py", "templates/cpu/module.jinja")
    return [f"{name} is missing" for name in wanted if name not in names]


def run_elsewhere(built: Path, python: str) -> None:
    """Install what was built into a fresh environment of a Python, and run `smoke.py` there."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([python, "-m", "venv", f"{folder}/venv"], check=True)
        inside = f"{folder}/venv/{'Scripts' if os.name == 'nt' else 'bin'}/python"
        install = [inside, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(built)]
        subprocess.run(install, check=True, cwd=folder)
        environment = {**os.environ, "SYMDL_CACHE": f"{folder}/kernels"}
        environment.pop("PYTHONPATH", None)
        smoke = (ROOT / "release" / "smoke.py").read_bytes()
        Path(folder, "smoke.py").write_bytes(smoke)
        subprocess.run([inside, "smoke.py"], check=True, cwd=folder, env=environment)


def main(arguments: list[str] | None = None) -> int:
    """Check all of it; return the exit code."""
    parser = argparse.ArgumentParser(description="Build a release, and try what was built.")
    parser.add_argument("--python", nargs="+", default=[sys.executable], help="the Pythons to try it on")
    parser.add_argument("--folder", type=Path, default=ROOT / "dist", help="where what is built goes")
    options = parser.parse_args(arguments)

    if len(set(versions().values())) != 1:
        print(f"the version is not the same everywhere: {versions()}", file=sys.stderr)
        return 1
    subprocess.run([sys.executable, "-m", "build", "--outdir", str(options.folder), str(ROOT)], check=True)
    name = f"symdl-{project()['version']}"
    wheel, source = options.folder / f"{name}-py3-none-any.whl", options.folder / f"{name}.tar.gz"
    faults = [*wheel_faults(wheel), *source_faults(source)]
    if faults:
        print("\n".join(faults), file=sys.stderr)
        return 1
    for python in options.python:
        for built in (wheel, source):
            print(f"{built.name} on {python}", flush=True)
            run_elsewhere(built, python)
    print(f"{wheel} and {source} are fit for a release")
    return 0


if __name__ == "__main__":
    sys.exit(main())
