"""Recurrent layers: the sunspots of 300 years, and surnames by language.

A recurrent layer reads twelve years of sunspot numbers and foretells the next; it is compared with the rule
"as this year" on the last 60 years. An LSTM reads surnames letter by letter, in both directions, and says of
which of five languages they are: names differ in length, and past its end a name holds its state. Printed is
the derivation of the recurrent weight's gradient: back-propagation through time, its loop never unrolled.
The data come with the packages statsmodels and Faker (extra ``examples``).

    python examples/07_sequences.py [--epochs 60] [--names 12] [--seed 0]
"""

from __future__ import annotations

import argparse
import unicodedata

import numpy as np

import symdl as sd
from symdl.errors import require_extra

YEARS, TESTED = 12, 60
LOCALES = {"Czech": "cs_CZ", "English": "en_GB", "Finnish": "fi_FI", "Italian": "it_IT", "Irish": "ga_IE"}
LETTERS = "abcdefghijklmnopqrstuvwxyz '-"
LONGEST = 16


def sunspots() -> np.ndarray:
    """Return the yearly sunspot numbers of 1700 to 2008, in hundreds."""
    source = require_extra("statsmodels.datasets.sunspots", "examples")
    return source.load_pandas().data["SUNACTIVITY"].to_numpy() / 100


def forecaster() -> tuple[sd.Tensor, sd.Tensor]:
    """Return the loss and the next year's number."""
    n = sd.Dim("n")
    x, y = sd.tensor("x", (n, YEARS, 1)), sd.tensor("y", (n, 1))
    h = sd.nn.rnn(x, 16, name="rnn")
    found = sd.nn.dense(h[:, YEARS - 1, :], 1, name="out")
    return ((found - y) ** 2).mean(), found


def forecast(*, epochs: int, seed: int) -> tuple[float, float]:
    """Return the root mean squared errors, in sunspots, of the network and of "as this year"."""
    loss, found = forecaster()
    print(sd.derive(loss, "rnn.U"), end="\n\n")
    windows = np.lib.stride_tricks.sliding_window_view(sunspots(), YEARS + 1)
    x, y = windows[:, :-1, None].copy(), windows[:, -1:].copy()
    model = sd.Model(loss, output=found, seed=seed)
    rate = sd.nn.CosineDecay(0.01, steps=epochs * -(-(len(x) - TESTED) // 16))
    train = {"x": x[:-TESTED], "y": y[:-TESTED]}
    model.fit(train, optimizer=sd.nn.Adam(rate), batch_size=16, epochs=epochs, seed=seed)
    error = np.sqrt(model.evaluate({"x": x[-TESTED:], "y": y[-TESTED:]})["loss"])
    same = np.sqrt(((x[-TESTED:, -1] - y[-TESTED:]) ** 2).mean())
    return 100 * float(error), 100 * float(same)


def surnames(seed: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return up to 400 names of each language, three quarters to learn from and the rest to test."""
    rng = np.random.default_rng(seed)
    parts: tuple[list[tuple[str, int]], list[tuple[str, int]]] = ([], [])
    for label, locale in enumerate(LOCALES.values()):
        provider = require_extra(f"faker.providers.person.{locale}", "examples").Provider
        names = sorted({plain(name) for name in provider.last_names} - {""})
        chosen = [names[i] for i in rng.permutation(len(names))[:400]]
        cut = len(chosen) * 3 // 4
        parts[0].extend((name, label) for name in chosen[:cut])
        parts[1].extend((name, label) for name in chosen[cut:])
    return arrays(parts[0]), arrays(parts[1])


def plain(name: str) -> str:
    """Return a name in small letters without accents, or nothing if it is too long or has other signs."""
    name = "".join(c for c in unicodedata.normalize("NFD", name.lower()) if not unicodedata.combining(c))
    return name if 0 < len(name) <= LONGEST and set(name) <= set(LETTERS) else ""


def arrays(pairs: list[tuple[str, int]]) -> dict[str, np.ndarray]:
    """Return letters as numbers, the names' lengths, and the languages."""
    return {
        "ids": np.array([[LETTERS.index(c) for c in name.ljust(LONGEST)] for name, _ in pairs]),
        "length": np.array([len(name) for name, _ in pairs]),
        "t": np.array([label for _, label in pairs]),
    }


def reader() -> tuple[sd.Tensor, sd.Tensor]:
    """Return the loss and the logits of the languages."""
    n = sd.Dim("n")
    ids = sd.tensor("ids", (n, LONGEST), dtype="int64")
    length, t = (sd.tensor(name, (n,), dtype="int64") for name in ("length", "t"))
    letters = sd.nn.embedding(ids, len(LETTERS), 16, name="letter")
    h, _ = sd.nn.bidirectional(sd.nn.lstm, letters, 32, name="lstm", lengths=length)
    logits = sd.nn.dense(sd.nn.last_state(h, bidirectional=True), len(LOCALES), name="out")
    return sd.nn.cross_entropy(logits, t), logits


def read_names(*, epochs: int, seed: int) -> tuple[float, float]:
    """Return the share of unseen surnames put to their language, and that of the most frequent language."""
    train, test = surnames(seed)
    loss, logits = reader()
    model = sd.Model(loss, output=logits, seed=seed)
    steps = sd.nn.CosineDecay(0.01, steps=epochs * -(-len(train["t"]) // 32))
    model.fit(train, optimizer=sd.nn.Adam(steps), batch_size=32, epochs=epochs, seed=seed)
    return model.evaluate(test)["accuracy"], float(np.bincount(test["t"]).max() / len(test["t"]))


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Foretell sunspots, read surnames."""
    parser = argparse.ArgumentParser(description="Recurrent layers on sunspots and surnames.")
    parser.add_argument("--epochs", type=int, default=60, help="on sunspots")
    parser.add_argument("--names", type=int, default=12, help="epochs on surnames")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)

    error, same = forecast(epochs=options.epochs, seed=options.seed)
    print(f"sunspots of the last {TESTED} years: error {error:.1f}, of the rule 'as this year' {same:.1f}")
    accuracy, most = read_names(epochs=options.names, seed=options.seed)
    print(f"unseen surnames put to their language: {accuracy:.1%}, by the most frequent alone {most:.1%}")
    return {"error": error, "same": same, "accuracy": accuracy, "most": most}


if __name__ == "__main__":
    main()
