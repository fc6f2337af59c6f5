"""Saturated softmax and sigmoid heads: the cross-entropies of Keras 3.15.1 from their logits, and the gradients of the weights.

KERAS_BACKEND=jax python make_saturated.py > saturated.json
"""

import json

import jax
import jax.numpy as jnp
import keras
import numpy as np

X = np.array([[1.0, 0.5], [-0.25, 1.0], [0.75, -1.0], [0.0, 0.125]], "float32")
KERNEL = np.array([[40.0, -40.0, 3.0], [10.0, 90.0, -100.0]], "float32")
BIAS = np.array([0.5, -0.25, 0.0], "float32")
LABELS = np.array([1, 0, 0, 2])
WEIGHTS = np.array([1.0, 0.5, 2.0, 0.25], "float32")
YES = np.array([[0, 1, 1], [1, 0, 0], [0, 0, 1], [1, 1, 0]], "float32")


def case(loss, y, weights=None, scale=1.0):
    def mean(kernel, bias):
        return loss(y, X @ (kernel * scale) + bias, sample_weight=weights)

    value = mean(KERNEL, BIAS)
    grads = jax.grad(mean, (0, 1))(jnp.array(KERNEL), jnp.array(BIAS))
    return {
        "loss": float(value),
        "kernel": np.asarray(grads[0]).ravel().tolist(),
        "bias": np.asarray(grads[1]).ravel().tolist(),
    }


ONE_HOT = np.eye(3, dtype="float32")[LABELS]
losses = keras.losses
cases = {
    "sparse": case(losses.SparseCategoricalCrossentropy(from_logits=True), LABELS),
    "sparse_weighted": case(losses.SparseCategoricalCrossentropy(from_logits=True), LABELS, WEIGHTS),
    "categorical": case(losses.CategoricalCrossentropy(from_logits=True), ONE_HOT),
    "categorical_smooth": case(losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1), ONE_HOT, WEIGHTS),
    "binary": case(losses.BinaryCrossentropy(from_logits=True), YES),
    "binary_smooth": case(losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.2), YES, WEIGHTS),
}


# Not saturated, by the probabilities, as Keras computes it on JAX.
def probabilities(loss, activation, y):
    def mean(kernel, bias):
        return loss(y, activation(X @ (kernel * 0.01) + bias))

    grads = jax.grad(mean, (0, 1))(jnp.array(KERNEL), jnp.array(BIAS))
    return {
        "loss": float(mean(KERNEL, BIAS)),
        "kernel": (np.asarray(grads[0]) * 100.0).ravel().tolist(),
        "bias": np.asarray(grads[1]).ravel().tolist(),
    }


softmax, sigmoid = keras.activations.softmax, keras.activations.sigmoid
cases["mild_sparse"] = probabilities(losses.SparseCategoricalCrossentropy(), softmax, LABELS)
cases["mild_categorical"] = probabilities(losses.CategoricalCrossentropy(label_smoothing=0.1), softmax, ONE_HOT)
cases["mild_binary"] = probabilities(losses.BinaryCrossentropy(), sigmoid, YES)
cases["mild_focal"] = probabilities(losses.BinaryFocalCrossentropy(apply_class_balancing=True), sigmoid, YES)
print(json.dumps(cases, indent=1))
