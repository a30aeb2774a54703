"""differentiate: equations to equations. The adjoint rule, the tangent rule, rewrites, and the record.

Enters: a `Program`. Leaves: a `Program` that also computes derivatives, and a `Record` of how each derived
equation came about, which the explainer and the compiler both read.
"""
