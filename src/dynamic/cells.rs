//! Keras's `RNN`: recurrent layers that are given as the cells of their steps.

use dfdx::tensor::Cpu;
use serde_json::{Map, Value};

use super::{
    DynamicLayer,
    flow::{Flow, Flows, join_tapes, put_first},
    op::Op,
    options::Options,
    words::refused,
};
use crate::{
    error::Error,
    fields::{AnySignal, Config},
    parameters::{Parameters, Visitor},
    signal::Mask,
};

/// One cell, or several, of which each takes what the one before gives.
#[derive(Debug, Clone)]
pub(crate) struct Cells {
    layers: Vec<DynamicLayer>,
    backwards: bool,
    gives_states: bool,
    /// The `cell` of the config.
    cell: Value,
}

const CELLS: [(&str, &str); 3] =
    [("GRUCell", "GRU"), ("LSTMCell", "LSTM"), ("SimpleRNNCell", "SimpleRNN")];

impl Cells {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let cell = options.config.config.remove("cell").unwrap_or_default();
        let needed =
            "a cell is needed: GRUCell, LSTMCell, SimpleRNNCell or StackedRNNCells of such";
        let wrong = |found: &Value| options.misfit("cell", needed, found);
        let class =
            |cell: &Value| cell.get("class_name").and_then(Value::as_str).map(str::to_owned);
        let inside = |cell: &Value, key: &str| cell.get("config").and_then(|c| c.get(key)).cloned();
        let list = match class(&cell).as_deref() {
            Some("StackedRNNCells") => match inside(&cell, "cells") {
                Some(Value::Array(list)) if !list.is_empty() => list,
                other => return Err(wrong(&other.unwrap_or_default())),
            },
            _ => vec![cell.clone()],
        };
        let outer = &options.config.config;
        let of = |key: &str| outer.get(key).cloned().unwrap_or(Value::Bool(false));
        let (sequences, backwards) = (of("return_sequences"), options.flag("go_backwards")?);
        let gives_states = options.flag("return_state")?;
        let (last, mut layers) = (list.len() - 1, Vec::new());
        for (i, cell) in list.iter().enumerate() {
            let Some(of_cell) = class(cell) else { return Err(wrong(&Value::Null)) };
            let registered = cell.get("registered_name").and_then(Value::as_str);
            let own = options.custom.layer_of_cell(registered, &of_cell);
            let known = CELLS.iter().find(|(known, _)| *known == of_cell);
            let layer = match (&own, known) {
                (Some(own), _) => own.as_str(),
                (None, Some((_, layer))) => layer,
                (None, None) => return Err(wrong(&of_cell.into())),
            };
            let config = cell.get("config").and_then(Value::as_object);
            let mut config: Map<String, Value> = match own {
                Some(_) => Map::from_iter([("cell".to_owned(), cell.clone())]),
                None => config.ok_or_else(|| wrong(cell))?.clone(),
            };
            let all = if i < last { Value::Bool(true) } else { sequences.clone() };
            config.insert("return_sequences".to_owned(), all);
            config.insert("go_backwards".to_owned(), (backwards && i == 0).into());
            if own.is_some() && gives_states {
                let message = "the states of a custom cell are not returned here: use the typed `ReturnState<Rnn<..>>`";
                return Err(refused(message));
            }
            for key in ["return_state", "stateful", "unroll"] {
                config.insert(key.to_owned(), of(key));
            }
            let zeros = i == last && options.flag("zero_output_for_mask")?;
            config.insert("zero_output_for_mask".to_owned(), zeros.into());
            if layer == "LSTM" {
                config.entry("unit_forget_bias").or_insert(true.into());
            }
            let config = serde_json::json!({"class_name": layer, "config": config});
            layers.push(DynamicLayer::make(Config::try_from(config)?, options.custom)?);
        }
        Ok(Self { layers, backwards, gives_states, cell })
    }

    /// How many states the cell of this number has.
    fn states(&self, i: usize) -> usize {
        if self.layers[i].class() == "LSTM" { 2 } else { 1 }
    }

    /// The sequence, and the states to begin with of each cell.
    fn parts<V>(&self, mut list: Vec<V>) -> Result<(V, Vec<Vec<V>>), Error> {
        let needed: usize = (0..self.layers.len()).map(|i| self.states(i)).sum();
        if list.is_empty() || (list.len() > 1 && list.len() != needed + 1) {
            let found = list.len().saturating_sub(1);
            return Err(refused(format!("{needed} states to begin with are needed, not {found}")));
        }
        let none = list.len() == 1;
        let mut rest = list.split_off(1).into_iter();
        let take = |i| rest.by_ref().take(if none { 0 } else { self.states(i) }).collect();
        let states = (0..self.layers.len()).map(take).collect();
        let sequence = list.pop().ok_or_else(|| refused("a sequence is needed here"))?;
        Ok((sequence, states))
    }

    /// Shows each cell what reaches it. `run` gives what leaves it.
    fn each<V>(
        &self,
        list: Vec<V>,
        mut run: impl FnMut(usize, Vec<V>) -> Result<Vec<V>, Error>,
    ) -> Result<Vec<V>, Error> {
        let (mut sequence, states) = self.parts(list)?;
        let mut last = Vec::new();
        for (i, states) in states.into_iter().enumerate() {
            let mut arrive = vec![sequence];
            arrive.extend(states);
            let mut gives = run(i, arrive)?;
            last.extend(gives.split_off(1));
            sequence = gives.pop().ok_or_else(|| refused("a cell gives a value"))?;
        }
        let mut all = vec![sequence];
        all.extend(last.into_iter().filter(|_| self.gives_states));
        Ok(all)
    }

    /// Runs each cell on what reaches it. A first cell that goes backwards gives its steps in the order in which it went, so the mask
    /// is turned for the cells behind it; what leaves the layer has the mask as it came, as in Keras.
    fn run(
        &self,
        x: Flows,
        mut cell: impl FnMut(usize, Flows) -> Result<Flows, Error>,
    ) -> Result<Flows, Error> {
        let came = x.first().and_then(Flow::mask).cloned();
        let turns = self.backwards && self.layers.len() > 1;
        let turned = came.as_ref().filter(|_| turns).map(Mask::backwards).transpose()?;
        let (x, mut tape) = join_tapes(x);
        let y = self.each(x, |i, x| {
            let (mut y, more) = join_tapes(cell(i, put_first(x, std::mem::take(&mut tape)))?);
            tape = more;
            let sequence = y.first_mut().filter(|_| turns).filter(|one| one.mask().is_some());
            if let Some(sequence) = sequence {
                let is_last = i + 1 == self.layers.len();
                sequence.set_mask(if is_last { came.clone() } else { turned.clone() });
            }
            Ok(y)
        })?;
        Ok(put_first(y, tape))
    }
}

