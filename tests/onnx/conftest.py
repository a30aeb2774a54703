"""A summary of the ONNX cases at the end of a test run: how many ran, passed, were left out and why."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
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
    if not found:
        return
    reasons: Counter[str] = Counter()
    operators: defaultdict[str, set[str]] = defaultdict(set)
    for counts in found:
        for reason, number in counts["skipped"].items():
            reasons[reason] += number
            operators[reason].add(counts["op"])
    passed, failed = (sum(counts[key] for counts in found) for key in ("passed", "failed"))
    mapped = sum(counts["passed"] + counts["failed"] > 0 for counts in found)
    write = terminalreporter.write_line
    terminalreporter.section("ONNX cases")
    write(f"{passed + failed} cases of {mapped} operators run: {passed} passed, {failed} failed")
    write(f"{sum(reasons.values())} left out:")
    for reason, number in reasons.most_common():
        write(f"  {number:4} {reason} ({', '.join(sorted(operators[reason]))})")
