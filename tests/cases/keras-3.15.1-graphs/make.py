"""Makes the cases beside this file: models of branches, what Keras 3.15.1 answers, and its gradients.

KERAS_BACKEND=jax python make.py [name ..]

A case has `model.json`, which is `model.to_json()`, and `tensors.safetensors`: for each layer the weights in Keras's
order as `weight.PATH.N`, `input.N`, `output.N`, `mask.N` of the outputs that have one, and, where the model is
differentiated, `gradient.PATH.N` of the loss, which is the mean of the squares of the only output. Where a training pass
changes weights, there are those behind it, `trained.PATH.N`, and the gradients are of these. Weights that are not drawn are
`initial.PATH.N` before they are others.
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


def write(name, model, inputs, gradients=False, changes=False):
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(sum(map(ord, name)))
    tensors = {}
    for path, layer in leaves(model):
        for i, weight in enumerate(weights(layer)):
            if isinstance(layer, L.STFTSpectrogram):
                tensors[f"initial.{path}.{i}"] = np.asarray(weight.value, np.float32)
            values = rng.normal(0, 0.5, weight.shape)
            if "variance" in weight.path:
                values = np.abs(values) + 0.1
            if not weight.dtype.startswith("int"):
                weight.assign(values)
            tensors[f"weight.{path}.{i}"] = np.asarray(weight.value, np.float32)
        if isinstance(layer, L.Normalization):
            layer.finalize_state()
    flat = inputs if isinstance(inputs, list) else [inputs]
    for i, x in enumerate(flat):
        tensors[f"input.{i}"] = np.asarray(x)
    # Layers of images are trained if nobody says that they are not.
    outputs = keras.tree.flatten(model(inputs, training=False))
    for i, y in enumerate(outputs):
        tensors[f"output.{i}"] = np.asarray(y, np.float32)
        mask = keras.src.backend.get_keras_mask(y)
        if mask is not None:
            tensors[f"mask.{i}"] = np.asarray(mask)
    if changes:
        model(inputs, training=True)
        for path, layer in leaves(model):
            for i, weight in enumerate(weights(layer)):
                tensors[f"trained.{path}.{i}"] = np.asarray(weight.value, np.float32)
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
    tensors = {key: np.array(value, order="C") for key, value in tensors.items()}
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


@case
def layers_of_sequences(name):
    """Layers that no type has, on sequences."""
    x = Input((6, 4), name="x")
    outs = [
        L.ZeroPadding1D((2, 1))(x),
        L.Cropping1D((1, 2))(x),
        L.UpSampling1D(3)(x),
        L.Conv1D(6, 3, groups=2, name="groups", activation="gelu")(x),
        L.DepthwiseConv1D(3, depth_multiplier=2, strides=2, padding="same", name="depth")(x),
        L.SeparableConv1D(5, 3, dilation_rate=2, padding="same", name="separable", activation="elu")(x),
        L.Conv1DTranspose(3, 4, strides=2, padding="same", name="spread")(x),
        L.PReLU(name="slopes")(x),
        L.PReLU(shared_axes=[1], name="shared")(x),
        L.ELU(alpha=0.5)(x),
        L.LeakyReLU(negative_slope=0.1)(x),
        L.ReLU(max_value=1.0, negative_slope=0.2, threshold=0.3)(x),
        L.Softmax(axis=1)(x),
        L.Rescaling(0.5, offset=[1.0, 2.0, 3.0, 4.0])(x),
        L.Normalization(name="norm")(x),
        L.Normalization(mean=[1.0, 2.0, 3.0, 4.0], variance=[2.0, 1.0, 0.5, 3.0], invert=True)(x),
        L.GaussianNoise(0.5)(x),
        L.SpatialDropout1D(0.5)(x),
        L.GlobalAveragePooling1D(keepdims=True)(x),
        L.GlobalMaxPooling1D(keepdims=True)(x),
        L.Dense(3, activation=L.LeakyReLU(negative_slope=0.4), name="dense")(x),
        L.Reshape((3, -1, 2))(x),
        L.MaxPooling1D(2, strides=1, padding="same")(x),
        L.AveragePooling1D(3, padding="same")(x),
        L.RNN(L.StackedRNNCells([L.LSTMCell(3), L.GRUCell(2)]), return_sequences=True, name="cells")(x),
        L.RNN(L.SimpleRNNCell(3, activation="relu"), go_backwards=True, name="cell")(x),
    ]
    write(name, Model(x, outs), floats(7, 2, 6, 4))


@case
def layers_of_images(name):
    """Layers that no type has, on images."""
    x = Input((5, 6, 4), name="x")
    outs = [
        L.ZeroPadding2D(((1, 0), (2, 3)))(x),
        L.Cropping2D(((1, 0), (2, 1)))(x),
        L.UpSampling2D((2, 3))(x),
        L.UpSampling2D(2, interpolation="bilinear")(x),
        L.Conv2D(4, 3, groups=4, strides=2, padding="same", name="groups")(x),
        L.DepthwiseConv2D(3, dilation_rate=2, padding="same", name="depth", activation="relu6")(x),
        L.DepthwiseConv2D((2, 3), depth_multiplier=3, use_bias=False, name="depths")(x),
        L.SeparableConv2D(5, 3, depth_multiplier=2, strides=2, name="separable", use_bias=False)(x),
        L.Conv2DTranspose(3, 3, strides=2, padding="same", name="spread")(x),
        L.Conv2DTranspose(2, (4, 2), strides=(3, 1), name="spreads", activation="selu")(x),
        L.Conv2DTranspose(2, 2, strides=3, name="apart")(x),
        L.PReLU(shared_axes=[1, 2], name="slopes")(x),
        L.Permute((3, 1, 2))(x),
        L.SpatialDropout2D(0.5)(x),
        L.GlobalAveragePooling2D(keepdims=True)(x),
        L.GlobalMaxPooling2D(keepdims=True)(x),
        L.Dense(3, name="dense")(x),
        L.AveragePooling2D((2, 3), strides=1, padding="same")(x),
        L.Softmax(axis=2)(x),
    ]
    write(name, Model(x, outs), floats(8, 2, 5, 6, 4))


@case
def slopes_of_sequences(name):
    """Gradients of layers that no type has, on sequences."""
    x = Input((6, 4), name="x")
    a = L.Conv1D(4, 3, groups=2, name="groups", activation="gelu", padding="same")(x)
    b = L.PReLU(shared_axes=[1], name="slopes")(L.SeparableConv1D(4, 3, padding="same", name="separable")(a))
    c = L.Conv1DTranspose(3, 3, strides=2, padding="same", name="spread")(b)
    d = L.ELU(alpha=0.5)(L.Cropping1D(1)(L.UpSampling1D(2)(L.Softmax(axis=1)(c))))
    e = L.Dot(axes=(2, 2), normalize=True)([d, L.Dense(3, name="each")(a)])
    f = L.Dense(2, name="head", activation="softsign")(L.Flatten()(L.Rescaling(2.0, 0.5)(e)))
    write(name, Model(x, f), floats(9, 2, 6, 4), True)


@case
def slopes_of_images(name):
    """Gradients of layers that no type has, on images."""
    x = Input((4, 5, 2), name="x")
    a = L.DepthwiseConv2D(3, depth_multiplier=2, padding="same", name="depth", activation="mish")(x)
    b = L.Conv2DTranspose(3, 3, strides=2, padding="same", name="spread", activation="swish")(a)
    c = L.UpSampling2D(2, interpolation="bilinear")(L.LeakyReLU()(b))
    d = L.Conv2D(2, 3, strides=2, name="conv")(L.ZeroPadding2D(((0, 1), (1, 0)))(c))
    e = L.Concatenate(axis=2)([d, L.Cropping2D(((0, 0), (1, 1)))(d)])
    f = L.Dense(2, name="head")(L.GlobalMaxPooling2D()(L.Minimum()([L.Maximum()([e, e * 0.5]), 2.0 - e])))
    write(name, Model(x, f), floats(10, 2, 4, 5, 2), True)


@case
def activations(name):
    """All activations."""
    x = Input((13,), name="x")
    names = [
        "celu", "elu", "exponential", "gelu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_tanh",
        "leaky_relu", "linear", "log_sigmoid", "log_softmax", "mish", "relu", "relu6", "selu", "sigmoid",
        "silu", "soft_shrink", "softmax", "softplus", "softsign", "squareplus", "swish", "tanh", "tanh_shrink",
    ]
    values = [-200.0, -7.0, -3.0, -2.9, -1.0, -0.4, 0.0, 0.3, 0.9, 2.0, 5.9, 7.0, 50.0]
    write(name, Model(x, [L.Activation(one, name=one)(x) for one in names]), np.array([values], "float32"))


@case
def functions(name):
    """Functions of Keras's between the layers, and masks that they make."""
    x, z = Input((5, 3), name="x"), Input((5,), dtype="int32", name="z")
    q = Input((5, 2), name="q")
    a, b = L.Masking(name="a")(x), L.Embedding(8, 3, mask_zero=True, name="b")(z)
    c = L.LSTM(2, name="c")(L.Concatenate()([a, b, q]))
    d = L.LSTM(2, name="d")(L.Concatenate(axis=1)([a, b]))
    e = L.GRU(2, name="e")(L.Multiply()([a, b]))
    f = L.TimeDistributed(L.Dense(2), name="f")(L.Bidirectional(L.LSTM(2, return_sequences=True), name="bi")(L.Add()([a, b])))
    o = keras.ops
    outs = [
        c, d, e, L.GRU(2, name="g")(f), x[:, 1:4, 0], x[:, -1], x[:, ::2], o.mean(x, axis=1),
        o.sum(x, axis=[1, 2]), o.max(x, axis=-1, keepdims=True), o.min(x, axis=1), o.relu(q), o.sigmoid(q),
        o.reshape(x, (-1, 15)), o.expand_dims(x, 1), o.squeeze(o.expand_dims(x, -1), -1),
        o.concatenate([x, q], axis=-1), o.transpose(x, (0, 2, 1)), -x, o.exp(x) / (o.abs(q[:, :, :1]) + 1.0),
        o.square(x) - 2.0 * x, 1.0 / (o.sqrt(o.square(x) + 1.0)), o.maximum(x, 0.2), o.cast(z, "float32") * 0.5,
    ]
    x1, q1 = floats(11, 2, 5, 3), floats(12, 2, 5, 2)
    x1[0, 3:], x1[1, 0] = 0, 0
    write(name, Model([x, z, q], outs), [x1, WORDS, q1])

