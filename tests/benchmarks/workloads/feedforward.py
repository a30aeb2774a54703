"""Networks without recurrence: residual, one that removes noise, an autoencoder, tables of embeddings."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..problem import Problem, glorot, orders
from .formulas import normal, row

BLOCKS = 6


def make_residual(tiny: bool) -> Problem:
    """Return six blocks and a last layer; samples (n, units)."""
    rng = np.random.default_rng(31)
    count, units, results, batch = (12, 5, 3, 4) if tiny else (4096, 128, 10, 64)
    params = {f"W{at}": glorot(rng, units, units) for at in range(BLOCKS)}
    params |= {f"b{at}": np.zeros(units, "float32") for at in range(BLOCKS)}
    params |= {"W": glorot(rng, units, results), "b": np.zeros(results, "float32")}
    data = {"x": normal(rng, count, units), "y": normal(rng, count, results)}
    return Problem(params, data, orders(rng, count, batch, 8 if tiny else 64), "adamw", 1e-3)


def residual(f: Any, p: Any, batch: Any) -> Any:
    """Each block adds to its input."""
    h = batch["x"]
    for at in range(BLOCKS):
        h = h + f.relu(h @ p[f"W{at}"] + p[f"b{at}"])
    return ((h @ p["W"] + p["b"] - batch["y"]) ** 2).mean()


def make_diffusion(tiny: bool) -> Problem:
    """Return three layers, and samples with noise, its share and a code of the time."""
    rng = np.random.default_rng(32)
    count, size, code, units, batch = (12, 3, 2, 5, 4) if tiny else (4096, 64, 32, 256, 128)
    params = {
        "x.W": glorot(rng, size, units),
        "t.W": glorot(rng, code, units),
        "b0": normal(rng, units, scale=0.1),
    }
    params |= {"h.W": glorot(rng, units, units), "b1": normal(rng, units, scale=0.1)}
    params |= {"o.W": glorot(rng, units, size), "b2": np.zeros(size, "float32")}
    share = rng.random((count, 1), "float32")
    data = {
        "x": normal(rng, count, size),
        "e": normal(rng, count, size),
        "t": normal(rng, count, code),
        "s": share,
    }
    return Problem(params, data, orders(rng, count, batch, 8 if tiny else 32), "adam", 1e-3)


def diffusion(f: Any, p: Any, batch: Any) -> Any:
    """How well the noise in a sample is found."""
    noisy = f.sqrt(1 - batch["s"]) * batch["x"] + f.sqrt(batch["s"]) * batch["e"]
    z = noisy @ p["x.W"] + batch["t"] @ p["t.W"] + p["b0"]
    z = (z * f.sigmoid(z)) @ p["h.W"] + p["b1"]
    return (((z * f.sigmoid(z)) @ p["o.W"] + p["b2"] - batch["e"]) ** 2).mean()


def make_autoencoder(tiny: bool) -> Problem:
    """Return encoder and decoder, images, and the random numbers of the latent variables."""
    rng = np.random.default_rng(33)
    count, size, units, latent, batch = (12, 6, 5, 2, 4) if tiny else (4096, 784, 256, 16, 64)
    params = {"e.W": glorot(rng, size, units), "e.b": np.zeros(units, "float32")}
    params |= {"m.W": glorot(rng, units, latent), "v.W": glorot(rng, units, latent)}
    params |= {"d.W": glorot(rng, latent, units), "d.b": np.zeros(units, "float32")}
    params |= {"o.W": glorot(rng, units, size), "o.b": np.zeros(size, "float32")}
    data = {"x": rng.random((count, size), "float32"), "r": normal(rng, count, latent)}
    return Problem(params, data, orders(rng, count, batch, 8 if tiny else 64), "adam", 1e-3)


def autoencoder(f: Any, p: Any, batch: Any) -> Any:
    """The variational bound: Bernoulli pixels, and the divergence from a normal distribution."""
    x = batch["x"]
    h = f.relu(x @ p["e.W"] + p["e.b"])
    m, v = h @ p["m.W"], h @ p["v.W"]
    z = m + f.exp(v / 2) * batch["r"]
    pixels = f.relu(z @ p["d.W"] + p["d.b"]) @ p["o.W"] + p["o.b"]
    missed = (f.softplus(pixels) - x * pixels).sum(1)
    return (missed + (f.exp(v) + m * m - 1 - v).sum(1) / 2).mean()


def make_tables(tiny: bool, *, rows: tuple[int, int], size: int, units: int, batch: int) -> Problem:
    """Return two tables, a layer if it has `units`, and pairs of rows with 0 or 1."""
    rng = np.random.default_rng(34)
    rows, size, count, batch = ((7, 5), 3, 12, 4) if tiny else (rows, size, 65536, batch)
    params = {name: normal(rng, count, size, scale=0.3) for name, count in zip("UV", rows, strict=True)}
    if units:
        units = 4 if tiny else units
        params |= {
            "u.W": glorot(rng, size, units),
            "v.W": glorot(rng, size, units),
            "b": np.zeros(units, "float32"),
        }
        params |= {"o.W": glorot(rng, units, 1)[:, 0]}
    data = {name: rng.integers(0, most, count) for name, most in zip("uv", rows, strict=True)}
    data["y"] = rng.integers(0, 2, count).astype("float32")
    return Problem(params, data, orders(rng, count, batch, 8 if tiny else 16), "sgd", 0.5)


def factors(f: Any, p: Any, batch: Any) -> Any:
    """Logistic loss of the rows' inner product."""
    s = (f.take(p["U"], batch["u"]) * f.take(p["V"], batch["v"])).sum(1)
    return (f.softplus(s) - batch["y"] * s).mean()


def recommender(f: Any, p: Any, batch: Any) -> Any:
    """Logistic loss of a small network on both rows."""
    z = f.take(p["U"], batch["u"]) @ p["u.W"] + f.take(p["V"], batch["v"]) @ p["v.W"] + p["b"]
    s = f.relu(z) @ p["o.W"]
    return (f.softplus(s) - batch["y"] * s).mean()


TABLES = {"U": "u", "V": "v"}
WORKLOADS = (
    row("residual-mlp", "residual network 6 × 128, AdamW, batch 64", make_residual, residual),
    row("diffusion", "noise-removing network 64-256-256-64, Adam, batch 128", make_diffusion, diffusion),
    row("vae", "variational autoencoder 784-256-16, Adam, batch 64", make_autoencoder, autoencoder),
    row(
        *("embeddings", "two embeddings 50000 × 64, inner product, batch 1024"),
        *(partial(make_tables, rows=(50_000, 50_000), size=64, units=0, batch=1024), factors),
        tables=TABLES,
    ),
    row(
        *("recommender", "recommender, tables 10⁶ × 16 and 10⁵ × 16, 64 units, batch 4096"),
        *(partial(make_tables, rows=(1_000_000, 100_000), size=16, units=64, batch=4096), recommender),
        tables=TABLES,
    ),
)
