"""Trains the model of this example with Keras 3: how many vowels has a word?"""

import keras
import numpy as np
from keras import layers

LETTERS = "abcdefghijklmnopqrstuvwxyz"
LENGTH = 12

keras.utils.set_random_seed(1)
random = np.random.default_rng(1)
lengths = random.integers(1, LENGTH + 1, 20_000)
vowel = random.random((20_000, LENGTH)) < 0.4
ids = np.where(vowel, random.choice([1, 5, 9, 15, 21], vowel.shape), random.integers(1, 27, vowel.shape))
ids = np.where(np.arange(LENGTH) < lengths[:, None], ids, 0)
counts = np.isin(ids, [LETTERS.index(letter) + 1 for letter in "aeiou"]).sum(axis=1)

model = keras.Sequential(
    [
        keras.Input((LENGTH,), dtype="int32"),
        layers.Embedding(27, 4, mask_zero=True, name="letters"),
        layers.GRU(8, name="reader"),
        layers.Dense(1, name="count"),
    ]
)
model.compile(keras.optimizers.Adam(0.01), "mse")
model.fit(ids, counts, batch_size=64, epochs=12, verbose=2)
model.save("vowels.keras")

words = ["banana", "rhythm", "onomatopoeia", "kerata"]
rows = [[LETTERS.index(c) + 1 for c in word] + [0] * (LENGTH - len(word)) for word in words]
print(dict(zip(words, model.predict(np.array(rows), verbose=0).ravel().tolist())))
