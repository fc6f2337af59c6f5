//! The state of a training in a `.keras`: the optimiser, and what it remembers.

use hdf5_pure::FileBuilder;
use serde_json::{Map, Value, json};

use super::{places::Visited, write::dataset};
use crate::{
    backend::{Backend, Element},
    error::Error,
    io::Weight,
    optim::{AVERAGE, Clipping, GATHERED, InKeras, Optimizer, State},
};

/// A slot of Keras's Nadam that all parameters share.
const SHARED: &str = "u_product";

/// An optimiser as Keras writes it: its config, and its variables behind the number of steps, in order.
pub(super) struct Written {
    pub(super) config: Value,
    steps: i32,
    variables: Vec<Weight>,
}

impl Written {
    pub(super) fn new<O: Optimizer, E: Element, D: Backend<E>>(
        optimizer: &O,
        state: &State<E, D>,
        visited: &[Visited],
    ) -> Result<Self, Error> {
        let wrong = |found: String, expected| Error::invalid("the optimiser", found, expected);
        let name = optimizer.name();
        let known = "one of Keras's whose state its files hold is needed";
        let in_keras = optimizer.in_keras().ok_or_else(|| wrong(name.to_owned(), known))?;
        let schedule = match optimizer.learning_rate().schedule() {
            Some(schedule) => Some(schedule.in_keras().ok_or_else(|| {
                let found = format!("{name}, whose learning rate follows {schedule:?}");
                wrong(found, "a number or a schedule of Keras's is needed")
            })?),
            None => None,
        };
        if state.has_swapped_averages() {
            let expected = "the weights are needed in the model: call `swap_averages` again";
            return Err(wrong(format!("{name}, whose averages are in the model"), expected));
        }
        state.check_gathered(optimizer)?;
        let rate = optimizer.learning_rate().at(state.steps())?;
        let together = in_keras.together;
        let said = match &schedule {
            Some((class, settings)) => json!({
                "module": "keras.optimizers.schedules",
                "class_name": class,
                "config": settings,
                "registered_name": null,
            }),
            None => rate.into(),
        };
        let config = config(in_keras, optimizer, said);
        let steps = i32::try_from(state.steps()).unwrap_or(i32::MAX);
        let mut variables = Vec::new();
        // A schedule has no value that is kept.
        if schedule.is_none() {
            let rate = std::iter::once(E::of(rate));
            variables.push(Weight::new("learning_rate".to_owned(), Vec::new(), rate)?);
        }
        if steps > 0 {
            variables.extend(slots(optimizer, state, visited, together)?);
        }
        Ok(Self { config, steps, variables })
    }

    /// Adds the group of the optimiser to the weights of its model.
    pub(super) fn write(self, file: &mut FileBuilder) {
        let mut group = file.create_group("optimizer");
        let mut vars = group.create_group("vars");
        vars.create_dataset("0").with_i32_data(&[self.steps]).with_shape(&[]);
        for (i, variable) in (1..).zip(self.variables) {
            dataset(vars.create_dataset(&format!("{i}")), variable);
        }
        group.add_group(vars.finish());
        file.add_group(group.finish());
    }
}

fn config(in_keras: InKeras, optimizer: &impl Optimizer, rate: Value) -> Value {
    let options = optimizer.options();
    let clip = |of: fn(Clipping) -> Option<f64>| options.clipping.and_then(of);
    let norm = clip(|c| if let Clipping::Norm(limit) = c { Some(limit) } else { None });
    let value = clip(|c| if let Clipping::Value(limit) = c { Some(limit) } else { None });
    let global = clip(|c| if let Clipping::GlobalNorm(limit) = c { Some(limit) } else { None });
    let mut config = json!({
        "name": optimizer.name(),
        "learning_rate": rate,
        "weight_decay": options.weight_decay,
        "clipnorm": norm,
        "clipvalue": value,
        "global_clipnorm": global,
        "use_ema": options.ema.is_some(),
        "ema_momentum": options.ema.map_or(0.99, |ema| ema.momentum),
        "ema_overwrite_frequency": options.ema.and_then(|ema| ema.overwrite_frequency),
        "loss_scale_factor": null,
        "gradient_accumulation_steps": options.gradient_accumulation_steps,
    });
    let own = in_keras.settings.into_iter().map(|(key, value)| (key.to_owned(), value));
    config.as_object_mut().unwrap_or(&mut Map::new()).extend(own);
    json!({
        "module": "keras.optimizers",
        "class_name": in_keras.class_name,
        "config": config,
        "registered_name": null,
    })
}

/// The slots in Keras's order: averages, gathered gradients, the first ones of each parameter, and then all others.
fn slots<O: Optimizer, E: Element, D: Backend<E>>(
    optimizer: &O,
    state: &State<E, D>,
    visited: &[Visited],
    together: usize,
) -> Result<Vec<Weight>, Error> {
    let found = state.slots_of_all().collect::<Result<Vec<_>, _>>()?;
    if found.len() != visited.len() {
        return Err(Error::mismatch("the parameters of a state", visited.len(), found.len()));
    }
    let trained = || visited.iter().zip(&found).filter(|(parameter, _)| parameter.trainable);
    let forgotten =
        trained().find(|(of, slots)| slots.is_empty() && !optimizer.slots(&of.sizes).is_empty());
    if let Some((parameter, _)) = forgotten.filter(|_| state.steps() > 0) {
        let expected = "it is frozen at run time, and Keras's file asks what the optimiser remembers of it: unfreeze it and make a step, or save the model alone";
        return Err(Error::invalid("the parameter", &parameter.name, expected));
    }
    let variable = |parameter: &Visited, name: &str, sizes: Vec<usize>, values: &[E]| {
        let n = sizes.iter().product::<usize>();
        if values.len() != n {
            return Err(Error::mismatch("the values of a slot", n, values.len()));
        }
        let name = format!("{}_{name}", parameter.name);
        Weight::new(name, sizes, values.iter().copied())
    };
    let mut all = Vec::new();
    for wanted in [AVERAGE, GATHERED] {
        for (parameter, slots) in trained() {
            let slots = slots.iter().filter(|(name, _)| *name == wanted);
            for (name, values) in slots {
                all.push(variable(parameter, name, parameter.sizes.clone(), values)?);
            }
        }
    }
    let mut rest: Vec<Vec<Weight>> = Vec::new();
    for (parameter, slots) in trained() {
        let names = optimizer
            .slots_of(&parameter.full_name(), &parameter.sizes)
            .into_iter()
            .map(|slot| slot.name);
        let own: Vec<(&str, &[E])> = names
            .filter(|name| *name != SHARED)
            .filter_map(|name| slots.iter().find(|(slot, _)| *slot == name))
            .map(|(name, values)| (*name, &**values))
            .collect();
        let own = optimizer.slots_in_keras(&parameter.sizes, &own).into_iter();
        for (i, (name, sizes, values)) in own.enumerate() {
            let weight = variable(parameter, name, sizes, &values)?;
            match i.checked_sub(together) {
                None => all.push(weight),
                Some(i) => {
                    rest.resize_with(rest.len().max(i + 1), Vec::new);
                    rest[i].push(weight);
                }
            }
        }
    }
    all.extend(rest.into_iter().flatten());
    let shared = trained().flat_map(|(_, slots)| slots).find(|(name, _)| *name == SHARED);
    if let Some((name, values)) = shared {
        all.push(Weight::new((*name).to_owned(), Vec::new(), values.iter().copied())?);
    }
    Ok(all)
}
