"""Write the list of all public names, one line each, from their docstrings: ``docs/reference.md``.

    python docs/make_reference.py

The names are those of ``sd``, ``sd.nn`` and ``sd.train``, and the methods of tensors; a line is the beginning
of a docstring. A test compares the file with what is written here.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import symdl as sd
from symdl.express.methods import ArrayMethods

FILE = Path(__file__).with_name("reference.md")
INTRODUCTION = """\
# All names

`import symdl as sd`; what must be given is shown, `...` stands for options, and `help(sd.nn.dense)` tells
the rest: shapes, options, errors. This page is made from the docstrings by `python docs/make_reference.py`.

Tensors also take Python's operators (`+ - * / // % ** @ < <= > >=`) and NumPy's brackets: slices with steps,
`None`, `...`, tensors, arrays and lists of integers as positions. NumPy arrays in expressions are constants.
Everything here is a formula; its derivative is derived.
"""
SECTIONS = {
    "Language": "express.build express.constants express.dims express.surface express.operators "
    "express.facts express.tensors express.recurrent express.replacing express.batching "
    "express.stopping errors",
    "Elementwise": "express.functions express.elementary express.numeric express.conditions",
    "Special functions": "express.special.tensors express.special.own",
    "Sums and statistics": "express.statistics express.reducing express.quantiles",
    "Shapes": "express.views express.shaping express.joining express.repeating express.padding",
    "Positions, order, patterns": "express.selecting express.scattering express.sorting express.patterns",
    "Matrices": "express.einsum express.linalg express.exponential express.diagonals express.distances "
    "express.decompositions",
    "Derivatives": "differentiate.gradients differentiate.tangent differentiate.jacobian "
    "differentiate.persample differentiate.taylor "
    "differentiate.expectations.expectation differentiate.expectations.normals",
    "Derivations and drawings": "explain.derive explain.worksheet classroom.compare classroom.annotate "
    "explain.documents.collection explain.notation.styles explain.stories.updates "
    "explain.stories.components explain.stories.compose "
    "explain.stories.formula explain.stories.origin explain.stories.expected "
    "explain.drawings.network "
    "explain.drawings.plots",
    "Fourier transforms": "express.complexes express.fourier express.frequencies express.cosines",
    "Compile, train, check": "run.compile run.storage targets train.model check.gradients check.curves "
    "express.modes",
    "Other libraries": "onnx.reading onnx.writing.model interop.torch interop.jax interop.scipy.flat",
    "Fitting": "fitting.fit fitting.curves fitting.result fitting.bands fitting.quantities",
    "Training": "train.trainer train.callbacks train.writers train.history train.feeds.source "
    "train.feeds.tables train.epochs train.datasets",
    "Figures": "plots.activations plots.arrays plots.boundaries plots.surfaces",
    "Activations": "nn.activations nn.gates nn.units",
    "Layers": "nn.layers nn.convolution nn.pooling nn.resampling nn.attention nn.heads nn.lookups nn.rotary "
    "nn.sampling nn.batch nn.norms nn.dropout nn.noise nn.reparametrized",
    "Sequences": "nn.recurrent nn.sequences",
    "Losses, penalties, metrics": "nn.losses nn.classification nn.regression nn.similarity nn.margins "
    "nn.segmentation nn.alignment nn.metrics",
    "Optimizers and schedules": "nn.optimizers nn.moments nn.adaptive nn.factored nn.lbfgs nn.clipping "
    "nn.accumulated nn.averaged nn.plateau nn.grouped nn.protocol nn.steps nn.schedules",
    "Initial values": "nn.initializers",
}
PACKAGES = (
    ("sd", sd, sd.__all__),
    ("sd.nn", sd.nn, sd.nn.__all__),
    ("sd.train", sd.train, sd.train.__all__),
    ("sd.fitting", sd.fitting, sd.fitting.__all__),
    ("sd.plots", sd.plots, sd.plots.__all__),
    ("sd.train.datasets", sd.train.datasets, ("digits", "iris", "mnist")),
)


def public() -> Iterator[tuple[str, Any]]:
    """All public names with the way to reach them, each object once."""
    seen: set[int] = set()
    for prefix, package, names in PACKAGES:
        for name in names:
            value = getattr(package, name)
            if str(getattr(value, "__module__", "")).startswith("symdl.") and id(value) not in seen:
                seen.add(id(value))
                yield f"{prefix}.{name}", value


def line(value: Any) -> str:
    """The first paragraph of a docstring on one line, and the second where the formula is there."""
    first, *more = (inspect.getdoc(value) or "").split("\n\n")
    if (
        str(value.__module__).startswith("symdl.nn")
        and more
        and "``" in more[0]
        and "`" not in first
        and "Args:" not in more[0]
    ):
        first += f"\n{more[0]}"  # the formula comes second
    return " ".join(first.split()).replace("``", "`").replace("|", "\\|")


def call(path: str, value: Any) -> str:
    """How a name is called: what must be given, and ``...`` where there is more."""
    learns = dataclasses.is_dataclass(value) and str(value.__module__).startswith("symdl.nn")
    if not inspect.isfunction(value) and not learns:
        return path
    shown, more = [], False
    for parameter in inspect.signature(value).parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            shown.append(f"*{parameter.name}")
        elif parameter.kind is parameter.VAR_KEYWORD or parameter.default is not parameter.empty:
            more = True
        elif parameter.name != "self":
            named = parameter.kind is parameter.KEYWORD_ONLY
            shown.append(f"{parameter.name}=" if named else parameter.name)
    return f"{path}({', '.join([*shown, '...'] if more else shown)})"


def section_of(value: Any) -> str:
    """The heading under which an object stands, by the module that defines it."""
    home = str(value.__module__).removeprefix("symdl.")
    return next((title for title, homes in SECTIONS.items() if home in homes.split()), home)


def page() -> str:
    """The whole file."""
    groups: dict[str, list[str]] = {title: [] for title in SECTIONS}
    for path, value in public():
        groups.setdefault(section_of(value), []).append(f"| `{call(path, value)}` | {line(value)} |")
    methods = [
        f"| `x.{call(name, value)}` | {line(value)} |"
        for name, value in inspect.getmembers(ArrayMethods, inspect.isfunction)
        if not name.startswith("_")
    ]
    groups = {"Methods of tensors": methods, **groups}
    parts = [INTRODUCTION]
    for title, rows in groups.items():
        if rows:
            parts.append("\n".join([f"## {title}", "", "| | |", "|---|---|", *rows]) + "\n")
    return "\n".join(parts)


NAME = """\
---
orphan: true
---
# {path}

One of [all names](../reference.md), under *{section}*.

```{{eval-rst}}
.. auto{kind}:: symdl.{where}
{options}```
"""


def name_page(path: str, value: Any) -> str:
    """The page of one name, for Sphinx, which takes signature, docstring and source from the name."""
    kind, options = "function" if callable(value) else "data", ""
    if inspect.isclass(value):
        foreign = [c.__name__ for c in value.__mro__ if not c.__module__.startswith("symdl.")]
        kind, options = "class", f"   :members:\n   :inherited-members: {', '.join(foreign)}\n"
    return NAME.format(
        path=path, section=section_of(value), kind=kind, where=path.removeprefix("sd."), options=options
    )


def pages() -> dict[str, str]:
    """A page for every public name, by the names of their files."""
    return {f"{path}.md": name_page(path, value) for path, value in public()}


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