def block(x, name, post, context=None):
    """A block of a transformer: attention, and a dense layer; each with a way around it, and normalised behind or before."""
    def part(x, f, i):
        norm = L.LayerNormalization(name=f"{name}_norm{i}")
        return norm(L.Add(name=f"{name}_sum{i}")([x, f(x)])) if post else L.Add(name=f"{name}_sum{i}")([x, f(norm(x))])

    x = part(x, lambda z: L.MultiHeadAttention(2, 2, name=f"{name}_self")(z, z, use_causal_mask=context is not None), 1)
    if context is not None:
        x = part(x, lambda z: L.MultiHeadAttention(1, 3, name=f"{name}_cross")(z, context), 2)
    return part(x, lambda z: L.Dense(4, activation="gelu", name=f"{name}_dense")(z), 3)


@case
def heads(name):
    """Attention of several heads: its options, and what its calls say."""
    x, y, m = Input((5, 4), name="x"), Input((3, 4), name="y"), Input((5, 3), name="m")
    w = Input((5,), dtype="int32", name="w")
    e, at = L.Embedding(8, 4, mask_zero=True, name="embed")(w), L.MultiHeadAttention
    shared = at(2, 3, name="shared")
    scored, scores = at(2, 3, name="scored")(x, y, y, return_attention_scores=True)
    outs = [
        at(1, 2, name="one")(x, x),
        at(3, 2, value_dim=4, dropout=0.5, name="wide")(x, y),
        at(2, 3, use_bias=False, output_shape=3, name="plain")(query=x, value=y, key=y, use_causal_mask=True),
        at(2, 3, use_gate=True, sliding_window=2, name="gate")(x, x),
        at(2, 3, name="given")(x, y, attention_mask=m),
        at(2, 2, output_shape=(2, 3), name="square")(x, x),
        at(2, 3, name="hidden")(e, e),
        at(2, 3, name="after")(e, y),
        at(2, 3, dropout=0.5, name="zeros")(L.Embedding(8, 4, mask_zero=True, name="other")(w), y),
        shared(shared(x, y), y), scored, keras.ops.sum(scores, axis=-1), scores,
        at(2, 3, name="only")(y, x, value_mask=keras.ops.not_equal(w, 0)),
    ]
    flags = (floats(3, 2, 5, 3) > 0).astype("float32")
    words = ids([3, 1, 4, 0, 0], [0, 0, 0, 0, 0])
    write(name, Model([x, y, m, w], outs), [floats(1, 2, 5, 4), floats(2, 2, 3, 4), flags, words])


@case
def grouped_heads(name):
    """Attention in which several heads of queries share one of keys and values."""
    x, y, m = Input((5, 4), name="x"), Input((3, 4), name="y"), Input((5, 3), name="m")
    w = Input((5,), dtype="int32", name="w")
    e, at = L.Embedding(8, 4, mask_zero=True, name="embed")(w), L.GroupQueryAttention
    scored, scores = at(3, 4, 2, name="scored")(x, y, y, return_attention_scores=True)
    outs = [
        at(2, 4, 1, name="one")(x, x),
        at(3, 6, 3, dropout=0.5, use_bias=False, name="plain")(query=x, value=y, key=y, use_causal_mask=True),
        at(2, 4, 2, use_gate=True, sliding_window=2, name="gate")(x, x),
        at(2, 2, 2, name="given")(x, y, attention_mask=m),
        at(3, 4, 2, name="hidden")(e, e), L.MultiHeadAttention(2, 3, name="after")(e, y),
        scored, scores,
    ]
    flags = (floats(33, 2, 5, 3) > 0).astype("float32")
    words = ids([3, 1, 4, 0, 0], [0, 0, 0, 0, 0])
    write(name, Model([x, y, m, w], outs), [floats(31, 2, 5, 4), floats(32, 2, 3, 4), flags, words])


@case
def slopes_of_grouped_heads(name):
    """Gradients of the same."""
    x, at = Input((5, 4), name="x"), L.GroupQueryAttention
    y = at(2, 6, 2, use_gate=True, name="second")(at(3, 4, 2, name="first")(x, x, use_causal_mask=True), x)
    write(name, Model(x, L.Dense(2, name="head")(L.Flatten(name="flat")(y))), floats(34, 2, 5, 4), True)


@case
def heads_of_images(name):
    """Attention along several axes, and along one of several."""
    x, at = Input((2, 3, 4), name="x"), L.MultiHeadAttention
    a = at(2, 2, attention_axes=2, name="rows")(x, x)
    b = at(1, 3, attention_axes=(-2, 1), name="both")(a, x)
    c = at(2, 2, attention_axes=1, name="columns")(b, x, use_causal_mask=True)
    y = L.Rescaling(0.1, name="small")(L.Flatten(name="flat")(at(2, 3, name="all")(c, c)))
    write(name, Model(x, L.Dense(2, name="head")(y)), floats(4, 2, 2, 3, 4), True)


@case
def encoder(name):
    """Blocks of a transformer on padded words, normalised behind and before."""
    w = Input((6,), dtype="int32", name="w")
    p = Input((6,), dtype="int32", name="p")
    x = L.Add(name="sum")([L.Embedding(8, 4, mask_zero=True, name=one)(i) for one, i in (("words", w), ("places", p))])
    x = block(block(block(x, "a", True), "b", True), "c", False)
    y = L.Dense(2, name="head")(L.GlobalAveragePooling1D(name="mean")(x))
    places = np.tile(np.arange(1, 7, dtype="int32"), (3, 1))
    write(name, Model([w, p], y), [ids([3, 1, 4, 0, 0, 0], [2, 5, 2, 6, 5, 1], [7, 0, 0, 0, 0, 0]), places], True)


