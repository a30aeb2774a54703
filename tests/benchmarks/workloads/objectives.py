"""Objectives by which automatic differentiation is measured: mixture of Gaussians, bundle adjustment, a hand.

The functions are those of ADBench (the hand a little simpler: fingers bend in one joint plane each), with
data of our own making; here the gradient of a scalar is asked for. In bundle adjustment and for the hand
that is half the sum of squared residuals.
"""

from __future__ import annotations

from math import lgamma, log, pi
from typing import Any

import numpy as np

from ..problem import Problem
from .formulas import normal, row

GAMMA, FREEDOM = 1.0, 0
FINGERS, BONES = 5, 4


def make_mixture(tiny: bool) -> Problem:
    """Return weights, means and inverse factors of covariances, and points."""
    rng = np.random.default_rng(41)
    points, size, parts = (7, 3, 2) if tiny else (1000, 10, 25)
    params = {
        "a": normal(rng, parts),
        "m": normal(rng, parts, size),
        "q": normal(rng, parts, size, scale=0.3),
        "L": normal(rng, parts, size, size, scale=0.3),
    }
    below = np.tril(np.ones((size, size), "float32"), -1)
    return Problem(params, {"x": normal(rng, points, size), "below": below})


def mixture(f: Any, p: Any, batch: Any) -> Any:
    """The likelihood of the points, and Wishart's prior."""
    x, a, q = batch["x"], p["a"], p["q"]
    (points, size), parts = x.shape, a.shape[0]
    L = p["L"] * batch["below"]
    gaps = x[None, :, :] - p["m"][:, None, :]
    scaled = f.exp(q)[:, None, :] * gaps + gaps @ f.swap(L)
    z = a[:, None] + q.sum(1)[:, None] - (scaled * scaled).sum(2) / 2
    likely = f.logsumexp(z, 0).sum() - points * f.logsumexp(a, 0)
    free = size + FREEDOM + 1
    prior = GAMMA**2 / 2 * ((f.exp(q) ** 2).sum() + (L * L).sum()) - FREEDOM * q.sum()
    gammas = sum(lgamma((free - at) / 2) for at in range(size)) + size * (size - 1) / 4 * log(pi)
    constant = parts * (free * size * (log(GAMMA) - log(2.0) / 2) - gammas) - points * size / 2 * log(2 * pi)
    return likely + prior + constant


def make_bundle(tiny: bool) -> Problem:
    """Return cameras, points and weights, and which camera saw which point where."""
    rng = np.random.default_rng(42)
    cameras, points, seen = (3, 5, 8) if tiny else (50, 8000, 32_000)
    pose = np.concatenate([rng.normal(size=(cameras, 3)) * 0.3, rng.normal(size=(cameras, 3)) * 0.1], 1)
    lens = np.tile(np.array([1.0, 0.02, -0.01, 0.01, 0.005]), (cameras, 1))
    params = {
        "C": np.concatenate([pose, lens], 1).astype("float32"),
        "X": (rng.normal(size=(points, 3)) + np.array([0.0, 0.0, 6.0])).astype("float32"),
        "w": rng.uniform(0.5, 1.0, size=seen).astype("float32"),
    }
    data = {"c": rng.integers(0, cameras, seen), "i": rng.integers(0, points, seen)}
    return Problem(params, {**data, "y": normal(rng, seen, 2, scale=0.3)})


