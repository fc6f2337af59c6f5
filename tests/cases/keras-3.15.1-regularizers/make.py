"""What Keras 3.15.1 makes of regularizers and constraints: `KERAS_BACKEND=jax python make.py > rules.json`."""

import json

import numpy as np
from keras import Input, Sequential, constraints as c, layers as L, optimizers, regularizers as r

X = np.array([[[1, 0.5], [-1, 2], [0.3, 0.7]], [[0.2, -0.4], [2, 1], [0, 1]], [[-1, -1], [0.5, 0.5], [1, -2]]], "float32")
Y = np.array([[1.0], [-2.0], [0.5]], "float32")


def ramp(shape):
    """Values that are easy to write down again. None is 0, where the derivative of a magnitude is another in each backend."""
    return (np.arange(np.prod(shape)) % 7 - 3).reshape(shape) / 5.0 + 0.05


model = Sequential([
    Input((3, 2)),
    L.SimpleRNN(3, kernel_regularizer=r.L1(0.02), recurrent_regularizer=r.OrthogonalRegularizer(0.1),
                recurrent_constraint=c.UnitNorm(), bias_regularizer=r.L2(0.3), name="rnn"),
    L.Dense(4, kernel_regularizer=r.L1L2(0.01, 0.03), kernel_constraint=c.MaxNorm(0.6), bias_constraint=c.NonNeg(),
            name="hidden"),
    L.Dense(2, kernel_regularizer=r.OrthogonalRegularizer(0.2, mode="columns"),
            kernel_constraint=c.MinMaxNorm(0.4, 0.8, rate=0.5, axis=1), name="wide"),
    L.Dense(1, kernel_regularizer=r.L2(0.5), trainable=False, name="head"),
])
model.set_weights([ramp(w.shape) for w in model.get_weights()])
model.compile(optimizers.SGD(0.05), loss="mse")
before = model.evaluate(X, Y, verbose=0)
history = model.fit(X, Y, batch_size=2, epochs=3, shuffle=False, verbose=0, validation_data=(X[:2], Y[:2])).history
print(json.dumps({
    "before": before, "history": history, "json": json.loads(model.to_json()),
    "weights": {v.path.replace("/", ".").replace("simple_rnn_cell.", ""): np.asarray(v).ravel().tolist() for v in model.weights},
}, indent=1))
