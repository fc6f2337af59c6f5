"""Options of layers inside others, with Keras 3.15.1: `KERAS_BACKEND=jax python make.py`."""

import json
import pathlib

import numpy as np
from keras import Input, Sequential
from keras.layers import LSTM, Bidirectional, Dense, Masking, TimeDistributed


def sines(shape, start):
    n = int(np.prod(shape))
    return (0.8 * np.sin(np.arange(n) * 0.7 + start)).reshape(shape).astype("float32")


lstm = LSTM(
    4, return_sequences=True, activation="relu", recurrent_activation="hard_sigmoid", use_bias=False, dropout=0.5,
    kernel_regularizer="l2", recurrent_constraint="unit_norm", name="lstm",
)
model = Sequential([
    Input((5, 3), name="x"),
    Masking(name="masking"),
    Bidirectional(lstm, name="both"),
    TimeDistributed(Dense(2, use_bias=False, name="dense"), name="head"),
])
model.set_weights([sines(w.shape, i + 1) for i, w in enumerate(model.get_weights())])
x = sines((2, 5, 3), 0.3)
x[0, 3:] = 0
x[1, 1] = 0
case = {
    "json": json.loads(model.to_json()),
    "x": x.flatten().tolist(),
    "output": np.asarray(model(x)).flatten().tolist(),
}
pathlib.Path(__file__).with_name("case.json").write_text(json.dumps(case) + "\n")
