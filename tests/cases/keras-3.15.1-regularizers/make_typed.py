"""A model of Keras 3.15.1 with regularizers and constraints in layers of each kind, and its penalty for weights in a ramp:
`KERAS_BACKEND=jax python make_typed.py`, in this folder."""

import json

import numpy as np
from keras import Input, Sequential, constraints as c, layers as L, regularizers as r

model = Sequential([
    Input((6,), dtype="int32"),
    L.Embedding(9, 4, embeddings_regularizer="l2", embeddings_constraint=c.MaxNorm(3, axis=1), activity_regularizer=r.L1(0.03),
                name="embed"),
    L.Conv1D(4, 2, kernel_regularizer=r.L1L2(1e-5, 0.1), kernel_constraint=c.UnitNorm([0]), bias_constraint="non_neg", name="conv"),
    L.BatchNormalization(gamma_regularizer=r.L1(0.2), beta_constraint=c.NonNeg(), name="norm"),
    L.TimeDistributed(L.Dense(4, bias_regularizer=r.L2(0.7)), name="each"),
    L.Dense(3, kernel_regularizer=r.OrthogonalRegularizer(0.4), name="wide"),
    L.Bidirectional(L.LSTM(2, kernel_regularizer=r.L2(0.05), recurrent_constraint=c.UnitNorm(),
                           recurrent_regularizer=r.OrthogonalRegularizer(0.3, mode="columns")), name="both"),
    L.Dense(1, kernel_constraint=c.MinMaxNorm(0.4, 0.8, rate=0.5), activity_regularizer=r.L2(0.5), name="head"),
])
model.set_weights([(np.arange(np.prod(w.shape)) % 7 - 3).reshape(w.shape) / 5.0 + 0.05 for w in model.get_weights()])
layers = {layer.name: float(sum(layer.losses)) for layer in model.layers}
with open("typed.json", "w") as file:
    json.dump(json.loads(model.to_json()), file, indent=1)
print(layers, sum(layers.values()))
