"""The table: every operation and layer, and the public names that are none."""

from __future__ import annotations

from . import elementwise, layers, losses, reductions, sequences, shapes, transforms

CASES = (
    *elementwise.CASES,
    *shapes.CASES,
    *reductions.CASES,
    *losses.CASES,
    *layers.CASES,
    *sequences.CASES,
    *transforms.CASES,
)

SAME = {
    f"sd.{name}": f"nn.{name}"
    for name in ("leaky_relu", "log_softmax", "relu", "sigmoid", "softmax", "softplus", "tanh")
}
"""Names of one and the same function."""

_REASONS = {
    "makes what operations work on": "sd.Dim sd.Tensor sd.indices sd.parameter sd.parameters sd.tensor"
    " sd.ComplexTensor sd.complex_tensor"
    " sd.sums_to_one sd.fact sd.Normal sd.bfloat16",
    "explains or draws": "sd.Collection sd.Style sd.activation_figure sd.components sd.compose sd.derive"
    " sd.derive_expectation"
    " sd.error_curve sd.formula sd.origin sd.generic_gradient sd.generic_jacobian sd.layer_svg sd.two_spaces"
    " sd.unit_svg sd.worksheet sd.compare sd.annotate sd.update_rules",
    "needs a symbolic number of samples": "sd.per_sample_grad",
    "says what a tensor is": "Tensor.__bool__ Tensor.__len__ Tensor.ndim",
    "compiles, trains or checks": "sd.Model sd.check_gradients sd.compile sd.fit sd.load sd.target",
    "makes a function, which is tested by itself": "sd.function",
    "reads or writes another format": "sd.from_onnx sd.to_onnx",
    "is a module or an error": "sd.SymdlError sd.nn sd.train sd.fitting sd.plots",
    "hands functions to another library": "sd.to_torch sd.to_jax sd.flat",
    "updates parameters": "nn.Accumulated nn.Adadelta nn.Adafactor nn.Adagrad nn.Adam nn.AdamW nn.Adamax"
    " nn.Averaged nn.Clipped nn.Grouped nn.LAMB nn.LBFGS nn.Lion nn.Momentum nn.NAdam nn.Nesterov"
    " nn.Optimizer nn.RAdam nn.RMSProp nn.ReduceOnPlateau nn.SGD nn.state",
    "is a rate of the optimizers": "nn.CosineDecay nn.ExponentialDecay nn.StepDecay nn.WarmUp",
    "draws the first values of parameters": "nn.fill nn.glorot nn.he nn.uniform nn.zeros",
}
EXEMPT = {name: reason for reason, names in _REASONS.items() for name in names.split()}
"""Public names that are no operations, and what they are instead."""
