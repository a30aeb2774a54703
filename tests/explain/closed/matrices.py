"""Vectors, traces, determinants, inverses: the formulas of matrix cookbooks."""

from __future__ import annotations

import symdl as sd

from .case import Case
from .symbols import (
    A,
    B,
    C,
    D,
    M,
    P,
    Q,
    R,
    S,
    X,
    a,
    b,
    c,
    d,
    data,
    design,
    k,
    lam,
    n,
    rhs,
    s,
    tall,
    target,
    w,
    wide,
    x,
    y,
)  # fmt: skip

quad, tr, inv, logdet, det, inner, eye = sd.quadratic, sd.trace, sd.inv, sd.logdet, sd.det, sd.inner, sd.eye
total = sd.sum


def square(z: sd.Tensor) -> sd.Tensor:
    """The squared norm."""
    return sd.sum(z * z)


r = design @ x - rhs
E = A @ X @ B + C
K = sd.tensor("K", (n, n), symmetric=True)
alpha = sd.tensor("alpha", (n,))
weights = sd.tensor("W", (n, n), symmetric=True)
any_weights = sd.tensor("W", (n, n))
few = sd.tensor("w", (n,))
gram = tall.T @ sd.tensor("S", (n, n), symmetric=True) @ tall
U = sd.tensor("U", (d, k))