@case
def decoder(name):
    """A decoder that sees what an encoder has read."""
    w, v = Input((6,), dtype="int32", name="w"), Input((5,), dtype="int32", name="v")
    read = block(L.Embedding(8, 4, mask_zero=True, name="from")(v), "read", False)
    y = block(L.Embedding(8, 4, mask_zero=True, name="to")(w), "write", False, read)
    outs = ids([3, 1, 4, 0, 0, 0], [2, 5, 2, 6, 5, 1]), ids([3, 1, 0, 0, 0], [2, 5, 2, 6, 0])
    write(name, Model([w, v], L.Dense(2, name="head")(y)), list(outs), True)


@case
def attention(name):
    """`Attention` and `AdditiveAttention`, under masks and without."""
    x, y, z = Input((5, 4), name="x"), Input((3, 4), name="y"), Input((3, 2), name="z")
    w, v = Input((5,), dtype="int32", name="w"), Input((3,), dtype="int32", name="v")
    e, f = L.Embedding(8, 4, mask_zero=True, name="e")(w), L.Embedding(8, 4, mask_zero=True, name="f")(v)
    scored, scores = L.Attention(dropout=0.5, name="scored")([x, y], return_attention_scores=True)
    outs = [
        L.Attention(name="plain")([x, y]), L.Attention(use_scale=True, name="scale")([x, z, y]),
        L.Attention(score_mode="concat", name="concat")([x, y]),
        L.Attention(score_mode="concat", use_scale=True, name="both")([x, y], use_causal_mask=True),
        L.Attention(name="masked")([e, f]), L.Attention(name="causal")([e, f, y], use_causal_mask=True),
        L.AdditiveAttention(name="add")([x, y]), L.AdditiveAttention(use_scale=False, name="bare")([x, z, y]),
        L.AdditiveAttention(name="add_masked")([e, f]), L.AdditiveAttention(name="add_causal")([e, f], use_causal_mask=True),
        scored, scores,
    ]
    words = ids([3, 1, 4, 0, 0], [2, 5, 2, 6, 5]), ids([3, 1, 0], [0, 0, 0])
    write(name, Model([x, y, z, w, v], outs), [floats(1, 2, 5, 4), floats(2, 2, 3, 4), floats(3, 2, 3, 2), *words])


@case
def slopes_of_attention(name):
    """Gradients of `Attention` and `AdditiveAttention`."""
    w, v = Input((5,), dtype="int32", name="w"), Input((3,), dtype="int32", name="v")
    e, f = L.Embedding(8, 4, mask_zero=True, name="e")(w), L.Embedding(8, 4, mask_zero=True, name="f")(v)
    a = L.Attention(use_scale=True, name="a")([e, f])
    b = L.AdditiveAttention(name="b")([a, f, L.Dense(4, name="key")(f)], use_causal_mask=True)
    c = L.Attention(score_mode="concat", use_scale=True, name="c")([b, b])
    words = ids([3, 1, 4, 0, 0], [2, 5, 2, 6, 5]), ids([3, 1, 0], [0, 0, 0])
    write(name, Model([w, v], L.Dense(2, name="head")(c)), list(words), True)


@case
def groups(name):
    """Normalisation of groups of channels."""
    x, norm = Input((4, 6, 3), name="x"), L.GroupNormalization
    a = norm(2, axis=1, name="front")(norm(3, axis=-2, scale=False, name="middle")(norm(-1, name="each")(x)))
    b = norm(2, name="steps")(L.Reshape((6, 12), name="flat")(norm(1, epsilon=0.1, center=False, name="one")(a)))
    c = norm(4, name="vector")(L.GlobalMaxPooling1D(name="most")(b))
    write(name, Model(x, L.Dense(2, name="head")(c)), floats(13, 2, 4, 6, 3) + 1, True)

@case
def norms(name):
    """Layer and batch normalisation along other axes than the last."""
    x, layer, batch = Input((4, 5, 3), name="x"), L.LayerNormalization, L.BatchNormalization
    outs = [
        layer(axis=1, name="one")(x), layer(axis=[1, 3], name="two")(x), layer(axis=[-1, -2, -3], scale=False, name="all")(x),
        layer(axis=(2, -1), center=False, name="mixed")(x), batch(axis=1, name="front")(x), batch(axis=-2, center=False, name="middle")(x),
    ]
    write(name, Model(x, outs), floats(14, 2, 4, 5, 3))


@case
def slopes_of_norms(name):
    """Gradients of layer normalisation along other axes than the last."""
    x, layer = Input((4, 5, 3), name="x"), L.LayerNormalization
    a = layer(axis=[1, 2], name="sides")(layer(axis=-2, name="middle")(layer(axis=[1, 3], name="ends")(x)))
    write(name, Model(x, L.Dense(2, name="head")(L.GlobalMaxPooling2D(name="most")(a))), floats(15, 2, 4, 5, 3), True)


@case
def root_mean_squares(name):
    """Normalisation by the root mean square, along the last axis, under a mask, and along several. Along others Keras fails."""
    x, norm = Input((4, 5, 3), name="x"), L.RMSNormalization
    masked = norm(name="masked")(L.Masking(name="real")(L.Reshape((4, 15), name="steps")(x)))
    outs = [norm(name="last")(x), norm(epsilon=0.1, name="one")(x), norm(axis=[3, 2], name="two")(x), norm(axis=(-3, -2, -1), name="all")(x), masked]
    values = floats(16, 2, 4, 5, 3)
    values[0, 1:] = 0
    write(name, Model(x, outs), values)


@case
def slopes_of_root_mean_squares(name):
    """Gradients of normalisation by the root mean square."""
    x, norm = Input((4, 3), name="x"), L.RMSNormalization
    a = norm(axis=[-2, -1], name="both")(norm(name="last")(L.Dense(3, name="front")(x)))
    write(name, Model(x, L.Dense(2, name="head")(L.GlobalMaxPooling1D(name="most")(a))), floats(17, 2, 4, 3), True)


@case
def resized(name):
    """Images of other sizes, values of length one, and activations of rows."""
    x, s = Input((5, 6, 4), name="x"), Input((6, 4), name="s")
    masked = L.Masking(name="masked")(s)
    outs = [
        L.Resizing(7, 4, name="linear")(x),
        L.Resizing(3, 11, interpolation="nearest", name="nearest")(x),
        L.Resizing(8, 3, interpolation="bicubic", name="cubic")(x),
        L.Resizing(3, 9, interpolation="lanczos3", name="lanczos3")(x),
        L.Resizing(9, 2, interpolation="lanczos5", antialias=True, name="lanczos5")(x),
        L.Resizing(2, 3, antialias=True, name="smooth")(x),
        L.Resizing(4, 9, crop_to_aspect_ratio=True, name="cut")(x),
        L.Resizing(8, 3, pad_to_aspect_ratio=True, fill_value=1.5, name="padded")(x),
        L.Resizing(4, 9, pad_to_aspect_ratio=True, interpolation="nearest", name="wide")(x),
        L.CenterCrop(2, 3, name="middle")(x),
        L.CenterCrop(5, 9, name="larger")(x),
        L.CenterCrop(8, 4, name="higher")(x),
        L.UpSampling2D((3, 2), interpolation="bicubic", name="up")(x),
        L.UnitNormalization(name="unit")(masked),
        L.UnitNormalization(axis=1, name="along")(s),
        L.UnitNormalization(axis=[1, -1], name="both")(x),
        L.Activation("sparsemax", name="sparse")(x),
        L.Dense(5, activation="sparsemax", name="dense")(masked),
        L.GRU(3, recurrent_activation="sparsemax", name="gru")(s),
        L.Activation("glu", name="gate")(s),
    ]
    values = floats(14, 2, 6, 4)
    values[0, 4:] = 0
    write(name, Model([x, s], outs), [floats(13, 2, 5, 6, 4), values])


@case
def slopes_of_resized(name):
    """Gradients of the same."""
    x = Input((5, 6, 4), name="x")
    a = L.UnitNormalization(axis=[1, -1], name="unit")(L.Conv2D(4, 3, padding="same", name="conv")(x))
    b = L.Resizing(8, 3, pad_to_aspect_ratio=True, fill_value=0.5, name="padded")(a)
    c = L.CenterCrop(5, 3, name="middle")(L.Resizing(7, 4, interpolation="bicubic", name="cubic")(b))
    d = L.Dense(6, activation="sparsemax", name="dense")(L.UnitNormalization(name="each")(c))
    e = keras.ops.glu(L.Resizing(3, 2, interpolation="nearest", name="nearest")(d))
    write(name, Model(x, L.Dense(2, name="head")(L.Flatten(name="flat")(e))), floats(15, 2, 5, 6, 4), True)


