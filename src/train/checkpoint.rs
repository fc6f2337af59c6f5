//! One file that holds all that a training goes on from.

use std::path::Path;

pub(super) use super::saved::Content;
use super::{
    Callback, Fit, History, Saved, Snapshot,
    callback::Kept,
    carried,
    optimizing::Optimizing,
    resumed::{Position, Resumed},
    saved::Way,
    totals::{AnyMetric, Totals},
};
use crate::{
    backend::{Backend, Element},
    error::{Difference, Error},
    io::{self, CHECKPOINT, MODEL, Values, Weight, WeightFile},
    optim::State,
    parameters::Parameters,
};

/// The version of the format that is written, and read.
const VERSION: u32 = 2;

/// What the names of the arrays begin with that hold what was measured before the batch.
const TOTALS: &str = "totals.";

/// The same of those that hold the states of `stateful` layers.
const STATES: &str = "states.";

pub(super) fn steps(fit: &Fit) -> String {
    fit.steps_per_epoch.map_or_else(|| "all".to_owned(), |steps| steps.to_string())
}

fn steps(fit: &Fit) -> String {
    fit.steps_per_epoch.map_or_else(|| "all".to_owned(), |steps| steps.to_string())
}

fn difference(place: &str, ours: impl ToString, found: impl ToString) -> Difference {
    Difference {
        place: place.to_owned(),
        expected: format!("it is {} here", ours.to_string()),
        found: format!("the checkpoint has {}", found.to_string()),
    }
}

pub(super) fn fail(what: &str, differences: Vec<Difference>) -> Result<(), Error> {
    if differences.is_empty() {
        return Ok(());
    }
    Err(Error::Differences { what: what.to_owned(), differences })
}

/// What was read from a checkpoint.
pub(super) struct Read<M, E: Element, D: Backend<E>> {
    pub(super) model: M,
    pub(super) state: State<E, D>,
    pub(super) history: History,
    pub(super) resumed: Resumed,
}

impl<M, E: Element, D: Backend<E>> Read<M, E, D> {
    /// The learning rate, if it follows no schedule.
    pub(super) fn learning_rate(&self) -> Result<Option<f64>, Error> {
        self.resumed.content.get("learning_rate")
    }
}

/// What of a trainer is in a checkpoint.
pub(super) struct Parts<'a, M, E: Element, D: Backend<E>> {
    pub(super) model: &'a mut M,
    pub(super) state: &'a mut State<E, D>,
    pub(super) optimizer: &'a dyn Optimizing<M, E, D>,
    pub(super) history: &'a History,
    pub(super) callbacks: &'a mut [Box<dyn Kept<M, E, D> + Send>],
}

