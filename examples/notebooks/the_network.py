# %% [markdown]
# # The network
#
# Images of digits, two hidden layers with ReLU, ten classes: $784 \to 100 \to 200 \to 10$.

# %%
from IPython.display import SVG

import symdl as sd

n = sd.Dim("n")
X, t = sd.tensor("X", (n, 784)), sd.tensor("t", (n,), dtype="int64")
h = sd.nn.dense(X, 100, activation=sd.relu, name="first")
h = sd.nn.dense(h, 200, activation=sd.relu, name="second")
logits = sd.nn.dense(h, 10, name="third")
loss = sd.nn.cross_entropy(logits, t)
SVG(sd.layer_svg(logits))

# %% [markdown]
# ## Where the loss comes from

# %%
sd.origin(loss)

# %% [markdown]
# ## The gradient of the first weights
#
# From the loss back to the first layer, in index form and in matrix form:

# %%
sd.derive(loss, "first.W")

# %% [markdown]
# ## Training
#
# The same equations, compiled. Here on scikit-learn's small digits, 8 by 8 pixels:

# %%
data = sd.train.datasets.digits()
x = sd.tensor("x", (n, 64))
small = sd.nn.dense(sd.nn.dense(x, 32, activation=sd.relu, name="first"), 10, name="second")
model = sd.Model(sd.nn.cross_entropy(small, t), output=small)
model.fit(
    {"x": data.X_train, "t": data.t_train},
    optimizer=sd.nn.Adam(0.01),
    epochs=6,
    validation=0.1,
    progress=False,
    test={"x": data.X_test, "t": data.t_test},
)

# %% [markdown]
# One step of the optimizer, as it is computed:

# %%
sd.nn.Adam(0.01)
