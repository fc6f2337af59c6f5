"""Writes values.json: CTC of Keras 3.15.1 on JAX in double precision, and its gradients. Run it in this folder, with KERAS_BACKEND=jax."""
import json

import jax
import numpy as np

jax.config.update("jax_enable_x64", True)
import keras
from keras import ops

keras.config.set_floatx("float64")
# Keras promotes to single precision here, whatever the data; all else is as it is.
from keras.src.backend.jax import nn

nn.backend.result_type = lambda *_: "float64"
rng = np.random.default_rng(19)
cases = {}


def normal(*sizes):
    return np.round(rng.normal(size=sizes), 3)


def case(name, logits, labels, lengths):
    labels = np.array(labels, dtype="int32")
    count = (labels != 0).sum(axis=1)

    def loss(x):
        return ops.ctc_loss(labels, x, count, np.array(lengths), mask_index=0)

    x = jax.numpy.array(logits)
    gradient = jax.grad(lambda x: loss(x).sum())(x)
    cases[name] = {
        "logits": logits.ravel().tolist(),
        "sizes": list(logits.shape),
        "labels": labels.tolist(),
        "lengths": lengths,
        "value": np.array(loss(x)).tolist(),
        "grad": np.array(gradient).ravel().tolist(),
    }


case("plain", normal(2, 5, 4), [[1, 2, 0], [3, 1, 2]], [5, 5])
case("lengths", normal(3, 6, 4), [[1, 2, 3], [2, 0, 0], [3, 3, 0]], [6, 2, 4])
case("repeats", normal(2, 5, 3), [[1, 1], [2, 2]], [5, 3])
case("impossible", normal(4, 3, 3), [[1, 1, 1], [1, 2, 1], [2, 2, 0], [2, 0, 0]], [3, 2, 2, 0])
case("empty", normal(2, 4, 3), [[0, 0], [1, 0]], [4, 4])
case("certain", 40 * normal(2, 4, 3), [[1, 2], [2, 0]], [4, 3])
x = np.array(cases["plain"]["logits"]).reshape(cases["plain"]["sizes"])
weights = np.array([0.5, 2.0])
labels = np.array(cases["plain"]["labels"])
for reduction in ["sum_over_batch_size", "sum", "mean_with_sample_weight"]:
    loss = keras.losses.CTC(reduction=reduction)
    cases["plain"][reduction] = float(loss(labels, x, sample_weight=weights))
p = np.array(ops.softmax(normal(4, 3)))
labels = np.array([2, 0, 1, 1], dtype="int32")
loss = lambda p: keras.losses.categorical_generalized_cross_entropy(labels, p, 0.7)
cases["gce"] = {
    "p": p.ravel().tolist(),
    "labels": labels.tolist(),
    "value": np.array(loss(p)).tolist(),
    "grad": np.array(jax.grad(lambda p: loss(p).sum())(jax.numpy.array(p))).ravel().tolist(),
}
with open("values.json", "w") as file:
    json.dump(cases, file)