impl<M: Parameters<E, D>, E: Element, D: Backend<E>> Parts<'_, M, E, D> {
    pub(super) fn save(
        &mut self,
        path: &Path,
        at: &Position,
        fit: Option<&Fit>,
    /// Writes a checkpoint; during `fit` with its settings, and with how many samples the data has, if that is known.
    ) -> Result<(), Error> {
        let mut content = Content::default();
        content.set("version", VERSION);
        content.set("element", element::<E>());
        content.set("optimizer", self.optimizer.name());
        let rate = self.optimizer.learning_rate();
        if !rate.is_schedule() {
            content.set("learning_rate", rate.at(self.state.steps())?);
        }
        if let Some(fit) = fit {
            content.set("fit.batch_size", fit.batch_size);
            content.set("fit.shuffle", fit.shuffle);
            content.set("fit.seed", fit.seed);
            content.set("fit.steps_per_epoch", steps(fit));
        }
        content.set("at.epochs_before", at.epochs_before);
        content.set("at.epoch", at.epoch);
        content.set("at.batch", at.batch);
        content.set("at.stopped", at.stopped);
        if let Some(totals) = &at.totals {
            let parts = totals.parts().into_iter().enumerate();
            content.arrays.extend(parts.map(|(i, part)| floats(&format!("{TOTALS}{i}"), part)));
        }
        self.state.settle_seed(self.model);
        content.set("step", self.state.steps());
        content.set("averages_in_model", self.state.has_swapped_averages());
        content.set("seed", self.state.seed().unwrap_or_default());
        content.set("at.begun", at.begun);
        content.set("at.batch_begun", at.batch_begun);
        for (name, value) in self.state.saved_groups(self.model) {
            content.set(name, value);
        }
        for weight in io::collect(self.model)? {
            content.arrays.push(Weight { name: format!("{MODEL}{}", weight.name), ..weight });
        }
        for state in carried::collect(self.model)? {
            content.arrays.push(Weight { name: format!("{STATES}{}", state.name), ..state });
        }
        let mut slots = Vec::new();
        self.state.expand()?;
        self.state.visit_slots(self.model, |slot| {
            let name = format!("optimizer.{}.{}", slot.parameter, slot.name);
            let sizes = vec![slot.values.len()];
            slots.push(Weight::new(name, sizes, slot.values.iter().copied()));
        });
        content.arrays.extend(slots.into_iter().collect::<Result<Vec<_>, _>>()?);
        for (i, (name, column)) in self.history.columns().enumerate() {
            // A name may hold anything, and its order is kept.
            content.set(format!("history.{i}"), name);
            content.arrays.push(floats(&format!("history.{i}"), column.to_vec()));
        }
        for (prefix, callback) in prefixes(self.callbacks) {
            callback.visit_saved(&mut Saved { prefix, way: Way::Out(&mut content) })?;
        }
        io::write_checkpoint(path, &content.arrays, &content.values)
    }

    /// Reads a checkpoint. Before anything changes, all is checked.
    pub(super) fn read(self, path: &Path) -> Result<Read<M, E, D>, Error> {
        let mut file = WeightFile::open_whole(path)?;
        let Some(values) = file.metadata(CHECKPOINT)? else {
            return Err(io::failed(path, "these are weights only, not a checkpoint of a training"));
        };
        let mut content = Content { values, arrays: Vec::new() };
        let what = path.display().to_string();
        let version: u32 = content.need("version")?;
        if version != VERSION {
            // Nothing else of it can be relied on.
            let differences = vec![difference("the version of the format", VERSION, version)];
            return Err(Error::Differences { what, differences });
        }
        let mut differences = Vec::new();
        for (name, own) in [("element", element::<E>()), ("optimizer", self.optimizer.name())] {
            let found: String = content.need(name)?;
            if found != own {
                differences.push(difference(name, own, found));
            }
        }
        let mut model = self.model.clone();
        let wanted = io::shapes(&mut model)?;
        match file.under(MODEL).check(&wanted) {
            Err(Error::Differences { differences: more, .. }) => differences.extend(more),
            checked => checked?,
        }
        fail(&what, differences)?;
        content.arrays = Content::read_arrays(&mut file)?;
        Snapshot(content.take(MODEL)).restore(&mut model)?;
        let left = carried::restore(&mut model, content.take(STATES))?;
        let left = left.into_iter().map(|state| Difference {
            place: state.name,
            expected: "the model keeps no such state".to_owned(),
            found: format!("the checkpoint has one of {:?}", state.sizes),
        });
        fail(&what, left.collect())?;
        let steps: usize = content.need("step")?;
        let slots = content.take("optimizer.");
        let mut state = State::default();
        state.restore_groups(&model, |name| content.get(name))?;
        let differences = self
            .optimizer
            .restore(&mut state, &mut model, (steps, content.need("seed")?), &slots)?
            .into_iter()
            .map(|(name, expected, found)| Difference { place: name, expected, found });
        fail(&what, differences.collect())?;
        state.set_swapped_averages(content.need("averages_in_model")?);
        let history = History::of_columns(self::history(&content)?);
        let at = Position {
            epochs_before: content.need("at.epochs_before")?,
            epoch: content.need("at.epoch")?,
            batch: content.need("at.batch")?,
            stopped: content.need("at.stopped")?,
            totals: None,
        };
        check_callbacks(&what, self.callbacks, &content)?;
        Ok(Read { model, state, history, resumed: Resumed { at, content } })
    }
}

