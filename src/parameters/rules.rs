//! What `#[with(..)]` says of the parameters of a layer, told to the visitors that come to them.

use super::{Parameter, Visitor};
use crate::{
    backend::{Backend, Element},
    error::Error,
    regularizers::Rule,
};

/// What a visitor that stands before another, in this field, hands on as it is.
macro_rules! forwards {
    ($to:tt, $e:ty, $d:ty) => {
        fn visit_carried(
            &mut self,
            carried: &$crate::backend::CarriedStates<$e, $d>,
        ) -> Result<(), $crate::error::Error> {
            self.$to.visit_carried(carried)
        }

        fn enter(&mut self, name: &str) {
            self.$to.enter(name);
        }

        fn enter_layer(&mut self, name: &str, shows_tables: bool) {
            self.$to.enter_layer(name, shows_tables);
        }

        fn leave(&mut self) {
            self.$to.leave();
        }
    };
}
pub(crate) use forwards;

/// A visitor that is shown the parameters of a layer with `trainable = false`.
#[doc(hidden)]
pub struct Frozen<'a, E: Element, D: Backend<E>>(pub &'a mut dyn Visitor<E, D>);

impl<E: Element, D: Backend<E>> Visitor<E, D> for Frozen<'_, E, D> {
    #[inline(never)]
    fn visit(&mut self, parameter: Parameter<'_, E, D>) -> Result<(), Error> {
        self.0.visit(Parameter { trainable: false, ..parameter })
    }

    #[inline(never)]
    fn visit_ruled(
        &mut self,
        parameter: Parameter<'_, E, D>,
        rule: &Rule<'_>,
    ) -> Result<(), Error> {
        self.0.visit_ruled(Parameter { trainable: false, ..parameter }, rule)
    }

    forwards!(0, E, D);
}

/// A visitor that is shown the parameters of a layer that `#[with(..)]` has rules for.
#[doc(hidden)]
pub struct Ruled<'a, E: Element, D: Backend<E>> {
    pub visitor: &'a mut dyn Visitor<E, D>,
    pub rules: &'a [Rule<'a>],
}

impl<E: Element, D: Backend<E>> Visitor<E, D> for Ruled<'_, E, D> {
    #[inline(never)]
    fn visit(&mut self, parameter: Parameter<'_, E, D>) -> Result<(), Error> {
        // A weight may have a rule for each of its keys.
        let of_weight = self.rules.iter().filter(|rule| rule.weight == parameter.name).copied();
        let both = of_weight.reduce(|a, b| Rule {
            regularizer: a.regularizer.or(b.regularizer),
            constraint: a.constraint.or(b.constraint),
            ..a
        });
        match both {
            Some(rule) => self.visitor.visit_ruled(parameter, &rule),
            None => self.visitor.visit(parameter),
        }
    }

    #[inline(never)]
    fn visit_ruled(
        &mut self,
        parameter: Parameter<'_, E, D>,
        rule: &Rule<'_>,
    ) -> Result<(), Error> {
        self.visitor.visit_ruled(parameter, rule)
    }

    forwards!(visitor, E, D);
}
