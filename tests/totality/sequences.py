"""Layers on sequences, and derivatives as operations: recurrences, attention, gradients."""

from __future__ import annotations

from typing import Any

import symdl as sd
from symdl import nn

from .case import Case, Given, flags, real

X = real(2, "n", 3)
STEPS = (3, 1)  # PyTorch has no sequences of no steps
START = real(2, 2)


def _cell(t: Any, kind: str, x: Any, W: Any, U: Any, b: Any, d: Any, start: Any, reverse: bool) -> Any:
    """Run PyTorch's module with given weights."""
    module = getattr(t.nn, kind)(x.shape[2], U.shape[0], batch_first=True, dtype=x.dtype)
    weights = {"weight_ih_l0": W.T, "weight_hh_l0": U.T, "bias_ih_l0": b, "bias_hh_l0": d}
    arguments = (x.flip(1) if reverse else x, *([] if start is None else [start]))
    states = t.func.functional_call(module, weights, arguments)[0]
    return states.flip(1) if reverse else states


def _recurrent(operation: str, kind: str, setting: str = "", **options: Any) -> Case:
    name_ = operation.removeprefix("nn.")
    given = {"x": X, **({"initial": START} if "given" in setting else {})}

    def ours(x: Any, name: str, initial: Any = None) -> Any:
        if name_ == "lstm":
            return nn.lstm(x, 2, name=name, **options)[0]
        return getattr(nn, name_)(x, 2, name=name, initial=initial, **options)

    def theirs(t: Any, x: Any, W: Any, U: Any, b: Any, d: Any = None, initial: Any = None) -> Any:
        second = t.zeros_like(b) if d is None else d
        start = None if initial is None else initial[None]
        return _cell(t, kind, x, W, U, b, second, start, options.get("reverse", False))

    return Case(operation, ours, given, theirs, setting, STEPS)


def _lstm_from(t: Any, x: Any, h: Any, c: Any, W: Any, U: Any, b: Any) -> Any:
    hs, cs = [], []
    for step in range(x.shape[1]):
        i, f, g, o = (x[:, step] @ W + h @ U + b).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        hs.append(h)
        cs.append(c)
    return t.stack(hs, 1), t.stack(cs, 1)


LENGTHS = Given((2,), "whole", 0, 4)


def _held(t: Any, x: Any, lengths: Any, W: Any, U: Any, b: Any) -> Any:
    """A state stays when its sequence is over."""
    states, h = [], x.new_zeros(2, 2)
    for step in range(x.shape[1]):
        h = t.where((step < lengths)[:, None], (x[:, step] @ W + h @ U + b).tanh(), h)
        states.append(h)
    return t.stack(states, 1)


def _both(t: Any, x: Any, **weights: Any) -> Any:
    sides = []
    for side, turned in (("forward", False), ("backward", True)):
        W, U, b = (weights[f"{side}_{part}"] for part in "WUb")
        sides.append(_cell(t, "RNN", x, W, U, b, t.zeros_like(b), None, turned))
    return t.cat(sides, 2)


def _accumulated(x: sd.Tensor) -> Any:
    (h,) = sd.recurrence([None], [x.shape], lambda before: sd.tanh(before * before + x), axis=1)
    return h


def _accumulate(t: Any, x: Any) -> Any:
    states = [x[:, 0].tanh()]
    for step in range(1, x.shape[1]):
        states.append((states[-1] ** 2 + x[:, step]).tanh())
    return t.stack(states, 1)


RECURRENT = (
    _recurrent("nn.rnn", "RNN"),
    _recurrent("nn.rnn", "RNN", "reversed, given start", reverse=True),
    _recurrent("nn.gru", "GRU"),
    _recurrent("nn.gru", "GRU", "given start"),
    _recurrent("nn.lstm", "LSTM", "reversed", reverse=True),
    Case("nn.lstm", lambda x, h, c, name: nn.lstm(x, 2, name=name, initial=(h, c)),
         {"x": X, "h": START, "c": START}, _lstm_from, "given start, both results", STEPS),
    Case("nn.rnn", lambda x, lengths, name: nn.rnn(x, 2, lengths=lengths, name=name),
         {"x": X, "lengths": LENGTHS}, _held, "lengths", (3,)),
    Case("nn.bidirectional", lambda x, name: nn.bidirectional(nn.rnn, x, 2, name=name), {"x": X}, _both,
         sizes=STEPS),
    Case("nn.last_state", lambda h, lengths: nn.last_state(h, lengths=lengths),
         {"h": real("n", 3, 2), "lengths": Given(("n",), "whole", 1, 4)},
         lambda t, h, lengths: h[t.arange(len(h)), lengths - 1]),
    Case("nn.sequence_mask", lambda h, lengths: sd.where(nn.sequence_mask(lengths, 3), h**2, h),
         {"h": real(2, 3), "lengths": LENGTHS},
         lambda t, h, lengths: t.where(t.arange(3) < lengths[:, None], h**2, h)),
    Case("sd.recurrence", _accumulated, {"x": real(2, "n")}, _accumulate, sizes=STEPS),
)  # fmt: skip

Q = real("n", 3, 2)


def _attended(t: Any, q: Any, k: Any, v: Any, seen: Any = None) -> Any:
    return t.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=seen)


