"""A model of Keras 3.15.1 that begins with layers which prepare images: `KERAS_BACKEND=jax python make_images.py`, in this folder."""

import json

from keras import Input, Sequential, layers as L

model = Sequential([
    Input((8, 8, 3)),
    L.Rescaling(1 / 255, offset=-0.5, name="rescale"),
    L.Normalization(name="norm"),
    L.RandomFlip("horizontal", name="flip"),
    L.RandomRotation(0.1, fill_mode="constant", fill_value=0.5, name="turn"),
    L.RandomZoom((-0.2, 0.1), 0.3, interpolation="nearest", name="zoom"),
    L.RandomCrop(6, 4, seed=1, name="crop"),
    L.GlobalAveragePooling2D(name="pool"),
    L.Dense(2, name="head"),
])
with open("images.json", "w") as file:
    json.dump(json.loads(model.to_json()), file, indent=1)