fn element<E: Element>() -> &'static str {
    std::any::type_name::<E>()
}

fn floats(name: &str, values: Vec<f64>) -> Weight {
    Weight { name: name.to_owned(), sizes: vec![values.len()], values: Values::F64(values) }
            begun: content.get("at.begun")?.unwrap_or(false),
            batch_begun: content.get("at.batch_begun")?.unwrap_or(false),
}

fn history(content: &Content) -> Result<Vec<(String, Vec<f64>)>, Error> {
    let mut columns = Vec::new();
    for i in 0.. {
        let place = format!("history.{i}");
        let Some(name) = content.values.get(&place) else { break };
        let array = content.arrays.iter().find(|array| array.name == place);
        let array = array.ok_or_else(|| Error::Json(format!("the checkpoint has no `{place}`")))?;
        columns.push((name.clone(), array.values.elements()?));
    }
    Ok(columns)
}

/// Each callback with the beginning of its names: its type, and its number among those of that type.
fn prefixes<M, E: Element, D: Backend<E>>(
    callbacks: &mut [Box<dyn Kept<M, E, D> + Send>],
) -> Vec<(String, &mut dyn Callback<M, E, D>)> {
    let mut prefixes: Vec<(String, &mut dyn Callback<M, E, D>)> = Vec::new();
    for callback in callbacks {
        let name = callback.type_name();
        // Without the path, also of what it is generic over.
        let name = name.split('<').next().and_then(|name| name.rsplit("::").next());
        let name = name.unwrap_or_default();
        let prefix = |number: usize| format!("callback.{name}.{number}.");
        let free = (0..).map(prefix).find(|own| prefixes.iter().all(|(other, _)| other != own));
        prefixes.push((free.unwrap_or_default(), &mut **callback));
    }
    prefixes
}

/// Whether something in the content has this beginning.
fn has(content: &Content, prefix: &str) -> bool {
    content.values.keys().any(|name| name.starts_with(prefix))
        || content.arrays.iter().any(|array| array.name.starts_with(prefix))
}

/// A callback that remembered something must be there again.
fn check_callbacks<M, E: Element, D: Backend<E>>(
    what: &str,
    callbacks: &mut [Box<dyn Kept<M, E, D> + Send>],
    content: &Content,
) -> Result<(), Error> {
    let own: Vec<String> = prefixes(callbacks).into_iter().map(|(prefix, _)| prefix).collect();
    let names = content.values.keys().chain(content.arrays.iter().map(|array| &array.name));
    let mut missing: Vec<&str> = names
        .filter(|name| name.starts_with("callback."))
        .filter(|name| !own.iter().any(|prefix| name.starts_with(prefix.as_str())))
        .filter_map(|name| name.split('.').nth(1))
        .collect();
    missing.sort_unstable();
    missing.dedup();
    let difference = |name: &str| Difference {
        place: format!("the callback {name}"),
        expected: "the trainer has none, or fewer".to_owned(),
        found: "the checkpoint has what it remembers".to_owned(),
    };
    fail(what, missing.into_iter().map(difference).collect())
}

/// Gives callbacks back what they remembered. Those that are new begin anew.
pub(super) fn restore_callbacks<M, E: Element, D: Backend<E>>(
    callbacks: &mut [Box<dyn Kept<M, E, D> + Send>],
    content: &mut Content,
) -> Result<(), Error> {
    for (prefix, callback) in prefixes(callbacks) {
        if has(content, &prefix) {
            callback.visit_saved(&mut Saved { prefix, way: Way::In(content) })?;
        }
    }
    Ok(())
}
