"""Answers: a derivation as a page for what somebody types.

Enters: a request as JSON: ``text``, ``wrt``, ``order``, ``form``, ``depth``, ``exercise``. Leaves: JSON with
a page, or with the message of an error. It is what runs in the browser; nothing here knows that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from symdl.errors import ExplainError, SymdlError
from symdl.explain.derive import derive
from symdl.explain.documents.derivation import Derivation
from symdl.explain.documents.files import FORMATS, Job
from symdl.explain.documents.layout import Layout
from symdl.explain.sections import DEPTHS
from symdl.express.tensors import Tensor
from symdl.playground.read import Question, read

ENDINGS = tuple(ending for ending in FORMATS if ending != ".pdf")
"""The formats that need no other program."""


class Session:
    """Answers requests, and writes the last answer as a file.

    session = Session()
    session.answer('{"text": "sin(x**2*y)", "wrt": "y"}')
    session.file(".tex")
    """

    def __init__(self) -> None:
        self._last: Derivation | None = None

    def answer(self, request: str) -> str:
        """Return a page and what one can differentiate with respect to, or ``error``, as JSON."""
        wish = json.loads(request)
        found: dict[str, Any] = {}
        try:
            question = read(str(wish.get("text", "")))
            found = {"choices": list(question.wrt), "tensor": isinstance(question.value, Tensor)}
            found["wrt"] = _chosen(question, str(wish.get("wrt", "")))
            found["rank"] = question.value.rank if found["tensor"] else 0
            self._last = derived(question, found["wrt"], wish)
            found["html"] = self.file(".html")
        except SymdlError as error:
            found["error"] = str(error)
        except RecursionError:
            found["error"] = "explain: the formula is nested too deeply for a browser"
        return json.dumps(found, ensure_ascii=False)

    def file(self, ending: str) -> str:
        """Return the last answer in the format of an ending: one of `ENDINGS`.

        Raises:
            ExplainError: there is none yet, or no such format.
        """
        if self._last is None or ending not in ENDINGS:
            raise ExplainError(f"nothing can be saved as {ending!r}", cure=f"use {', '.join(ENDINGS)}")
        job = Job(self._last.title, [self._last], Layout(math="mathml"), self._last.depth)
        return str(FORMATS[ending].write(job))


def _chosen(question: Question, wish: str) -> str:
    """What is differentiated with respect to: as wished where there is such a thing, else the first."""
    if not question.wrt:
        raise ExplainError(
            "there is nothing to differentiate with respect to", cure="use a symbol, such as x"
        )
    return wish if wish in question.wrt else next(iter(question.wrt))


def derived(question: Question, wrt: str, wish: Mapping[str, Any]) -> Derivation:
    """Return the derivation of a question; order and form count where there is a choice of them.

    Raises:
        SymdlError: there is no such derivative, or no such form of it.
    """
    tensor = isinstance(question.value, Tensor)
    axes = tensor and question.value.rank > 0  # a Jacobian, of which there is one form
    second = wish.get("order") == 2 and not axes
    options: dict[str, Any] = {"order": 2 if second else 1}
    by_differentials = wish.get("form") == "differential" and not axes and not second
    options["form"] = "differential" if by_differentials else "index"
    if tensor:
        options["let"] = question.named or None
    else:
        options["where"] = question.named or None
        options["name"] = question.name or None
    if wish.get("depth") in DEPTHS:
        options["depth"] = wish["depth"]
    found = derive(question.value, question.wrt[wrt], **options)
    return found.worksheet().page if wish.get("exercise") else found


__all__ = ["ENDINGS", "Session", "derived"]
