"""Makes `colors.json` beside this file: what more layers of Keras 3.15.1 make of images, with shifts and factors that are given.

KERAS_BACKEND=jax python make_colors.py
"""

import json
import pathlib

import keras
import numpy as np
from keras import layers as L

rng = np.random.default_rng(11)
images = rng.uniform(size=(3, 5, 4, 2)).astype("float32")
down, right = np.array([0.13, -0.4, 0.0]), np.array([0.3, -0.55, 0.2])
factors = np.array([0.5, 1.7, 1.0], "float32").reshape(3, 1, 1, 1)
added = np.array([0.25, -0.5, 0.0], "float32").reshape(3, 1, 1, 1)


def lists(x):
    return np.asarray(x, "float64").round(7).tolist()


case = {
    "input": lists(images), "down": lists(down), "right": lists(right), "factors": lists(factors.ravel()), "added": lists(added.ravel()),
    "shifted": {}, "configs": {},
}
shift = {"translations": np.stack([right * 4, down * 5], 1).astype("float32"), "input_shape": images.shape}
for fill in ["reflect", "wrap", "constant", "nearest"]:
    for interpolation in ["bilinear", "nearest"]:
        layer = L.RandomTranslation(0.0, 0.0, fill, interpolation, fill_value=0.5)
        case["shifted"][f"{fill} {interpolation}"] = lists(layer._translate_inputs(images, shift, interpolation))
contrast, brightness = L.RandomContrast(0.2, value_range=(0, 1)), L.RandomBrightness(0.2, value_range=(0, 1))
case["contrast"] = lists(contrast.transform_images(images, {"contrast_factor": factors}, training=True))
case["brightness"] = lists(brightness.transform_images(images, {"rgb_delta": added}, training=True))
for layer in [L.RandomTranslation(0.2, (-0.1, 0.3), "constant", fill_value=1.5, seed=1), contrast, brightness]:
    case["configs"][type(layer).__name__] = json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))
pathlib.Path(__file__).with_name("colors.json").write_text(json.dumps(case, indent=1) + "\n")
