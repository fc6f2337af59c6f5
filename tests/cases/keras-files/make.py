"""Makes cases of typed layers with options: `KERAS_BACKEND=jax python make.py [name ..]`, with Keras 3.15.1."""

import json
import pathlib
import sys

import keras
import numpy as np
from keras import Input, Model, layers as L

DTYPES = {"float32": ("F32", "f32"), "int32": ("I32", "i32")}
HERE = pathlib.Path(__file__).parent
CASES = []


def case(make):
    CASES.append(make)
    return make


def save_file(tensors, path):
    """Writes `.safetensors`."""
    header, data = {}, b""
    for name, values in sorted(tensors.items()):
        raw = np.array(values, order="C").tobytes()
        dtype = DTYPES[str(values.dtype)][0]
        header[name] = {"dtype": dtype, "shape": list(values.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def write(name, model, *inputs, legacy=False):
    rng = np.random.default_rng(sum(map(ord, name)))
    for weight in model.weights:
        if "seed_generator" not in weight.path:
            weight.assign(rng.normal(0, 0.5, weight.shape))
    x = inputs[0] if len(inputs) == 1 else list(inputs)
    outputs = [np.asarray(y, np.float32) for y in keras.tree.flatten(model(x))]
    tensors = {f"input.{i}": x for i, x in enumerate(inputs)} | {f"output.{i}": y for i, y in enumerate(outputs)}
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    model.save(folder / "model.keras")
    files = {"model.keras": {"what": "whole model"}}
    if legacy:
        model.save(folder / "legacy.h5")
        files["legacy.h5"] = {"what": "whole model, legacy HDF5"}
    save_file(tensors, folder / "tensors.safetensors")
    text = {
        "name": name,
        "files": files,
        "inputs": [key for key in tensors if key.startswith("input")],
        "outputs": [key for key in tensors if key.startswith("output")],
        "tensors": {key: {"dtype": DTYPES[str(value.dtype)][1]} for key, value in tensors.items()},
        "tolerance": {"forward": {"atol": 1e-05, "rtol": 1e-05}},
    }
    (folder / "case.json").write_text(json.dumps(text, indent=1))


def floats(seed, *shape):
    return np.random.default_rng(seed).normal(0, 1, shape).astype("float32")


@case
def groups(name):
    """Convolutions whose channels are in groups."""
    x, z = Input((6, 7, 4), name="x"), Input((6, 4), name="z")
    a = L.Conv2D(8, 3, groups=4, padding="same", activation="relu", name="four")(x)
    a = L.Conv2D(6, (3, 2), groups=2, strides=2, use_bias=False, name="two")(a)
    b = L.Conv1D(4, 3, groups=2, padding="causal", dilation_rate=2, activation="tanh", name="causal")(z)
    b = L.Conv1D(8, 2, groups=4, name="each")(b)
    both = L.Concatenate(name="both")([L.GlobalAveragePooling2D(name="mean")(a), L.GlobalMaxPooling1D(name="most")(b)])
    write(name, Model([x, z], L.Dense(3, name="head")(both)), floats(1, 3, 6, 7, 4), floats(2, 3, 6, 4))


@case
def activations(name):
    """Layers of activations with options, and slopes that are trained."""
    s, i = Input((6, 4), name="s"), Input((5, 6, 3), name="i")
    a = L.PReLU(shared_axes=[1], name="shared")(L.Masking(name="mask")(s))
    a = L.LSTM(3, name="lstm")(L.ReLU(max_value=1.0, negative_slope=0.2, threshold=0.3, name="bounded")(a))
    b = L.Flatten(name="flat")(L.Softmax(axis=1, name="along")(L.PReLU(name="each")(s)))
    c = L.PReLU(name="pixels")(L.PReLU(shared_axes=[1, 2], name="channels")(i))
    c = L.PReLU(shared_axes=[2], name="rows")(L.Softmax(axis=-2, name="columns")(c))
    c = L.GlobalMaxPooling2D(name="most")(L.PReLU(shared_axes=[1, 3], name="sides")(c))
    d = L.Concatenate(name="all")([L.Concatenate(name="both")([a, b]), c])
    d = L.PReLU(shared_axes=[1], name="one")(L.Dense(4, name="wide")(L.PReLU(name="vectors")(d)))
    x = floats(3, 3, 6, 4)
    x[0, 4:], x[1, 1] = 0, 0
    write(name, Model([s, i], L.Dense(3, name="head")(d)), x, floats(4, 3, 5, 6, 3))


@case
def merges(name):
    """Merges of three and more, under masks that differ, and products along axes."""
    x, y, z = Input((5, 4), name="x"), Input((5, 4), name="y"), Input((5,), dtype="int32", name="z")
    a, b, c = L.Masking(name="a")(x), L.Masking(name="b")(y), L.Embedding(7, 4, mask_zero=True, name="c")(z)
    s = L.Add(name="sum")([a, b, c])
    p = L.Multiply(name="product")([a, b, c])
    q = L.Average(name="mean")([s, p, c, a])
    m = L.Maximum(name="largest")([b, c, q])
    n = L.Minimum(name="smallest")([c, a, b, m])
    v = L.LSTM(3, name="lstm")(L.Concatenate(name="all")([n, s, p, q]))
    g = L.GRU(3, name="gru")(m)
    each = L.Dot(axes=2, normalize=True, name="each")([x, y])
    steps = L.Dot(axes=(-1, 1), name="steps")([y, L.Dense(4, name="wide")(v)])
    one = L.Dot(axes=1, name="one")([v, g])
    cross = L.Flatten(name="flat")(L.Dot(axes=(1, 1), name="cross")([x, each]))
    d = L.Concatenate(name="both")([v, one, steps, cross])
    u, w = floats(5, 3, 5, 4), floats(6, 3, 5, 4)
    u[0, 3:], u[1, 1], w[0, 4:], w[2, :2] = 0, 0, 0, 0
    ids = np.array([[1, 2, 3, 4, 0], [0, 0, 5, 6, 1], [0, 0, 0, 2, 3]], "int32")
    write(name, Model([x, y, z], L.Dense(3, name="head")(d)), u, w, ids)


@case
def kinds(name):
    """Films, through layers that no type has."""
    x = Input((2, 5, 4, 3), name="x")
    a = L.TimeDistributed(L.Resizing(4, 4, crop_to_aspect_ratio=True, name="resize"), name="each")(x)
    b = L.ConvLSTM2D(2, 2, return_sequences=True, padding="same", name="lstm")(a)
    c = L.Conv3D(4, (2, 3, 1), groups=2, padding="same", activation="relu", name="conv")(b)
    d = L.UnitNormalization(axis=[2, -1], name="unit")(L.MaxPooling3D((1, 2, 2), name="pool")(c))
    e = L.EinsumDense("abcde,ecf->abf", output_shape=(None, 3), bias_axes="f", activation="sparsemax", name="einsum")(d)
    f, g = keras.ops.split(keras.ops.stack([e, keras.ops.matmul(e, keras.ops.swapaxes(e, 1, 2))[..., :1] * e], 2), 2, axis=1)
    write(name, Model(x, [L.Flatten(name="flat")(f), keras.ops.clip(g, 0.1, 0.6)]), floats(7, 2, 2, 5, 4, 3), legacy=True)


@case
def attention(name):
    """Attention of all kinds, and groups that are normalised."""
    w, x = Input((5,), dtype="int32", name="w"), Input((3, 4), name="x")
    e = L.Embedding(7, 4, mask_zero=True, name="words")(w)
    a = L.MultiHeadAttention(2, 3, use_gate=True, use_bias=False, name="self")(e, e, use_causal_mask=True)
    a = L.GroupNormalization(2, name="norm")(L.MultiHeadAttention(1, 3, name="cross")(a, value=x, key=x))
    b = L.Attention(score_mode="concat", use_scale=True, name="concat")([a, x])
    c = L.AdditiveAttention(name="additive")([b, x])
    ids = np.array([[1, 2, 3, 0, 0], [4, 5, 6, 1, 2]], "int32")
    write(name, Model([w, x], L.Dense(3, name="head")(c)), ids, floats(7, 2, 3, 4), legacy=True)


@case
def normalised(name):
    """Kernels that are normalised, an embedding of both ways, and spectrograms."""
    w, x = Input((5,), dtype="int32", name="w"), Input((24, 4), name="x")
    of = L.SpectralNormalization
    a = of(L.Dense(2, activation="tanh", name="inner"), power_iterations=2, name="dense")(x)
    a = L.STFTSpectrogram("magnitude", 4, 2, name="waves")(of(L.Conv1D(2, 2, use_bias=False), name="conv")(a))
    b = L.ConvLSTM3D(2, (1, 2, 1), name="lstm")(L.Reshape((2, 3, 4, 4, 1), name="volumes")(x))
    both = L.ReversibleEmbedding(7, 4, mask_zero=True, tie_weights=False, name="both")
    tied = L.ReversibleEmbedding(6, 4, logit_soft_cap=2.0, name="tied")
    c = both(L.LSTM(4, return_sequences=True, name="words")(both(w)), reverse=True)
    d = tied(L.GlobalMaxPooling1D(name="most")(tied(w)), reverse=True)
    e = L.MelSpectrogram(8, 4, num_mel_bins=3, sampling_rate=8000, name="mel")(x[:, :, 0])
    all = [d] + [L.Flatten(name=f"flat{i}")(one) for i, one in enumerate((a, b, c, e))]
    y = of(L.Dense(3), name="head")(L.Concatenate(name="all")(all))
    ids = np.array([[1, 2, 3, 0, 0], [4, 5, 0, 1, 2]], "int32")
    write(name, Model([w, x], y), ids, floats(8, 2, 24, 4), legacy=True)


@case
def grouped_heads(name):
    """Attention in which heads share keys and values, of buckets and pooled."""
    x = Input((6, 3), name="x")
    b = L.Discretization([-0.5, 0.0, 0.5], name="buckets")(L.GlobalMaxPooling1D(name="most")(x))
    e = L.Embedding(4, 3, name="embed")(b)
    a = L.GroupQueryAttention(3, 4, 2, use_gate=True, name="first")(x, e, use_causal_mask=True)
    a = L.GroupQueryAttention(2, 2, 1, use_bias=False, name="second")(a, a)
    y = L.Flatten(name="flat")(L.AdaptiveAveragePooling1D(4, name="pool")(a))
    write(name, Model(x, L.Dense(3, name="head")(y)), floats(7, 2, 6, 3), legacy=True)


if __name__ == "__main__":
    for make in CASES:
        if len(sys.argv) < 2 or make.__name__ in sys.argv[1:]:
            make(make.__name__)
            print(make.__name__)
