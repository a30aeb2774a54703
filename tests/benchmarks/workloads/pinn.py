"""A network for Burgers' equation: the mean square of u_t + u u_x - u_xx/100 at 1000 points, tanh."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from ..problem import Problem, Workload, glorot

VISCOSITY = 0.01


def make(tiny: bool) -> Problem:
    """Return weights, and points (x, t)."""
    rng = np.random.default_rng(8)
    sizes, count = ((2, 4, 4, 1), 7) if tiny else ((2, 20, 20, 20, 1), 1000)
    params = {}
    for at, (inputs, units) in enumerate(pairwise(sizes)):
        params[f"l{at}.W"] = glorot(rng, inputs, units)
        params[f"l{at}.b"] = (0.1 * rng.normal(size=units)).astype("float32")
    return Problem(params, {"s": rng.uniform(-1, 1, size=(count, 2)).astype("float32")})


def reference(params: Any, batch: Any) -> Any:
    """NumPy: u, u_t, u_x and u_xx side by side through the layers."""
    import autograd.numpy as np

    s = batch["s"]
    ones, zeros = np.ones((len(s), 1)), np.zeros((len(s), 1))
    u, ux, ut, uxx = s, np.hstack([ones, zeros]), np.hstack([zeros, ones]), np.hstack([zeros, zeros])
    depth = len(params) // 2
    for at in range(depth):
        w = params[f"l{at}.W"]
        u, ux, ut, uxx = u @ w + params[f"l{at}.b"], ux @ w, ut @ w, uxx @ w
        if at < depth - 1:
            a = np.tanh(u)
            d = 1 - a**2
            u, ux, ut, uxx = a, d * ux, d * ut, d * uxx - 2 * a * d * ux**2
    return np.mean((ut + u * ux - VISCOSITY * uxx) ** 2)


def symdl(problem: Problem) -> Any:
    """symdl: derivatives of the network are tensors like any other."""
    import symdl as sd

    n, depth = sd.Dim("n"), len(problem.params) // 2
    s = sd.tensor("s", (n, 2))
    h = s
    for at in range(depth):
        last = at == depth - 1
        units = problem.params[f"l{at}.W"].shape[1]
        h = sd.nn.dense(h, units, activation=None if last else sd.tanh, name=f"l{at}")
    u = h[:, 0]
    slope = sd.grad(u.sum(), s)
    ux, ut = slope[:, 0], slope[:, 1]
    uxx = sd.grad(ux.sum(), s)[:, 0]
    return ((ut + u * ux - VISCOSITY * uxx) ** 2).mean()


def torch(params: Any, batch: Any) -> Any:
    """PyTorch: reverse mode twice."""
    from torch.autograd import grad

    h = s = batch["s"].detach().requires_grad_()
    depth = len(params) // 2
    for at in range(depth):
        h = h @ params[f"l{at}.W"] + params[f"l{at}.b"]
        h = h.tanh() if at < depth - 1 else h
    u = h[:, 0]
    slope = grad(u.sum(), s, create_graph=True)[0]
    ux, ut = slope[:, 0], slope[:, 1]
    uxx = grad(ux.sum(), s, create_graph=True)[0][:, 0]
    return ((ut + u * ux - VISCOSITY * uxx) ** 2).mean()


def jax(params: Any, batch: Any) -> Any:
    """JAX: forward mode over forward mode, its fastest here."""
    import jax as jx
    import jax.numpy as jnp

    depth = len(params) // 2

    def network(s: Any) -> Any:
        h = s
        for at in range(depth):
            h = h @ params[f"l{at}.W"] + params[f"l{at}.b"]
            h = jnp.tanh(h) if at < depth - 1 else h
        return h[:, 0]

    s = batch["s"]
    along_x, along_t = (jnp.zeros_like(s).at[:, at].set(1.0) for at in (0, 1))
    u, ut = jx.jvp(network, (s,), (along_t,))
    ux, uxx = jx.jvp(lambda p: jx.jvp(network, (p,), (along_x,))[1], (s,), (along_x,))
    return ((ut + u * ux - VISCOSITY * uxx) ** 2).mean()


def gemms(problem: Problem) -> list[tuple[int, int, int]]:
    """Four channels forward, back to inputs and to weights."""
    n = 4 * len(problem.data["s"])
    shapes = [w.shape for name, w in problem.params.items() if name.endswith("W")]
    back = [(n, m, k) for k, m in shapes[1:]]
    return [(n, k, m) for k, m in shapes] + [(k, n, m) for k, m in shapes] + back


WORKLOADS = (
    Workload(
        name="pinn",
        title="Burgers residual of a 2-20-20-20-1 network, gradient, 1000 points",
        kind="gradient",
        goal=0.25,
        make=make,
        reference=reference,
        symdl=symdl,
        torch=torch,
        jax=jax,
        gemms=gemms,
        tolerance=1e-3,
    ),
)
