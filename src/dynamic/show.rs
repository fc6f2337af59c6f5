//! The weights of a layer, shown to whatever looks at them.

use dfdx::tensor::Cpu;

use super::{
    DynamicLayer,
    rules::{Ruled, Rules},
};
use crate::{
    error::Error,
    parameters::{Frozen, Parameters, Visitor},
};

impl DynamicLayer {
    /// Whether the config says that its weights are not trained.
    pub(super) fn is_frozen(&self) -> bool {
        self.config.config.get("trainable") == Some(&serde_json::Value::Bool(false))
    }
}

impl Parameters for DynamicLayer {
    /// Shows all parameters to a visitor: those that are there at run time, whatever [`PARAMS`](Self::PARAMS) is.
    fn visit(&mut self, visitor: &mut dyn Visitor<f32, Cpu>) -> Result<(), Error> {
        let mut frozen;
        let visitor: &mut dyn Visitor<f32, Cpu> = if self.is_frozen() {
            frozen = Frozen(visitor);
            &mut frozen
        } else {
            visitor
        };
        let rules = Rules::of(&self.config);
        if rules.is_empty() {
            return self.op.visit(visitor);
        }
        self.op.visit(&mut Ruled { visitor, rules: &rules })
    }
}
