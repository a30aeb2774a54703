"""The target cuda: what threads share, what is launched, how it trains, what it says where it cannot run.

Right values come from the target cpu, which the other tests hold against outside libraries.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.errors import CompileError
from symdl.lower.cuda.tiles import ALL_TILINGS, Tiling
from symdl.run.cuda.choice import LARGEST, chosen
from symdl.run.cuda.compiler import translate
from symdl.run.cuda.products import kinds, products
from symdl.run.runtime import Target
from tests.cuda.device import SimulatedDevice
from tests.cuda.toolchain import assembled, assert_no_float64, float64_instructions, needs_compiler

n = sd.Dim("n")
RNG = np.random.default_rng(3)


def network(target: Target | str = "cpu", classes: int = 4) -> sd.Model:
    """A small copy of the slides' network, with dropout."""
    X, t = sd.tensor("X", (n, 12)), sd.tensor("t", (n,), dtype="int64")
    h = sd.nn.dense(X, 10, activation=sd.relu, name="first")
    h = sd.nn.dropout(sd.nn.dense(h, 9, activation=sd.relu, name="second"), 0.3, name="drop")
    logits = sd.nn.dense(h, classes, name="third")
    return sd.Model(sd.nn.cross_entropy(logits, t), output=logits, target=target)


def batch(count: int) -> dict[str, Any]:
    return {"X": RNG.normal(size=(count, 12)).astype("float32"), "t": RNG.integers(0, 4, count)}


def test_source_needs_no_device() -> None:
    X = sd.tensor("X", (n, 7))
    text = sd.compile(sd.softmax(X), target="cuda", dtype="float32").source
    assert "warp_sum" in text
    assert "cuda.syncthreads" not in text.partition("def ")[0]
    assert "# t2[i,j] = exp(X[i,j] - t1[i])" in text


def test_a_call_without_compiler_or_device_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    X = sd.tensor("X", (n,))
    f = sd.compile(sd.exp(X), target="cuda")
    with pytest.raises(CompileError, match="numba-cuda|CUDA device") as caught:
        f(X=np.ones(3))
    assert caught.value.cure


@pytest.mark.parametrize(
    ("shape", "reduce", "forms"),
    [
        ((n, 30), lambda x: sd.exp(x), {"threads", "vectors"}),
        ((n, 30), lambda x: x.sum(axis=1), {"warps", "blocks"}),
        ((n, 30), lambda x: x.sum(axis=0), {"threads", "columns"}),
        ((n, 30), lambda x: x.sum(), {"warps", "blocks"}),
        ((n, 30), lambda x: sd.softmax(x), {"warps", "blocks"}),
        ((n, 30), lambda x: sd.cumsum(x, axis=1), {"warps", "blocks"}),
        ((n, 30), lambda x: sd.cumsum(x, axis=0), {"threads", "blocks"}),
        ((n, 30), lambda x: x.argmax(axis=1), {"warps", "blocks"}),
        ((n, 4, 4), lambda x: sd.inv(x), {"matrices"}),
    ],
)
def test_which_teams_share_a_row(shape: Any, reduce: Any, forms: set[str]) -> None:
    text = sd.compile(reduce(sd.tensor("X", shape)), target="cuda").source
    names = [line.split("(")[0].removeprefix("def ") for line in text.splitlines() if line.startswith("def ")]
    assert {name.rpartition("_")[2] for name in names} == forms


def test_choice_of_a_team_follows_sizes() -> None:
    assert chosen(("warps", "blocks"), 64, 10).form == "warps"
    assert chosen(("warps", "blocks"), 1, 100_000).form == "blocks"
    assert chosen(("warps", "blocks"), 100_000, 200).form == "warps"
    assert chosen(("threads", "columns"), 100, 8192).form == "columns"
    assert chosen(("threads", "columns"), 1_000_000, 64).form == "threads"
    for rows in (1, 31, 32, 33, 5000):
        for length in (1, 31, 33, 129, 1000, 5000):
            for teams in (("warps", "blocks"), ("threads", "columns"), ("threads",), ("matrices",)):
                choice = chosen(teams, rows, length)
                assert choice.form in teams
                assert choice.threads % 32 == 0 and 32 <= choice.threads <= LARGEST[choice.form]
                assert choice.blocks >= 1


