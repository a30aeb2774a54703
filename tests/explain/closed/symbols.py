"""The letters of the collections, with shapes; what a matrix is declared to be is in its name here."""

from __future__ import annotations

import symdl as sd

n, d, k, m = sd.Dim("n"), sd.Dim("d"), sd.Dim("k"), sd.Dim("m")

x, y, v, w, a, b, c, u, mu = (
    sd.tensor(name, (d,)) for name in ("x", "y", "v", "w", "a", "b", "c", "u", "mu")
)
X, A, B, C, D, M = (sd.tensor(name, (d, d)) for name in "XABCDM")
S, R, P = (sd.tensor(name, (d, d), symmetric=True) for name in "SRP")
Sigma, Lambda = (sd.tensor(name, (d, d), positive_definite=True) for name in ("Sigma", "Lambda"))
Q = sd.tensor("Q", (d, d), orthogonal=True)
s, t, lam = (sd.tensor(name, ()) for name in ("s", "t", "lambda"))

data = sd.tensor("X", (n, d))
"""Samples in rows; on pages it is X."""
target = sd.tensor("y", (n,))
design, rhs = sd.tensor("A", (n, d)), sd.tensor("b", (n,))
tall = sd.tensor("X", (n, d))
wide = sd.tensor("W", (d, k))
classes = sd.tensor("Y", (n, k))
