"""How many cases of the ``onnx`` package are run, passed and left out, and why.

    python -m tests.interop.onnx_counts

Each case is read as `symdl.from_onnx` reads a model, and computed by the reference interpreter; with
``kernels`` behind the command also by generated kernels, as Python code, as the tests do.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from symdl.onnx.operators.table import ADAPTERS, WITHOUT

from .onnx_cases import Skip, cases


@dataclass
class Count:
    """The cases of one operator: how many passed, which failed, how many were left out by reason."""

    op: str
    passed: int = 0
    failures: list[str] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)

    def data(self) -> dict[str, object]:
        return {"op": self.op, "passed": self.passed, "failed": len(self.failures), "skipped": self.skipped}


def count(op: str, *, kernels: bool = False) -> Count:
    """Run the cases of an operator."""
    found = Count(op)
    for case in cases()[op]:
        try:
            built = case.build()
            case.compare(built.interpreted())
            if kernels:
                case.compare(built.run("python"))
        except Skip as reason:
            found.skipped[str(reason)] += 1
        except Exception as error:
            found.failures.append(f"{case.name}: {type(error).__name__}: {error}")
        else:
            found.passed += 1
    return found


def without() -> list[Count]:
    """The cases of operators that have no counterpart."""
    found = cases()
    return [Count(op, skipped=Counter({reason: len(found.get(op, ()))})) for op, reason in WITHOUT.items()]


def lines(found: Iterable[Mapping[str, object]]) -> list[str]:
    """The counts as text."""
    reasons: Counter[str] = Counter()
    operators: defaultdict[str, set[str]] = defaultdict(set)
    passed = failed = mapped = 0
    for counts in found:
        passed, failed = passed + int(str(counts["passed"])), failed + int(str(counts["failed"]))
        mapped += bool(counts["passed"] or counts["failed"])
        skipped = counts["skipped"]
        assert isinstance(skipped, Mapping)
        for reason, number in skipped.items():
            reasons[reason] += number
            operators[reason].add(str(counts["op"]))
    return [
        f"{passed + failed} cases of {mapped} operators run: {passed} passed, {failed} failed",
        f"{reasons.total()} left out:",
        *(
            f"  {number:4} {reason} ({', '.join(sorted(operators[reason]))})"
            for reason, number in reasons.most_common()
        ),
    ]


if __name__ == "__main__":
    counted = [count(op, kernels="kernels" in sys.argv[1:]) for op in sorted(ADAPTERS)]
    print("\n".join(lines(c.data() for c in (*counted, *without()))))
    for failure in (text for c in counted for text in c.failures):
        print(failure)