impl Op for Cells {
    fn gives(&self, arrive: &[AnySignal]) -> Result<Vec<AnySignal>, Error> {
        self.each(arrive.to_vec(), |i, arrive| self.layers[i].gives_each(&arrive))
    }

    fn build(&mut self, dev: &Cpu, prefix: &str, arrive: &[AnySignal]) -> Result<(), Error> {
        let mut layers = self.layers.clone();
        self.each(arrive.to_vec(), |i, arrive| {
            layers[i].build_inside(dev, prefix, &arrive)?;
            layers[i].gives_each(&arrive)
        })?;
        self.layers = layers;
        Ok(())
    }

    fn apply(&self, x: Flows) -> Result<Flows, Error> {
        self.run(x, |i, x| self.layers[i].apply_each(x))
    }

    fn train(&mut self, x: Flows) -> Result<Flows, Error> {
        // Statistics of the layers are none, but their states may be carried on.
        let mut layers = std::mem::take(&mut self.layers);
        let shapes = Self { layers: layers.clone(), cell: Value::Null, ..*self };
        let y = shapes.run(x, |i, x| layers[i].train_each(x));
        self.layers = layers;
        y
    }

    fn visit(&mut self, visitor: &mut dyn Visitor<f32, Cpu>) -> Result<(), Error> {
        if let [one] = self.layers.as_mut_slice() {
            return one.visit(visitor);
        }
        for (i, layer) in self.layers.iter_mut().enumerate() {
            visitor.enter(&i.to_string());
            layer.visit(visitor)?;
            visitor.leave();
        }
        Ok(())
    }

    fn write(&self, config: &mut Config) {
        config.config.insert("cell".to_owned(), self.cell.clone());
    }

    fn takes_states(&self) -> bool {
        true
    }

    fn inside(&self) -> Vec<&DynamicLayer> {
        self.layers.iter().collect()
    }

    fn inside_mut(&mut self) -> Vec<&mut DynamicLayer> {
        self.layers.iter_mut().collect()
    }
}
