//! What a training is put together from, in words, so that another one does not go on from its checkpoint.

use std::collections::BTreeMap;

use super::{
    checkpoint::{Content, difference, differs},
    optimizing::Optimizing,
    totals::AnyMetric,
};
use crate::{
    backend::{Backend, Element},
    error::{Difference, Error},
    io::Walk,
    model::{Model, short},
    parameters::{Parameter, Parameters, Visitor},
    regularizers::Rule,
    signal::Signal,
};

/// What the names of all this begin with.
const SETUP: &str = "setup.";

/// Names with what stands for them.
#[derive(Debug, Clone, Default)]
pub(super) struct Setup {
    /// The layers with the rules of their weights, the loss and the metrics.
    parts: BTreeMap<String, String>,
    /// The settings of the optimiser.
    settings: BTreeMap<String, String>,
}

impl Setup {
    pub(super) fn of<M, L, Y, E, D>(
        model: &M,
        optimizer: &dyn Optimizing<M, E, D>,
        metrics: &[AnyMetric<M::Output, Y, E, D>],
    ) -> Result<Self, Error>
    where
        M: Model<E, D>,
        Y: Signal,
        E: Element,
        D: Backend<E>,
    {
        let rows = M::summary().rows.into_iter();
        let layers = rows.map(|row| {
            let from = row.from.join(", ");
            (format!("the layer {}", row.name), format!("{} of {from}", row.layer))
        });
        let mut parts: BTreeMap<_, _> = layers.chain(rules(model)?).collect();
        parts.insert("the loss".to_owned(), short(std::any::type_name::<L>()));
        let names = metrics.iter().map(|(metric, weighted)| {
            let weighted = if *weighted { "weighted " } else { "" };
            let output = metric.output().map_or(String::new(), |output| format!("{output} "));
            format!("{weighted}{output}{}", metric.name())
        });
        let numbered = names.enumerate().map(|(i, name)| (format!("the metric {}", i + 1), name));
        parts.extend(numbered);
        let settings = optimizer.settings().into_iter();
        let settings = settings.map(|(name, value)| (name.to_owned(), value)).collect();
        Ok(Self { parts, settings })
    }

    pub(super) fn save(&self, content: &mut Content) {
        for (name, value) in &self.parts {
            content.set(format!("{SETUP}part.{name}"), value);
        }
        for (name, value) in &self.settings {
            content.set(format!("{SETUP}setting.{name}"), value);
        }
    }

    /// What differs from a checkpoint; nothing from one of the time when it was not written down. The settings are compared only with
    /// those of the same optimiser.
    pub(super) fn differences(&self, content: &Content, same_optimizer: bool) -> Vec<Difference> {
        let mut differences = compare(&self.parts, content, "part.");
        if same_optimizer {
            differences.extend(compare(&self.settings, content, "setting."));
        }
        differences
    }
}

fn compare(own: &BTreeMap<String, String>, content: &Content, of: &str) -> Vec<Difference> {
    let prefix = format!("{SETUP}{of}");
    let found: BTreeMap<&str, &String> = content
        .values
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(&prefix)?, value)))
        .collect();
    if found.is_empty() {
        return Vec::new();
    }
    let missing = own.iter().map(|(name, ours)| match found.get(name.as_str()) {
        Some(found) if *found == ours => None,
        Some(found) => Some(difference(name, ours, found)),
        None => Some(differs(name, format!("it is {ours} here"), "the checkpoint has none")),
    });
    let more = found.iter().filter(|(name, _)| !own.contains_key(**name));
    let more = more.map(|(name, found)| {
        differs(name, "there is none here", format!("the checkpoint has {found}"))
    });
    missing.flatten().chain(more).collect()
}

/// The regularizers and constraints of the weights.
fn rules<M: Parameters<E, D>, E: Element, D: Backend<E>>(
    model: &M,
) -> Result<Vec<(String, String)>, Error> {
    struct Rules(Walk<(String, String)>);

    impl<E: Element, D: Backend<E>> Visitor<E, D> for Rules {
        fn visit(&mut self, _: Parameter<'_, E, D>) -> Result<(), Error> {
            Ok(())
        }

        #[inline(never)]
        fn visit_ruled(
            &mut self,
            parameter: Parameter<'_, E, D>,
            rule: &Rule<'_>,
        ) -> Result<(), Error> {
            let name = self.0.name(parameter.name);
            let configs = [
                ("regularizer", rule.regularizer.map(|own| own.config())),
                ("constraint", rule.constraint.map(|own| own.config())),
            ];
            for (what, config) in configs {
                let Some(config) = config else { continue };
                let config = config.map_or("one of its own".to_owned(), |own| own.to_string());
                self.0.weights.push((format!("the {what} of {name}"), config));
            }
            Ok(())
        }

        fn enter(&mut self, name: &str) {
            self.0.path.push(name.to_owned());
        }

        fn leave(&mut self) {
            self.0.path.pop();
        }
    }

    let mut rules = Rules(Walk::default());
    model.clone().visit(&mut rules)?;
    Ok(rules.0.weights)
}
