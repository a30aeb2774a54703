"""The folder of the playground: what is packed suffices, and packages are those that are named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from symdl.errors import DataError
from symdl.playground import assets
from symdl.playground.build import _own

ALONE = """
import sys
sys.path.insert(0, sys.argv[1])

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("numpy", "scipy", "numba", "llvmlite", "quickjax"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
import json, symdl
from symdl.playground.examples import EXAMPLES
from symdl.playground.session import ENDINGS, Session

assert symdl.__file__.startswith(sys.argv[1]), symdl.__file__
session = Session()
for example in EXAMPLES:
    wish = {"text": example.text, "wrt": example.wrt, "exercise": True}
    found = json.loads(session.answer(json.dumps(wish)))
    assert "html" in found, found
for ending in ENDINGS:
    assert session.file(ending)
"""


def test_what_is_packed_derives_alone(tmp_path: Path) -> None:
    packed = dict(_own())
    assert not [
        name for name in packed if name.startswith(("symdl/run", "symdl/lower", "symdl/emit", "symdl/train"))
    ]
    for name, data in packed.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    command = [sys.executable, "-c", ALONE, str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]


def test_another_file_is_refused(tmp_path: Path) -> None:
    asset = assets.Asset("thing", "1.0", "0" * 64)
    command = [sys.executable, "-c", "open('thing-1.0.whl', 'w').write('other')"]
    with pytest.raises(DataError, match="not the file that was expected: its sha256"):
        assets._one(asset, command, tmp_path)


def test_a_failure_is_told(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such package')"]
    with pytest.raises(DataError, match=r"thing 1\.0 cannot be fetched: no such package"):
        assets._one(assets.Asset("thing", "1.0", "0" * 64), command, tmp_path)


def test_npm_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match="needs npm"):
        list(assets.fetched(tmp_path))