@case
def einsums(name):
    """Products whose dimensions have letters."""
    x, i = Input((5, 4), name="x"), Input((3, 5, 4), name="i")
    outs = [
        L.EinsumDense("abc,cd->abd", output_shape=(None, 3), bias_axes="d", activation="tanh", name="steps")(x),
        L.EinsumDense("...x,xy->...y", output_shape=3, bias_axes="y", name="last")(i),
        L.EinsumDense("ab...,bc->ac...", output_shape=3, bias_axes="c", name="first")(i),
        L.EinsumDense("abc,cde->abde", output_shape=(None, 2, 3), bias_axes="de", name="heads")(x),
        L.EinsumDense("abcd,cde->abe", output_shape=(None, 6), bias_axes="e", name="join")(i),
        L.EinsumDense("abc,bcd->adb", output_shape=(2, 5), bias_axes="db", name="each")(x),
        L.EinsumDense("abc,c->ab", output_shape=5, name="one")(x),
        L.EinsumDense("abcd,de->aceb", output_shape=(5, 2, 3), bias_axes="e", name="turned")(i),
        L.EinsumDense("abc,db->adc", output_shape=(6, 4), bias_axes="d", name="times")(x),
        L.EinsumDense("abc,cd->ad", output_shape=2, name="sum")(x),
        L.EinsumDense("...c,cde->...de", output_shape=(2, 3), bias_axes="d", name="rest")(i),
    ]
    write(name, Model([x, i], outs), [floats(16, 2, 5, 4), floats(17, 2, 3, 5, 4)])


@case
def slopes_of_einsums(name):
    """Gradients of the same."""
    x = Input((5, 4), name="x")
    a = L.EinsumDense("abc,cde->abde", output_shape=(5, 2, 3), bias_axes="de", activation="gelu", name="heads")(x)
    b = L.EinsumDense("abde,bdf->afeb", output_shape=(3, 3, 5), bias_axes="fb", name="each")(a)
    c = L.EinsumDense("...x,xy->...y", output_shape=4, bias_axes="y", activation="softmax", name="last")(b)
    d = L.EinsumDense("ab...,bc->ac...", output_shape=3, bias_axes="c", name="first")(c)
    e = L.EinsumDense("abcd,cd->ab", output_shape=3, bias_axes="b", name="end")(d)
    write(name, Model(x, L.Dense(2, name="head")(e)), floats(18, 2, 5, 4), True)


@case
def more_functions(name):
    """Further functions of Keras's between the layers."""
    x, y, z = Input((4, 6), name="x"), Input((4, 6), name="y"), Input((6, 3), name="z")
    o = keras.ops
    a = o.abs(x) + 0.5
    outs = [
        o.matmul(x, z), x @ o.transpose(y, (0, 2, 1)), o.stack([x, y], axis=1), o.stack([x, y], axis=-1),
        *o.split(x, 3, axis=-1), *o.split(x, [1, 2], axis=1), *o.unstack(z, axis=2),
        o.clip(x, -0.5, 0.7), o.where(x > 0, x, y), o.where(x > 0, x, 0.5), o.einsum("bij,bkj->bik", x, y),
        o.einsum("bij->bji", x), o.einsum("...ij,...jk", x, z), x**2, o.power(a, y), 2.0**x, x % 0.7, x // 0.7,
        o.repeat(x, 2, axis=1), o.tile(x, [1, 2, 3]), o.pad(x, [[0, 0], [1, 2], [0, 1]]), o.flip(x, axis=1),
        o.roll(x, 2, axis=2), o.cumsum(x, axis=1), o.cast(o.argmax(x, axis=-1), "float32"), o.var(x, axis=1),
        o.std(x, axis=[1, 2]), o.prod(x, axis=1, keepdims=True), o.sign(x), o.sin(x), o.cos(x), o.tan(x),
        o.rsqrt(a), o.normalize(x, axis=1), o.softmax(x, axis=1), o.log_softmax(x, axis=1),
        o.leaky_relu(x, 0.3), o.gelu(x), o.gelu(x, approximate=False), o.elu(x, alpha=0.7), o.hard_tanh(x),
        o.glu(x, axis=1), o.sparsemax(x, axis=1), o.moveaxis(x, 1, 2), o.swapaxes(x, -1, 1),
        o.take(x, [0, -1, 2], axis=1), o.logsumexp(x, axis=1), o.average(x, axis=1), o.expm1(x), o.log1p(a),
        o.reciprocal(a), o.floor(x), o.round(x), o.ceil(x), o.cast(o.isnan(x), "float32"), o.arctan2(x, y),
        x[..., 0], x[:, None, :, -1], o.full_like(x, 2.0), o.stop_gradient(x), o.cast(x, "int32"),
        o.expand_dims(x, [1, 3]), o.squeeze(x[:, :1]), x * np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "float32"),
        x - np.array([[1.0], [2.0], [3.0], [4.0]], "float32"), x @ np.ones((6, 2), "float32"), o.tanh(x),
        o.cast(o.logical_xor(x > 0, y > 0), "float32"), o.amax(x, axis=1), o.cast(o.count_nonzero(o.relu(x), axis=2), "float32"),
        keras.activations.relu(x, max_value=0.5, negative_slope=0.1), o.log(a) + o.log2(a) - o.log10(a), o.copy(y),
    ]
    write(name, Model([x, y, z], outs), [floats(21, 2, 4, 6), floats(22, 2, 4, 6), floats(23, 2, 6, 3)])


@case
def slopes_of_functions(name):
    """Gradients of the same."""
    x = Input((4, 6), name="x")
    o = keras.ops
    a = L.Dense(6, name="a")(x)
    b, c = o.split(L.Dense(12, activation="tanh", name="b")(x), 2, axis=-1)
    d = o.matmul(o.softmax(o.matmul(a, o.swapaxes(b, 1, 2)) / 2.0, axis=1), c)
    e = o.where(d > 0.1, o.clip(d, -1.0, 0.6), 0.3 * c) + o.einsum("bij,bij->bi", a, c)[..., None]
    f = o.stack([e, o.power(o.abs(d) + 0.5, c), o.normalize(a), o.cumsum(b, axis=1)], axis=1)
    f = f * np.array([1.0, 0.5, 2.0, 1.5, 1.0, 0.7], "float32")
    g = [
        o.var(f, axis=2), o.std(f, axis=-2), o.logsumexp(f, axis=2), o.prod(f, axis=2) * 0.1,
        o.roll(f, 1, axis=3)[:, :, 1], o.pad(f, [[0, 0], [0, 0], [1, 0], [0, 0]])[:, :, 1], o.tile(f, [1, 1, 1, 2])[:, :, 0, 3:9],
        o.sin(f)[:, :, 0] * o.stop_gradient(f)[:, :, 1], o.arctan2(f, 2.0)[:, :, 2], o.mod(f, 0.7)[:, :, 3],
        o.gelu(f)[:, :, 0], o.rsqrt(o.square(f) + 1.0)[:, :, 0], o.glu(o.repeat(f, 2, axis=1), axis=1)[:, :, 2],
    ]
    h = L.Dense(2, name="head")(L.Flatten(name="flat")(o.concatenate(g, axis=1)))
    write(name, Model(x, h), floats(24, 2, 4, 6), True)


@case
def further_functions(name):
    """Still more of them."""
    x, y, z = Input((4, 6), name="x"), Input((4, 6), name="y"), Input((3,), dtype="int32", name="z")
    v, w = Input((2, 3, 8), name="v"), Input((4, 6, 2), name="w")
    o = keras.ops
    a, b = o.abs(x) + 1.5, o.tanh(x)
    outs = [
        o.arccosh(a), o.arcsinh(x), o.arctanh(b), o.cbrt(x), o.deg2rad(x), o.rad2deg(x), o.erf(x), o.sinc(x),
        o.divide_no_nan(x, o.relu(y)), o.logaddexp(x, y), o.logaddexp2(x, y), o.logaddexp(x, x),
        o.one_hot(z, 4), o.one_hot(z, 5, axis=1), o.tril(x), o.triu(x, k=1), o.tril(x, k=-2), o.triu(x, -1),
        o.depth_to_space(v, 2), o.space_to_depth(w, 2), o.fmax(x, y), o.fmin(x, 0.1), o.fabs(x), o.heaviside(x, y),
        o.cast(o.isposinf(x), "float32"), o.cast(o.isneginf(x), "float32"),
    ]
    inputs = [floats(31, 2, 4, 6), floats(32, 2, 4, 6), np.array([[0, 3, 2], [-1, 1, 7]], "int32"), floats(33, 2, 2, 3, 8), floats(34, 2, 4, 6, 2)]
    write(name, Model([x, y, z, v, w], outs), inputs)


