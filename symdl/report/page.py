"""A model as one page.

Enters: a model, and what is known of it: how it was trained, data. Leaves: a file that needs no other and no
network: what the model is, its derivation, its code, its speed and its memory.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from symdl.check.gradients import check_gradients
from symdl.errors import SymdlError
from symdl.explain.derive import derive
from symdl.explain.documents.pages import html_sections
from symdl.explain.drawings.network import layer_svg
from symdl.express.build import parameters
from symdl.express.program import collect
from symdl.express.tensors import Tensor
from symdl.files import replacing
from symdl.report import tables
from symdl.report.curves import curves
from symdl.report.kernels import kernels_of, others_of
from symdl.report.memory import memory_of
from symdl.report.timing import timing
from symdl.templating import template
from symdl.train.choice import Optimizers
from symdl.train.history import History
from symdl.train.made_up import made_up
from symdl.train.profiled import ProfiledModel
from symdl.train.values import on_host

_SAMPLES, _ENTRIES = 4, 12
"""How many samples gradients are checked on, and how many elements of each by central differences."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a report is to be of, besides the model; see `symdl.train.reported.ReportedModel.report`."""

    history: History | None = None
    data: Mapping[str, Any] | None = None
    batch_size: int = 64
    optimizer: Optimizers | None = None
    title: str | None = None


def write(model: ProfiledModel, path: str | os.PathLike[str], asked: Asked) -> Path:
    """Write the page of a model; see `symdl.train.reported.ReportedModel.report`."""
    text = page(model, asked).encode("utf-8")
    with replacing(path) as file:
        file.write(text)
    return Path(path)


def page(model: ProfiledModel, asked: Asked) -> str:
    """Return the page as text."""
    data = made_up(model, asked.batch_size) if asked.data is None else asked.data
    profile = model.profile(data, batch_size=asked.batch_size, optimizer=asked.optimizer)
    built = model.next_step(asked.optimizer).made.kernel.built
    history = asked.history or model.history
    losses = [(name or loss.name or "loss", loss) for name, loss in model.losses.items()]
    return template("html/report.html.jinja").render(
        title=asked.title or repr(model),
        contents=_contents(model, history),
        about=_about(model),
        networks=[svg for _, loss in losses if (svg := _network(loss))],
        made_up=asked.data is None,
        data=tables.of_data(data),
        parameters=tables.of_parameters(on_host(model.parameters)),
        states=tables.of_parameters(on_host(model.running)) if model.running else [],
        curves=curves(history) if history is not None else [],
        epochs=history.rows() if history is not None else [],
        ended=history.notes() if history is not None else [],
        derivations=[_derivation(name, loss, model) for name, loss in losses],
        kernels=kernels_of(built.lowered, profile, syntax=model.target.syntax, dtype=model.dtype),
        others=others_of(built.lowered),
        timing=timing(profile),
        checks=[_check(name, loss, model, data) for name, loss in losses],
        memory=memory_of(built.lowered, profile.sizes, dtype=model.dtype),
    )


def _contents(model: ProfiledModel, history: History | None) -> list[tuple[str, str]]:
    """Return the sections: their places and titles."""
    words = [
        "network",
        "data",
        "parameters",
        "training",
        "derivation",
        "gradients",
        "kernels",
        "time",
        "memory",
    ]
    shown = {"network": any(map(_network, model.losses.values())), "training": history is not None}
    return [(word, word.capitalize()) for word in words if shown.get(word, True)]


def _about(model: ProfiledModel) -> list[tuple[str, str]]:
    """Return what is said of a model in a few lines: names and values."""
    inputs = ", ".join(f"{t.name} {_shape(t)}" for t in model.inputs)
    outputs = ", ".join(f"{name or t.name or 'output'} {_shape(t)}" for name, t in model.outputs.items())
    count = sum(int(np.prod(t.shape)) for t in model.tensors)
    found = [
        ("reads", inputs),
        ("predicts", outputs),
        ("learns", f"{count:,} parameters in {len(model.tensors)} arrays"),
    ]
    found.append(("computes in", f"{model.dtype}, target {model.target.name}"))
    return [(name, value) for name, value in found if value]


def _shape(tensor: Tensor) -> str:
    return f"({', '.join(map(str, tensor.shape))})"


def _network(loss: Tensor) -> str:
    """Return the drawing of a network, or nothing of one that has no layers."""
    try:
        return layer_svg(loss)
    except SymdlError:
        return ""


def _derivation(name: str, loss: Tensor, model: ProfiledModel) -> dict[str, Any]:
    """Return the derivation of the gradients of a loss, or why there is none."""
    wanted = [str(t.name) for t in parameters(loss)]
    try:
        found = derive(loss, wanted, facts=model.facts)
    except SymdlError as error:
        return {"title": f"Gradients of {name}", "sections": [], "problem": error.message, "opened": True}
    sections = html_sections(found, "mathml")
    return {"title": f"Gradients of {name}", "sections": sections, "problem": "", "opened": False}


def _check(name: str, loss: Tensor, model: ProfiledModel, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the table of the gradients in several ways on a few samples, or why there is none."""
    needed = {str(t.name) for t in collect([loss]).inputs}
    few = {n: np.asarray(a)[:_SAMPLES] for n, a in data.items() if n in needed}
    known = {n: a.astype("float64") for n, a in on_host(model.values()).items() if n in needed}
    try:
        found = check_gradients(loss, at={**known, **few}, entries=_ENTRIES)
    except SymdlError as error:
        return {"rows": [], "words": f"Gradients of {name} were not checked: {error.message}"}
    verdict = "all ways agree" if found.ok else "those marked with ! disagree"
    return {
        "rows": found.rows(),
        "words": f"Gradients of {name} on {_SAMPLES} samples, in float64: {verdict}.",
    }
