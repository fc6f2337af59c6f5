//! Keras's layers that change images at random, of which only inference is here: there they change nothing.

use serde_json::{Map, Value};

use super::{flow::Flow, op::OneToOne, options::Options, words};
use crate::{
    error::Error,
    fields::{AnySignal, Fields},
};

/// The classes, and the options of each but `seed` and `data_format`, with Keras's defaults. An option without a default is null.
const CLASSES: [(&str, &str); 18] = [
    (
        "AugMix",
        r#"{"value_range": [0, 255], "num_chains": 3, "chain_depth": 3, "factor": [0, 0.3], "alpha": 1.0,
            "all_ops": true, "interpolation": "bilinear"}"#,
    ),
    ("CutMix", r#"{"factor": [0, 1.0]}"#),
    ("MixUp", r#"{"alpha": 0.2}"#),
    (
        "RandAugment",
        r#"{"value_range": [0, 255], "num_ops": 2, "factor": [0, 0.5], "interpolation": "bilinear"}"#,
    ),
    ("RandomColorDegeneration", r#"{"factor": null, "value_range": [0, 255]}"#),
    (
        "RandomColorJitter",
        r#"{"value_range": [0, 255], "brightness_factor": null, "contrast_factor": null,
            "saturation_factor": null, "hue_factor": null}"#,
    ),
    (
        "RandomElasticTransform",
        r#"{"factor": [0, 1.0], "scale": [0, 1.0], "interpolation": "bilinear", "fill_mode": "reflect",
            "fill_value": 0.0, "value_range": [0, 255]}"#,
    ),
    (
        "RandomErasing",
        r#"{"factor": [0, 1.0], "scale": [0.02, 0.33], "fill_value": null, "value_range": [0, 255]}"#,
    ),
    (
        "RandomGaussianBlur",
        r#"{"factor": [0, 1.0], "kernel_size": [3, 3], "sigma": [0, 1.0], "value_range": [0, 255]}"#,
    ),
    ("RandomGrayscale", r#"{"factor": 0.5}"#),
    ("RandomHue", r#"{"factor": null, "value_range": [0, 255]}"#),
    ("RandomInvert", r#"{"factor": [0, 1.0], "value_range": [0, 255]}"#),
    (
        "RandomPerspective",
        r#"{"factor": [0, 1.0], "scale": 1.0, "interpolation": "bilinear", "fill_value": 0.0}"#,
    ),
    ("RandomPosterization", r#"{"factor": null, "value_range": [0, 255]}"#),
    ("RandomSaturation", r#"{"factor": null, "value_range": [0, 255]}"#),
    ("RandomSharpness", r#"{"factor": null, "value_range": [0, 255]}"#),
    (
        "RandomShear",
        r#"{"x_factor": [0, 0.0], "y_factor": [0, 0.0], "interpolation": "bilinear", "fill_mode": "reflect",
            "fill_value": 0.0}"#,
    ),
    (
        "Solarization",
        r#"{"addition_factor": [0, 0.0], "threshold_factor": [0, 0.0], "value_range": [0, 255]}"#,
    ),
];

/// Lists the keys of one of the classes.
pub(super) fn keys(fields: &mut Fields) {
    let options = CLASSES.iter().find(|(class, _)| *class == fields.class());
    let options: Option<Map<String, Value>> =
        options.and_then(|(_, json)| serde_json::from_str(json).ok());
    options.into_iter().flatten().for_each(|(key, default)| fields.any(&key, default));
    fields.seed();
    fields.data_format();
}

/// A layer that does nothing in inference, and cannot be trained through.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Augmentation;

impl Augmentation {
    pub(crate) fn new(_: &mut Options<'_>) -> Result<Self, Error> {
        Ok(Self)
    }
}

impl OneToOne for Augmentation {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        words::images(arrives)?;
        Ok(arrives.clone())
    }

    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        Ok(x)
    }

    fn train(&mut self, _: Flow) -> Result<Flow, Error> {
        Err(words::refused(
            "what this layer does in training is not here, only its inference, which changes nothing: for training, leave \
             it out, or register a layer of your own for its class in `CustomObjects`",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_as_keras_has_them() {
        for (class, json) in CLASSES {
            let options: Map<String, Value> = serde_json::from_str(json).unwrap();
            assert!(!options.is_empty(), "{class}");
        }
    }
}
