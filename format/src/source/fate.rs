//! What becomes of the masks that reach a layer, and what of a call a struct says.

use serde_json::Value;

use crate::{
    attends,
    masks::{calls::Call, flow::Flow},
    outputs,
    table::destroys_masks,
};

/// What becomes of the masks that reach a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// They travel on, or are used.
    Kept,
    /// Keras drops them.
    Lost,
    /// A part of the inputs is masked, and the layer calculates by these masks.
    Mixed,
}

pub(super) fn is_merge(class: &str) -> bool {
    ["Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract"].contains(&class)
}

/// What becomes of the masks of what reaches a layer.
pub(super) fn fate(class: &str, reach: &[Flow]) -> Fate {
    let masked = reach.iter().filter(|one| one.padded).count();
    match class {
        _ if masked == 0 || attends(class) => Fate::Kept,
        "Maximum" | "Minimum" | "Multiply" if masked < reach.len() => Fate::Mixed,
        _ if is_merge(class) && masked < reach.len() => Fate::Lost,
        _ if destroys_masks(class) || class == "Dot" => Fate::Lost,
        _ => Fate::Kept,
    }
}

impl Call {
    /// The places of what it gives, `0` and `1` in a pair.
    pub(super) fn places(&self) -> Vec<String> {
        outputs(&self.config.class_name, &self.config.config)
    }

    /// Whether its state leaves it beside its output.
    pub(super) fn returns_state(&self) -> bool {
        let config = &self.config.config;
        let own = match self.config.class_name.as_str() {
            "Bidirectional" => {
                config.get("layer").and_then(|layer| layer["config"].get("return_state"))
            }
            _ => config.get("return_state"),
        };
        self.is_recurrent() && own == Some(&Value::Bool(true))
    }

    /// What goes over the steps, itself or both directions of it.
    pub(super) fn cell(&self) -> Option<&str> {
        match self.config.class_name.as_str() {
            "Bidirectional" => self.config.config.get("layer")?.get("class_name")?.as_str(),
            class => Some(class),
        }
    }
}