@case
def slopes_of_further_functions(name):
    """Gradients of the same."""
    x, o = Input((4, 4), name="x"), keras.ops
    a, b = L.Dense(4, name="a")(x), L.Dense(4, name="b")(x)
    c = L.Reshape((2, 2, 4))(a)
    d = [
        o.arccosh(o.abs(a) + 1.5), o.arcsinh(a), o.arctanh(0.5 * o.tanh(a)), o.cbrt(a + 3.0), o.deg2rad(a), o.rad2deg(b) * 0.01, o.erf(a), o.sinc(b),
        o.divide_no_nan(a, o.relu(b)), o.logaddexp(a, b), o.logaddexp2(b, a), o.tril(a), o.triu(b, k=1),
        L.Reshape((4, 4))(o.depth_to_space(c, 2)), L.Reshape((4, 4))(o.space_to_depth(c, 2)), o.fmax(a, b), o.fmin(a, 0.1), o.fabs(b),
    ]
    y = L.Dense(2, name="head")(L.Flatten(name="flat")(o.concatenate(d, axis=1)))
    write(name, Model(x, y), floats(35, 2, 4, 4), True)


@case
def ordered(name):
    """Values in order, and images of another size."""
    x, y = Input((4, 6), name="x"), Input((5, 4, 2), name="y")
    o = keras.ops
    top, places = o.top_k(x, 3)
    same = o.round(x)
    outs = [
        top, o.cast(places, "float32"), o.top_k(same, k=6)[0], o.cast(o.top_k(same, 2, sorted=False)[1], "float32"),
        o.sort(x), o.sort(x, axis=1), o.sort(y, axis=2), o.cast(o.argsort(x, axis=1), "float32"), o.cast(o.argsort(same), "float32"),
        o.image.resize(y, (3, 7)), o.image.resize(y, (10, 2), interpolation="nearest"), o.image.resize(y, (3, 2), antialias=True),
        o.image.resize(y, (4, 4), "bicubic", crop_to_aspect_ratio=True), o.image.resize(y, (6, 6), pad_to_aspect_ratio=True, fill_value=0.5),
    ]
    write(name, Model([x, y], outs), [floats(37, 2, 4, 6), floats(38, 2, 5, 4, 2)])


@case
def slopes_of_ordered(name):
    """Gradients of the same."""
    x, o = Input((4, 4), name="x"), keras.ops
    a = L.Dense(4, name="a")(x)
    b = L.Reshape((4, 2, 2))(L.Dense(4, name="b")(x))
    d = [o.top_k(a, 4)[0] * np.array([1.0, 0.5, 2.0, 1.5], "float32"), o.sort(a, axis=1) ** 2, o.sort(a), L.Reshape((3, 4))(o.image.resize(b, (3, 2)))]
    write(name, Model(x, L.Dense(2, name="head")(L.Flatten(name="flat")(o.concatenate(d, axis=1)))), floats(39, 2, 4, 4), True)


@case
def applications(name):
    """Layers of Keras's applications."""
    from keras.src.applications.convnext import LayerScale, StochasticDepth
    from keras.src.applications.inception_resnet_v2 import CustomScaleLayer

    x = Input((4, 4), name="x")
    a = StochasticDepth(0.0, name="depth")(LayerScale(0.1, 6, name="scale")(L.Dense(6, name="a")(x)))
    b = CustomScaleLayer(0.17, name="sum")([a, L.Dense(6, name="b")(x)])
    write(name, Model(x, L.Dense(2, name="head")(L.Flatten(name="flat")(b))), floats(40, 2, 4, 4), True)


@case
def lengths(name):
    """Norms along axes. Keras on JAX does not read what it writes of them: lists."""
    x, o = Input((4, 6), name="x"), keras.ops
    a = L.Dense(6, name="a")(x)
    b = [o.norm(a, axis=(-1,)), o.norm(a, ord=2, axis=(1,)), o.norm(a, axis=(1, 2))[:, None], o.norm(a, ord="fro", axis=(1, 2), keepdims=True)[:, 0]]
    write(name, Model(x, L.Dense(2, name="head")(o.concatenate(b, axis=1))), floats(36, 2, 4, 6), True)


@case
def volumes(name):
    """Layers of volumes."""
    x = Input((5, 6, 4, 2), name="x")
    outs = [
        L.Conv3D(3, 3, name="valid")(x),
        L.Conv3D(4, (2, 3, 1), strides=(2, 1, 2), padding="same", activation="relu", name="same")(x),
        L.Conv3D(2, 2, dilation_rate=(2, 1, 3), groups=2, use_bias=False, name="apart")(x),
        L.Conv3D(4, (4, 2, 3), strides=2, padding="same", groups=2, name="groups")(x),
        L.MaxPooling3D(2)(x),
        L.MaxPooling3D((3, 2, 2), strides=(1, 2, 1), padding="same")(x),
        L.AveragePooling3D((2, 3, 1))(x),
        L.AveragePooling3D(3, strides=2, padding="same")(x),
        L.GlobalMaxPooling3D()(x),
        L.GlobalMaxPooling3D(keepdims=True)(x),
        L.GlobalAveragePooling3D()(x),
        L.GlobalAveragePooling3D(keepdims=True)(x),
        L.ZeroPadding3D(((1, 0), (0, 2), (1, 1)))(x),
        L.ZeroPadding3D(1)(x),
        L.Cropping3D(((1, 2), (0, 1), (1, 0)))(x),
        L.UpSampling3D((2, 1, 3))(x),
    ]
    write(name, Model(x, outs), floats(19, 2, 5, 6, 4, 2))


@case
def adaptive(name):
    """Pools that are asked for a size."""
    x, y, z = Input((7, 3), name="x"), Input((5, 8, 2), name="y"), Input((4, 3, 5, 2), name="z")
    outs = [
        *[of(size)(x) for of in (L.AdaptiveAveragePooling1D, L.AdaptiveMaxPooling1D) for size in (3, (4,), 1, 10)],
        *[of(size)(y) for of in (L.AdaptiveAveragePooling2D, L.AdaptiveMaxPooling2D) for size in (3, (2, 4), (7, 3))],
        *[of(size)(z) for of in (L.AdaptiveAveragePooling3D, L.AdaptiveMaxPooling3D) for size in (2, (3, 3, 4))],
    ]
    write(name, Model([x, y, z], outs), [floats(35, 2, 7, 3), floats(36, 2, 5, 8, 2), floats(37, 2, 4, 3, 5, 2)])


@case
def slopes_of_adaptive(name):
    """Gradients of the same."""
    x = Input((30, 4), name="x")
    a = L.Conv3D(3, 2, padding="same", activation="tanh", name="first")(L.Reshape((5, 6, 4, 1))(x))
    b = L.AdaptiveMaxPooling2D((4, 5))(L.Reshape((5, 6, 12))(L.AdaptiveAveragePooling3D((5, 6, 4))(a)))
    c = L.AdaptiveMaxPooling1D(3)(L.AdaptiveAveragePooling1D(7)(L.Reshape((20, 12))(L.AdaptiveAveragePooling2D((4, 5))(b))))
    d = L.AdaptiveMaxPooling3D((2, 2, 3))(L.AdaptiveAveragePooling3D((3, 4, 2))(a))
    e = L.concatenate([L.Flatten()(c), L.Flatten()(d)])
    write(name, Model(x, L.Dense(2, name="head")(e)), floats(38, 2, 30, 4), True)


