# %% [markdown]
# # Part II: autoencoders, convolutions, sequences, attention
#
# What was said of the network holds for all of these: the forward pass is a few equations, the backward
# pass is derived.

# %%
import symdl as sd

n = sd.Dim("n")

# %% [markdown]
# ## An autoencoder
#
# $n$ samples are squeezed through two numbers and drawn again.

# %%
X = sd.tensor("X", (n, 8))
code = sd.nn.dense(X, 2, name="encoder")
sd.derive(((sd.nn.dense(code, 8, name="decoder") - X) ** 2).mean(), "encoder.W", depth="result")

# %% [markdown]
# ## A convolution
#
# The gradient of the weights is a correlation of inputs and gradients, and no shape had to be thought of.

# %%
image = sd.tensor("image", (n, 1, 8, 8))
maps = sd.nn.conv2d(image, 4, kernel_size=3, name="conv")
sd.derive((sd.relu(maps) ** 2).mean(), "conv.W", depth="result")

# %% [markdown]
# ## A sequence
#
# A recurrent layer reads its own last state; the loop stays a loop, and its gradient runs backwards.

# %%
words = sd.tensor("words", (n, 12, 5))
states = sd.nn.rnn(words, 6, name="rnn")
sd.derive((states[:, -1] ** 2).mean(), "rnn.U")

# %% [markdown]
# ## Attention
#
# Every position asks every other: a softmax of products of queries and keys weighs the values.

# %%
q, k, v = (sd.tensor(name, (7, 4)) for name in "qkv")
seen = sd.softmax(q @ k.T / 2) @ v
sd.derive((seen**2).sum() / 2, q, depth="result")
