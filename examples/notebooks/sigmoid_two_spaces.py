# %% [markdown]
# # The sigmoid, and the two spaces
#
# $\sigma(x) = 1/(1 + e^{-x})$ squeezes a line between 0 and 1; its derivative is made of itself.

# %%
import matplotlib.pyplot as plt
import numpy as np
import sympy as sp

import symdl as sd

# Figures are shown where a cell ends with one.
plt.switch_backend("module://matplotlib_inline.backend_inline")
x = sp.Symbol("x")
sd.derive(1 / (1 + sp.exp(-x)), x, name="sigma")

# %%
sigmoid, softplus = 1 / (1 + sp.exp(-x)), sp.log(1 + sp.exp(x))
functions = {"sigmoid": sigmoid, "tanh": sp.tanh(x), "softplus": softplus, "relu": sp.Max(x, 0)}
figure = sd.activation_figure(functions)
figure.set_dpi(60)
figure

# %% [markdown]
# ## A curve fitted through it
#
# The chain rule has one more link:

# %%
theta_1, theta_2, x_i, y_i, z_i = sp.symbols("theta_1 theta_2 x_i y_i z_i")
delta, yhat = sp.symbols("Delta_i yhat_i")
curve = {delta: z_i - y_i, z_i: 1 / (1 + sp.exp(-yhat)), yhat: theta_1 * x_i + theta_2}
sd.derive(delta**2, theta_1, where=curve, name="L_i")

# %% [markdown]
# ## The two spaces
#
# In the space of the data the curve moves towards the points; in the space of the parameters a point walks
# downhill on the loss. Both are the same descent.

# %%
points = np.linspace(-3, 3, 25)
values = 1 / (1 + np.exp(-(2 * points - 1)))
y = sp.Symbol("y")
loss = sd.compile((sigmoid.subs(x, theta_1 * x + theta_2) - y) ** 2, wrt=[theta_1, theta_2])
path = [np.array([-1.0, 1.0])]
for _ in range(150):
    one, two = path[-1]
    _, slopes = loss(x=points, y=values, theta_1=one, theta_2=two)
    path.append(path[-1] - 4.0 * np.array([np.mean(slopes["theta_1"]), np.mean(slopes["theta_2"])]))
figure = sd.two_spaces(points, values, lambda x, a, b: 1 / (1 + np.exp(-(a * x + b))), np.array(path))
figure.set_dpi(60)
figure
