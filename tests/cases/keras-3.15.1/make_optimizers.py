"""The newest optimisers, with Keras 3.15.1: `KERAS_BACKEND=jax python make_optimizers.py`.

For each shape of a matrix: it and a vector, 7 given gradients each (one element is always 0, one step is all zero), and the variables
after every step.
"""

import json
import pathlib

import keras
import numpy as np
from keras.optimizers import Muon, ScheduleFreeAdamW
from keras.optimizers.schedules import ExponentialDecay
from safetensors.numpy import save_file

STEPS = 7
TOLERANCE = {"train": {"atol": 1e-6, "rtol": 1e-5}}


def optimizers():
    decay = ExponentialDecay(0.02, 3, 0.5)
    return {
        "muon": Muon(0.02),
        "muon_plain": Muon(0.02, weight_decay=None, nesterov=False, rms_rate=None, momentum=0.8),
        "muon_excluded": Muon(0.02, exclude_layers=["a"], adam_weight_decay=0.1, adam_lr_ratio=0.5),
        "muon_embedding": Muon(decay, exclude_embeddings=False, ns_steps=3, muon_a=3.0, muon_b=-3.0, muon_c=1.0),
        "muon_clipped": Muon(0.02, clipnorm=0.5, gradient_accumulation_steps=2),
        "schedule_free": ScheduleFreeAdamW(),
        "schedule_free_decay": ScheduleFreeAdamW(0.02, beta_1=0.8, beta_2=0.99, epsilon=1e-6, weight_decay=0.1),
        "schedule_free_warm": ScheduleFreeAdamW(0.02, warmup_steps=4, global_clipnorm=1.0),
    }


def make(name, shape):
    random = np.random.default_rng(29)
    initial = [random.normal(size=size).astype("float32") for size in (shape, (5,))]
    gradients = []
    for step in range(STEPS):
        step = [random.normal(size=size).astype("float32") * (step != 4) for size in (shape, (5,))]
        step[0][1, 2] = step[1][3] = 0
        gradients.append(step)
    tensors = {f"variable.{i}.initial": value for i, value in enumerate(initial)}
    tensors |= {f"grad.{s}.{i}": g for s, step in enumerate(gradients) for i, g in enumerate(step)}
    configs = {}
    for key, optimizer in optimizers().items():
        variables = [keras.Variable(value, name=name) for name, value in zip("ab", initial)]
        after = [[], []]
        for step in gradients:
            optimizer.apply([keras.ops.convert_to_tensor(g) for g in step], variables)
            for kept, variable in zip(after, variables):
                kept.append(np.array(variable.value))
        for i, kept in enumerate(after):
            tensors[f"{key}.variable.{i}"] = np.stack(kept)
        configs[key] = {"class_name": type(optimizer).__name__, "full_config": optimizer.get_config()}
    case = {
        "name": name,
        "kind": "optimizer",
        "description": "Muon and ScheduleFreeAdamW: a matrix and a vector, 7 given gradients each; the variables after every step.",
        "keras_version": keras.__version__,
        "steps": STEPS,
        "optimizers": configs,
        "tolerance": TOLERANCE,
        "tensors": {key: {"dtype": "f32", "shape": list(value.shape)} for key, value in tensors.items()},
    }
    folder = pathlib.Path(__file__).parent / name
    folder.mkdir(exist_ok=True)
    (folder / "case.json").write_text(json.dumps(case, indent=1, default=keras.saving.serialize_keras_object) + "\n")
    save_file({key: np.ascontiguousarray(value) for key, value in tensors.items()}, folder / "tensors.safetensors")


make("optimizer_newest_wide", (3, 4))
make("optimizer_newest_tall", (7, 3))
