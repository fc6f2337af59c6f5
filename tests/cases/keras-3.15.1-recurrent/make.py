"""Numbers of Keras's recurrent layers with activations and dropouts: `KERAS_BACKEND=jax python make.py > cases.json`."""
import json, math
import jax, jax.numpy as jnp, numpy as np
import keras
from keras import layers as L

ROWS, LENGTH, INPUTS, UNITS = 2, 4, 3, 2


def sines(shape, start):
    n = math.prod(shape)
    return np.array([0.8 * math.sin(i * 0.7 + start) for i in range(n)], "float32").reshape(shape)


MASK = np.array([[1, 1, 0, 1], [0, 1, 1, 1]], bool)


def scales(shape, start):
    """What a rate of a half leaves, in some order."""
    return np.array([2.0 * ((i * 5 + start) % 3 != 0) for i in range(math.prod(shape))], "float32").reshape(shape)


def case(name, cls, dropped=None, **options):
    layer = cls(UNITS, return_sequences=True, **options)
    x = sines((ROWS, LENGTH, INPUTS), 0.3)
    layer.build(x.shape)
    weights = [sines(w.shape, i + 1.0) for i, w in enumerate(layer.trainable_variables)]
    training = dropped is not None
    if training:
        gates = {L.LSTM: 4, L.GRU: 3, L.SimpleRNN: 1}[cls]
        count = gates if options.get("recurrent_dropout", 0) else 1
        of = lambda width, start: [scales((ROWS, width), start + i) for i in range(count)]
        inputs, states = of(INPUTS, 1), of(UNITS, 3)
        listed = lambda all: all if getattr(layer.cell, "dropout_mask_count", None) else all[0]

        def create(step, rate):
            return listed(inputs if step.shape[-1] == INPUTS else states)

        layer.cell._create_dropout_mask = create

    def loss(weights, x):
        y, _ = layer.stateless_call(weights, layer.non_trainable_variables, x, mask=MASK, training=training)
        return jnp.sum(y * sines(y.shape, 0.9)), y

    (_, y), (of_weights, of_x) = jax.value_and_grad(loss, (0, 1), has_aux=True)(weights, x)
    flat = lambda a: [float(f"{v:.8g}") for v in np.asarray(a).ravel()]
    return {
        "name": name, "config": json.loads(json.dumps(keras.saving.serialize_keras_object(layer))),
        "output": flat(y), "gradients": [flat(of_x)] + [flat(w) for w in of_weights],
    }


cases = []
for cls, more in [(L.LSTM, {}), (L.GRU, {}), (L.GRU, {"reset_after": False}), (L.SimpleRNN, {})]:
    kind = cls.__name__ + ("_before" if more else "")
    pairs = [("relu", "hard_sigmoid"), ("softsign", "sigmoid"), ("tanh", "softmax"), ("gelu", "linear"),
             ("log_softmax", "silu"), ("linear", "tanh"), ("elu", "softplus"), ("selu", "hard_silu")]
    for activation, gate in pairs:
        if cls is L.SimpleRNN and activation == "tanh":
            continue
        options = {"activation": activation} | ({} if cls is L.SimpleRNN else {"recurrent_activation": gate})
        cases.append(case(f"{kind}_{activation}_{gate}", cls, **options, **more))
    for dropout, recurrent in [(0.5, 0.0), (0.5, 0.5), (0.0, 0.5)]:
        name = f"{kind}_dropout_{dropout}_{recurrent}"
        cases.append(case(name, cls, True, dropout=dropout, recurrent_dropout=recurrent, **more))
print("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]")
