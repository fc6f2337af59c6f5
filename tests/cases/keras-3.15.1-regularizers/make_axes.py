"""What Keras 3.15.1 makes of constraints over several axes: `KERAS_BACKEND=jax python make_axes.py > axes.json`."""

import json

import numpy as np
from keras import constraints as c

W = ((np.arange(2 * 3 * 2 * 3) % 7 - 3).reshape(2, 3, 2, 3) / 5.0 + 0.05).astype("float32")

made = [
    c.MaxNorm(0.7, axis=[0, 1, 2]),
    c.MaxNorm(0.7, axis=[0, 1]),
    c.MaxNorm(0.3, axis=-1),
    c.UnitNorm(axis=[0, 1, 2]),
    c.UnitNorm(axis=[3, -2]),
    c.MinMaxNorm(0.5, 0.9, rate=0.25, axis=[0, 1, 2]),
    c.MinMaxNorm(0.5, 0.9, rate=1.0, axis=2),
]
cases = [{
    "config": {"class_name": type(one).__name__, "config": one.get_config()},
    "value": np.asarray(one(W)).ravel().tolist(),
} for one in made]
print(json.dumps(cases))
