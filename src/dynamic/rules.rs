//! What the config of a layer says of its weights: regularizers and constraints.

use dfdx::tensor::Cpu;
use serde_json::Value;

use crate::{
    error::Error,
    fields::Config,
    parameters::{Parameter, Visitor, forwards},
    regularizers::{Constraint, L1L2, Regularizer, Rule, constraint, regularizer},
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

/// The regularizer of what leaves a layer. An `ActivityRegularization` is nothing but that.
pub(super) fn of_activity(config: &Config) -> Option<Box<dyn Regularizer>> {
    let said = |key| config.config.get(key).filter(|said: &&Value| !said.is_null());
    if config.class_name == "ActivityRegularization" {
        let factor = |key| said(key).and_then(Value::as_f64).unwrap_or(0.0);
        return Some(Box::new(L1L2 { l1: factor("l1"), l2: factor("l2") }));
    }
    said("activity_regularizer").map(regularizer)
}

/// Shows weights with their rules.
pub(super) struct Ruled<'a> {
    pub(super) visitor: &'a mut dyn Visitor<f32, Cpu>,
    pub(super) rules: &'a Rules,
}

impl Visitor<f32, Cpu> for Ruled<'_> {
    fn visit(&mut self, parameter: Parameter<'_, f32, Cpu>) -> Result<(), Error> {
        match self.rules.rule(parameter.name) {
            Some(rule) => self.visitor.visit_ruled(parameter, &rule),
            None => self.visitor.visit(parameter),
        }
    }

    fn visit_ruled(
        &mut self,
        parameter: Parameter<'_, f32, Cpu>,
        rule: &Rule<'_>,
    ) -> Result<(), Error> {
        self.visitor.visit_ruled(parameter, rule)
    }

    forwards!(visitor, f32, Cpu);
}
