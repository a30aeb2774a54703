"""What a release is checked for: one version everywhere, one list of dependencies, whole archives."""

from __future__ import annotations

import io
import re
import runpy
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CHECK = runpy.run_path(str(ROOT / "release" / "check.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def wheel(path: Path, *, without: str = "", more: str = "", version: str = PROJECT["version"]) -> Path:
    """Write a wheel with the files that are looked for."""
    needs = "".join(f"Requires-Dist: {each}\n" for each in PROJECT["dependencies"])
    about = (
        f"Metadata-Version: 2.4\nName: symdl\nVersion: {version}\nSummary: {PROJECT['description']}\n"
        f"Requires-Python: {PROJECT['requires-python']}\nLicense-Expression: {PROJECT['license']}\n"
        f"{needs}\n# symdl\n"
    )
    files = [*CHECK["SHIPPED"], "symdl-0.dist-info/licenses/LICENSE", more]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("symdl-0.dist-info/METADATA", about)
        for name in files:
            if name and name != without:
                archive.writestr(name, "")
    return path


def test_the_version_is_the_same_everywhere() -> None:
    found = CHECK["versions"]()
    assert len(found) == 6 and set(found.values()) == {PROJECT["version"]}


def test_the_recipe_needs_what_the_project_needs() -> None:
    recipe = (ROOT / "release" / "conda" / "meta.yaml").read_text("utf-8")
    run = recipe.partition("  run:\n")[2].partition("  run_constrained:")[0]
    listed = {line.strip("- ").replace(" ", "") for line in run.splitlines() if line.strip()}
    assert listed == {*PROJECT["dependencies"], f"python{PROJECT['requires-python']}"}
    ((name, call),) = PROJECT["scripts"].items()
    assert f"- {name} = {call}" in recipe
    files = re.findall(r"release/\w+\.py", recipe)
    assert files and all((ROOT / name).exists() for name in files)


def test_a_whole_wheel_is_taken_and_others_are_not(tmp_path: Path) -> None:
    faults = CHECK["wheel_faults"]
    assert faults(wheel(tmp_path / "a.whl")) == []
    for missing in (*CHECK["SHIPPED"], "symdl-0.dist-info/licenses/LICENSE"):
        assert len(faults(wheel(tmp_path / "b.whl", without=missing))) == 1
    assert faults(wheel(tmp_path / "c.whl", more="tests/a.py")) == ["tests/a.py does not belong into a wheel"]
    assert "Version" in faults(wheel(tmp_path / "d.whl", version="9"))[0]


def test_a_source_archive_without_templates_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "symdl-0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name in ("pyproject.toml", "README.md", "LICENSE", "symdl/__init__.py"):
            archive.addfile(tarfile.TarInfo(f"symdl-0/{name}"), io.BytesIO())
    assert CHECK["source_faults"](path) == ["templates/cpu/module.jinja is missing"]


def test_versions_that_differ_stop_a_release(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(CHECK["main"].__globals__, "versions", lambda: {"a": "1", "b": "2"})
    assert CHECK["main"]([]) == 1 and "the same everywhere" in capsys.readouterr().err