VECTORS = (
    Case("linear", lambda: (inner(a, x), x), "a"),
    Case("bilinear, right", lambda: (inner(a, X @ b), b), "Xᵀ a"),
    Case("bilinear, matrix", lambda: (inner(a, X @ b), X), "a bᵀ"),
    Case("bilinear, transposed", lambda: (inner(a, X.T @ b), X), "b aᵀ"),
    Case("quadratic form", lambda: (quad(x, M), x), "(M + Mᵀ) x"),
    Case("quadratic form, symmetric", lambda: (quad(x, S), x), "2·S x"),
    Case("energy", lambda: (0.5 * quad(x, S), x), "S x"),
    Case("energy minus load", lambda: (quad(x, S) / 2 - inner(b, x), x), "S x - b"),
    Case("quadratic form, by its matrix", lambda: (quad(x, M), M), "x xᵀ"),
    Case("squared norm", lambda: (square(x), x), "2·x"),
    Case("norm", lambda: (sd.norm(x), x), "x/‖x‖"),
    Case("distance", lambda: (sd.norm(x - y), x), "(x - y)/‖x - y‖"),
    Case("norm of an image", lambda: (sd.norm(A @ x), x), "Aᵀ A x/‖A x‖"),
    Case("fourth power of a norm", lambda: (square(x) ** 2, x), "4·‖x‖²·x"),
    Case("reciprocal norm", lambda: (1 / sd.norm(x), x), "-x/‖x‖³"),
    Case("log of a squared norm", lambda: (sd.log(square(x)), x), "2·x/‖x‖²"),
    Case("Gaussian kernel", lambda: (sd.exp(-square(x - y) / 2), x), "e^(-‖x - y‖²/2)·(y - x)"),
    Case("least squares", lambda: (square(r), x), "2·Aᵀ (A x - b)"),
    Case("half least squares", lambda: (square(r) / 2, x), "Aᵀ (A x - b)"),
    Case("half least squares, float", lambda: (0.5 * square(r), x), "Aᵀ (A x - b)"),
    Case("least squares, by the right side", lambda: (square(r) / 2, rhs), "b - A x"),
    Case("least squares, by the matrix", lambda: (square(r) / 2, design), "(A x - b) xᵀ"),
    Case("least squares, residual turned", lambda: (square(rhs - design @ x) / 2, x), "Aᵀ (A x - b)"),
    Case("mean squares", lambda: (sd.mean((data @ w - target) ** 2), w), "2/n·Xᵀ (X w - y)"),
    Case("ridge", lambda: (square(r) + lam * square(x), x), "2·Aᵀ (A x - b) + 2·λ·x"),
    Case("half ridge", lambda: ((square(r) + lam * square(x)) / 2, x), "Aᵀ (A x - b) + λ·x"),
    Case(
        "Tikhonov",
        lambda: (square(r) + square(M @ x), x),
        "2·Aᵀ (A x - b) + 2·Mᵀ M x",
        prints="2·(Mᵀ M x + Aᵀ (A x - b))",
    ),
    Case("weighted least squares", lambda: (quad(r, weights), x), "2·Aᵀ W (A x - b)"),
    Case("weighted least squares, any W", lambda: (quad(r, any_weights), x), "Aᵀ (W + Wᵀ) (A x - b)"),
    Case("weights of rows", lambda: (total(few * r * r), x), "2·Aᵀ (w ⊙ (A x - b))"),
    Case(
        "kernel ridge",
        lambda: (square(K @ alpha - target) + lam * quad(alpha, K), alpha),
        "2·K (K α - y + λ·α)",
        prints="2·K (λ·α + K α - y)",
    ),
    Case("Rayleigh quotient", lambda: (quad(w, S) / inner(w, w), w), "2/‖w‖²·(S w - wᵀ S w/‖w‖²·w)"),
    Case(
        "generalized Rayleigh quotient",
        lambda: (quad(w, S) / quad(w, R), w),
        "2/(wᵀ R w)·(S w - wᵀ S w/(wᵀ R w)·R w)",
        prints="2·(S - wᵀ S w/(wᵀ R w)·R) w/(wᵀ R w)",
    ),
    Case(
        "cosine similarity",
        lambda: (inner(x, y) / (sd.norm(x) * sd.norm(y)), x),
        "y/(‖x‖·‖y‖) - xᵀ y/(‖x‖³·‖y‖)·x",
        prints="1/(‖x‖·‖y‖)·(y - xᵀ y/‖x‖²·x)",
    ),
    Case(
        "product of inner products",
        lambda: (inner(a, x) * inner(b, x), x),
        "aᵀ x·b + bᵀ x·a",
        prints="(bᵀ x)·a + (aᵀ x)·b",
    ),
    Case(
        "two affine maps",
        lambda: (inner(A @ x + b, C @ (D @ x + c)), x),
        "Aᵀ C (D x + c) + Dᵀ Cᵀ (A x + b)",
        prints="Dᵀ Cᵀ (A x + b) + Aᵀ C (D x + c)",
    ),
    Case("form in X b + c", lambda: (quad(X @ b + c, M), X), "(M + Mᵀ) (X b + c) bᵀ"),
    Case("form in X b + c, symmetric", lambda: (quad(X @ b + c, S), X), "2·S (X b + c) bᵀ"),
    Case("b' X' X c", lambda: (inner(X @ b, X @ c), X), "X (b cᵀ + c bᵀ)", prints="X (c bᵀ + b cᵀ)"),
    Case("a' X X b", lambda: (inner(a, X @ X @ b), X), "a bᵀ Xᵀ + Xᵀ a bᵀ"),
    Case("a' X X' b", lambda: (inner(a, X @ X.T @ b), X), "(a bᵀ + b aᵀ) X"),
    Case("norm of an orthogonal image", lambda: (square(Q @ x), x), "2·x"),
    Case(
        "distance under a rotation",
        lambda: (square(Q @ x - y), x),
        "2·Qᵀ (Q x - y)",
        prints="2·(x - Qᵀ y)",
    ),
    Case(
        "sum of products", lambda: (total((A @ x) * (B @ x)), x), "(Aᵀ B + Bᵀ A) x", prints="(Bᵀ A + Aᵀ B) x"
    ),
    Case(
        "outer product, Frobenius",
        lambda: (square(sd.outer(x, x) - S), x),
        "4·(‖x‖²·x - S x)",
        prints="4·(x xᵀ - S) x",
    ),
)

