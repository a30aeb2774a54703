"""Every door is known, and tried by the attacks of `corpus.py`.

A public function with a new parameter that takes text or a path fails here until `doors.py` has a row for it.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl import nn
from tests.test_api import PUBLIC

from .corpus import MARKUP, SEEN, UNSEEN
from .doors import DOORS, INSIDE
from .test_names import Marks

ROOT = Path(__file__).parents[2]
_TEXT = re.compile(r"\bstr\b|\bPath\b|PathLike|\bNamed\b")


def public() -> Iterator[tuple[str, Any]]:
    """Yield public functions and methods by name."""
    for name, value in sorted(PUBLIC.items()):
        if not inspect.isclass(value):
            if callable(value):
                yield name, value
            continue
        if {"__init__", "__new__"} & vars(value).keys() and not getattr(value, "_is_protocol", False):
            yield name, value
        for key, member in inspect.getmembers(value):
            owner = next((c for c in value.__mro__ if key in vars(c)), object)
            if not key.startswith("_") and owner.__module__.startswith("symdl.") and callable(member):
                yield f"{name}.{key}", member


def found() -> set[tuple[str, str]]:
    """The doors: a function and a parameter whose type names text or paths."""
    doors = set()
    for name, value in public():
        for parameter in inspect.signature(value).parameters.values():
            told = parameter.annotation
            if _TEXT.search(str(getattr(told, "__forward_arg__", told))):
                doors.add((name, parameter.name))
    return doors


def test_every_door_is_known_and_no_row_is_left_over() -> None:
    special = {(f, door.parameter) for door in DOORS for f in door.functions}
    general = {door.parameter for door in DOORS if not door.functions}
    doors = found()
    assert len(doors) > 200
    unknown = {(f, p) for f, p in doors if (f, p) not in special and p not in general}
    assert not unknown, "say in tests/hostile/doors.py how it is tried, or why there is nothing to try"
    assert not special - doors
    assert general <= {p for f, p in doors if (f, p) not in special}
    rows = [(door.parameter, f) for door in DOORS for f in door.functions or ("",)]
    assert len(set(rows)) == len(rows)


def defines(address: str) -> bool:
    file, _, test = address.partition("::")
    path = ROOT / file
    if not path.exists():
        return False
    tree = ast.parse(path.read_text("utf-8"))
    return not test or any(isinstance(node, ast.FunctionDef) and node.name == test for node in tree.body)


def test_a_row_names_a_test_that_is_there_or_a_reason() -> None:
    assert [door for door in DOORS if bool(door.tried) is bool(door.exempt)] == []
    assert [address for address in {door.tried for door in DOORS} if address and not defines(address)] == []


def test_doors_inside_have_tests_that_are_there() -> None:
    assert [address for address in INSIDE.values() if not defines(address)] == []


def visible(error: BaseException) -> bool:
    """Whether a terminal shows all of a message."""
    return all(c.isprintable() or c in "\n\t\xa0" for c in str(error))


n = sd.Dim("n")
X, S, V = sd.tensor("X", (n, 4)), sd.tensor("S", (4, 4)), sd.tensor("V", (4,))
T, M, Z = sd.tensor("T", (n, 5, 4)), sd.tensor("M", (3, 4, 4)), sd.tensor("Z", (n, 3))
A, B, C = (sd.tensor("ABC"[k], (n, 2, *(8,) * (k + 1))) for k in range(3))
K, Q = sd.tensor("K", (n,), dtype="int64"), sd.tensor("Q", (n, 4), dtype="int64")
i, j = sd.indices("i j")

GENERAL: tuple[tuple[Any, ...], ...] = (
    *((), (X,), (X, X), (S,), (S, V), (V,), (T, T), (T,), (T, T, T), (X, 2), (T, 2), (X, 2, 2), (X, (4, n))),
    *((K, 4), (K, 5, 3), (X, K), (X, X, X), ((4,),), (4,), (2, 3), (X, 0), (X, S), (T, 4, 2), (X, 0.5)),
    *((A,), (B,), (C,), (A, 2), (B, 2), (C, 2), (X, -1, 1), ("ij,jk->ik", X, S), (T, K), (sp.exp, X)),
)
"""Arguments that fit many functions, tried in this order."""
OF_ITS_OWN: dict[str, Callable[[str], Any]] = {
    "sd.define": lambda name: sd.define(name, (i, j), X[i, j]),
    "sd.derive": lambda name: sd.derive(sp.sin(sp.Symbol("x")), sp.Symbol("x"), name=name),
    "sd.full": lambda name: sd.full((2,), 1.0, name=name),
    "sd.function": lambda name: sd.function(name, numpy=np.sin),
    "sd.generic_gradient": lambda name: sd.generic_gradient(name, V),
    "sd.nn.affine_grid": lambda name: nn.affine_grid(sd.tensor("theta", (n, 2, 3)), (4, 5), name=name),
    "sd.nn.bidirectional": lambda name: nn.bidirectional(nn.rnn, T, 2, name=name),
    "sd.nn.conv1d": lambda name: nn.conv1d(A, 2, kernel_size=3, name=name),
    "sd.nn.conv2d": lambda name: nn.conv2d(B, 2, kernel_size=3, name=name),
    "sd.nn.conv3d": lambda name: nn.conv3d(C, 2, kernel_size=3, name=name),
    "sd.nn.conv_transpose1d": lambda name: nn.conv_transpose1d(A, 2, kernel_size=3, name=name),
    "sd.nn.conv_transpose2d": lambda name: nn.conv_transpose2d(B, 2, kernel_size=3, name=name),
    "sd.nn.conv_transpose3d": lambda name: nn.conv_transpose3d(C, 2, kernel_size=3, name=name),
    "sd.nn.convolution": lambda name: nn.convolution(A, sd.parameter("w", (2, 2, 3)), name=name),
    "sd.nn.cosine_embedding": lambda name: nn.cosine_embedding(X, X, sd.tensor("y", (n,)), name=name),
    "sd.nn.cached_attention": lambda name: nn.cached_attention(T, heads=2, name=name)[0],
    "sd.nn.ctc": lambda name: nn.ctc(T, sd.tensor("l", (n, 2), dtype="int64"), name=name),
    "sd.nn.grid_sample": lambda name: nn.grid_sample(B, sd.tensor("g", (n, 4, 5, 2)), name=name),
    "sd.nn.multi_head_attention": lambda name: nn.multi_head_attention(T, heads=2, name=name),
    "sd.nn.multi_label_margin": lambda name: nn.multi_label_margin(X, Q, name=name),
    "sd.nn.resample": lambda name: nn.resample(
        T, 1, 3, position=lambda k: k / 2, weight=lambda d: 1 - d, reach=1, name=name
    ),
    "sd.nn.rotary": lambda name: nn.rotary(T, *nn.rotary_angles(5, 4), name=name),
    "sd.nn.rotary_angles": lambda name: nn.rotary_angles(5, 4, name=name),
    "sd.outer": lambda name: sd.outer(V, V, name=name),
    "sd.reduction": lambda name: sd.reduction("sum", X, name=name),
    "sd.scatter": lambda name: sd.scatter(X, Q, X, 1, name=name),
    "sd.take": lambda name: sd.take(X, K, name=name),
    "sd.take_along_axis": lambda name: sd.take_along_axis(X, Q, name=name),
}
NAMED = {name: value for name, value in public() if "name" in inspect.signature(value).parameters}


def call_of(function: str) -> Callable[[str], Any]:
    """Return what gives something that a function makes a name."""
    if function in OF_ITS_OWN:
        return OF_ITS_OWN[function]
    value = NAMED[function]
    for arguments in GENERAL:
        try:
            value(*arguments, name="fine")
        except Exception:
            continue
        return lambda name: value(*arguments, name=name)
    raise AssertionError(f"no arguments fit {function}: give it a row in OF_ITS_OWN")


def test_names_that_nobody_sees_are_refused() -> None:
    """Each function is tried with a few names; over all functions each of the attacks comes often."""
    accepted = []
    special = {f for door in DOORS if door.parameter == "name" for f in door.functions} | {"sd.Tensor"}
    functions = [f for f in NAMED if f not in special]
    assert len(functions) > 140
    for number, function in enumerate(functions):
        call = call_of(function)
        for name in ("", "a ", "\x1b[31m", UNSEEN[number % len(UNSEEN)]):
            try:
                call(name)
            except sd.SymdlError as error:
                assert visible(error), (function, name)
                continue
            accepted.append((function, name))
        with suppress(sd.SymdlError):
            call(SEEN[number % len(SEEN)])  # sizes and some others take letters only
    assert accepted == []


W = sd.parameter("W", (4,))
DATA = {"X": np.ones((6, 4)), "t": np.zeros(6)}
FIT: dict[str, Any] = {"optimizer": nn.SGD(0.1), "progress": False}


def loss() -> sd.Tensor:
    return nn.mean_squared_error(sd.tanh(X @ W, name="h"), sd.tensor("t", (n,)))


@pytest.fixture(scope="module")
def model() -> sd.Model:
    made = sd.Model(loss(), target="python")
    made.fit(DATA, **FIT)
    return made


Call = Callable[[sd.Model, str, Path], Any]
CHOOSING: dict[str, Call] = {
    "target": lambda m, s, _: sd.target(s),
    "Model.to": lambda m, s, _: m.to(s),
    "load": lambda m, s, p: sd.load(p / "kept", target=s),
    "op": lambda m, s, _: sd.reduction(s, X),
    "dtype": lambda m, s, _: sd.tensor("x", (n,), dtype=s),
    "methods": lambda m, s, _: sd.check_gradients(m.loss, at={}, methods=[s]),
    "with_": lambda m, s, _: sd.check_gradients(m.loss, at={}, with_=s),
    "wrt": lambda m, s, _: sd.check_gradients(m.loss, wrt=s),
    "at": lambda m, s, _: sd.check_gradients(m.loss, at={s: 1}),
    "flat": lambda m, s, _: sd.flat(m.loss, at={s: 1}),
    "watch": lambda m, s, _: m.fit(DATA, watch=s, **FIT),
    "plateau": lambda m, s, _: m.fit(
        DATA, optimizer=nn.ReduceOnPlateau(nn.SGD(0.1), watch=s), progress=False
    ),
    "metrics": lambda m, s, _: m.evaluate(DATA, metrics=[s]),
    "subscripts": lambda m, s, _: sd.einsum(s, X, X),
    "evaluate": lambda m, s, _: m.evaluate({s: 1}),
    "predict": lambda m, s, _: m.predict(**{s: 1}),
    "fit": lambda m, s, _: m.fit({s: 1}, **FIT),
    "step": lambda m, s, _: m.trainer(optimizer=nn.SGD(0.1)).step({s: 1}),
    "validation": lambda m, s, _: m.fit(DATA, validation={s: 1}, **FIT),
    "test": lambda m, s, _: m.fit(DATA, test={s: 1}, **FIT),
    "trainable": lambda m, s, _: m.fit(DATA, trainable=[s], **FIT),
    "profile": lambda m, s, _: m.profile({s: 1}),
    "example": lambda m, s, p: m.export(p / "out.py", example={s: 1}),
    "rename": lambda m, s, p: m.load(p / "weights", rename={s: s}),
    "derive": lambda m, s, _: sd.derive(m.loss, s),
    "let": lambda m, s, _: sd.derive(m.loss, "W", let={s: X}),
    "styles": lambda m, s, _: sd.derive(m.loss, "W", styles={s: sd.Style(colour="red")}),
    "colour": lambda m, s, _: sd.derive(m.loss, "W", styles={"X": sd.Style(colour=s)}),
    "fit loss": lambda m, s, _: sd.fit(
        sp.Symbol("a") * sp.Symbol("x"), x=np.arange(3.0), y=np.arange(3.0), loss=s
    ),
    "forward": lambda m, s, _: m.forward(s),
}
"""Texts of which only some mean anything: no attack does."""
NAMING: dict[str, Call] = {
    "loss": lambda m, s, _: sd.Model({s: m.loss}),
    "metric": lambda m, s, _: sd.Model(m.loss, metrics={s: m.loss}),
    "output": lambda m, s, _: sd.Model(m.loss, output={s: X}),
    "with_losses": lambda m, s, _: m.with_losses({s: m.loss}),
    "group": lambda m, s, _: nn.Grouped({s: nn.SGD(0.1)}),
    "recurrence": lambda m, s, _: sd.recurrence([s], [(n, 4)], lambda before: before / 2 + X[0]),
}
"""Texts by which something is called afterwards."""


@pytest.mark.parametrize("part", [0, 1, 2])
def test_texts_that_choose(part: int, model: sd.Model, tmp_path: Path) -> None:
    model.save(tmp_path / "kept")
    model.save_weights(tmp_path / "weights")
    files = set(tmp_path.iterdir())
    for door, call in (NAMING if part == 2 else dict([*CHOOSING.items()][part::2])).items():
        for text in UNSEEN[1:] if part == 2 else (*UNSEEN[1::3], "\x1b[31m", *SEEN[::3]):
            with pytest.raises(sd.SymdlError) as caught:
                call(model, text, tmp_path)
            assert visible(caught.value) and len(str(caught.value)) < 2500, (door, text)
    assert set(tmp_path.iterdir()) == files


def cubed(rule: str) -> Any:
    return sd.derive(sd.elementwise(lambda x: x**3, X, rule=rule).sum(), X)


SHOWING: dict[str, Callable[[str], Any]] = {
    "rule": cubed,
    "title": lambda s: sd.Collection(s, (sd.derive(loss(), "W"),)),
    "loss": lambda s: sd.update_rules(nn.SGD(0.1), [W], loss=s),
    "rate": lambda s: sd.update_rules(nn.SGD(0.1), [W], rate=s),
    "step": lambda s: sd.update_rules(nn.SGD(0.1), [W], step=s),
    "generic_gradient": lambda s: sd.generic_gradient(s, V),
    "compose": lambda s: sd.compose(nn.dense(nn.dense(X, 2, name="a"), 3, name="b"), X, names=(s, "d")),
}


@pytest.mark.parametrize("door", SHOWING)
def test_texts_that_are_shown(door: str) -> None:
    make = SHOWING[door]
    plain = Marks(make("plain").html()).found
    for text in (MARKUP[0], MARKUP[1], MARKUP[3], MARKUP[4], MARKUP[5]):
        page = make(text)
        marks, latex = Marks(page.html()).found, page.latex()
        assert marks["<script"] == plain["<script"] and "<img" not in marks, text
        assert r"\input{/" not in latex and "^^5c" not in latex, text
    for text in ("\x1b[31m", "\u202eabc", "a\x00"):
        with pytest.raises(sd.SymdlError) as caught:
            make(text)
        assert visible(caught.value)


WRITING: dict[str, Callable[[sd.Model, Path], Any]] = {
    "save": lambda m, p: m.save(p),
    "save_weights": lambda m, p: m.save_weights(p),
    "load": lambda m, p: m.load(p),
    "export": lambda m, p: m.export(p.with_suffix(".c")),
    "report": lambda m, p: m.report(p.with_suffix(".html")),
    "derivation": lambda m, p: sd.derive(m.loss, "W").save(p.with_suffix(".tex")),
    "collection": lambda m, p: sd.Collection("t", (sd.derive(m.loss, "W"),)).save(p.with_suffix(".tex")),
    "csv": lambda m, p: m.history.to_csv(p),  # type: ignore[union-attr]
    "sd.load": lambda m, p: sd.load(p),
}


@pytest.mark.parametrize("door", WRITING)
def test_paths_in_messages(door: str, model: sd.Model, tmp_path: Path) -> None:
    """A path is the user's own; that it cannot be used is told without a command to the terminal."""
    blocks = [tmp_path / name for name in ("\x1b[31m", "\u202eabc")]
    for block in blocks:
        block.write_text("a file, in which there can be none")
        with pytest.raises(sd.SymdlError) as caught:
            WRITING[door](model, block / "file")
        assert visible(caught.value), door
    assert set(tmp_path.iterdir()) == set(blocks)
