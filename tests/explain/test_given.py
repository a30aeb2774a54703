"""The last line of a gradient speaks of what is given; equal sums are one; nothing is written out twice."""

from __future__ import annotations

import sympy as sp

import symdl as sd
from symdl.explain.sections import Lines

n, d = sd.Dim("n"), sd.Dim("d")
x = sd.tensor("x", (n, 3))
i, j, p = sd.indices("i j p")


def last(loss: sd.Tensor, wrt: sd.Tensor) -> str:
    (result,) = [s for s in sd.derive(loss, wrt).sections if isinstance(s, Lines) and s.title == "Result"]
    return sd.explain.printers.text.text(result.steps[-1].right)


def energy(of_pair: sp.Expr, distances: sd.Tensor, *, once: bool) -> sd.Tensor:
    value = of_pair(distances[i, j])
    value = sp.Piecewise((value, i < j), (0, True)) if once else value
    return sd.define("E", (), sd.Sum(value, i, j))


def test_the_two_sums_over_a_symmetric_distance_are_one() -> None:
    r = sd.define("r", (i, j), sd.Sum((x[i, p] - x[j, p]) ** 2, p))
    assert last(energy(sp.exp, r, once=True), x) == "2·∑_{j ≠ i} (x[i,p] - x[j,p])·e^r[i,j]"
    assert last(energy(sp.exp, r, once=False), x) == "4·∑ⱼ (x[i,p] - x[j,p])·e^r[i,j]"


def test_other_sums_stay_two() -> None:
    r = sd.define("r", (i, j), sd.Sum((x[i, p] - 2 * x[j, p]) ** 2, p))
    assert last(energy(sp.exp, r, once=False), x).count("∑") == 2


def test_what_is_shared_is_not_written_out_for_every_way() -> None:
    A, B, h = sd.tensor("A", (d, d)), sd.tensor("B", (d, d)), sd.tensor("h", (d,))
    loss = h
    for _ in range(12):
        loss = sd.tanh(A @ loss) + B @ loss
    assert "Result" in sd.derive((loss * loss).sum(), h).text()


def test_elements_of_an_inverse_are_written_at_their_own_places() -> None:
    A, u = sd.tensor("A", (n, 3, 3)), sd.tensor("u", (n,))
    assert last((u * sd.det(A)).sum(), A) == "u[i]·det(A[i,:,:])·(A[i,:,:]⁻¹)[k,j]"
    assert "∑ⱼₖ (A[i,:,:]⁻¹)[j,l]·u[i]·(A[i,:,:]⁻¹)[m,k]" in last((u[:, None, None] * sd.inv(A)).sum(), A)
