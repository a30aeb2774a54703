"""Models of the ONNX format, read as equations and written from them.

Enters: a model in that format, or tensors. Leaves: a `Network` of tensors, or such a model. `reading` and
`operators/` are the way in, `writing/` is the way out; the package ``onnx`` is imported when one is taken.
"""