@needs_compiler
@pytest.mark.parametrize("size", [1, 2, 31, 32, 33, 255, 256, 257])
@pytest.mark.parametrize("axis", [0, 1, None])
def test_reductions_around_the_sizes_of_teams(axis: int | None, size: int, target: Target) -> None:
    X = sd.tensor("X", (n, size))
    made = [X.sum(axis=axis), X.max(axis=axis), sd.logsumexp(X, axis=axis) if axis is not None else X.mean()]
    if axis == 1:
        made.append(X.argmax(axis=1))
    values = RNG.normal(size=(3, size))
    values[0, 0] = values[-1, -1] = np.inf if size == 33 else values.max()
    for ours, right in zip(
        sd.compile(made, target=target)(X=values), sd.compile(made)(X=values), strict=True
    ):
        np.testing.assert_allclose(ours, right, rtol=1e-13)


@needs_compiler
@pytest.mark.parametrize("value", [0.0, -0.0, np.nan, np.inf, -np.inf, 1e300, 1e-300])
def test_hard_points(value: float, target: Target) -> None:
    X = sd.tensor("X", (n,))
    made = [sd.exp(X), sd.tanh(X), sd.relu(X), X.max(), sd.softplus(X), X // 3, X % 0.7, abs(X)]
    points = np.array([value, 1.0, -2.5])
    with np.errstate(all="ignore"):
        found = zip(sd.compile(made, target=target)(X=points), sd.compile(made)(X=points), strict=True)
        for ours, right in found:
            np.testing.assert_allclose(ours, right, rtol=1e-13)


@needs_compiler
@pytest.mark.parametrize("tiling", ALL_TILINGS, ids=lambda t: t.name)
@pytest.mark.parametrize(("dtype", "transposed"), [("float32", ""), ("float64", "_both_transposed")])
def test_products_do_not_spill(tiling: Tiling, dtype: str, transposed: str) -> None:
    for architecture in ("sm_80", "sm_90"):
        function = products(dtype)[f"multiply{transposed}_{tiling.name}"]
        text = translate(function, kinds(dtype), architecture, tiling.threads)
        (made,) = assembled(text, architecture)
        assert made.spills == made.stack == 0
        assert made.registers * tiling.threads <= 65536
        if dtype == "float32":
            assert_no_float64(text)
            assert "ld.shared.v" in text


@needs_compiler
def test_float32_kernels_hold_no_float64(device: SimulatedDevice, target: Target) -> None:
    model = network()
    step = sd.compile(model.loss, wrt="parameters", dtype="float32", target=target)
    values = {p.name: RNG.normal(size=p.shape).astype("float32") for p in sd.parameters(model.loss)}
    given = values | batch(5) | {"drop.step": np.float32(0)}
    loss, gradients = step(**given)
    right, others = sd.compile(model.loss, wrt="parameters", dtype="float32")(**given)
    assert abs(loss - right) < 1e-5
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, others[name], atol=1e-5, rtol=1e-5)
    assert not any(float64_instructions(text) for text in device.texts)


@needs_compiler
@pytest.mark.parametrize("optimizer", [sd.nn.SGD(0.1), sd.nn.Adam(1e-2)], ids=["SGD", "Adam"])
def test_training_is_that_of_the_cpu(optimizer: Any, device: SimulatedDevice, target: Target) -> None:
    data = batch(13)  # batches of 8 and 5, each captured in the first epoch and replayed in the second
    ours, right = network(target), network()
    for model in (ours, right):
        model.fit(data, optimizer=optimizer, batch_size=8, epochs=2, seed=5)
    for name, value in ours.parameters.items():
        np.testing.assert_allclose(value, right.parameters[name], atol=2e-6)
    assert device.reports
    np.testing.assert_allclose(ours.predict(X=data["X"]), right.predict(X=data["X"]), atol=1e-5)


@needs_compiler
@pytest.mark.parametrize("axes", [(0, 1), (1,), None])
@pytest.mark.parametrize("op", ["sum", "max", "prod"])
def test_long_sums_have_two_stages(axes: Any, op: str, target: Target) -> None:
    width = 70_001 if axes != (0, 1) else 130
    X = sd.tensor("X", (n, width))
    made = getattr(X, op)(axis=axes)
    f = sd.compile(made, target=target)
    assert len(f.structures) == 2
    values = 1 + RNG.normal(size=(2, width)) * 1e-3
    np.testing.assert_allclose(f(X=values), sd.compile(made)(X=values), rtol=1e-11)
    short = sd.compile(getattr(sd.tensor("Y", (4, 30)), op)(axis=1), target="cuda")
    assert len(short.structures) == 1


@needs_compiler
def test_long_sums_of_integers_are_exact(target: Target) -> None:
    k = sd.tensor("k", (70_001,), dtype="int64")
    values = np.arange(70_001) * 10**11
    assert sd.compile(k.sum(), target=target)(k=values) == values.sum()