@case
def buckets(name):
    """Numbers as buckets: as ids of an embedding, and encoded."""
    x, y = Input((3,), name="x"), Input((1,), name="y")
    edges = [-1.0, 0.0, 0.0, 1.5]
    outs = [
        L.Embedding(5, 2, name="embed")(L.Discretization(edges)(x)),
        *[L.Discretization(edges, output_mode=mode)(at) for mode in ("one_hot", "multi_hot", "count") for at in (x, y)],
    ]
    first = np.array([[-1.0, 0.0, 1.5], [-9.0, 0.7, 9.0]], "float32")
    write(name, Model([x, y], outs), [first, np.array([[0.2], [-0.2]], "float32")])


@case
def augmented(name):
    """Images that are changed in training only."""
    x = Input((4, 5, 3), name="x")
    y = x
    for layer in [
        L.AugMix(),
        L.CutMix(),
        L.MixUp(),
        L.RandAugment(),
        L.RandomColorDegeneration(0.5),
        L.RandomColorJitter(brightness_factor=0.2, hue_factor=0.1),
        L.RandomElasticTransform(),
        L.RandomErasing(),
        L.RandomGaussianBlur(),
        L.RandomGrayscale(),
        L.RandomHue(0.3, value_range=(0, 1)),
        L.RandomInvert(),
        L.RandomPerspective(),
        L.RandomPosterization(4),
        L.RandomSaturation(0.4),
        L.RandomSharpness(0.2),
        # With other factors, Keras does not read what it writes.
        L.RandomShear(),
        L.Solarization(0.5, 0.5),
    ]:
        y = layer(y)
    write(name, Model(x, [y, L.Conv2D(2, 3, name="conv")(y)]), floats(39, 2, 4, 5, 3))


@case
def slopes_of_volumes(name):
    """Gradients of the same."""
    x = Input((30, 4), name="x")
    a = L.Conv3D(4, 3, padding="same", activation="tanh", name="first")(L.Reshape((5, 6, 4, 1))(x))
    b = L.MaxPooling3D(2, padding="same")(L.ZeroPadding3D(((0, 1), (1, 0), (0, 0)))(a))
    c = L.Conv3D(4, (2, 1, 2), groups=2, name="second")(L.UpSampling3D((1, 2, 2))(b))
    d = L.AveragePooling3D((2, 2, 1), padding="same")(c)
    e = L.concatenate([L.GlobalAveragePooling3D()(d), L.GlobalMaxPooling3D()(L.Cropping3D(((0, 0), (1, 0), (0, 1)))(d))])
    write(name, Model(x, L.Dense(2, name="head")(e)), floats(20, 2, 30, 4), True)


@case
def spread_volumes(name):
    """Convolutions of volumes the other way around."""
    x = Input((2, 3, 4, 2), name="x")
    of = L.Conv3DTranspose
    outs = [
        of(3, 2, name="plain")(x),
        of(2, (3, 2, 1), strides=2, padding="same", activation="tanh", name="same")(x),
        of(2, (1, 2, 3), strides=(3, 1, 2), use_bias=False, name="apart")(x),
        of(2, (2, 3, 2), dilation_rate=(3, 1, 2), name="dilated")(x),
        of(1, (4, 2, 3), strides=(2, 1, 3), padding="same", name="larger")(x),
        of(1, 1, strides=(2, 3, 1), name="points")(x),
    ]
    write(name, Model(x, outs), floats(40, 2, 2, 3, 4, 2))


@case
def slopes_of_spread_volumes(name):
    """Gradients of the same."""
    x = Input((30, 4), name="x")
    a = L.Conv3DTranspose(3, (2, 3, 2), strides=(2, 1, 2), padding="same", activation="tanh", name="first")(L.Reshape((5, 6, 4, 1))(x))
    b = L.Conv3DTranspose(2, (3, 2, 2), strides=(1, 2, 1), name="second")(a)
    write(name, Model(x, L.Dense(2, name="head")(L.GlobalAveragePooling3D()(b))), floats(41, 2, 30, 4), True)


@case
def conv_lstms(name):
    """Convolutional recurrent layers, with states in and out."""
    x, z = Input((3, 4, 5, 2), name="x"), Input((4, 6, 2), name="z")
    h, c = Input((4, 5, 2), name="h"), Input((4, 5, 2), name="c")
    outs = [
        L.ConvLSTM2D(2, 3, name="last")(x),
        *L.ConvLSTM2D(3, (2, 3), padding="same", return_sequences=True, return_state=True, name="all")(x),
        L.ConvLSTM2D(2, 3, strides=2, padding="same", go_backwards=True, return_sequences=True, name="back")(x),
        L.ConvLSTM2D(2, 2, dilation_rate=2, use_bias=False, recurrent_activation="hard_sigmoid", activation="relu", name="apart")(x),
        L.ConvLSTM2D(2, 3, padding="same", unit_forget_bias=False, name="from")(x, initial_state=[h, c]),
        L.ConvLSTM1D(3, 3, name="row")(z),
        L.ConvLSTM1D(2, 2, padding="same", return_sequences=True, dropout=0.3, name="rows")(z),
    ]
    states = [floats(27, 2, 4, 5, 2), floats(28, 2, 4, 5, 2)]
    write(name, Model([x, z, h, c], outs), [floats(25, 2, 3, 4, 5, 2), floats(26, 2, 4, 6, 2), *states])


@case
def slopes_of_conv_lstms(name):
    """Gradients of the same."""
    x = Input((3, 20, 2), name="x")
    a = L.ConvLSTM1D(2, 3, padding="same", return_sequences=True, name="rows")(x)
    b = L.ConvLSTM2D(2, (2, 3), strides=(1, 2), return_sequences=True, go_backwards=True, name="first")(L.Reshape((3, 4, 5, 2))(a))
    c, h, s = L.ConvLSTM2D(2, 2, padding="same", return_state=True, recurrent_activation="hard_sigmoid", name="second")(b)
    d = L.ConvLSTM2D(2, 3, padding="same", use_bias=False, name="third")(b, initial_state=[s, h])
    write(name, Model(x, L.Dense(2, name="head")(L.Flatten(name="flat")(L.concatenate([c, s, d])))), floats(29, 2, 3, 20, 2), True)


@case
def volume_lstms(name):
    """Convolutional recurrent layers of volumes."""
    x = Input((3, 3, 4, 3, 2), name="x")
    h, c = Input((3, 4, 3, 2), name="h"), Input((3, 4, 3, 2), name="c")
    outs = [
        L.ConvLSTM3D(2, 2, name="last")(x),
        *L.ConvLSTM3D(3, (2, 3, 1), padding="same", return_sequences=True, return_state=True, name="all")(x),
        L.ConvLSTM3D(2, 3, strides=2, padding="same", go_backwards=True, return_sequences=True, name="back")(x),
        L.ConvLSTM3D(2, 2, dilation_rate=(1, 2, 1), use_bias=False, activation="relu", name="apart")(x),
        L.ConvLSTM3D(2, 3, padding="same", unit_forget_bias=False, name="from")(x, initial_state=[h, c]),
        L.TimeDistributed(L.Conv3D(2, 2, name="conv"), name="each")(x),
        L.TimeDistributed(L.MaxPooling3D(2, padding="same"), name="most")(x),
        L.Dense(3, name="dense")(x),
    ]
    states = [floats(48, 2, 3, 4, 3, 2), floats(49, 2, 3, 4, 3, 2)]
    write(name, Model([x, h, c], outs), [floats(47, 2, 3, 3, 4, 3, 2), *states])


@case
def slopes_of_volume_lstms(name):
    """Gradients of the same."""
    x = Input((3, 24), name="x")
    a = L.Reshape((3, 2, 4, 3, 1), name="volumes")(x)
    b = L.ConvLSTM3D(2, 2, padding="same", return_sequences=True, go_backwards=True, name="first")(a)
    c, h, s = L.ConvLSTM3D(2, (1, 2, 2), strides=(1, 2, 1), return_state=True, name="second")(b)
    all = [L.Flatten()(one) for one in (c, s)]
    write(name, Model(x, L.Dense(2, name="head")(L.Concatenate(name="all")(all))), floats(50, 2, 3, 24), True)


