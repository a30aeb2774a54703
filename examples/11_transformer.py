"""A small transformer that reads text letter by letter and foretells the next one.

The text is the reference of the Python language, as it comes with Python (``help("assert")`` and so on). Two
blocks of causal attention and a dense layer, with layer norms and residual connections, learn its first nine
tenths. Printed are the derivation of a gradient through the attention; the bits that a letter of the last
tenth costs, which the network has not seen, beside those by a table of letter pairs (about 2.2 against 3.6);
and what the network goes on to write.

    python examples/11_transformer.py [--letters 100000] [--epochs 4] [--blocks 2] [--seed 0]
"""

from __future__ import annotations

import argparse
from pydoc_data.topics import topics
from typing import Any

import numpy as np

import symdl as sd

WINDOW, SIZE, STRIDE = 32, 48, 8


def reference(letters: int) -> str:
    """Return the start of the language reference in small ASCII letters, with single blanks."""
    text = " ".join(" ".join(topics[name] for name in sorted(topics)).split()).lower()
    return "".join(letter for letter in text if letter.isascii())[:letters]


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


def windows(ids: np.ndarray, stride: int) -> dict[str, np.ndarray]:
    """Return pieces of text, and the letters that follow each of theirs."""
    pieces = np.lib.stride_tricks.sliding_window_view(ids, WINDOW + 1)[::stride]
    return {"ids": pieces[:, :-1].copy(), "following": pieces[:, 1:].copy()}


def of_pairs(train: np.ndarray, test: np.ndarray, letters: int) -> float:
    """Return the cost of a letter of `test`, in bits, by the letter before; pairs are counted in `train`."""
    counts = np.full((letters, letters), 0.1)  # a pair that was not met is not impossible
    np.add.at(counts, (train[:-1], train[1:]), 1)
    shares = counts / counts.sum(axis=1, keepdims=True)
    return float(-np.log2(shares[test[:-1], test[1:]]).mean())


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
    parser.add_argument("--letters", type=int, default=100_000)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--blocks", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)

    text = reference(options.letters)
    alphabet = "".join(sorted(set(text)))
    ids = np.array([alphabet.index(c) for c in text])
    seen, unseen = np.split(ids, [9 * len(ids) // 10])
    train, test = windows(seen, STRIDE), windows(unseen, WINDOW)
    loss, logits = network(len(alphabet), options.blocks)
    print(sd.derive(loss, "block0.attention.k.W"), end="\n\n")
    model = sd.Model(loss, output=logits, seed=options.seed)
    rate = sd.nn.CosineDecay(3e-3, steps=options.epochs * -(-len(train["ids"]) // 32))
    model.fit(train, optimizer=sd.nn.Adam(rate), batch_size=32, epochs=options.epochs, seed=options.seed)
    found = {
        "bits": model.evaluate(test)["loss"] / np.log(2),
        "pairs": of_pairs(seen, unseen, len(alphabet)),
        "uniform": np.log2(len(alphabet)),
        "text": go_on(model, "the class of", alphabet, 80),
    }
    print(f"bits for a letter of unseen text: {found['bits']:.2f}")
    print(f"with a table of letter pairs: {found['pairs']:.2f}, with none: {found['uniform']:.2f}")
    print(found["text"])
    return found


if __name__ == "__main__":
    main()
