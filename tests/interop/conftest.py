"""A summary of the ONNX cases at the end of a test run: how many ran, passed, were left out and why."""

from __future__ import annotations

import json
from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what the tests of this folder recorded."""
    reports = [r for kind in ("passed", "failed") for r in terminalreporter.stats.get(kind, ())]
    found = [
        json.loads(value)
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == "onnx"
    ]
    if found:
        from .onnx_counts import lines

        terminalreporter.section("ONNX cases")
        for line in lines(found):
            terminalreporter.write_line(line)
