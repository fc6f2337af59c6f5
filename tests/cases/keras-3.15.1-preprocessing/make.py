"""Makes `case.json` beside this file: what preprocessing layers of Keras 3.15.1 answer.

KERAS_BACKEND=jax python make.py
"""

import json
import pathlib

import keras
import numpy as np
from keras import layers as L

rng = np.random.default_rng(7)
case = {}


def lists(x):
    return np.asarray(x, "float64").round(7).tolist()


def config(layer, *inputs):
    layer(*inputs)
    return json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))


# Normalization: features with large means, one that is constant, sequences.
data = (rng.normal(size=(12, 3)) * [1, 5, 0] + [0, 100, 3]).astype("float32")
steps = rng.normal(size=(4, 5, 3)).astype("float32")
case["normalization"] = []
for x, adapted in [(data, data), (steps, steps)]:
    layer, back = L.Normalization(), L.Normalization(invert=True)
    layer.adapt(adapted)
    back.adapt(adapted)
    case["normalization"].append({
        "data": lists(adapted), "mean": lists(np.ravel(layer.mean)), "variance": lists(np.ravel(layer.variance)),
        "output": lists(layer(x)), "inverted": lists(back(x)), "config": config(layer, x),
        "weights": [[w.name, list(w.shape)] for w in layer.weights],
    })

pixels = rng.integers(0, 256, size=(2, 3)).astype("float32")
layer = L.Rescaling(1.0 / 127.5, offset=-1.0)
case["rescaling"] = {"input": lists(pixels), "output": lists(layer(pixels)), "config": config(layer, pixels)}

# CategoryEncoding.
ids = np.array([[0, 1, 1], [3, 2, 3]])
weights = np.array([[0.5, 1.0, 2.0], [1.0, 0.25, 4.0]])
case["category_encoding"] = {
    "ids": ids.tolist(), "weights": lists(weights),
    "multi_hot": lists(L.CategoryEncoding(4, "multi_hot")(ids)),
    "count": lists(L.CategoryEncoding(4, "count")(ids)),
    "weighted": lists(L.CategoryEncoding(4, "count")(ids, count_weights=weights)),
    "one_hot": lists(L.CategoryEncoding(4, "one_hot")(ids)),
    "config": json.loads(json.dumps(keras.saving.serialize_keras_object(L.CategoryEncoding(4, "count")))),
}

# Transformations of images, by angles and zooms that are given.
images = rng.normal(size=(3, 5, 4, 2)).astype("float32")
angles = np.array([30.0, -75.0, 180.0], "float32")
zooms = (np.array([[0.7], [1.3], [1.0]], "float32"), np.array([[1.2], [0.6], [1.0]], "float32"))
case["images"] = {"input": lists(images), "angles": lists(angles), "height": lists(zooms[0][:, 0]),
                  "width": lists(zooms[1][:, 0]), "rotated": {}, "zoomed": {}, "configs": {}}
for fill in ["reflect", "wrap", "constant", "nearest"]:
    for interpolation in ["bilinear", "nearest"]:
        # "nearest" goes one way or the other where two pixels are equally near: no such angles.
        r = L.RandomRotation(0.5, fill, interpolation, fill_value=0.5)
        zero = np.zeros(3, "float32")
        matrix = r._compute_affine_matrix(0.5, 0.5, angles, zero, zero, zero + 1, zero, zero, 5, 4)
        y = r.transform_images(images, {"rotation_matrix": matrix})
        case["images"]["rotated"][f"{fill} {interpolation}"] = lists(y)
        z = L.RandomZoom(0.5, 0.5, fill, interpolation, fill_value=0.5)
        y = z.transform_images(images, {"height_zoom": zooms[0], "width_zoom": zooms[1]})
        case["images"]["zoomed"][f"{fill} {interpolation}"] = lists(y)
crop = L.RandomCrop(3, 2, seed=1)
case["images"]["cropped"] = lists(crop(images, training=False))
for layer in [L.RandomFlip("horizontal", seed=1), L.RandomRotation((-0.1, 0.2), seed=1),
              L.RandomZoom(0.2, (-0.1, 0.3), "constant", fill_value=1.5, seed=1), crop]:
    name = type(layer).__name__
    case["images"]["configs"][name] = json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))

path = pathlib.Path(__file__).parent / "case.json"
path.write_text(json.dumps(case) + "\n")
