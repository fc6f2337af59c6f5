"""Makes the cases beside this file: models of branches, what Keras 3.15.1 answers, and its gradients.

KERAS_BACKEND=jax python make.py [name ..]

A case has `model.json`, which is `model.to_json()`, and `tensors.safetensors`: for each layer the weights in Keras's
order as `weight.PATH.N`, `input.N`, `output.N`, `mask.N` of the outputs that have one, and, where the model is
differentiated, `gradient.PATH.N` of the loss, which is the mean of the squares of the only output.
"""

import json
import pathlib
import sys

import jax
import keras
import numpy as np
from keras import Input, Model, layers as L

DTYPES = {"float32": "F32", "int32": "I32", "bool": "BOOL"}


def save_file(tensors, path):
    """Writes `.safetensors`."""
    header, data = {}, b""
    for name, values in sorted(tensors.items()):
        raw = values.tobytes()
        offsets = [len(data), len(data) + len(raw)]
        shape = list(values.shape)
        header[name] = {"dtype": DTYPES[str(values.dtype)], "shape": shape, "data_offsets": offsets}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


HERE = pathlib.Path(__file__).parent
CASES = []


def case(make):
    CASES.append(make)
    return make


def leaves(model, path=""):
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from leaves(layer, f"{path}{layer.name}/")
        else:
            yield path + layer.name, layer


def weights(layer):
    return [w for w in layer.weights if "seed_generator" not in w.path]


def write(name, model, inputs, gradients=False):
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(sum(map(ord, name)))
    tensors = {}
    for path, layer in leaves(model):
        for i, weight in enumerate(weights(layer)):
            values = rng.normal(0, 0.5, weight.shape)
            if "variance" in weight.path:
                values = np.abs(values) + 0.1
            if weight.dtype.startswith("int"):
                continue
            weight.assign(values)
            tensors[f"weight.{path}.{i}"] = np.asarray(weight.value, np.float32)
    flat = inputs if isinstance(inputs, list) else [inputs]
    for i, x in enumerate(flat):
        tensors[f"input.{i}"] = np.asarray(x)
    outputs = keras.tree.flatten(model(inputs))
    for i, y in enumerate(outputs):
        tensors[f"output.{i}"] = np.asarray(y, np.float32)
        mask = keras.src.backend.get_keras_mask(y)
        if mask is not None:
            tensors[f"mask.{i}"] = np.asarray(mask)
    if gradients:
        trained = model.trainable_variables
        rest = model.non_trainable_variables

        def loss(values):
            y, _ = model.stateless_call(values, [w.value for w in rest], inputs)
            return (y**2).mean()

        found = jax.grad(loss)([w.value for w in trained])
        found = {w.path: g for w, g in zip(trained, found)}
        for path, layer in leaves(model):
            for i, weight in enumerate(weights(layer)):
                if weight.path in found:
                    tensors[f"gradient.{path}.{i}"] = np.asarray(found[weight.path], np.float32)
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    (folder / "model.json").write_text(model.to_json())
    tensors = {key: np.ascontiguousarray(value) for key, value in tensors.items()}
    save_file(tensors, folder / "tensors.safetensors")


def ids(*rows):
    return np.array(rows, "int32")


def floats(seed, *shape):
    return np.random.default_rng(seed).normal(0, 1, shape).astype("float32")


WORDS = ids([3, 1, 4, 0, 0], [0, 5, 2, 6, 5])


@case
def branches(name):
    """Two inputs, a shared layer, masks that meet."""
    words, numbers = Input((5,), dtype="int32", name="words"), Input((4,), name="numbers")
    a = L.Embedding(8, 3, mask_zero=True, name="embed")(words)
    b = L.GRU(3, return_sequences=True, name="gru")(a)
    c = L.Add(name="sum")([a, b])
    shared = L.Dense(4, activation="tanh", name="shared")
    d = L.LSTM(4, name="lstm")(shared(c))
    e = shared(L.Dense(3, name="first")(numbers))
    f = L.Concatenate(name="both")([d, e, numbers])
    write(name, Model([words, numbers], L.Dense(2, name="head")(f)), [WORDS, floats(1, 2, 4)], True)


