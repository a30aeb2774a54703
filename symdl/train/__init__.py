"""train: data sets, models that learn, and what happened while they did.

Enters: a loss as a tensor, and data. Leaves: trained parameters and a `History`.
"""

from symdl.train import datasets
from symdl.train.callbacks import Callback, print_epochs, save_epochs, stop_at
from symdl.train.feeds.source import Feed
from symdl.train.feeds.tables import columns
from symdl.train.history import Batch, Epoch, History
from symdl.train.model import Model
from symdl.train.trainer import Trainer
from symdl.train.writers import TensorBoard, write_csv

__all__ = [
    "Batch",
    "Callback",
    "Epoch",
    "History",
    "Model",
    "Feed",
    "TensorBoard",
    "Trainer",
    "columns",
    "datasets",
    "print_epochs",
    "save_epochs",
    "stop_at",
    "write_csv",
]


def __dir__() -> list[str]:
    return sorted(__all__)
