"""Models with text layers in front, by Keras 3.15.1 on TensorFlow: `python make.py`."""
import json
import os
import zipfile

os.environ["KERAS_BACKEND"] = "tensorflow"
import keras
import numpy as np
import tensorflow as tf
from keras import Input, Model, Sequential, layers as L

OUT = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(7)
texts = ["the cat sat on the mat", "The dog, the cat!", "a bird sat", "on a log"]
answers = {}


def one(name, m, inputs):
    for w in m.weights:
        w.assign(rng.normal(0, 0.5, w.shape))
    x = [tf.constant(i) if isinstance(i[0][0], str) else np.array(i) for i in inputs]
    y = m(x if len(x) > 1 else x[0])
    answers[name] = {"inputs": inputs, "output": np.asarray(y).tolist()}
    path = f"{OUT}/{name}.keras"
    m.save(path)
    # The same archive, compressed.
    with zipfile.ZipFile(path) as a:
        content = [(n, a.read(n)) for n in a.namelist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as b:
        for n, bytes in content:
            b.writestr(zipfile.ZipInfo(n, (1980, 1, 1, 0, 0, 0)), bytes, zipfile.ZIP_DEFLATED)


def adapted(**k):
    t = L.TextVectorization(**k)
    t.adapt(texts)
    return t


ask = [["the cat"], ["a zebra sat on the big log!"], [""]]
one("adapted", Sequential([Input((1,), dtype="string"), adapted(output_sequence_length=6), L.Embedding(20, 4, mask_zero=True), L.LSTM(3), L.Dense(1)]), [ask[:2]])
one("any_length", Sequential([Input((1,), dtype="string"), adapted(ngrams=2), L.Embedding(40, 4), L.GlobalAveragePooling1D(), L.Dense(2)]), [ask[:2]])
x = Input((1,), dtype="string", name="review"); one("tf_idf", Model(x, L.Dense(2)(adapted(output_mode="tf_idf", max_tokens=30)(x))), [ask])
one("given", Sequential([Input((1,), dtype="string"), L.TextVectorization(vocabulary=["cat", "dog", "mat"], output_mode="multi_hot", standardize="lower", split="whitespace"), L.Dense(2)]), [ask])
x = Input((4,), dtype="string", name="words"); sl = L.StringLookup(vocabulary=["a", "b", "c"], mask_token="")
one("lookup", Model(x, L.GRU(2)(L.Embedding(5, 3, mask_zero=True)(sl(x)))), [[["a", "b", "z", ""], ["c", "", "", ""]]][0:1])
x, n = Input((3,), dtype="int32", name="codes"), Input((2,), name="numbers"); il = L.IntegerLookup(output_mode="multi_hot"); il.adapt(np.array([5, 5, 7, 9]))
one("integers", Model([x, n], L.Dense(2)(L.Concatenate()([il(x), n]))), [[[5, 7, 5], [1, 9, 2]], [[0.5, -1.0], [1.5, 2.0]]])
json.dump(answers, open(f"{OUT}/keras.json", "w"), indent=1)
