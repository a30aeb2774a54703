"""A small transformer that reads text letter by letter and foretells the next one.

The text is the Zen of Python, which comes with Python. Two blocks of causal attention and a dense layer, with
layer norms and residual connections. Printed are the derivation of a gradient through the attention, the
mean cost of a letter in bits, beside that of a table of letter pairs, and what the network goes on to write.

    python examples/11_transformer.py [--epochs 25] [--blocks 2] [--seed 0]
"""

from __future__ import annotations

import argparse
import codecs
import contextlib
import io
from typing import Any

import numpy as np

import symdl as sd

WINDOW, SIZE = 32, 48


def zen() -> str:
    """Return the Zen of Python; the module prints it when it is imported."""
    with contextlib.redirect_stdout(io.StringIO()):
        import this
    return codecs.decode(this.s, "rot13")


def block(x: sd.Tensor, name: str) -> sd.Tensor:
    """Return attention and a dense layer, each added to what it reads."""
    seen = sd.nn.layer_norm(x, name=f"{name}.norm1")
    x = x + sd.nn.multi_head_attention(seen, heads=4, causal=True, name=f"{name}.attention")
    seen = sd.nn.layer_norm(x, name=f"{name}.norm2")
    h = sd.nn.dense(seen, 2 * SIZE, activation=sd.relu, name=f"{name}.up")
    return x + sd.nn.dense(h, SIZE, name=f"{name}.down")


def network(letters: int, blocks: int) -> tuple[sd.Tensor, sd.Tensor]:
    """Return the loss, the mean cost of a letter in nats, and the logits ``(n, WINDOW, letters)``."""
    n = sd.Dim("n")
    ids, following = (sd.tensor(name, (n, WINDOW), dtype="int64") for name in ("ids", "following"))
    where = sd.parameter("position", (WINDOW, SIZE), init=sd.nn.uniform(-0.1, 0.1))
    x = sd.nn.embedding(ids, letters, SIZE, name="letter") + where
    for number in range(blocks):
        x = block(x, f"block{number}")
    logits = sd.nn.dense(sd.nn.layer_norm(x, name="norm"), letters, name="out")
    flat = logits.reshape(n * WINDOW, letters)
    return sd.nn.cross_entropy(flat, following.reshape(n * WINDOW)), logits


def of_pairs(ids: np.ndarray, letters: int) -> float:
    """Return the cost of a letter, in bits, when only the one before is known."""
    counts = np.zeros((letters, letters))
    np.add.at(counts, (ids[:-1], ids[1:]), 1)
    shares = counts[ids[:-1], ids[1:]] / counts.sum(axis=1)[ids[:-1]]
    return float(-np.log2(shares).mean())


def go_on(model: sd.Model, start: str, alphabet: str, count: int) -> str:
    """Return `start` and the likeliest letters after it, one after another."""
    text = start
    for _ in range(count):
        last = text[-WINDOW:]
        ids = np.array([[alphabet.index(c) for c in last.ljust(WINDOW)]])
        text += alphabet[int(model.predict(ids=ids)[0, len(last) - 1].argmax())]
    return text


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """Derive, train, write."""
    parser = argparse.ArgumentParser(description="Train a small transformer on text.")
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--blocks", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)

    text = zen()
    alphabet = "".join(sorted(set(text)))
    ids = np.array([alphabet.index(c) for c in text])
    windows = np.lib.stride_tricks.sliding_window_view(ids, WINDOW + 1)
    data = {"ids": windows[:, :-1].copy(), "following": windows[:, 1:].copy()}
    loss, logits = network(len(alphabet), options.blocks)
    print(sd.derive(loss, "block0.attention.k.W"), end="\n\n")
    model = sd.Model(loss, output=logits, seed=options.seed)
    rate = sd.nn.CosineDecay(3e-3, steps=options.epochs * -(-len(windows) // 32))
    model.fit(data, optimizer=sd.nn.Adam(rate), batch_size=32, epochs=options.epochs, seed=options.seed)
    found = {
        "bits": model.evaluate(data)["loss"] / np.log(2),
        "pairs": of_pairs(ids, len(alphabet)),
        "text": go_on(model, "Beautiful is", alphabet, 80),
    }
    print(f"bits a letter: {found['bits']:.2f}; of a table of letter pairs: {found['pairs']:.2f}")
    print(found["text"])
    return found


if __name__ == "__main__":
    main()
