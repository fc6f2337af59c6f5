//! A file that is read into a model that is there.

use kerata_format::Masks;

use super::{
    assign::Plan,
    compare::{Compared, compare_classes},
    nothing_differs,
    open::KerasFile,
    places::{Place, in_order, places, visited},
};
use crate::{
    backend::{Backend, Element},
    dynamic::DynamicLayer,
    error::Error,
    fields::{Config, Configured, Fields},
    parameters::Parameters,
};

pub(super) fn load_typed<M>(file: &KerasFile, model: &mut M) -> Result<(), Error>
where
    M: Configured + Parameters<M::Element, M::Device>,
{
    load_into(file, model, model.config(), |model, config, _| {
        let masks = if file.masks_stay { None } else { masks(config) };
        let fields = Fields::check_masks(&mut model.clone(), config, masks);
        (fields.differences, fields.matched)
    })
}

/// The masks that Keras sees in a model of such a config, if its attentions take any off.
pub(super) fn masks(config: &Config) -> Option<Masks> {
    kerata_format::masks(&kerata_format::Config::from(config.clone()))
}

pub(super) fn load_dynamic(file: &KerasFile, model: &mut DynamicLayer) -> Result<(), Error> {
    load_into(file, model, model.config(), |_, config, here| compare_classes(here, config))
}

fn load_into<M: Parameters<E, D>, E: Element, D: Backend<E>>(
    file: &KerasFile,
    model: &mut M,
    config: Config,
    compare: impl FnOnce(&M, &Config, &[Place]) -> Compared,
) -> Result<(), Error> {
    let visited = visited(model)?;
    let here = places(&in_order(config), &visited)?;
    let wrong = |message| Error::File { path: file.path.clone(), message };
    let (differences, plan) = match &file.config {
        None => (Vec::new(), Plan::new(file, &here, &here, &visited, None)),
        Some(config) => {
            let (differences, matches) = compare(model, config, &here);
            let there = places(config, &[])?;
            (differences, Plan::new(file, &there, &here, &visited, Some(&matches)))
        }
    };
    let plan = plan.map_err(wrong)?;
    nothing_differs(file, differences, &plan)?;
    plan.load(file, model)
}
