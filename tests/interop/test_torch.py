"""Functions of symdl in PyTorch, beside PyTorch's own."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.errors import ArgumentError, CompileError
from tests.examples.test_examples import example
from tests.interop.counting import counted

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")]

N = sd.Dim("n")
X = sd.tensor("x", (N, 3))


def dense() -> sd.Tensor:
    return sd.nn.dense(X, 2, activation=sd.tanh, name="first")


def points(*shape: int, **options: Any) -> Any:
    generator = torch.Generator().manual_seed(0)
    options = {"dtype": torch.float64, "requires_grad": True, **options}
    return torch.randn(*shape, generator=generator, dtype=options["dtype"]).requires_grad_(
        options["requires_grad"]
    )


def like(x: Any, w: Any, b: Any) -> Any:
    return torch.tanh(x @ w + b)


def functional(layer: Any) -> Any:
    names = [name for name, _ in layer.named_parameters()]

    def function(x: Any, *values: Any) -> Any:
        return torch.func.functional_call(layer, dict(zip(names, values, strict=True)), (x,))

    return function


def test_a_layer_is_its_formula_and_its_parameters_have_their_names() -> None:
    layer = sd.to_torch(dense())
    assert list(layer.state_dict()) == ["first.W", "first.b"]
    x = points(5, 3, dtype=torch.float32)
    expected = like(x, layer.first.W, layer.first.b)
    found = layer(x)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected)
    found = torch.autograd.grad((found**2).sum(), [x, *layer.parameters()])
    torch.testing.assert_close(found, torch.autograd.grad((expected**2).sum(), [x, *layer.parameters()]))


def test_derivatives_of_first_and_second_order_in_both_modes() -> None:
    layer = sd.to_torch(dense()).double()
    given = (points(4, 3), *(p.detach().requires_grad_() for p in layer.parameters()))
    assert torch.autograd.gradcheck(functional(layer), given, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(functional(layer), given, check_fwd_over_rev=True)


def test_a_third_derivative() -> None:
    layer = sd.to_torch(sd.sin(sd.tensor("u", (3,))) * 2)
    x = points(3)
    first = torch.autograd.grad(layer(x).sum(), x, create_graph=True)[0]
    second = torch.autograd.grad(first.sum(), x, create_graph=True)[0]
    third = torch.autograd.grad(second.sum(), x)[0]
    torch.testing.assert_close(third, -2 * torch.cos(x.detach()))


def test_transforms_of_functions() -> None:
    layer = sd.to_torch(dense()).double()
    values = [p.detach() for p in layer.parameters()]
    ours, x = functional(layer), points(4, 3, requires_grad=False)
    hessians = [torch.func.hessian(lambda v, f=f: f(v, *values).sum())(x) for f in (ours, like)]
    torch.testing.assert_close(*hessians)
    many = points(6, 4, 3, requires_grad=False)
    for of in (lambda f: lambda v: f(v, *values), lambda f: torch.func.grad(lambda v: f(v, *values).sum())):
        torch.testing.assert_close(torch.vmap(of(ours))(many), torch.vmap(of(like))(many))


def test_several_outputs_integers_among_them() -> None:
    ids = sd.tensor("ids", (N,), dtype="int64")
    table = sd.parameter("table", (5, 2))
    rows = sd.take(table, ids, axis=0)
    layer = sd.to_torch([rows.sum(), sd.argmax(rows, axis=1), 3 * rows])
    places = torch.tensor([0, 4, 4])
    total, most, tripled = layer(places)
    assert most.dtype == torch.int64 and not most.requires_grad
    torch.testing.assert_close(most, layer.table[places].argmax(1))
    torch.testing.assert_close(tripled, 3 * layer.table[places])
    (gradient,) = torch.autograd.grad(total, [layer.table])  # the others have no cotangent
    torch.testing.assert_close(gradient[:, 0], torch.tensor([1.0, 0, 0, 0, 2]))


def test_what_an_output_does_not_depend_on_has_no_gradient() -> None:
    y = sd.tensor("y", (N, 3))
    layer = sd.to_torch([X.sum(), y.sum()], inputs=["y", "x"])
    y_, x_ = points(2, 3), points(2, 3)
    first, second = layer(y_, x_)
    assert torch.autograd.grad(first, [y_], allow_unused=True, retain_graph=True) == (None,)
    torch.testing.assert_close(torch.autograd.grad(second, [y_])[0], torch.ones(2, 3, dtype=torch.float64))
    assert torch.autograd.gradgradcheck(layer, (y_, x_))  # linear: its second derivative is zero


def test_memory_is_shared_on_the_way_out_and_strides_may_be_any() -> None:
    layer = sd.to_torch(2 * X)
    x = points(3, 4, requires_grad=False).T
    torch.testing.assert_close(layer(x), 2 * x)
    torch.testing.assert_close(layer(x=x[::2]), 2 * x[::2])
    first, second = layer(x), layer(x)
    first[0, 0] = 7
    assert second[0, 0] == 2 * x[0, 0]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_results_have_the_type_of_arguments(dtype: str) -> None:
    layer = sd.to_torch(X * X)
    x = points(2, 3, dtype=getattr(torch, dtype))
    found = layer(x)
    found.sum().backward()
    assert found.dtype == x.grad.dtype == x.dtype
    torch.testing.assert_close(found, x.detach() ** 2)


def test_no_gradients_are_kept_where_none_are_wanted() -> None:
    layer = sd.to_torch(dense())
    with torch.no_grad():
        assert not layer(points(2, 3)).requires_grad
    layer.requires_grad_(False)
    assert not layer(points(2, 3, requires_grad=False)).requires_grad


def test_a_changed_argument_is_found_before_a_wrong_gradient() -> None:
    x = points(2, 3)
    inner = x * 1
    result = sd.to_torch(X * X)(inner)
    inner.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        result.sum().backward()


def test_training_and_evaluation() -> None:
    layer = sd.to_torch(sd.nn.batch_norm(X, name="norm"))
    other = torch.nn.BatchNorm1d(3)
    x = points(8, 3, dtype=torch.float32)
    for _ in range(2):
        torch.testing.assert_close(layer(x), other(x))
    torch.testing.assert_close(layer.norm.running_variance, other.running_var)
    layer.eval(), other.eval()
    torch.testing.assert_close(layer(x), other(x))
    torch.testing.assert_close(layer.norm.running_mean, other.running_mean)


def test_dropout_draws_anew_with_each_call() -> None:
    layer = sd.to_torch(sd.nn.dropout(X, 0.5))
    x = torch.ones(50, 3)
    assert not torch.equal(layer(x), layer(x))
    assert torch.equal(layer.eval()(x), x)


def test_a_model_shares_its_arrays() -> None:
    t = sd.tensor("t", (N, 2))
    y = dense()
    model = sd.Model(((y - t) ** 2).mean(), output=y)
    layer = sd.to_torch(model)
    rng = np.random.default_rng(0)
    data = {"x": rng.normal(size=(16, 3)), "t": rng.normal(size=(16, 2))}
    x = torch.tensor(data["x"], dtype=torch.float32)
    optimizer = torch.optim.SGD(layer.parameters(), 0.1)
    loss = ((layer(x) - torch.tensor(data["t"], dtype=torch.float32)) ** 2).mean()
    before = model.evaluate(data)["loss"]
    assert before == pytest.approx(loss.item(), rel=1e-5)
    loss.backward()
    optimizer.step()
    assert model.evaluate(data)["loss"] < before
    model.fit(data, optimizer=sd.nn.SGD(0.1))
    np.testing.assert_allclose(layer(x).detach(), model.predict(x=data["x"]), rtol=1e-6)


def test_named_outputs_and_compiled_functions() -> None:
    y = dense()
    model = sd.Model((y**2).sum(), output={"y": y, "total": y.sum()})
    assert set(sd.to_torch(model)(torch.ones(2, 3))) == {"y", "total"}
    x = points(2, 3)
    torch.testing.assert_close(sd.to_torch(sd.compile(X + 1))(x), x + 1)
    assert isinstance(sd.to_torch(sd.compile([X + 1]))(x), tuple)
    with pytest.raises(CompileError, match="gradients"):
        sd.to_torch(sd.compile(X.sum(), wrt=X))


def test_copies_pickles_and_state_dicts(tmp_path: Path) -> None:
    layer, x = sd.to_torch(dense()), points(2, 3, dtype=torch.float32)
    other = sd.to_torch(dense(), seed=1)
    assert not torch.equal(layer(x), other(x))
    other.load_state_dict(layer.state_dict())
    for same in (other, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):  # noqa: S301
        assert torch.equal(layer(x), same(x))


def test_a_compiled_graph_is_interrupted() -> None:
    network = torch.nn.Sequential(sd.to_torch(dense()), torch.nn.Linear(2, 2))
    x = points(4, 3, dtype=torch.float32)
    found = torch.compile(network, backend="eager")(x)
    torch.testing.assert_close(found, network(x))
    found.sum().backward()
    assert x.grad is not None


def test_errors_are_those_of_symdl() -> None:
    layer = sd.to_torch(dense())
    with pytest.raises(ArgumentError, match="pass x"):
        layer()
    with pytest.raises(ArgumentError, match="x"):
        layer(torch.ones(2, 4))
    with pytest.raises(CompileError, match="int is no function"):
        sd.to_torch(3)  # type: ignore[arg-type]
    with pytest.raises(CompileError, match="inputs"):
        sd.to_torch(dense(), inputs=["y"])


def test_the_example(capsys: pytest.CaptureFixture[str]) -> None:
    accuracy, right = example("14_pytorch").main(["--steps", "60"])
    assert accuracy >= 0.85 and right
    assert "agree with differences: True" in capsys.readouterr().out


def test_a_mapped_axis_is_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    ids, w, x = sd.tensor("ids", (2,), dtype="int64"), sd.tensor("w", (5, 3)), sd.tensor("x", (3,))
    layer = sd.to_torch([sd.tanh(sd.take(w, ids, axis=0) @ x), (w**2).sum()], inputs=["ids", "w", "x"])
    rng = torch.Generator().manual_seed(2)
    weights = torch.rand(5, 3, generator=rng, dtype=torch.float64)
    places = torch.randint(5, (7, 2), generator=rng)
    samples = torch.rand(3, 7, generator=rng, dtype=torch.float64)

    def plain(i: Any, w: Any, x: Any) -> tuple[Any, Any]:
        return torch.tanh(w[i] @ x), (w**2).sum()

    calls = counted(monkeypatch)
    dims = {"in_dims": (0, None, 1)}
    found, wanted = (torch.vmap(f, **dims)(places, weights, samples) for f in (layer, plain))
    torch.testing.assert_close(found, wanted)
    assert len(calls) == 1

    def each(f: Any) -> Any:
        of_each = torch.func.grad(lambda w, i, x: f(i, w, x)[0].sum())
        return torch.vmap(of_each, in_dims=(None, 0, 1))(weights, places, samples)

    torch.testing.assert_close(each(layer), each(plain))
    assert len(calls) == 3  # forward and backward
    torch.testing.assert_close(
        torch.vmap(lambda x: layer(places[0], weights, x)[1])(samples.T), (weights**2).sum().expand(7)
    )
    pairs = [
        torch.vmap(torch.vmap(f, in_dims=(0, None, None)), in_dims=(None, None, 1))(places, weights, samples)
        for f in (layer, plain)
    ]
    torch.testing.assert_close(*pairs)


@pytest.mark.parametrize("entries", [(0,), (0, 2), (2, 0)])
def test_mapped_axes_may_be_empty(entries: tuple[int, ...]) -> None:
    w, x = sd.tensor("w", (3,)), sd.tensor("x", (3,))
    layer = sd.to_torch([sd.sin(x) * w, (x * w).sum(), w * 2], inputs=["x", "w"])

    def plain(x: Any, w: Any) -> tuple[Any, Any, Any]:
        return torch.sin(x) * w, (x * w).sum(), w * 2

    results = []
    for function in (layer, plain):
        many, slopes = function, torch.func.grad(lambda *v, f=function: f(*v)[1], (0, 1))
        for _ in entries:
            many, slopes = (torch.vmap(f, in_dims=(0, None)) for f in (many, slopes))
        samples = torch.ones((*entries, 3), dtype=torch.float64, requires_grad=True)
        weights = torch.ones(3, dtype=torch.float64, requires_grad=True)
        values = many(samples, weights)
        sum(v.sum() for v in values).backward()
        found = (*values, samples.grad, weights.grad, *slopes(samples, weights))
        results.append([v.detach() for v in found])
    torch.testing.assert_close(*results)
