"""What Keras 3.15.1 says of its metrics: `KERAS_BACKEND=jax python make.py > metrics.json`.

Each metric is shown two batches, without weights and with them.
"""

import json

import numpy as np
from keras import metrics as m

rng = np.random.default_rng(5)


def soft(shape):
    x = np.exp(rng.normal(size=shape) * 1.5)
    return (x / x.sum(-1, keepdims=True)).round(2).astype("float32")


CASES = {
    # Several labels a position, each yes or no.
    "many": dict(p=rng.random((2, 8, 3)).round(2).astype("float32"), y=(rng.random((2, 8, 3)) > 0.6).astype("float32")),
    # One of four classes.
    "classes": dict(p=soft((2, 8, 4)), y=np.eye(4, dtype="float32")[rng.integers(0, 4, (2, 8))]),
    "values": dict(p=rng.normal(size=(2, 8, 3)).round(2).astype("float32"), y=rng.normal(size=(2, 8, 3)).round(2).astype("float32")),
}
for case in CASES.values():
    case["w"] = rng.choice([0.0, 0.5, 1.0, 2.0], (2, 8)).astype("float32")
# Keras's adjusted score counts what has no weight.
CASES["values"]["w"] = np.maximum(CASES["values"]["w"], 0.25)

AUC = {}
for curve in ["ROC", "PR", "PRGAIN"]:
    for how in ["interpolation", "minoring", "majoring"]:
        AUC[f"auc {curve} {how}"] = (m.AUC(curve=curve, summation_method=how), "many")

METRICS = {
    "precision": (m.Precision(), "many"),
    "precision 0.3": (m.Precision(0.3), "many"),
    "precision top 2": (m.Precision(top_k=2), "many"),
    "precision class 1": (m.Precision(class_id=1), "many"),
    "precision top 1 class 2 at 0.4": (m.Precision(0.4, top_k=1, class_id=2), "many"),
    "recall": (m.Recall(), "many"),
    "recall top 1": (m.Recall(top_k=1), "classes"),
    "tp": (m.TruePositives(), "many"), "fp": (m.FalsePositives(0.7), "many"),
    "tn": (m.TrueNegatives(), "many"), "fn": (m.FalseNegatives(0.2), "many"),
    **AUC,
    "auc 5": (m.AUC(num_thresholds=5), "many"),
    "auc given": (m.AUC(thresholds=[0.1, 0.7, 0.35]), "many"),
    "auc labels": (m.AUC(multi_label=True, num_labels=3), "many"),
    "auc weighted labels": (m.AUC(multi_label=True, label_weights=[1.0, 2.0, 0.5]), "many"),
    "auc label weights": (m.AUC(label_weights=[1.0, 2.0, 0.5]), "many"),
    "auc logits": (m.AUC(from_logits=True), "many"),
    "sensitivity": (m.SensitivityAtSpecificity(0.5), "many"),
    "specificity": (m.SpecificityAtSensitivity(0.6, num_thresholds=7), "many"),
    "precision at": (m.PrecisionAtRecall(0.4), "many"),
    "recall at": (m.RecallAtPrecision(0.5, class_id=0), "many"),
    "f1 macro": (m.F1Score(average="macro"), "classes"),
    "f1 micro": (m.F1Score(average="micro"), "classes"),
    "f1 weighted": (m.F1Score(average="weighted"), "classes"),
    "f1 threshold": (m.F1Score(average="macro", threshold=0.5), "many"),
    "f2": (m.FBetaScore(average="macro", beta=2.0), "classes"),
    "mean iou": (m.OneHotMeanIoU(num_classes=4, dtype="float32"), "classes"),
    "iou": (m.OneHotIoU(num_classes=4, target_class_ids=[0, 2], dtype="float32"), "classes"),
    "binary iou": (m.BinaryIoU(threshold=0.4, dtype="float32"), "many"),
    "binary iou 1": (m.BinaryIoU(target_class_ids=[1], threshold=0.5, dtype="float32"), "many"),
    "binary accuracy": (m.BinaryAccuracy(threshold=0.3), "many"),
    "top 2": (m.TopKCategoricalAccuracy(k=2), "classes"),
    "rmse": (m.RootMeanSquaredError(), "values"),
    "cosine": (m.CosineSimilarity(), "values"),
    "pearson": (m.PearsonCorrelation(), "values"),
    "concordance": (m.ConcordanceCorrelation(), "values"),
    "r2": (m.R2Score(), "values"),
    "r2 variance": (m.R2Score(class_aggregation="variance_weighted_average"), "values"),
    "r2 adjusted": (m.R2Score(num_regressors=2), "values"),
}

out = {"data": {}, "results": {}}
for name, case in CASES.items():
    out["data"][name] = {key: [float(x) for x in value.ravel()] for key, value in case.items()}
for name, (metric, case) in METRICS.items():
    case, results = CASES[case], []
    for weighted in [False, True]:
        metric.reset_state()
        for p, y, w in zip(case["p"], case["y"], case["w"]):
            # Of these Keras wants a weight for each value.
            w2 = np.repeat(w[:, None], p.shape[-1], 1) if isinstance(metric, (m.AUC, m.BinaryIoU)) else w
            metric.update_state(y, p, sample_weight=w2 if weighted else None)
        results.append(float(metric.result()))
    out["results"][name] = results
print(json.dumps(out, indent=1))
