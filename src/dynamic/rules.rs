//! What the config of a layer says of its weights: regularizers and constraints.

use serde_json::Value;

use super::op::{Flat, Show};
use crate::{
    error::Error,
    fields::Config,
    regularizers::{Constraint, Regularizer, Rule, constraint, regularizer},
};

/// The rules of a layer, by what their keys begin with.
pub(super) struct Rules {
    /// Whether `kernel` is Keras's `depthwise_..`.
    depthwise: bool,
    regularizers: Vec<(String, Box<dyn Regularizer>)>,
    constraints: Vec<(String, Box<dyn Constraint>)>,
}

impl Rules {
    pub(super) fn of(config: &Config) -> Self {
        let (mut regularizers, mut constraints) = (Vec::new(), Vec::new());
        for (key, value) in config.config.iter().filter(|(_, value)| **value != Value::Null) {
            // That of the activity is one of what leaves the layer.
            if let Some(weight) = key.strip_suffix("_regularizer").filter(|of| *of != "activity") {
                regularizers.push((weight.to_owned(), regularizer(value)));
            } else if let Some(weight) = key.strip_suffix("_constraint") {
                constraints.push((weight.to_owned(), constraint(value)));
            }
        }
        let depthwise = config.class_name.starts_with("DepthwiseConv");
        Self { depthwise, regularizers, constraints }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.regularizers.is_empty() && self.constraints.is_empty()
    }

    /// The rule of a weight: `recurrent_kernel` has `recurrent_regularizer`.
    fn rule<'a>(&'a self, weight: &'a str) -> Option<Rule<'a>> {
        let key = match weight {
            "kernel" if self.depthwise => "depthwise",
            weight => weight.strip_suffix("_kernel").unwrap_or(weight),
        };
        let regularizer = self.regularizers.iter().find(|(of, _)| of == key);
        let constraint = self.constraints.iter().find(|(of, _)| of == key);
        (regularizer.is_some() || constraint.is_some()).then(|| Rule {
            weight,
            regularizer: regularizer.map(|(_, one)| &**one),
            constraint: constraint.map(|(_, one)| &**one),
        })
    }
}

/// Shows weights with their rules.
pub(super) struct Ruled<'a> {
    pub(super) show: &'a mut dyn Show,
    pub(super) rules: &'a Rules,
}

impl Show for Ruled<'_> {
    fn weight(
        &mut self,
        name: &str,
        trainable: bool,
        sizes: &[usize],
        values: &mut Flat,
    ) -> Result<(), Error> {
        match self.rules.rule(name) {
            Some(rule) => self.show.ruled(name, trainable, sizes, values, &rule),
            None => self.show.weight(name, trainable, sizes, values),
        }
    }

    fn ruled(
        &mut self,
        name: &str,
        trainable: bool,
        sizes: &[usize],
        values: &mut Flat,
        rule: &Rule<'_>,
    ) -> Result<(), Error> {
        self.show.ruled(name, trainable, sizes, values, rule)
    }

    fn enter(&mut self, name: &str) {
        self.show.enter(name);
    }

    fn leave(&mut self) {
        self.show.leave();
    }
}
