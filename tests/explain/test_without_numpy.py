"""The front half of symdl runs without NumPy: what derives and prints meets no array.

A page in a browser, and whoever only wants derivations, load SymPy and Jinja and nothing else.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

BLOCKED = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("numpy", "scipy", "numba", "llvmlite", "matplotlib", "quickjax"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
import symdl as sd

def pages(derivation):
    for page in (derivation.text(), derivation.latex(), derivation.html()):
        assert len(page) > 200, page
    assert derivation.worksheet().page.html()

n, d, steps = map(sd.Dim, ("n", "d", "T"))
labels = sd.tensor("t", (n,), dtype="int64")
"""

FORMULA = """
pages(sd.derive("sin(x**2*y) + exp(z)", "y"))
pages(sd.derive("where(x > 0, x, 0)*log(1 + y**2)", "y", order=2))
"""
CLASSIFIER = """
X = sd.tensor("X", (n, 8))
h = sd.nn.layer_norm(sd.nn.dense(X, 6, activation=sd.relu, name="first"), name="norm")
L = sd.nn.cross_entropy(sd.nn.dense(h, 3, name="second"), labels)
pages(sd.derive(L, "first.W"))
assert len(sd.update_rules(sd.nn.Adam(1e-3), [sd.parameter("W", (3, 2))]).html()) > 200
"""
MATRICES = """
A, x = sd.tensor("A", (d, d), symmetric=True), sd.tensor("x", (d,))
pages(sd.derive(x @ A @ x, x))
pages(sd.derive(x @ A @ x, x, form="differential"))
pages(sd.derive(x @ A @ x, x, order=2))
pages(sd.derive(sd.softmax(A @ x), x))
pages(sd.derive(sd.logdet(A), A))
"""
WINDOWS = """
images = sd.tensor("I", (n, 1, 12, 12))
c = sd.nn.max_pool2d(sd.nn.conv2d(images, 4, kernel_size=3, padding=1, name="c"), 2)
pages(sd.derive(sd.nn.cross_entropy(sd.nn.dense(sd.nn.flatten(c), 3, name="o"), labels), "c.W"))
"""
SEQUENCES = """
S = sd.tensor("S", (n, steps, 3))
last = sd.nn.lstm(S, 4, name="l")[0][:, -1]
pages(sd.derive(sd.nn.cross_entropy(sd.nn.dense(last, 3, name="o"), labels), "l.U"))
q, k, v = (sd.tensor(name, (n, 4)) for name in "qkv")
pages(sd.derive(sd.sum(sd.nn.attention(q, k, v)), q))
"""


@pytest.mark.parametrize(
    "code",
    [FORMULA, CLASSIFIER, MATRICES, WINDOWS, SEQUENCES],
    ids=["formula", "classifier", "matrices", "windows", "sequences"],
)
def test_derivations_meet_no_array(code: str) -> None:
    command = [sys.executable, "-W", "error", "-c", BLOCKED + code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]


def test_an_array_needs_it() -> None:
    """What is blocked is missed where an array is met: the blocking blocks."""
    command = [sys.executable, "-c", BLOCKED + "sd.constant([1, 2])"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert "No module named 'numpy'" in done.stderr
