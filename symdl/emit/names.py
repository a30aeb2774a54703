"""Names in generated code.

Enters: a kernel. Leaves: `Names`: what its arrays, sizes, indices and locals are called in the printed text.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Names:
    """What the parts of one kernel are called; `fresh` makes names for values that have none."""

    counts: dict[str, int] = field(default_factory=dict)

    def of(self, name: str) -> str:
        """Return the name of an array, a size, an index or a local."""
        return name

    def at(self, local: str) -> str:
        """Return the name of the position that belongs to a local, that of the largest value so far."""
        return f"{self.of(local)}_at"

    def fresh(self, stem: str) -> str:
        """Return a name that nothing else has."""
        count = self.counts[stem] = self.counts.get(stem, -1) + 1
        return f"{stem}{count}"
