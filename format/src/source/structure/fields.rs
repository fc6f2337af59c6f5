//! The fields of a struct, as they come to be.

use std::collections::HashMap;

use super::input;
use crate::{
    Tensor, is_place,
    masks::{calls::Call, flow::Flow},
    source::{Field, names::Fields, types::Typed},
};

/// What a layer gives.
pub(super) struct Gives {
    /// The place of each value, in Keras's order.
    places: Vec<String>,
    /// How many of them, at the end, are its state.
    states: usize,
    /// The class that goes over the steps, itself or in both directions.
    cell: Option<String>,
    class: String,
}

impl Gives {
    pub(super) fn of(call: &Call) -> Self {
        let places = call.places();
        let states = match call.returns_state() {
            true => places.iter().filter(|place| place.starts_with('1')).count(),
            false => 0,
        };
        let (cell, class) = (call.cell().map(str::to_owned), call.config.class_name.clone());
        Self { places, states, cell, class }
    }
}

/// The fields of a struct so far.
pub(super) struct Layers<'a> {
    /// What each layer gives.
    pub(super) gives: HashMap<String, Gives>,
    pub(super) fields: Fields,
    /// The inputs of the model.
    pub(super) names: Vec<&'a str>,
    pub(super) list: Vec<Field>,
    /// What has reached each layer first, and what left it then.
    pub(super) seen: HashMap<String, (Vec<Flow>, Flow)>,
    /// What the first call of each layer says of what is behind a place.
    pub(super) causal: HashMap<String, bool>,
}

impl Layers<'_> {
    /// What is written for a value in `#[from(..)]`.
    pub(super) fn source(&mut self, (value, i): &Tensor) -> String {
        let place = self.place(value, *i);
        let dot = if place.is_empty() { "" } else { "." };
        let of = match self.names.iter().position(|name| name == value) {
            Some(i) => input(i, self.names.len()),
            None => self.fields.of(value),
        };
        format!("{of}{dot}{place}")
    }

    /// Where one of the values is that a layer gives.
    pub(super) fn place(&self, layer: &str, i: usize) -> String {
        let places = self.gives.get(layer).map(|gives| &gives.places);
        places.and_then(|places| places.get(i)).cloned().unwrap_or_default()
    }

    /// Whether a value is a state, or a part of one.
    pub(super) fn is_state(&self, (layer, i): &Tensor) -> bool {
        let gives = self.gives.get(layer);
        gives.is_some_and(|gives| *i >= gives.places.len() - gives.states)
    }

    /// Why a value is no vector, if it is the state of a layer with one part: that has a type of its own.
    pub(super) fn not_a_vector(&self, value: &Tensor) -> Option<String> {
        let of_lstm = self.gives.get(&value.0).is_some_and(|of| of.cell.as_deref() == Some("LSTM"));
        let layer = &value.0;
        (self.is_state(value) && !of_lstm).then(|| {
            format!("the state of `{layer}` reaches it, which only a layer of that kind takes")
        })
    }

    /// The state that a layer starts from: that of another one, or made of vectors.
    pub(super) fn state(&mut self, call: &Call, own: &str) -> Result<String, String> {
        let states = &call.from[1..];
        let from = &states[0].0;
        let whole = self.gives.get(from).is_some_and(|gives| {
            let first = gives.places.len() - gives.states;
            let all = (first..gives.places.len()).map(|i| (from.clone(), i));
            gives.states > 0
                && states.iter().cloned().eq(all)
                && gives.class == call.config.class_name
                && gives.cell.as_deref() == call.cell()
        });
        if whole {
            return Ok(format!("{}.1", self.fields.of(from)));
        }
        let needed = if call.cell() == Some("LSTM") { 2 } else { 1 };
        if call.config.class_name == "Bidirectional" || states.len() != needed {
            return Err(
                "it starts from states that are not those of one layer of its kind".to_owned()
            );
        }
        if let Some(problem) = states.iter().find_map(|state| self.not_a_vector(state)) {
            return Err(problem);
        }
        let name = self.fields.unique(format!("{own}_state"));
        let from: Vec<String> = states.iter().map(|state| self.source(state)).collect();
        let from = self.written(from);
        self.list.push(Field {
            name: name.clone(),
            layer: String::new(),
            class: "ToState".to_owned(),
            again: None,
            from,
            options: Vec::new(),
            unmasks: None,
            layer_type: Ok("ToState".to_owned()),
        });
        Ok(name)
    }

    /// Those of `from` that must be written.
    pub(super) fn written(&self, from: Vec<String>) -> Vec<String> {
        let last = self.list.last().map_or("input", |last| last.name.as_str());
        if from == [last] { Vec::new() } else { from }
    }

    /// Takes the mask off a value, for a field.
    pub(super) fn unmask(&mut self, layer: &str, of: &str, from: String) -> String {
        let name = self.fields.unique(format!("{of}_unmasked"));
        let from = self.written(vec![from]);
        self.list.push(Field {
            name: name.clone(),
            layer: String::new(),
            class: "Unmask".to_owned(),
            again: None,
            from,
            options: Vec::new(),
            unmasks: Some(layer.to_owned()),
            layer_type: Ok("Unmask".to_owned()),
        });
        name
    }

    pub(super) fn add(
        &mut self,
        call: &Call,
        own: String,
        from: Vec<String>,
        typed: Result<Typed, String>,
    ) {
        let from = self.written(from);
        let (layer_type, mut options) = match typed {
            Ok(Typed { name, options }) => (Ok(name), options),
            Err(why) => (Err(why), Vec::new()),
        };
        // What Keras calls it, if a field cannot be called so.
        let name = call.config.name();
        let again = call.is_again.then(|| self.fields.of(&call.layer));
        let may_be_said = !is_place(name) && !name.is_empty() && !name.contains(['.', '/']);
        if again.is_none() && name != own && may_be_said {
            options.insert(0, ("name", format!("{name:?}")));
        }
        let class = call.config.class_name.clone();
        let (layer, unmasks) = (call.layer.clone(), None);
        self.list.push(Field {
            name: own,
            layer,
            class,
            again,
            from,
            options,
            unmasks,
            layer_type,
        });
    }
}
