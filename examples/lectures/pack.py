"""From derivations to what a lecture needs: slides, a handout, a worksheet and its key.

Enters: a title and derivations. Leaves: ``NAME-slides.tex``, ``NAME.tex``, ``NAME-worksheet.tex`` and
``NAME-worksheet-key.tex`` in a folder; with ``--pdf`` the same as PDF, by the TeX that is installed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import symdl as sd
from symdl.explain.documents.derivation import Derivation


def write(
    name: str, title: str, derivations: Callable[[], Sequence[Derivation]], arguments: Sequence[str] | None
) -> list[Path]:
    """Write the four documents of a lecture and return their paths."""
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--out", type=Path, default=Path("out"))
    parser.add_argument("--pdf", action="store_true", help="by the TeX that is installed")
    options = parser.parse_args(arguments)
    told = tuple(derivations())
    sheets = [one.worksheet() for one in told]
    suffix = ".pdf" if options.pdf else ".tex"

    def file(kind: str) -> Path:
        return options.out / f"{name}{kind}{suffix}"

    lecture = sd.Collection(title, told)
    paths = [
        lecture.save(file("-slides"), slides=True),
        lecture.save(file(""), numbers=True),
        sd.Collection(f"{title}: exercises", tuple(s.page for s in sheets)).save(file("-worksheet")),
        sd.Collection(f"{title}: answers", tuple(s.key for s in sheets)).save(file("-worksheet-key")),
    ]
    print(f"{len(told)} derivations in {', '.join(str(path) for path in paths)}")
    return paths
