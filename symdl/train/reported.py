"""Models that write a page about themselves.

Enters: a model whose training step can be measured. Leaves: `ReportedModel`.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from symdl.train.choice import Optimizers
from symdl.train.history import History
from symdl.train.profiled import ProfiledModel


class ReportedModel(ProfiledModel):
    """A model that can be reported on; see `symdl.train.model.Model`."""

    def report(
        self,
        path: str | os.PathLike[str],
        *,
        history: History | None = None,
        data: Mapping[str, Any] | None = None,
        batch_size: int = 64,
        optimizer: Optimizers | None = None,
        title: str | None = None,
    ) -> Path:
        """Write one page about the model, which needs neither a network nor another file.

        It shows the network, data, parameters, the curves of training, the derivation of all gradients, those
        gradients computed in four ways, the generated kernels beside their equations, where the time of a
        training step goes, and its memory. Some seconds are spent on measuring; the model does not change.

        Args:
            path: of the page, such as ``"out.html"``.
            history: of a training; by default the last one.
            data: an array for each input by name, samples first; by default random numbers that fit.
            batch_size: samples in the step that is measured.
            optimizer: as of `profile`.
            title: of the page.

        Returns:
            The path.

        Raises:
            ArgumentError: data do not fit, or must be given.
            DataError: the file cannot be written.
            TrainingError: the loss depends on no parameter.

        Example:
            >>> path = model.report("digits.html", data=data)
        """
        # Pages are a later stage than training, and are imported when somebody asks for one.
        room = importlib.import_module("symdl.report.page")
        asked = room.Asked(history, data, batch_size, optimizer, title)
        written: Path = room.write(self, path, asked)
        return written
