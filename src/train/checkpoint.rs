//! One file that holds all that a training goes on from.

use std::path::Path;

pub(super) use super::saved::Content;
use super::{
    Callback, History, Saved, Snapshot,
    callback::Kept,
    carried,
    fit::Terms,
    optimizing::Optimizing,
    resumed::{Position, Resumed},
    saved::Way,
    setup::Setup,
};
use crate::{
    backend::{Backend, Element},
    error::{Difference, Error},
    io::{self, CHECKPOINT, MODEL, Values, Weight, WeightFile},
    optim::State,
    parameters::Parameters,
};

/// The version of the format that is written. From this one on, files have a checksum.
const VERSION: u32 = 3;

/// The first version that is read.
const FIRST: u32 = 2;

/// What the names of the arrays begin with that hold what was measured before the batch.
pub(super) const TOTALS: &str = "totals.";

/// The same of those that hold the states of `stateful` layers.
const STATES: &str = "states.";

pub(super) fn difference(place: &str, ours: impl ToString, found: impl ToString) -> Difference {
    let (ours, found) = (ours.to_string(), found.to_string());
    differs(place, format!("it is {ours} here"), format!("the checkpoint has {found}"))
}

pub(super) fn differs(
    place: &str,
    expected: impl Into<String>,
    found: impl Into<String>,
) -> Difference {
    Difference { place: place.to_owned(), expected: expected.into(), found: found.into() }
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
    pub(super) setup: Setup,
    pub(super) history: &'a History,
    pub(super) callbacks: &'a mut [Box<dyn Kept<M, E, D> + Send>],
}

impl<M: Parameters<E, D>, E: Element, D: Backend<E>> Parts<'_, M, E, D> {
    /// Writes a checkpoint; outside of `fit` there are no terms.
    pub(super) fn save(&mut self, path: &Path, at: &Position, terms: &Terms) -> Result<(), Error> {
        let mut content = Content::default();
        content.set("version", VERSION);
        content.set("element", element::<E>());
        content.set("optimizer", self.optimizer.name());
        let rate = self.optimizer.learning_rate();
        if !rate.is_schedule() {
            content.set("learning_rate", rate.at(self.state.steps())?);
        }
        self.setup.save(&mut content);
        for (name, value) in &terms.0 {
            content.set(format!("fit.{name}"), value);
        }
        content.set("at.epochs_before", at.epochs_before);
        content.set("at.epoch", at.epoch);
        content.set("at.batch", at.batch);
        content.set("at.begun", at.begun);
        content.set("at.batch_begun", at.batch_begun);
        content.set("at.stopped", at.stopped);
        content.set("at.stopping", at.stopping);
        if let Some(totals) = &at.totals {
            let parts = totals.parts().into_iter().enumerate();
            content.arrays.extend(parts.map(|(i, part)| floats(&format!("{TOTALS}{i}"), part)));
        }
        self.state.settle_seed(self.model);
        content.set("step", self.state.steps());
        content.set("averages_in_model", self.state.has_swapped_averages());
        content.set("seed", self.state.seed().unwrap_or_default());
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
        self.state.visit_slots(self.model, |slot| {
            let name = format!("optimizer.{}.{}", slot.parameter, slot.name);
            let sizes = vec![slot.values.len()];
            slots.push(Weight::new(name, sizes, slot.values.iter().copied()));
        })?;
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
        if !(FIRST..=VERSION).contains(&version) {
            // Nothing else of it can be relied on.
            let differences = vec![difference("the version of the format", VERSION, version)];
            return Err(Error::Differences { what, differences });
        }
        file.check_content(&content.values, version >= VERSION)?;
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
        // What was remembered cannot be compared then.
        let comparable = differences.is_empty();
        let same_optimizer = differences.iter().all(|differs| differs.place != "optimizer");
        differences.extend(self.setup.differences(&content, same_optimizer));
        if !comparable {
            return Err(Error::Differences { what, differences });
        }
        content.arrays = Content::read_arrays(&mut file)?;
        Snapshot(content.take(MODEL)).restore(&mut model)?;
        let left = carried::restore(&mut model, content.take(STATES))?;
        differences.extend(left.into_iter().map(|state| {
            let found = format!("the checkpoint has one of {:?}", state.sizes);
            differs(&state.name, "the model keeps no such state", found)
        }));
        let steps: usize = content.need("step")?;
        let slots = content.take("optimizer.");
        let mut state = State::default();
        state.restore_groups(&model, |name| content.get(name))?;
        let seed = content.need("seed")?;
        let more = self.optimizer.restore(&mut state, &mut model, (steps, seed), &slots)?;
        let more = more.into_iter().map(|(name, ours, found)| differs(&name, ours, found));
        differences.extend(more);
        differences.extend(missing_callbacks(self.callbacks, &content));
        fail(&what, differences)?;
        state.set_swapped_averages(content.need("averages_in_model")?);
        let history = History::of_columns(self::history(&content)?);
        let at = Position {
            epochs_before: content.need("at.epochs_before")?,
            epoch: content.need("at.epoch")?,
            batch: content.need("at.batch")?,
            begun: content.get("at.begun")?.unwrap_or(false),
            batch_begun: content.get("at.batch_begun")?.unwrap_or(false),
            stopped: content.need("at.stopped")?,
            stopping: content.get("at.stopping")?.unwrap_or(false),
            totals: None,
        };
        Ok(Read { model, state, history, resumed: Resumed { at, content } })
    }
}

fn element<E: Element>() -> &'static str {
    std::any::type_name::<E>()
}

fn floats(name: &str, values: Vec<f64>) -> Weight {
    Weight { name: name.to_owned(), sizes: vec![values.len()], values: Values::F64(values) }
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

/// Callbacks that remembered something, which must be there again.
fn missing_callbacks<M, E: Element, D: Backend<E>>(
    callbacks: &mut [Box<dyn Kept<M, E, D> + Send>],
    content: &Content,
) -> Vec<Difference> {
    let own: Vec<String> = prefixes(callbacks).into_iter().map(|(prefix, _)| prefix).collect();
    let names = content.values.keys().chain(content.arrays.iter().map(|array| &array.name));
    let mut missing: Vec<&str> = names
        .filter(|name| name.starts_with("callback."))
        .filter(|name| !own.iter().any(|prefix| name.starts_with(prefix.as_str())))
        .filter_map(|name| name.split('.').nth(1))
        .collect();
    missing.sort_unstable();
    missing.dedup();
    let difference = |name: &str| {
        let found = "the checkpoint has what it remembers";
        differs(&format!("the callback {name}"), "the trainer has none, or fewer", found)
    };
    missing.into_iter().map(difference).collect()
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