@case
def channels_first(name):
    """Layers whose channels come first."""
    first = {"data_format": "channels_first"}
    s, i, v = Input((3, 6), name="s"), Input((4, 5, 6), name="i"), Input((2, 3, 4, 3), name="v")
    f = Input((3, 2, 4, 5), name="f")
    outs = [
        L.Conv1D(4, 3, padding="causal", dilation_rate=2, name="causal", **first)(s),
        L.Conv1DTranspose(2, 3, strides=2, name="spread", **first)(s),
        L.DepthwiseConv1D(2, depth_multiplier=2, name="depth", **first)(s),
        L.SeparableConv1D(2, 2, padding="same", name="apart", **first)(s),
        L.MaxPooling1D(2, padding="same", **first)(s), L.AveragePooling1D(2, **first)(s),
        L.GlobalAveragePooling1D(**first)(s), L.GlobalMaxPooling1D(keepdims=True, **first)(s),
        L.Conv2D(4, (3, 2), groups=2, strides=2, padding="same", activation="relu", name="conv", **first)(i),
        L.Conv2DTranspose(2, 3, strides=2, padding="same", name="larger", **first)(i),
        L.DepthwiseConv2D(2, name="depths", **first)(i), L.SeparableConv2D(3, 2, name="parts", **first)(i),
        L.MaxPooling2D((2, 3), **first)(i), L.AveragePooling2D(2, strides=1, padding="same", **first)(i),
        L.GlobalAveragePooling2D(keepdims=True, **first)(i), L.GlobalMaxPooling2D(**first)(i),
        L.AdaptiveAveragePooling2D((2, 3), **first)(i),
        L.UpSampling2D((2, 3), **first)(i), L.ZeroPadding2D(((1, 0), (2, 1)), **first)(i),
        L.Cropping2D(((1, 0), (2, 1)), **first)(i), L.Resizing(3, 4, **first)(i), L.CenterCrop(3, 4, **first)(i),
        L.SpatialDropout2D(0.5, **first)(i), L.Flatten(**first)(i), L.Flatten(**first)(s),
        L.Conv3D(2, 2, name="deep", **first)(v), L.MaxPooling3D(2, **first)(v), L.GlobalAveragePooling3D(**first)(v),
        L.Conv3DTranspose(1, 2, strides=2, name="deeper", **first)(v), L.ZeroPadding3D(1, **first)(v),
        *L.ConvLSTM2D(3, 2, padding="same", return_sequences=True, return_state=True, name="lstm", **first)(f),
        L.STFTSpectrogram("magnitude", 4, name="waves", **first)(s),
        L.STFTSpectrogram("stft", 4, expand_dims=True, name="waves_of_images", **first)(s),
    ]
    inputs = [floats(51, 2, 3, 6), floats(52, 2, 4, 5, 6), floats(53, 2, 2, 3, 4, 3), floats(54, 2, 3, 2, 4, 5)]
    write(name, Model([s, i, v, f], outs), inputs)


@case
def slopes_of_channels_first(name):
    """Gradients of the same."""
    first = {"data_format": "channels_first"}
    x = Input((2, 6, 5), name="x")
    a = L.Conv2D(4, 3, padding="same", activation="tanh", name="conv", **first)(x)
    a = L.UpSampling2D(2, **first)(L.MaxPooling2D(2, **first)(L.BatchNormalization(axis=1, trainable=False, name="norm")(a)))
    a = L.Conv2DTranspose(3, 2, strides=2, name="spread", **first)(L.DepthwiseConv2D(2, name="depth", **first)(a))
    b = L.ConvLSTM1D(2, 2, name="lstm", **first)(L.Reshape((3, 2, 10), name="films")(x))
    all = [L.Flatten(**first)(b), L.GlobalAveragePooling2D(**first)(a), L.GlobalMaxPooling2D(**first)(a)]
    write(name, Model(x, L.Dense(2, name="head")(L.Concatenate(name="all")(all))), floats(55, 2, 2, 6, 5), True)


@case
def paddings(name):
    """Convolutions the other way around, of which is said how large they make what arrives."""
    s, i, v = Input((4, 2), name="s"), Input((3, 4, 2), name="i"), Input((2, 3, 2, 2), name="v")
    outs = [
        *[L.Conv1DTranspose(2, k, strides=n, padding=p, output_padding=more, name=f"{p}_{k}_{n}_{more}")(s)
          for p in ("same", "valid") for k in (1, 2, 3, 4) for n, more in ((2, 0), (2, 1), (3, 2))],
        L.Conv1DTranspose(2, 3, dilation_rate=2, padding="same", output_padding=0, name="apart")(s),
        L.Conv2DTranspose(3, (2, 3), strides=(3, 2), padding="same", output_padding=(1, 0), name="images")(i),
        L.Conv2DTranspose(2, 3, strides=2, output_padding=1, activation="tanh", name="larger")(i),
        L.Conv3DTranspose(2, (2, 3, 1), strides=(2, 3, 2), padding="same", output_padding=(1, 2, 0), name="volumes")(v),
        L.Conv3DTranspose(1, 2, strides=2, output_padding=1, name="deep")(v),
    ]
    write(name, Model([s, i, v], outs), [floats(56, 2, 4, 2), floats(57, 2, 3, 4, 2), floats(58, 2, 2, 3, 2, 2)])


@case
def slopes_of_paddings(name):
    """Gradients of the same."""
    x = Input((6, 4), name="x")
    a = L.Conv1DTranspose(3, 3, strides=2, padding="same", output_padding=1, activation="tanh", name="rows")(x)
    b = L.Reshape((3, 4, 3), name="images")(a)
    b = L.Conv2DTranspose(2, (2, 3), strides=2, padding="same", output_padding=(0, 1), name="conv")(b)
    c = L.Conv3DTranspose(2, 2, strides=2, output_padding=1, name="deep")(L.Reshape((3, 2, 4, 1), name="volumes")(x))
    all = [L.Flatten()(b), L.GlobalAveragePooling3D()(c)]
    write(name, Model(x, L.Dense(2, name="head")(L.Concatenate(name="all")(all))), floats(59, 2, 6, 4), True)


@case
def turned(name):
    """Dimensions in another order, steps taken backwards, and layers at each step of images."""
    x, z = Input((2, 3, 4, 2), name="x"), Input((5, 3), name="z")
    images = L.Permute((4, 1, 2, 3), name="volumes")(x)
    parts = [
        z[:, ::-1],
        z[:, 3:0:-2],
        z[:, -2::-1, ::-1],
        z[:, :-3:-1],
        z[:, 4:1:-1, 1],
    ]
    rows = L.Reshape((6, 8), name="rows")(x)
    outs = [
        images,
        L.Permute((1, 3, 4, 2), name="last")(images),
        L.Permute((1,), name="none")(L.Flatten(name="flat")(z)),
        L.TimeDistributed(L.Dense(3, activation="relu"), name="each")(x),
        L.TimeDistributed(L.Dense(2), name="steps")(L.Reshape((2, 3, 8), name="images")(x)),
        L.BatchNormalization(axis=1, name="norm")(L.Masking(0.0, name="masked")(rows)),
    ]
    rows = floats(30, 2, 2, 3, 4, 2)
    rows[1, 1, 2] = 0
    write(name, Model([x, z], outs + parts), [rows, floats(31, 2, 5, 3)])


@case
def cells_backwards(name):
    """Several cells backwards over padded sequences, and their slopes."""
    x = Input((5,), dtype="int32", name="x")
    a = L.Embedding(6, 3, mask_zero=True, name="embed")(x)
    cells = lambda: [L.LSTMCell(3), L.GRUCell(2), L.SimpleRNNCell(4)]
    b = L.RNN(cells(), go_backwards=True, return_sequences=True, name="all")(a)
    c = L.RNN(cells()[:2], go_backwards=True, name="last")(a)
    d = L.RNN(cells()[1:], go_backwards=True, name="behind")(b)
    ids = np.array([[1, 2, 3, 4, 5], [3, 1, 0, 0, 0], [0, 2, 0, 5, 1], [0, 0, 0, 0, 4]], np.int32)
    pooled = L.GlobalAveragePooling1D(name="pool")(b)
    write(name, Model(x, L.Dense(2, name="head")(L.concatenate([pooled, c, d]))), ids, True)


