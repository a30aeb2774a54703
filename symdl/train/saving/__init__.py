"""Models as files.

Enters: a model. Leaves: one file in the format of safetensors, which holds the arrays under the parameters'
names and, in its header, the equations, the optimizer, the random state and the history as JSON; and the
model again.
"""

from symdl.train.saving.model_file import opened, read_model, save_model, save_weights
from symdl.train.saving.modules import load_module, state_of_module
from symdl.train.saving.taking import Taken, take

__all__ = [
    "Taken",
    "load_module",
    "opened",
    "read_model",
    "save_model",
    "save_weights",
    "state_of_module",
    "take",
]
