# Weights of a model of two branches, of which Keras has the layers in another order than it was made: b, a, c.
import keras
import numpy as np

keras.utils.set_random_seed(1)
x = keras.Input((2,))
a = keras.layers.Dense(2, name="a")(x)
b = keras.layers.Dense(2, name="b")(x)
c = keras.layers.Dense(2, name="c")(b)
model = keras.Model(x, keras.layers.Subtract(name="sum")([a, c]))
model.save_weights("model.weights.h5")
print(model.predict(np.array([[1.0, 2.0]]), verbose=0))  # -0.4785372, 1.5446389
