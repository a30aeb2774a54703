"""The properties that ``make fuzz`` tries for hours, on a few examples each; and that the driver counts."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings

from . import __main__ as driver
from .properties import PROPERTIES, Property


@pytest.mark.parametrize("prop", PROPERTIES, ids=lambda p: p.check.__name__)
def test_properties(prop: Property) -> None:
    settings(max_examples=max(1, prop.examples // 5))(given(prop.strategy)(prop.check))()


def test_the_driver_counts_and_keeps_what_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tried = []

    def even(drawn: float) -> None:
        tried.append(drawn)
        assert drawn < 1

    def held(drawn: float) -> None:
        assert drawn < 2

    number = PROPERTIES[0].strategy.map(lambda drawn: drawn[1])
    monkeypatch.setattr(driver, "PROPERTIES", (Property(even, number, 30), Property(held, number, 5)))
    assert not driver.run(0.2, database=str(tmp_path))
    said = capsys.readouterr().out
    assert "failed: even\n" in said and "held " in said
    smallest, tried[:] = tried[-1], []
    assert driver.run(0.2, "held", database=str(tmp_path))
    assert not driver.run(0.2, "even", database=str(tmp_path))
    assert tried[0] == smallest >= 1  # other properties have left it where it was