def _heads(t: Any, x: Any, q_W: Any, q_b: Any, k_W: Any, k_b: Any, v_W: Any, v_b: Any, out_W: Any,
           out_b: Any) -> Any:  # fmt: skip
    weights = [w.T for w in (q_W, k_W, v_W)]
    mixed, _ = t.nn.functional.multi_head_attention_forward(
        x.swapaxes(0, 1), x.swapaxes(0, 1), x.swapaxes(0, 1), 4, 2, None, t.cat([q_b, k_b, v_b]), None, None,
        False, 0.0, out_W.T, out_b, use_separate_proj_weight=True, q_proj_weight=weights[0],
        k_proj_weight=weights[1], v_proj_weight=weights[2],
        attn_mask=t.ones(x.shape[1], x.shape[1], dtype=t.bool).triu(1),
    )  # fmt: skip
    return mixed.swapaxes(0, 1)


def _cached(t: Any, x: Any, k: Any, v: Any, q_W: Any, k_W: Any, v_W: Any, out_W: Any) -> Any:
    q = (x @ q_W).unflatten(2, (2, 2)).swapaxes(1, 2)
    k, v = t.cat([k, (x @ k_W)[:, None]], 2), t.cat([v, (x @ v_W)[:, None]], 2)
    mixed = _attended(t, q, k, v, t.ones(2, 5).tril(3) == 1)
    return mixed.swapaxes(1, 2).flatten(2) @ out_W, k, v


def _turned(t: Any, x: Any, cosine: Any, sine: Any) -> Any:
    a, b = x.chunk(2, -1)
    return t.cat([a * cosine - b * sine, a * sine + b * cosine], -1)


def _angles(t: Any) -> Any:
    return t.outer(t.arange(2.0, dtype=t.float64), 1e4 ** -t.tensor([0, 0.5], dtype=t.float64))


ATTENTION = (
    Case("nn.attention", nn.attention, {"q": Q, "k": real("n", 4, 2), "v": real("n", 4, 3)}, _attended),
    Case("nn.attention", lambda q, k, v: nn.attention(q, k, v, causal=True, name="a"),
         {"q": Q, "k": Q, "v": Q}, lambda t, q, k, v: _attended(t, q, k, v, t.ones(3, 3).tril() == 1),
         "causal"),
    Case("nn.attention", lambda q, k, v, m: nn.attention(q, k, v, mask=m),
         {"q": Q, "k": Q, "v": Q, "m": flags("n", 3, 1)},
         lambda t, q, k, v, m: _attended(t, q, k, v) * m, "masked"),
    Case("nn.attention", lambda q, k, v, bias: nn.attention(q, k, v, bias=bias, scale=0.5, softcap=2),
         {"q": Q, "k": Q, "v": Q, "bias": real(3, 3)},
         lambda t, q, k, v, bias: (2 * (q @ k.mT / 4).tanh() + bias).softmax(-1) @ v, "biased, limited"),
    Case("nn.attention", nn.attention,
         {"q": real("n", 4, 2, 2), "k": real("n", 2, 3, 2), "v": real("n", 2, 3, 1)},
         lambda t, q, k, v: _attended(t, q, k.repeat_interleave(2, 1), v.repeat_interleave(2, 1)), "groups",
         STEPS),
    Case("nn.cached_attention", lambda x, k, v, name: nn.cached_attention(
             x, (k, v), heads=2, kv_heads=1, bias=False, name=name),
         {"x": real("n", 2, 4), "k": real("n", 1, 3, 2), "v": real("n", 1, 3, 2)}, _cached, sizes=STEPS),
    Case("nn.rotary", nn.rotary, {"x": real("n", 2, 4), "cosine": real(2, 2), "sine": real(2, 2)}, _turned),
    Case("nn.rotary_angles", lambda x: nn.rotary(x, *nn.rotary_angles(2, 4)), {"x": real("n", 2, 4)},
         lambda t, x: _turned(t, x, _angles(t).cos(), _angles(t).sin())),
    Case("nn.attention", nn.attention, {"q": real(1, 1), "k": real("n", 1), "v": real("n", 1)}, _attended,
         "sizes of 1", STEPS),
    Case("nn.multi_head_attention",
         lambda x, name: nn.multi_head_attention(x, heads=2, causal=True, name=name),
         {"x": real("n", 3, 4)}, _heads, sizes=STEPS),
)  # fmt: skip


def _energy(x: Any) -> Any:
    return sd.sin(x).sum() + (x**3).prod() / 5


DERIVATIVES = (
    Case("sd.grad", lambda x: sd.grad((x * sd.exp(x)).sum(), x), {"x": real("n", 3)},
         lambda t, x: (1 + x) * x.exp()),
    Case("sd.jvp", lambda x, v: sd.jvp([sd.sin(x)], {x: v}), {"x": real("n"), "v": real("n")},
         lambda t, x, v: x.cos() * v),
    Case("sd.hvp", lambda x, v: sd.hvp((x**3).sum(), [x], {x: v}), {"x": real("n"), "v": real("n")},
         lambda t, x, v: 6 * x * v),
    Case("sd.jacobian", lambda x, y: sd.jacobian(x @ sd.sin(y), y), {"x": real("n", 3), "y": real(3)},
         lambda t, x, y: x * y.cos(), sizes=STEPS),
    Case("sd.hessian", lambda x, y: sd.hessian((x @ sd.exp(y)).sum(), y), {"x": real("n", 3), "y": real(3)},
         lambda t, x, y: t.diag(x.sum(0) * y.exp()), sizes=STEPS),
)  # fmt: skip

CASES = (*RECURRENT, *ATTENTION, *DERIVATIVES)
