# %% [markdown]
# # Fitting a line
#
# Data $(x_i, y_i)$ and a line $\theta_1 x + \theta_2$. The loss of one sample is the square of the
# difference; its derivatives say how to change the parameters.

# %%
import matplotlib.pyplot as plt
import numpy as np
import sympy as sp

import symdl as sd

theta_1, theta_2, x_i, y_i, z_i = sp.symbols("theta_1 theta_2 x_i y_i z_i")
sd.derive(z_i**2, theta_1, where={z_i: y_i - theta_1 * x_i - theta_2}, name="L_i")

# %% [markdown]
# Gradient descent takes a step against the gradient:

# %%
theta = [sd.parameter("theta_1", ()), sd.parameter("theta_2", ())]
sd.update_rules(sd.nn.SGD(0.1), theta, loss="L_i")

# %% [markdown]
# ## All samples at once
#
# In index notation the line is a sum over samples; where the gradient is zero stand the normal equations.

# %%
n, d = sd.Dim("n"), sd.Dim("d")
X, w, y = sd.tensor("X", (n, d)), sd.tensor("w", (d,)), sd.tensor("y", (n,))
sd.derive(((X @ w - y) ** 2).sum(), w, depth="result")

# %% [markdown]
# ## Numbers
#
# `sd.fit` finds the line and says how sure it is; NumPy's least squares finds the same.

# %%
rng = np.random.default_rng(0)
points = np.linspace(0, 4, 30)
values = 1.5 * points - 1 + rng.normal(0, 0.4, 30)
u = sp.Symbol("u")
fit = sd.fit(theta_1 * u + theta_2, u=points, y=values, start={theta_1: 0, theta_2: 0})
fit

# %%
print(np.polyfit(points, values, 1))
figure, axes = plt.subplots(figsize=(5, 3), dpi=72, layout="constrained")
axes.plot(points, values, "o", ms=4)
axes.plot(points, np.polyval([fit.values["theta_1"], fit.values["theta_2"]], points))
axes.set(xlabel="x", ylabel="y")
plt.show()
