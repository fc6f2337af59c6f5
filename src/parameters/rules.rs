//! What `#[with(..)]` says of the parameters of a layer, told to the visitors that come to them.

use super::{Parameter, Visitor};
use crate::{
    backend::{Backend, CarriedStates, Element},
    error::Error,
    regularizers::Rule,
    shape::Shape,
};

/// A visitor that is shown the parameters of a layer with `trainable = false`.
#[doc(hidden)]
#[derive(Debug)]
pub struct Frozen<'a, V>(pub &'a mut V);

impl<E: Element, D: Backend<E>, V: Visitor<E, D>> Visitor<E, D> for Frozen<'_, V> {
    fn visit<S: Shape>(&mut self, parameter: Parameter<'_, S, E, D>) -> Result<(), Error> {
        self.0.visit(Parameter { trainable: false, ..parameter })
    }

    fn visit_ruled<S: Shape>(
        &mut self,
        parameter: Parameter<'_, S, E, D>,
        rule: &Rule<'_>,
    ) -> Result<(), Error> {
        self.0.visit_ruled(Parameter { trainable: false, ..parameter }, rule)
    }

    fn visit_carried(&mut self, carried: &CarriedStates<E, D>) -> Result<(), Error> {
        self.0.visit_carried(carried)
    }

    fn enter(&mut self, name: &str) {
        self.0.enter(name);
    }

    fn enter_layer(&mut self, name: &str, shows_tables: bool) {
        self.0.enter_layer(name, shows_tables);
    }

    fn leave(&mut self) {
        self.0.leave();
    }
}

/// A visitor that is shown the parameters of a layer that `#[with(..)]` has rules for.
#[doc(hidden)]
#[derive(Debug)]
pub struct Ruled<'a, V> {
    pub visitor: &'a mut V,
    pub rules: &'a [Rule<'a>],
}

impl<E: Element, D: Backend<E>, V: Visitor<E, D>> Visitor<E, D> for Ruled<'_, V> {
    fn visit<S: Shape>(&mut self, parameter: Parameter<'_, S, E, D>) -> Result<(), Error> {
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

    fn visit_ruled<S: Shape>(
        &mut self,
        parameter: Parameter<'_, S, E, D>,
        rule: &Rule<'_>,
    ) -> Result<(), Error> {
        self.visitor.visit_ruled(parameter, rule)
    }

    fn visit_carried(&mut self, carried: &CarriedStates<E, D>) -> Result<(), Error> {
        self.visitor.visit_carried(carried)
    }

    fn enter(&mut self, name: &str) {
        self.visitor.enter(name);
    }

    fn enter_layer(&mut self, name: &str, shows_tables: bool) {
        self.visitor.enter_layer(name, shows_tables);
    }

    fn leave(&mut self) {
        self.visitor.leave();
    }
}
