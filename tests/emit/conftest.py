"""The option that accepts changed golden files: ``pytest tests/emit --update``."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--update``."""
    parser.addoption("--update", action="store_true", help="rewrite the golden files")
