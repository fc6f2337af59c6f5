"""What Keras 3.15.1 makes of a model of two outputs: `KERAS_BACKEND=jax python make.py > history.json`."""

import json

import numpy as np
from keras import Input, Model, layers as L, losses, metrics, optimizers

IDS = np.array([[1, 2, 3, 0], [4, 5, 0, 0], [2, 2, 1, 5], [3, 0, 0, 0], [5, 4, 3, 2]])
TAGS = np.array([[0, 1, 2, 0], [2, 1, 0, 0], [1, 1, 0, 2], [0, 0, 0, 0], [2, 0, 1, 1]])
MOODS = np.array([[1.0], [0.0], [1.0], [0.0], [1.0]])
STEPS = np.array([[1, 2, 0.5, 1], [1, 1, 1, 1], [0.5, 0.25, 2, 1], [3, 1, 1, 1], [1, 0, 1, 2]])
SAMPLES = np.array([1.0, 0.5, 2.0, 0.0, 1.5])


def ramp(shape):
    """Values that are easy to write down again."""
    return (np.arange(np.prod(shape)) % 7 - 3).reshape(shape) / 5.0


def build():
    x = Input((4,), dtype="int32")
    words = L.Embedding(6, 3, mask_zero=True, name="words")(x)
    ner = L.TimeDistributed(L.Dense(3, activation="softmax"), name="ner")(words)
    mood = L.Dense(1, activation="sigmoid", name="mood")(L.GlobalAveragePooling1D(name="pool")(words))
    model = Model(x, [ner, mood])
    model.set_weights([ramp(w.shape) for w in model.get_weights()])
    return model


def run(weights, batch, loss_weights):
    model = build()
    model.compile(
        optimizers.SGD(0.5),
        loss=[losses.SparseCategoricalCrossentropy(), losses.BinaryCrossentropy()],
        loss_weights=loss_weights,
        metrics=[[metrics.SparseCategoricalAccuracy()], [metrics.BinaryAccuracy()]],
        weighted_metrics=[[metrics.SparseCategoricalAccuracy()], [metrics.MeanSquaredError()]],
    )
    sample = dict(sample_weight=weights) if weights is not None else {}
    history = model.fit(
        IDS, [TAGS, MOODS], batch_size=batch, epochs=3, shuffle=False, verbose=0,
        validation_data=(IDS[:3], [TAGS[:3], MOODS[:3]]), **sample,
    ).history
    evaluated = model.evaluate(IDS, [TAGS, MOODS], batch_size=batch, verbose=0, return_dict=True)
    predicted = [p.tolist() for p in model.predict(IDS[:2], verbose=0)]
    return {"history": history, "evaluate": evaluated, "predict": predicted}


print(json.dumps({
    "plain": run(None, 5, None),
    "loss_weights": run(None, 2, [0.25, 2.0]),
    "weights": run([STEPS, SAMPLES], 2, [1.0, 0.5]),
}, indent=1))
