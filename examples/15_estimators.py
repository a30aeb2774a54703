"""Networks as estimators of scikit-learn: a pipeline, a grid search, a network of your own, components.

Wine is told apart by thirteen measurements. A grid search tries nine settings in five folds: 46 fits of a
network that is derived and compiled once. The same search runs over scikit-learn's own network, to compare.
A network of your own is a function of the inputs, and its mathematics is at hand after training. An
autoencoder stands in front of a classifier: four numbers that a network chose, in place of thirteen.

    python examples/15_estimators.py [--passes 200]
"""

from __future__ import annotations

import argparse
import time
import warnings
from typing import Any

from sklearn.datasets import load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import symdl as sd
from symdl.interop.sklearn import Autoencoder, Classifier


def normed(X: sd.Tensor, outputs: int) -> sd.Tensor:
    """A network: batch norm before its activation, and dropout after it."""
    h = sd.relu(sd.nn.batch_norm(sd.nn.dense(X, 50, name="hidden"), name="norm"))
    return sd.nn.dense(sd.nn.dropout(h, 0.2), outputs, name="output")


def searched(estimator: Any, rate: str, X: Any, y: Any) -> tuple[float, float]:
    """Return the best score of a grid search, and how much processor time it took."""
    path = type(estimator).__name__.lower()
    grid = {f"{path}__{rate}": [1e-3, 3e-3, 1e-2], f"{path}__alpha": [1e-4, 1e-3, 1e-2]}
    search = GridSearchCV(make_pipeline(StandardScaler(), estimator), grid, cv=5)
    start = time.process_time()
    search.fit(X, y)
    return float(search.best_score_), time.process_time() - start


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Search, train, look."""
    parser = argparse.ArgumentParser(description="Networks in scikit-learn's pipelines and searches.")
    parser.add_argument("--passes", type=int, default=200)
    options = parser.parse_args(arguments)
    X, y = load_wine(return_X_y=True)
    settings: dict[str, Any] = {"max_iter": options.passes, "random_state": 0}
    warnings.simplefilter("ignore", ConvergenceWarning)

    ours, ours_seconds = searched(Classifier(**settings), "learning_rate", X, y)
    theirs, theirs_seconds = searched(MLPClassifier(**settings), "learning_rate_init", X, y)
    print(f"46 fits of symdl's network:        accuracy {ours:.3f}, {ours_seconds:.1f} s of processor time")
    print(f"46 fits of scikit-learn's network: accuracy {theirs:.3f}, {theirs_seconds:.1f} s\n")

    own = make_pipeline(StandardScaler(), Classifier(network=normed, class_weight="balanced", **settings))
    score = float(cross_val_score(own, X, y, cv=5).mean())
    print(f"a network of one's own: accuracy {score:.3f}; what its last layer learns from:\n")
    print(sd.derive(own.fit(X, y)[-1].model_.loss, "output.b"), end="\n\n")

    coder = Autoencoder(4, network=(20,), activation="tanh", learning_rate=0.01, **settings)
    plain = LogisticRegression()
    few = float(cross_val_score(make_pipeline(StandardScaler(), coder, plain), X, y, cv=5).mean())
    print(f"logistic regression on 4 components: accuracy {few:.3f}")
    return {"ours": ours, "theirs": theirs, "own": score, "components": few}


if __name__ == "__main__":
    main()
