"""Networks as estimators of scikit-learn: pipelines, grid search, cross-validation, calibration, stacking.

Enters: settings, and data as scikit-learn's estimators take them. Leaves: `Classifier`, `Regressor` and
`Autoencoder`, whose networks are hidden layers of given sizes or a function of your own::

    from symdl.interop.sklearn import Classifier

    search = GridSearchCV(Classifier(network=(50,)), {"learning_rate": [1e-3, 1e-2], "alpha": [1e-4, 1e-2]})

A network is derived and compiled once in a process, however many fits a search makes. What is trained is a
`symdl.Model`, its ``model_``, and ``sd.derive(fitted.model_.loss, "hidden1.W")`` prints its mathematics.
"""

from symdl.interop.sklearn.autoencoder import Autoencoder
from symdl.interop.sklearn.classifier import Classifier
from symdl.interop.sklearn.regressor import Regressor

__all__ = ["Autoencoder", "Classifier", "Regressor"]