@case
def merges(name):
    """All merges, of three, under masks of all and of some."""
    x, y = Input((4, 3), name="x"), Input((4, 3), name="y")
    a, b = L.Masking(name="a")(x), L.Masking(name="b")(y)
    c = L.Dense(3, name="c")(y)
    outs = []
    for kind in [L.Add, L.Multiply, L.Average, L.Maximum, L.Minimum]:
        outs += [kind()([a, b]), kind()([a, b, c]), kind()([c, a])]
    outs += [L.Subtract()([a, b]), L.Subtract()([c, b])]
    for axis in [-1, 1, 2]:
        outs += [L.Concatenate(axis=axis)([a, b]), L.Concatenate(axis=axis)([a, c])]
    one = L.Dense(3, name="one")(L.GlobalAveragePooling1D(name="gap")(x))
    outs += [L.Multiply(name="gate")([y, one])]
    outs += [L.Dot(axes=2)([x, y]), L.Dot(axes=1)([x, y]), L.Dot(axes=(2, 1))([x, L.Permute((2, 1))(y)])]
    outs += [L.Dot(axes=2, normalize=True)([x, y]), L.Dot(axes=-1)([one, one]), L.Dot(axes=(1, 2))([one, y])]
    x, y = floats(2, 2, 4, 3), floats(3, 2, 4, 3)
    x[0, 2:], x[1, 1], y[0, 3], y[1, :2] = 0, 0, 0, 0
    write(name, Model([a._keras_history.operation.input, b._keras_history.operation.input], outs), [x, y])


@case
def nested(name):
    """A model in a model, twice; a Sequential in it; a model at each step; names of inputs and outputs."""
    q = Input((4,), name="q")
    inner = Model(q, [L.Dense(3, activation="relu", name="wide")(q), L.Dense(2, name="slim")(q)], name="inner")
    chain = keras.Sequential([Input((2,)), L.Dense(3, name="up"), L.LayerNormalization(name="norm")], name="chain")
    steps = keras.Sequential([Input((4,)), L.Dense(2, activation="tanh", name="each")], name="steps")
    x, s = Input((4,), name="x"), Input((None, 4), name="s")
    a, b = inner(x)
    c, d = inner(L.Dense(4, name="again")(x))
    e = L.GlobalMaxPooling1D(name="most")(L.TimeDistributed(steps, name="td")(s))
    y = L.Concatenate(name="all")([a, chain(b), c, chain(d), e])
    y = L.Dense(2, name="head")(y * 0.5 + 1.0)
    write(name, Model([x, s], y), [floats(4, 2, 4), floats(5, 2, 3, 4)], True)


@case
def states(name):
    """States from layer to layer, with a mask and without."""
    x, z = Input((5,), dtype="int32", name="x"), Input((3, 2), name="z")
    e = L.Embedding(8, 3, mask_zero=True, name="embed")(x)
    y, h, c = L.LSTM(4, return_sequences=True, return_state=True, name="encode")(e)
    d = L.LSTM(4, return_sequences=True, name="decode")(z, initial_state=[h, c])
    w, g = L.GRU(4, return_state=True, name="gru")(y, initial_state=h)
    r, s = L.SimpleRNN(4, return_sequences=True, return_state=True, name="rnn")(d)
    b = L.Bidirectional(L.GRU(2, return_sequences=True, return_state=True), name="bi")(r)
    t = L.Bidirectional(L.LSTM(2), merge_mode="sum", name="both")(d)
    outs = [y, h, c, d, w, g, r, s, *b, t]
    write(name, Model([x, z], outs), [WORDS, floats(6, 2, 3, 2)])


@case
def translate(name):
    """An encoder and a decoder, differentiated through the states."""
    x, z = Input((5,), dtype="int32", name="x"), Input((3, 2), name="z")
    e = L.Embedding(8, 3, mask_zero=True, name="embed")(x)
    y, h, c = L.LSTM(3, return_sequences=True, return_state=True, name="encode")(e)
    d = L.LSTM(3, return_sequences=True, name="decode")(z, initial_state=[h, c])
    g = L.GRU(3, name="gru")(y, initial_state=c)
    f = L.Concatenate(name="all")([L.Flatten(name="flat")(d), g])
    write(name, Model([x, z], L.Dense(2, name="head")(f)), [WORDS, floats(6, 2, 3, 2)], True)


@case
def dropped(name):
    """Masks that Keras takes off."""
    x = Input((6,), dtype="int32", name="x")
    e = L.Embedding(8, 4, mask_zero=True, name="embed")(x)
    a = L.GlobalMaxPooling1D(name="most")(L.Conv1D(3, 2, name="conv")(e))
    b = L.Flatten(name="flat")(L.LSTM(2, return_sequences=True, name="lstm")(e))
    c = L.GlobalAveragePooling1D(name="mean")(e)
    y = L.Dense(2, name="head")(L.Concatenate(name="all")([a, b, c]))
    write(name, Model(x, y), ids([3, 1, 4, 0, 0, 0], [2, 5, 2, 6, 5, 0]), True)


if __name__ == "__main__":
    for make in CASES:
        if len(sys.argv) < 2 or make.__name__ in sys.argv[1:]:
            make(make.__name__)
            print(make.__name__)