TRACES = (
    Case("tr X", lambda: (tr(X), X), "I"),
    Case("tr A X", lambda: (tr(A @ X), X), "Aᵀ"),
    Case("tr X' A", lambda: (tr(X.T @ A), X), "A"),
    Case("tr A X B", lambda: (tr(A @ X @ B), X), "Aᵀ Bᵀ"),
    Case("tr A X' B", lambda: (tr(A @ X.T @ B), X), "B A"),
    Case("tr X' X", lambda: (tr(X.T @ X), X), "2·X"),
    Case("tr X X'", lambda: (tr(X @ X.T), X), "2·X"),
    Case("tr X X", lambda: (tr(X @ X), X), "2·Xᵀ"),
    Case("tr X X B", lambda: (tr(X @ X @ B), X), "(X B + B X)ᵀ"),
    Case("tr X' B X", lambda: (tr(X.T @ B @ X), X), "(B + Bᵀ) X"),
    Case("tr X' S X", lambda: (tr(X.T @ S @ X), X), "2·S X"),
    Case("tr B X X'", lambda: (tr(B @ X @ X.T), X), "(B + Bᵀ) X"),
    Case("tr X B X'", lambda: (tr(X @ B @ X.T), X), "X (B + Bᵀ)"),
    Case("tr X S X'", lambda: (tr(X @ S @ X.T), X), "2·X S"),
    Case("tr A X B X", lambda: (tr(A @ X @ B @ X), X), "Aᵀ Xᵀ Bᵀ + Bᵀ Xᵀ Aᵀ", prints="(A X B + B X A)ᵀ"),
    Case("tr X X X", lambda: (tr(X @ X @ X), X), "3·(X²)ᵀ"),
    Case("tr X^4", lambda: (tr(sd.matrix_power(X, 4)), X), "4·(X³)ᵀ"),
    Case(
        "tr A X B X' C",
        lambda: (tr(A @ X @ B @ X.T @ C), X),
        "Aᵀ Cᵀ X Bᵀ + C A X B",
        prints="C A X B + Aᵀ Cᵀ X Bᵀ",
    ),
    Case("tr B' X' C X B", lambda: (tr(B.T @ X.T @ C @ X @ B), X), "(C + Cᵀ) X B Bᵀ"),
    Case("tr of (A X B + C)'(A X B + C)", lambda: (tr(E.T @ E), X), "2·Aᵀ (A X B + C) Bᵀ"),
    Case("the same as a sum of squares", lambda: (square(E), X), "2·Aᵀ (A X B + C) Bᵀ"),
    Case("trace squared", lambda: (tr(X) ** 2, X), "2·tr(X)·I"),
    Case(
        "product of traces",
        lambda: (tr(X) * tr(A @ X), X),
        "tr(A X)·I + tr(X)·Aᵀ",
        prints="tr(X)·Aᵀ + tr(A X)·I",
    ),
    Case("Frobenius norm", lambda: (sd.sqrt(square(X)), X), "X/‖X‖"),
    Case("distance of matrices", lambda: (square(X - A) / 2, X), "X - A"),
    Case("Hadamard product", lambda: (total(A * X * X), X), "2·A ⊙ X", prints="2·X ⊙ A"),
    Case("tr A'(X∘X - 1)", lambda: (tr(A.T @ (X * X - 1)), X), "2·A ⊙ X", prints="2·X ⊙ A"),
    Case("masked sum of squares", lambda: (square(A * (X - B)), X), "2·A∘² ⊙ (X - B)"),
    Case("tr B D' with diag", lambda: (tr(B @ sd.diag(x)), x), "diag(B)"),
    Case("factorisation, left", lambda: (square(X - U @ wide.T) / 2, U), "(U Wᵀ - X) W"),
    Case("factorisation, right", lambda: (square(X - U @ wide.T) / 2, wide), "(W Uᵀ - Xᵀ) U"),
    Case("tr X' A X B", lambda: (tr(X.T @ A @ X @ B), X), "A X B + Aᵀ X Bᵀ", prints="Aᵀ X Bᵀ + A X B"),
    Case("tr X' S X R", lambda: (tr(X.T @ S @ X @ R), X), "2·S X R"),
    Case("trace of a rotation", lambda: (tr(Q.T @ X @ Q), X), "I"),
    Case("Procrustes", lambda: (square(X @ B - C), X), "2·(X B - C) Bᵀ"),
    Case(
        "commutator",
        lambda: (square(X @ S - S @ X) / 2, X),
        "(X S - S X) S - S (X S - S X)",
        prints="S (S X - X S) + (X S - S X) S",
    ),
)