@case
def spectral(name):
    """Kernels that are divided by their largest singular value in training."""
    x, of = Input((6, 4), name="x"), L.SpectralNormalization
    a = of(L.Dense(3, activation="tanh", name="each"), name="steps")(L.Masking(name="masked")(x))
    a = L.LSTM(2, name="lstm")(a)
    b = of(L.Conv1D(4, 3, use_bias=False, name="inner"), power_iterations=3, name="rows")(x)
    b = of(L.Conv1DTranspose(3, 2, strides=2, name="inner"), name="wider")(of(L.DepthwiseConv1D(2, name="inner"), name="depth")(b))
    c = L.Reshape((3, 2, 4), name="images")(x)
    c = of(L.Conv2D(3, 2, padding="same", activation="relu", name="inner"), power_iterations=2, name="conv")(c)
    c = of(L.DepthwiseConv2D(2, depth_multiplier=2, padding="same", name="inner"), name="depths")(c)
    c = of(L.Conv2DTranspose(2, 3, name="inner"), name="larger")(c)
    d = of(L.Conv3D(2, 2, name="inner"), name="volumes")(L.Reshape((3, 2, 4, 1), name="deep")(x))
    d = of(L.Conv3DTranspose(2, 2, name="inner"), name="deeper")(d)
    e = of(L.EinsumDense("abc,cde->abde", output_shape=(6, 2, 3), bias_axes="de", name="inner"), name="letters")(x)
    all = [a] + [L.Flatten()(one) for one in (b, c, d, e)]
    y = of(L.Dense(2, name="inner"), name="head")(L.Concatenate(name="all")(all))
    values = floats(42, 2, 6, 4)
    values[0, 4:] = 0
    write(name, Model(x, y), values, True, True)


@case
def reversible(name):
    """Embeddings that are gone through both ways."""
    w, x = Input((5,), dtype="int32", name="w"), Input((3, 4), name="x")
    of = L.ReversibleEmbedding
    one, two = of(8, 4, mask_zero=True, name="one"), of(6, 4, tie_weights=False, logit_soft_cap=1.5, name="two")
    a = one(w)
    b = L.LSTM(4, return_sequences=True, name="lstm")(a)
    logits = one(b, reverse=True)
    back = two(L.Dense(4, name="dense")(x), reverse=True)
    outs = [a, b, logits, back, two(L.Discretization([-1.0, 0.0, 1.0], name="bins")(x[:, :, 0])), one(x[:, 0], reverse=True)]
    write(name, Model([w, x], outs), [ids([3, 1, 4, 0, 0], [2, 5, 2, 6, 5]), floats(43, 2, 3, 4)])


@case
def slopes_of_reversible(name):
    """Gradients of the same."""
    w = Input((5,), dtype="int32", name="w")
    one = L.ReversibleEmbedding(8, 4, mask_zero=True, logit_soft_cap=2.0, name="one")
    two = L.ReversibleEmbedding(8, 8, tie_weights=False, name="two")
    a = one(L.GRU(4, return_sequences=True, name="gru")(one(w)), reverse=True)
    write(name, Model(w, two(L.Add(name="sum")([a, two(w)]), reverse=True)), ids([3, 1, 4, 0, 0], [2, 5, 2, 6, 5]), True)


@case
def spectrograms(name):
    """Spectrograms, with weights of their own and on the scale of the ear."""
    x, y = Input((40, 2), name="x"), Input((60,), name="y")
    of, mel = L.STFTSpectrogram, L.MelSpectrogram
    outs = [
        *[of(mode, 8, 3, 16, name=mode)(x) for mode in ("log", "magnitude", "psd", "real", "imag", "angle", "stft")],
        of("magnitude", 8, window="hamming", periodic=True, scaling="spectrum", padding="same", name="same")(x),
        of("psd", 6, 5, expand_dims=True, window=None, scaling=None, name="images")(x),
        of("stft", 7, 2, 9, expand_dims=True, padding="same", name="odd")(x),
        mel(16, 8, num_mel_bins=5, sampling_rate=8000, name="mel")(y),
        mel(16, 5, 12, num_mel_bins=4, window="hamming", power_to_db=False, mag_exp=1.0, min_freq=0.0, max_freq=3000, name="short")(y),
        mel(20, 7, 11, num_mel_bins=6, window=None, top_db=10.0, ref_power=0.5, min_power=1e-3, mag_exp=1.5, name="top")(y),
        mel(128, 16, num_mel_bins=6, name="long")(y),
    ]
    write(name, Model([x, y], outs), [floats(44, 2, 40, 2), floats(45, 2, 60)])


@case
def slopes_of_arrays(name):
    """Functions that are told arrays of numpy, and gradients of those of each value."""
    x = Input((4, 6), name="x")
    a = L.Dense(6, activation="tanh", name="first")(x)
    places = np.array([3, 1, 1], "int64")
    b = [
        keras.ops.take(a, places, axis=1),
        keras.ops.take(a, np.array([-1, 0], "int32"), axis=1),
        keras.ops.roll(a, 2, axis=1),
        keras.ops.tile(a, [1, 2, 1]),
        keras.ops.erf(a),
        keras.ops.exp(a),
        keras.ops.log(a + 2),
        keras.ops.log1p(a * np.array([0.1, 0.4, -0.4, 0.9, -0.9, 2e-3], "float32") ** 2),
        keras.ops.power(a, 2),
        a**3.0,
        (a + 2.0) ** 0.5,
        keras.ops.gelu(a),
        keras.ops.sqrt(a + 1.5),
        keras.ops.divide_no_nan(a, a + 2.0),
        keras.ops.logaddexp(a, a * 0.5),
        keras.ops.hypot(a, a + 0.25),
    ]
    all = L.Flatten(name="flat")(keras.ops.concatenate(b, axis=1))
    write(name, Model(x, L.Dense(2, name="head")(all)), floats(47, 2, 4, 6), True)


@case
def slopes_of_spectrograms(name):
    """Gradients of the same."""
    x = Input((6, 8), name="x")
    a = L.Dense(8, activation="tanh", name="first")(x)
    y = L.Reshape((24, 2), name="signals")(a)
    z = L.Flatten(name="flat")(a)
    b = [
        L.STFTSpectrogram(mode, 6, 4, 8, name=mode)(y)
        for mode in ("log", "magnitude", "psd", "real", "imag", "angle", "stft")
    ]
    c = [
        L.MelSpectrogram(12, 6, num_mel_bins=5, sampling_rate=8000, name="mel")(z),
        L.MelSpectrogram(14, 5, 9, num_mel_bins=4, top_db=5.0, mag_exp=1.0, name="top")(z),
        L.MelSpectrogram(12, 6, num_mel_bins=3, power_to_db=False, name="power")(z),
    ]
    all = [L.Flatten()(one) for one in b] + [L.Rescaling(0.05)(L.Flatten()(one)) for one in c]
    write(name, Model(x, L.Dense(2, name="head")(L.Concatenate(name="all")(all))), floats(46, 2, 6, 8), True)


def read_file(path):
    """Reads `.safetensors`."""
    raw = path.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    names = {value: key for key, value in DTYPES.items()}
    found = {}
    for name, entry in json.loads(raw[8 : 8 + size]).items():
        start, end = (8 + size + at for at in entry["data_offsets"])
        values = np.frombuffer(raw[start:end], names[entry["dtype"]])
        found[name] = values.reshape(entry["shape"])
    return found


def check(folder):
    """Looks whether Keras gives the same for the configs that the test `config` has written into a folder."""
    for path in sorted(pathlib.Path(folder).glob("*.json")):
        model = keras.models.model_from_json(path.read_text())
        tensors = read_file(HERE / path.stem / "tensors.safetensors")
        for name, layer in leaves(model):
            for i, weight in enumerate(weights(layer)):
                weight.assign(tensors[f"weight.{name}.{i}"])
            if isinstance(layer, L.Normalization):
                layer.finalize_state()
        count = sum(name.startswith("input.") for name in tensors)
        inputs = [tensors[f"input.{i}"] for i in range(count)]
        found = keras.tree.flatten(model(inputs if count > 1 else inputs[0], training=False))
        for i, y in enumerate(found):
            np.testing.assert_allclose(np.asarray(y), tensors[f"output.{i}"], 1e-5, 1e-5)
        print(path.stem, len(found), "outputs agree")


if __name__ == "__main__":
    if sys.argv[1:2] == ["check"]:
        check(sys.argv[2])
        sys.exit()
    for make in CASES:
        if len(sys.argv) < 2 or make.__name__ in sys.argv[1:]:
            make(make.__name__)
            print(make.__name__)
