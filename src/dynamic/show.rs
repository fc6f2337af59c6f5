//! The weights of a layer, shown to whatever looks at them.

use dfdx::tensor::Cpu;

use super::{
    DynamicLayer,
    op::{Show, Shown},
    rules::{Ruled, Rules},
    weights,
};
use crate::{
    backend::CarriedStates,
    error::Error,
    parameters::{Parameter, Parameters, Visitor},
};

impl DynamicLayer {
    /// Whether the config says that its weights are not trained.
    pub(super) fn is_frozen(&self) -> bool {
        self.config.config.get("trainable") == Some(&serde_json::Value::Bool(false))
    }

    pub(super) fn show(&mut self, show: &mut dyn Show) -> Result<(), Error> {
        struct Frozen<'a>(&'a mut dyn Show);

        impl Show for Frozen<'_> {
            fn weight(&mut self, weight: Shown<'_>) -> Result<(), Error> {
                self.0.weight(Shown { trainable: false, ..weight })
            }

            fn carried(&mut self, carried: &CarriedStates<f32, Cpu>) -> Result<(), Error> {
                self.0.carried(carried)
            }

            fn enter(&mut self, name: &str) {
                self.0.enter(name);
            }

            fn leave(&mut self) {
                self.0.leave();
            }
        }

        let mut frozen;
        let show: &mut dyn Show = if self.is_frozen() {
            frozen = Frozen(show);
            &mut frozen
        } else {
            show
        };
        let rules = Rules::of(&self.config);
        if rules.is_empty() {
            return self.op.visit(show);
        }
        self.op.visit(&mut Ruled { show, rules: &rules })
    }
}

impl Parameters for DynamicLayer {
    /// Shows all parameters to a visitor: those that are there at run time, whatever [`PARAMS`](Self::PARAMS) is.
    fn visit<V: Visitor<f32, Cpu>>(&mut self, visitor: &mut V) -> Result<(), Error> {
        struct Shaped<'a, V>(&'a mut V);

        impl<V: Visitor<f32, Cpu>> Show for Shaped<'_, V> {
            fn weight(&mut self, weight: Shown<'_>) -> Result<(), Error> {
                let Shown { name, trainable, sizes, values, rule } = weight;
                macro_rules! ranks {
                    ($([$($size:ident),*])*) => {
                        match *sizes {
                            $([$($size),*] => weights::shaped(values, ($($size,)*), &mut |tensor| {
                                let parameter = Parameter { name, trainable, tensor };
                                match &rule {
                                    Some(rule) => self.0.visit_ruled(parameter, rule),
                                    None => self.0.visit(parameter),
                                }
                            }),)*
                            _ => Err(Error::mismatch("the dimensions of a weight", "0 to 6", sizes.len())),
                        }
                    };
                }
                ranks!([] [a] [a, b] [a, b, c] [a, b, c, d] [a, b, c, d, e] [a, b, c, d, e, f])
            }

            fn carried(&mut self, carried: &CarriedStates<f32, Cpu>) -> Result<(), Error> {
                self.0.visit_carried(carried)
            }

            fn enter(&mut self, name: &str) {
                self.0.enter(name);
            }

            fn leave(&mut self) {
                self.0.leave();
            }
        }

        self.show(&mut Shaped(visitor))
    }
}