DETERMINANTS = (
    Case("det X", lambda: (det(X), X), "det(X)·X⁻ᵀ"),
    Case("log det X", lambda: (logdet(X), X), "X⁻ᵀ"),
    Case("log det S", lambda: (logdet(S), S), "S⁻¹"),
    Case("log det of an inverse", lambda: (logdet(inv(X)), X), "-X⁻ᵀ"),
    Case("det A X B", lambda: (det(A @ X @ B), X), "det(A X B)·X⁻ᵀ"),
    Case("log det A X B", lambda: (logdet(A @ X @ B), X), "X⁻ᵀ"),
    Case("det X squared", lambda: (det(X) ** 2, X), "2·det(X)²·X⁻ᵀ"),
    Case("1/det X", lambda: (1 / det(X), X), "-X⁻ᵀ/det(X)"),
    Case("log det X'X, tall", lambda: (logdet(tall.T @ tall), tall), "2·X (Xᵀ X)⁻¹"),
    Case("log det X'X, square", lambda: (logdet(X.T @ X), X), "2·X⁻ᵀ"),
    Case("det X'X, tall", lambda: (det(tall.T @ tall), tall), "2·det(Xᵀ X)·X (Xᵀ X)⁻¹"),
    Case("log det X' S X", lambda: (logdet(gram), tall), "2·S X (Xᵀ S X)⁻¹"),
    Case("log det I + X X'", lambda: (logdet(eye(d) + U @ U.T), U), "2·(I + U Uᵀ)⁻¹ U"),
    Case("log det I + X' X", lambda: (logdet(eye(k) + U.T @ U), U), "2·U (I + Uᵀ U)⁻¹"),
    Case("log det S + x x'", lambda: (logdet(S + sd.outer(x, x)), x), "2·(S + x xᵀ)⁻¹ x"),
    Case("log det s S", lambda: (logdet(s * S), s), "d/s"),
    Case("log det S + s I", lambda: (logdet(S + s * eye(d)), s), "tr((S + s·I)⁻¹)"),
    Case("log det diag", lambda: (logdet(sd.diag(x)), x), "1/x"),
    Case("a' X^-1 b", lambda: (inner(a, inv(X) @ b), X), "-X⁻ᵀ a bᵀ X⁻ᵀ"),
    Case("a' X^-1 b, by b", lambda: (inner(a, inv(X) @ b), b), "X⁻ᵀ a"),
    Case("x' S^-1 x", lambda: (quad(x, inv(S)), x), "2·S⁻¹ x"),
    Case("x' S^-1 x, by S", lambda: (quad(x, inv(S)), S), "-S⁻¹ x xᵀ S⁻¹"),
    Case("tr X^-1", lambda: (tr(inv(X)), X), "-(X⁻²)ᵀ"),
    Case("tr A X^-1 B", lambda: (tr(A @ inv(X) @ B), X), "-(X⁻¹ B A X⁻¹)ᵀ"),
    Case("tr (X + A)^-1", lambda: (tr(inv(X + A)), X), "-((A + X)⁻¹ (A + X)⁻¹)ᵀ", prints="-((X + A)⁻²)ᵀ"),
    Case("tr S^-1 A", lambda: (tr(inv(S) @ R), S), "-S⁻¹ R S⁻¹"),
    Case(
        "tr (X'SX)^-1 R",
        lambda: (tr(inv(gram) @ R), tall),
        "-2·S X (Xᵀ S X)⁻¹ R (Xᵀ S X)⁻¹",
    ),
    Case(
        "low rank inverse", lambda: (quad(y, inv(eye(d) + U @ U.T)), U), "-2·(I + U Uᵀ)⁻¹ y yᵀ (I + U Uᵀ)⁻¹ U"
    ),
    Case(
        "Woodbury",
        lambda: (quad(y, inv(S + U @ U.T)), U),
        "-2·(S + U Uᵀ)⁻¹ y yᵀ (S + U Uᵀ)⁻¹ U",
        prints="-2·(U Uᵀ + S)⁻¹ y yᵀ (U Uᵀ + S)⁻¹ U",
    ),
    Case("resolvent", lambda: (tr(inv(S + s * eye(d))), s), "-tr((S + s·I)⁻²)"),
    Case(
        "log det P∘xx'",
        lambda: (logdet(P * sd.outer(x, x)), x),
        "2·(P ⊙ (P ⊙ x xᵀ)⁻¹) x",
        prints="2·(P ⊙ (P ⊙ (x xᵀ))⁻¹) x",
    ),
    Case("log of a det of a product", lambda: (sd.log(det(X @ X)), X), "2·X⁻ᵀ"),
    Case("det of a rotation", lambda: (logdet(Q @ X), X), "X⁻ᵀ"),
)
