"""What Keras 3.15.1 makes of activity regularizers (it forgets that of a SimpleRNN): `KERAS_BACKEND=jax python make_activity.py > activity.json`."""

import json

import numpy as np
from keras import Input, Sequential, layers as L, optimizers, regularizers as r

X = np.array([[[1, 0.5], [-1, 2], [0.3, 0.7]], [[0.2, -0.4], [2, 1], [0, 1]], [[-1, -1], [0.5, 0.5], [1, -2]]], "float32")
Y = np.array([[1.0], [-2.0], [0.5]], "float32")


def ramp(shape):
    return (np.arange(np.prod(shape)) % 7 - 3).reshape(shape) / 5.0 + 0.05


model = Sequential([
    Input((3, 2)),
    L.LSTM(3, return_sequences=True, activity_regularizer=r.L1(0.05), name="first"),
    L.GRU(2, activity_regularizer=r.L2(0.2), kernel_regularizer=r.L2(0.1), name="second"),
    L.Dense(1, activity_regularizer=r.L1L2(0.02, 0.03), trainable=False, name="head"),
])
model.set_weights([ramp(w.shape) for w in model.get_weights()])
model.compile(optimizers.SGD(0.05), loss="mse")
before = model.evaluate(X, Y, verbose=0)
history = model.fit(X, Y, batch_size=2, epochs=3, shuffle=False, verbose=0, validation_data=(X[:2], Y[:2])).history
print(json.dumps({
    "before": before, "history": history, "json": json.loads(model.to_json()),
    "weights": {v.path.replace("/", ".").replace("lstm_cell.", "").replace("gru_cell.", ""): np.asarray(v).ravel().tolist() for v in model.weights},
}, indent=1))
