"""What Keras 3.15.1 on JAX answers for `Attention` and `AdditiveAttention`, and its gradients.

KERAS_BACKEND=jax python make.py
"""

import json

import jax
import jax.numpy as jnp
import keras
import numpy as np
from keras import layers as L

random = np.random.RandomState(5)
numbers = lambda *sizes: random.uniform(-1, 1, sizes).astype("float32")
q, v, k = numbers(2, 3, 2), numbers(2, 4, 3), numbers(2, 4, 2)
slopes = {3: numbers(2, 3, 3), 2: numbers(2, 3, 2)}
masks = [np.array(m, bool) for m in ([[1, 1, 0], [0, 1, 1]], [[1, 1, 0, 1], [0, 1, 1, 0]])]
cases = []
for name, layer, keyed, masked, causal in [
    ("Attention", L.Attention(), True, False, False),
    ("Attention", L.Attention(), False, True, False),
    ("Attention", L.Attention(use_scale=True), True, True, False),
    ("Attention", L.Attention(use_scale=True), False, False, True),
    ("AdditiveAttention", L.AdditiveAttention(), True, True, False),
    ("AdditiveAttention", L.AdditiveAttention(), False, False, True),
    ("AdditiveAttention", L.AdditiveAttention(use_scale=False), False, True, False),
]:
    inputs = [q, v, k] if keyed else [q, k]
    mask = [masks[0], masks[1]] + ([masks[1]] if keyed else []) if masked else None
    layer([jnp.array(x) for x in inputs])
    scale = [numbers(*w.shape) for w in layer.get_weights()]
    slope = slopes[inputs[1].shape[2]]

    def loss(scale, inputs):
        y, _ = layer.stateless_call(scale, [], inputs, mask=mask, use_causal_mask=causal)
        return jnp.sum(y * slope), y

    gradients, y = jax.grad(loss, (0, 1), has_aux=True)(scale, inputs)
    flat = lambda x: [float(n) for n in np.asarray(x).reshape(-1)]
    cases.append({
        "class": name, "keyed": keyed, "masked": masked, "causal": causal, "use_scale": bool(scale),
        "scale": [flat(s) for s in scale], "inputs": [flat(x) for x in inputs], "slope": flat(slope), "y": flat(y),
        "d_scale": [flat(s) for s in gradients[0]], "d_inputs": [flat(x) for x in gradients[1]],
    })
json.dump(cases, open("cases.json", "w"), indent=1)
print(len(cases))
