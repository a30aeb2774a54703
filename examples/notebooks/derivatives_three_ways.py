# %% [markdown]
# # A derivative, three ways
#
# By rules, by differences, by the chain rule along a computation graph: three ways to one number. The
# function is $f(x, y, z) = \sin(x^2 y) + e^z$.

# %%
import matplotlib.pyplot as plt
import sympy as sp

import symdl as sd

x, y, z = sp.symbols("x y z")
f = sp.sin(x**2 * y) + sp.exp(z)

# %% [markdown]
# ## Symbolically
#
# Each node of the graph has a local derivative; along a path they are multiplied, the paths are added.

# %%
sd.derive(f, y)

# %% [markdown]
# The total differential asks how $f$ changes when all of its variables do:

# %%
sd.derive(f, [x, y, z], form="differential", depth="result")

# %% [markdown]
# ## By differences
#
# $(f(y + \delta) - f(y - \delta))/2\delta$ gets better as $\delta$ gets smaller, until rounding takes over.

# %%
curve = sd.error_curve(f, y, {x: 1.3, y: 0.7, z: -0.4})
figure, axes = plt.subplots(figsize=(5, 3), dpi=72, layout="constrained")
axes.loglog(curve.deltas, curve.errors, "o-", ms=3)
axes.set(xlabel=r"$\delta$", ylabel="relative error", title="central differences")
plt.show()

# %% [markdown]
# ## All of them, and the compiled code
#
# Automatic differentiation is the chain rule with numbers in place of formulas. The last column is the code
# that symdl makes of the derivation.

# %%
sd.check_gradients(f, at={"x": 1.3, "y": 0.7, "z": -0.4})
