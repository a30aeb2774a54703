from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

import pytest

from symdl import errors
from symdl.errors import (
    DataError,
    ExpressionError,
    MissingExtraError,
    ShapeError,
    SymdlError,
    require_extra,
)


def test_all_parts_are_rendered_and_kept() -> None:
    error = ShapeError("no", expression="Z[i] = X[i]", shapes={"X": (2, "n")}, cure="transpose X")
    assert str(error).splitlines() == [
        "express: no",
        "  expression: Z[i] = X[i]",
        "  shapes: X (2, 'n')",
        "  cure: transpose X",
    ]
    assert error.message == "no"
    assert error.expression == "Z[i] = X[i]"
    assert error.shapes == {"X": (2, "n")}
    assert error.cure == "transpose X"


def test_only_what_is_given_is_rendered() -> None:
    assert str(DataError("gone")) == "data: gone"
    assert str(SymdlError("gone", shapes=(2, 3))) == "gone\n  shapes: (2, 3)"
    assert str(SymdlError("gone", shapes="X (2, 3)")) == "gone\n  shapes: X (2, 3)"


def test_one_root_and_one_stage_each() -> None:
    classes: list[Any] = [
        c for _, c in inspect.getmembers(errors, inspect.isclass) if c.__module__ == "symdl.errors"
    ]
    assert SymdlError in classes
    assert all(issubclass(c, SymdlError) for c in classes)
    stages = [c.stage for c in classes if c not in (SymdlError, ShapeError, MissingExtraError)]
    assert len(set(stages)) == len(stages)
    assert all(stages)
    assert issubclass(ExpressionError, ValueError)


def test_require_extra_imports_what_is_there() -> None:
    assert require_extra("json.decoder", "train").__name__ == "json.decoder"


@pytest.mark.parametrize("name", ["no_such_module_anywhere", "no_such_module_anywhere.sub"])
def test_require_extra_names_the_command(name: str) -> None:
    with pytest.raises(MissingExtraError) as caught:
        require_extra(name, "html")
    assert 'pip install "symdl[html]"' in str(caught.value)
    assert (caught.value.module_name, caught.value.extra) == (name, "html")
    assert isinstance(caught.value, ImportError)


def test_require_extra_passes_on_a_broken_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_package_for_test.py").write_text("import no_such_module_anywhere\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError) as caught:
        require_extra("broken_package_for_test", "train")
    assert not isinstance(caught.value, MissingExtraError)
    assert "broken_package_for_test" not in sys.modules
