"""scikit-learn's own checks of estimators: all of them, with none that is expected to fail."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from symdl.interop.sklearn import Autoencoder, Classifier, Regressor


@pytest.mark.slow
@parametrize_with_checks([Classifier(), Regressor(), Autoencoder()])
def test_check(estimator: Any, check: Any) -> None:
    check(estimator)
