"""Stacks of recurrent cells with Keras 3.15.1: `KERAS_BACKEND=jax python make.py`."""

import json
import pathlib

import jax
import numpy as np
from keras import Input, Model, Sequential, ops
from keras.layers import RNN, Bidirectional, GRUCell, LSTMCell, SimpleRNNCell, StackedRNNCells


def values(start, shape):
    n = int(np.prod(shape))
    return (np.sin(np.arange(start, start + n) * 0.7 + 0.3) * 0.8).reshape(shape).astype("float32")


X = values(1, (2, 4, 2))
MASK = np.array([[1, 1, 0, 1], [0, 1, 1, 0]], dtype=bool)


def cells():
    return StackedRNNCells([LSTMCell(4), GRUCell(3), SimpleRNNCell(2)])


def numbers(value, digits=6):
    return [round(float(x), digits) for x in np.asarray(value).ravel()]


def case(layer, masked=True, initial=()):
    inputs = [Input((4, 2))] + [Input(np.shape(state)[1:]) for state in initial]
    mask = MASK if masked else None
    keep = Input((4,), dtype="bool")
    given = inputs[1:]
    if len(given) > 3:
        # Keras wants the states of each cell together.
        given = [given[:2], given[2], given[3]]
    y = layer(inputs[0], mask=keep if masked else None, **({"initial_state": given} if given else {}))
    model = Model(inputs + ([keep] if masked else []), y)
    at, weights = 7, []
    for weight in model.get_weights():
        weights.append(values(at, weight.shape))
        at += weight.size
    model.set_weights(weights)
    data = [X, *initial] + ([mask] if masked else [])

    def loss(trainable, x):
        outputs, _ = model.stateless_call(trainable, model.non_trainable_variables, [x, *data[1:]])
        first = outputs[0] if isinstance(outputs, (list, tuple)) else outputs
        return ops.sum(first * first)

    variables = [v.value for v in model.trainable_variables]
    of_weights, of_x = jax.grad(loss, argnums=(0, 1))(variables, X)
    outputs = jax.tree_util.tree_leaves(model(data))
    return {
        "outputs": [numbers(output) for output in outputs],
        "of_x": numbers(of_x),
        # The sum of each gradient, and of its squares.
        "of_weights": [numbers([np.sum(g), np.sum(np.square(g))]) for g in of_weights],
    }


initial = [values(90, (2, 4)), values(98, (2, 4)), values(106, (2, 3)), values(112, (2, 2))]
cases = {
    "last": case(RNN(cells())),
    "states": case(RNN(cells(), return_sequences=True, return_state=True)),
    "plain": case(RNN(cells(), return_sequences=True), masked=False),
    "backwards": case(RNN(cells(), return_sequences=True, go_backwards=True, zero_output_for_mask=True)),
    "initial": case(RNN(cells(), return_sequences=True), masked=False, initial=initial),
    "both": case(Bidirectional(RNN(cells(), return_sequences=True))),
    "both_last": case(Bidirectional(RNN(cells()), merge_mode="sum")),
}
text = json.dumps(cases, indent=1)
pathlib.Path(__file__).with_name("cases.json").write_text(text + "\n")
layer = RNN(cells(), return_sequences=True, stateful=True, zero_output_for_mask=True, name="stack")
model = Sequential([Input(batch_shape=(2, 4, 2)), layer])
pathlib.Path(__file__).with_name("rnn.json").write_text(model.to_json() + "\n")
print({name: len(case["outputs"]) for name, case in cases.items()})
