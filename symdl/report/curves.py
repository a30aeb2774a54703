"""The curves of a training.

Enters: a history. Leaves: charts: losses, and what else was followed.
"""

from __future__ import annotations

import math

from symdl.report.charts import Series, chart
from symdl.train.history import History

_TOGETHER = 30.0
"""How many times the smallest loss the largest may be, for an axis without powers of ten."""


def curves(history: History) -> list[str]:
    """Return the charts of a training: loss, accuracy, and one of each other number that was followed."""
    epochs = history.epochs

    def series(name: str, words: str) -> Series:
        return Series(words, [(e.number, e.row[name]) for e in epochs if name in e.row])

    best = (float(history.best_epoch), f"best epoch: {history.best_epoch}")
    losses = [series("loss", "training"), series("validation_loss", "validation")]
    values = [y for s in losses for _, y in s.points if math.isfinite(y)]
    log = bool(values) and min(values) > 0 and max(values) > _TOGETHER * min(values)
    charts = [chart("loss over the epochs", losses, x="epoch", y="loss", log_y=log, mark=best)]
    charts.append(
        chart(
            "accuracy over the epochs", [series("accuracy", "validation")], x="epoch", y="accuracy", mark=best
        )
    )
    for name in epochs[0].values:
        own = [series(name, "training"), series(f"validation_{name}", "validation")]
        charts.append(chart(f"{name} over the epochs", own, x="epoch", y=name, mark=best))
    return [svg for svg in charts if svg]
