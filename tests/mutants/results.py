"""What is known of mutants, in a file.

Enters: outcomes as they come. Leaves: the same in another run, which goes on from there. A mutant that stands
in another text is another one. When package or tests have changed, files of tests are timed anew, and what
survived is tried again.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

from tests.mutants.workplace import ROOT


@dataclass(slots=True)
class Results:
    """Outcomes of mutants by their keys, and the seconds of test files in an unbroken copy.

    Attributes:
        path: of the file.
        tree: a hash of the package and the tests that `seconds` belong to.
        seconds: by test file.
        outcomes: the test that noticed a mutant, or nothing, by `Chosen.key`.
    """

    path: Path
    tree: str
    seconds: dict[str, float] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Results:
        """Return what a file holds, or nothing if there is none."""
        tree = hashed()
        if not path.exists():
            return cls(path, tree)
        known = json.loads(path.read_text(encoding="utf-8"))
        if known["tree"] == tree:
            return cls(path, tree, known["seconds"], known["outcomes"])
        return cls(path, tree, {}, {key: by for key, by in known["outcomes"].items() if by})

    def write(self) -> None:
        """Write the file, whole or not at all."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".new")
        known = {"tree": self.tree, "seconds": self.seconds, "outcomes": self.outcomes}
        new.write_text(json.dumps(known, indent=1), encoding="utf-8")
        new.replace(self.path)


def hashed() -> str:
    """Return a hash of the texts of the package and the tests."""
    found = hashlib.sha256()
    for room in ("symdl", "templates", "tests"):
        for path in sorted((ROOT / room).rglob("*.*")):
            if path.suffix in (".py", ".jinja", ".txt"):
                found.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()
