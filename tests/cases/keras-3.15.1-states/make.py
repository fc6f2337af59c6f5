"""States of vectors to begin with, with Keras 3.15.1: `KERAS_BACKEND=jax python make.py`."""

import pathlib

import numpy as np
from keras import Input, Model
from keras.layers import GRU, LSTM, Dense

x, start = Input((None, 2), name="x"), Input((5,), name="start")
h, c = Dense(4, name="h")(start), Dense(4, name="c")(start)
y, _, state = LSTM(4, return_sequences=True, return_state=True, name="lstm")(x, initial_state=[h, c])
vector = Dense(3, name="vector")(state)
model = Model([x, start], GRU(3, name="gru")(y, initial_state=[vector]))


def values(start, shape):
    n = int(np.prod(shape))
    return (np.sin(np.arange(start, start + n) * 0.7 + 0.3) * 0.8).reshape(shape).astype("float32")


at, weights = 1, []
for weight in model.get_weights():
    weights.append(values(at, weight.shape))
    at += weight.size
model.set_weights(weights)
print([weight.path for weight in model.weights])
print(np.asarray(model([values(1, (2, 3, 2)), values(9, (2, 5))])).tolist())
pathlib.Path(__file__).with_name("parts.json").write_text(model.to_json() + "\n")
