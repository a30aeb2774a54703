"""How compiled functions are shown.

Enters: a function with a signature and generated source. Leaves: `Shown`, its name in one line, and what a
notebook makes of it.
"""

from __future__ import annotations

from abc import abstractmethod

from symdl.tables import html_source


class Shown:
    """Says what it takes and gives; in a notebook the source folds out below."""

    @property
    @abstractmethod
    def signature(self) -> str:
        """The inputs and outputs with their shapes."""

    @property
    @abstractmethod
    def source(self) -> str:
        """The generated module and the listing of its calls."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.signature}>"

    def _repr_html_(self) -> str:
        return html_source(self.signature, self.source)
