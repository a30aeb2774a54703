"""A graph network on Zachary's karate club: two labels are known, the rest follows from who knows whom.

Kipf and Welling, "Semi-supervised classification with graph convolutional networks" (2017). 34 members, 78
friendships; after a quarrel the club split between its instructor (member 1) and its president (member 34).
N is the adjacency, where each member is a friend of himself, too, divided by the roots of both degrees; S =
N N, so each layer reaches friends of friends (Wu et al., 2019). There are no features but who one is:

    H[i,u] = tanh(sum_j S[i,j] W[j,u]),   Z[i,c] = sum_j sum_u S[i,j] H[j,u] V[u,c]
    loss   = mean over the two known members of the cross-entropy

Zachary (1977) foretold the side of 33 of the 34 members, all but number 9, by the flow between the two
leaders.

    python examples/gallery/graph_network.py [--epochs 200] [--seed 0] [--target cpu]
"""

from __future__ import annotations

import argparse

import numpy as np

import symdl as sd

FRIENDS = {
    2: (1,), 3: (1, 2), 4: (1, 2, 3), 5: (1,), 6: (1,), 7: (1, 5, 6), 8: (1, 2, 3, 4), 9: (1, 3), 10: (3,),
    11: (1, 5, 6), 12: (1,), 13: (1, 4), 14: (1, 2, 3, 4), 17: (6, 7), 18: (1, 2), 20: (1, 2), 22: (1, 2),
    26: (24, 25), 28: (3, 24, 25), 29: (3,), 30: (24, 27), 31: (2, 9), 32: (1, 25, 26, 29),
    33: (3, 9, 15, 16, 19, 21, 23, 24, 30, 31, 32),
    34: (9, 10, 14, 15, 16, 19, 20, 21, 23, 24, 27, 28, 29, 30, 31, 32, 33),
}  # fmt: skip
"""The 78 friendships, each once."""
OF_THE_INSTRUCTOR = {*range(1, 10), *range(11, 15), 17, 18, 20, 22}
MEMBERS, UNITS = 34, 8


def friendships() -> np.ndarray:
    """Return S, two steps along friendships; each step is divided by the roots of both degrees."""
    A = np.eye(MEMBERS)
    for one, others in FRIENDS.items():
        for other in others:
            A[one - 1, other - 1] = A[other - 1, one - 1] = 1
    degree = A.sum(axis=1)
    N = A / np.sqrt(np.outer(degree, degree))
    both: np.ndarray = N @ N
    return both


def network() -> tuple[sd.Tensor, sd.Tensor]:
    """Return the loss of known members, and the logits of members by their numbers ``who``."""
    n = sd.Dim("n")
    who, t = sd.tensor("who", (n,), dtype="int64"), sd.tensor("t", (n,), dtype="int64")
    S = sd.constant(friendships(), name="S")
    W, V = sd.parameter("W", (MEMBERS, UNITS)), sd.parameter("V", (UNITS, 2))
    i, j, u, c = sd.indices("i j u c")
    H = sd.tanh(sd.define("mixed", (i, u), sd.Sum(S[i, j] * W[j, u], j)))
    G = sd.define("G", (i, c), sd.Sum(H[i, u] * V[u, c], u))
    Z = sd.define("Z", (i, c), sd.Sum(S[i, j] * G[j, c], j))
    logits = sd.take(Z, who)
    return sd.nn.cross_entropy(logits, t), logits


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Derive, train on two members, foretell all."""
    parser = argparse.ArgumentParser(description="A graph network that foretells how a club splits.")
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", default="cpu")
    options = parser.parse_args(arguments)

    loss, logits = network()
    print(sd.derive(loss, "W", depth="result"), end="\n\n")
    model = sd.Model(loss, output=logits, seed=options.seed, target=options.target)
    leaders = {"who": np.array([0, MEMBERS - 1]), "t": np.array([0, 1])}
    model.fit(leaders, optimizer=sd.nn.Adam(0.01), epochs=options.epochs, batch_size=2)
    guess = model.predict(who=np.arange(MEMBERS)).argmax(axis=1)
    real = np.array([member + 1 not in OF_THE_INSTRUCTOR for member in range(MEMBERS)])
    wrong = (np.flatnonzero(guess != real) + 1).tolist()
    print(f"foretold: {MEMBERS - len(wrong)} of {MEMBERS}, not member {wrong}; Zachary: 33, not member [9]")
    return {"right": MEMBERS - len(wrong)}


if __name__ == "__main__":
    main()