def bundle(f: Any, p: Any, batch: Any) -> Any:
    """Rodrigues' rotation, projection and radial distortion; and weights that want to be 1."""
    c, x = f.take(p["C"], batch["c"]), f.take(p["X"], batch["i"])
    rx, ry, rz = (c[:, at] for at in range(3))
    dx, dy, dz = (x[:, at] - c[:, 3 + at] for at in range(3))
    squared = rx * rx + ry * ry + rz * rz
    angle = f.sqrt(squared)
    cosine, sine, dot = f.cos(angle), f.sin(angle) / angle, rx * dx + ry * dy + rz * dz
    share = dot * (1 - cosine) / squared
    px = dx * cosine + (ry * dz - rz * dy) * sine + rx * share
    py = dy * cosine + (rz * dx - rx * dz) * sine + ry * share
    pz = dz * cosine + (rx * dy - ry * dx) * sine + rz * share
    u, v = px / pz, py / pz
    radius = u * u + v * v
    bent = 1 + c[:, 9] * radius + c[:, 10] * radius * radius
    du = c[:, 7] + c[:, 6] * u * bent - batch["y"][:, 0]
    dv = c[:, 8] + c[:, 6] * v * bent - batch["y"][:, 1]
    w = p["w"]
    return (w * w * (du * du + dv * dv)).sum() / 2 + ((1 - w * w) ** 2).sum() / 2


def make_hand(tiny: bool) -> Problem:
    """Return angles of five fingers of four bones, and vertices with weights and where they are seen."""
    rng = np.random.default_rng(43)
    vertices = 6 if tiny else 544
    weights = rng.random((FINGERS, BONES, vertices))
    params = {"a": normal(rng, FINGERS, BONES, scale=0.3), "b": normal(rng, FINGERS, scale=0.2)}
    params |= {"g": normal(rng, 3, scale=0.3), "o": normal(rng, 3, scale=0.1)}
    data = {
        "v": normal(rng, FINGERS, BONES, vertices, 3),
        "w": (weights / weights.sum((0, 1))).astype("float32"),
        "l": rng.uniform(0.5, 1.5, size=(FINGERS, BONES)).astype("float32"),
        "y": normal(rng, vertices, 3),
    }
    return Problem(params, data)


def hand(f: Any, p: Any, batch: Any) -> Any:
    """Bones turn one after another, vertices follow several bones (linear blend skinning)."""

    def turned(x: Any, y: Any, sine: Any, cosine: Any) -> tuple[Any, Any]:
        return cosine * x - sine * y, sine * x + cosine * y

    def column(value: Any) -> Any:
        return value[:, None]

    x, y, z = (coordinate(batch, at) for at in range(3))
    total = [0.0, 0.0, 0.0]
    for bone in range(BONES):
        px, py, pz = x[:, bone], y[:, bone], z[:, bone]
        for joint in range(bone, -1, -1):
            angle = p["a"][:, joint]
            px, py = turned(px, py, column(f.sin(angle)), column(f.cos(angle)))
            px = px + column(batch["l"][:, joint])
        px, pz = turned(px, pz, column(f.sin(p["b"])), column(f.cos(p["b"])))
        weight = batch["w"][:, bone]
        total = [t + (weight * part).sum(0) for t, part in zip(total, (px, py, pz), strict=True)]
    tx, ty, tz = total
    for axis in range(3):
        sine, cosine = f.sin(p["g"][axis]), f.cos(p["g"][axis])
        tx, ty = turned(tx, ty, sine, cosine)
        tx, ty, tz = ty, tz, tx
    gaps = [t + p["o"][at] - batch["y"][:, at] for at, t in enumerate((tx, ty, tz))]
    return sum((gap * gap).sum() for gap in gaps) / 2


def coordinate(batch: Any, at: int) -> Any:
    """Return one coordinate of the vertices, (fingers, bones, vertices)."""
    return batch["v"][:, :, :, at]


WORKLOADS = (
    row(
        "gmm",
        "ADBench: mixture of 25 Gaussians, d = 10, 1000 points, gradient",
        make_mixture,
        mixture,
        kind="gradient",
    ),
    row(
        "ba",
        "ADBench: bundle adjustment, 50 cameras, 32000 observations, gradient",
        make_bundle,
        bundle,
        kind="gradient",
    ),
    row("hand", "ADBench: hand tracking, 20 bones, 544 vertices, gradient", make_hand, hand, kind="gradient"),
)
