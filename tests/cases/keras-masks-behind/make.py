"""Models in which a masked attention is behind another by residual connections, and what Keras 3.15.1 on JAX answers.

KERAS_BACKEND=jax python make.py
"""

import keras
import numpy as np
from keras import layers as L


def model(dropout, pool):
    ids = L.Input((6,), dtype="int32", name="ids")
    x = L.Embedding(10, 8, mask_zero=True, name="words")(ids)
    a = L.MultiHeadAttention(2, 4, dropout=dropout, name="first")(x, x)
    s = L.Add(name="sum1")([x, a])
    n = L.LayerNormalization(name="norm1")(s)
    b = L.MultiHeadAttention(2, 4, dropout=dropout, name="second")(n, n)
    s = L.Add(name="sum2")([n, b])
    if pool:
        s = L.GlobalAveragePooling1D(name="mean")(s)
    return keras.Model(ids, L.Dense(3, name="head")(s))


ids = np.array([[1, 2, 3, 0, 0, 0], [4, 5, 6, 7, 0, 0], [0, 8, 9, 1, 0, 2]])
for name, dropout, pool in [("steps", 0.1, False), ("means", 0.0, False), ("pooled", 0.1, True)]:
    random = np.random.RandomState(1)
    net = model(dropout, pool)
    net.set_weights([random.uniform(-0.9, 0.9, w.shape).astype("float32") for w in net.get_weights()])
    net.save(f"{name}.keras")
    print(name, [round(float(y), 6) for y in net.predict(ids, verbose=0).reshape(-1)])
