//! In which order layers are called, and what reaches each.

use dfdx::tensor::{Cpu, Merge, NoneTape, Tape};

use super::super::{
    DynamicLayer,
    flow::{Flow, Flows, Numbers, join_tapes, put_first},
    words::refused,
};
use crate::{
    backend::to_values,
    error::Error,
    fields::{AnySignal, SignalKind},
    signal::Mask,
};

/// One of the values at a place: of the inputs, then of what the calls give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) place: usize,
    pub(super) output: usize,
}

impl Source {
    /// The value.
    pub(super) fn of<V>(self, values: &[Vec<V>]) -> Result<&V, Error> {
        let outputs = values.get(self.place).map(Vec::as_slice).unwrap_or_default();
        outputs.get(self.output).ok_or_else(|| {
            Error::mismatch("the outputs of a layer (more than)", self.output, outputs.len())
        })
    }
}

/// One call of a layer.
#[derive(Debug, Clone, Default)]
pub(super) struct Call {
    /// The entry that is called.
    pub(super) entry: usize,
    pub(super) inputs: Vec<Source>,
    /// How many of the inputs, which stand last, are states to begin with.
    pub(super) states: usize,
    /// The masks that the call is given by name.
    pub(super) masks: Vec<(usize, Source)>,
    /// Whether it is called with `training=False`.
    pub(super) rests: bool,
    /// Whether it is called with `reverse=True`, and so takes numbers in place of ids.
    pub(super) reversed: bool,
    /// How many of the inputs, from the first on, lose their mask by the call.
    pub(super) bared: usize,
    /// The inputs that have lost theirs before.
    pub(super) bare: Vec<usize>,
}

/// What a layer sees of what arrives.
pub(super) struct Seen {
    pub(super) seen: Vec<AnySignal>,
    /// Whether a mask was kept from it, which what it gives has all the same.
    kept: bool,
}

impl Call {
    /// As Keras 3.15 has it: with states to begin with, a layer does not see the mask of its sequence, unless it is given
    /// by name. The mask goes on behind it.
    fn keeps_mask(&self) -> bool {
        self.states > 0 && self.masks.is_empty()
    }

    /// Whether the layer takes ids here, in whose place numbers would do; `None` if it looks at each of its inputs itself.
    fn coerces(&self, layer: &DynamicLayer) -> Option<bool> {
        match layer.op.own_inputs() {
            Some(_) => None,
            None => Some(layer.op.takes_ids() && !self.reversed),
        }
    }

    pub(super) fn seen(&self, layer: &DynamicLayer, arrive: Vec<AnySignal>) -> Seen {
        let mut seen = arrive;
        if let Some(ids) = self.coerces(layer) {
            for one in &mut seen {
                match (ids, one.kind) {
                    (true, SignalKind::Numbers) => one.kind = SignalKind::Tokens,
                    (false, SignalKind::Tokens) => one.kind = SignalKind::Numbers,
                    _ => {}
                }
            }
        }
        for &(input, _) in &self.masks {
            if let Some(one) = seen.get_mut(input).filter(|one| one.sizes.len() > 1) {
                one.kind = SignalKind::Padded;
            }
        }
        let first =
            seen.first_mut().filter(|one| self.keeps_mask() && one.kind == SignalKind::Padded);
        let kept = first.map(|one| one.kind = SignalKind::Numbers).is_some();
        Seen { seen, kept }
    }

    /// Puts the mask that was kept from a layer on the sequence that it gives.
    pub(super) fn kept(&self, arrive: &Seen, mut gives: Vec<AnySignal>) -> Vec<AnySignal> {
        if let Some(first) = gives.first_mut().filter(|one| arrive.kept && one.sizes.len() > 2) {
            first.kind = SignalKind::Padded;
        }
        gives
    }

    /// Turns ids into numbers, or numbers into ids, if the layer takes the others.
    pub(super) fn coerced(&self, layer: &DynamicLayer, x: Flows) -> Result<Flows, Error> {
        match self.coerces(layer) {
            Some(ids) => x.into_iter().map(|x| coerced(x, ids)).collect(),
            None => Ok(x),
        }
    }

    pub(super) fn with_masks(
        &self,
        layer: &DynamicLayer,
        x: Flows,
        run: impl FnOnce(Flows) -> Result<Flows, Error>,
    ) -> Result<Flows, Error> {
        self.under_masks(self.coerced(layer, x)?, run)
    }

    /// Runs a layer, from which a mask may be kept. The masks given by name are the last inputs.
    pub(super) fn under_masks(
        &self,
        mut x: Flows,
        run: impl FnOnce(Flows) -> Result<Flows, Error>,
    ) -> Result<Flows, Error> {
        let kept = match x.first_mut().filter(|_| self.keeps_mask()) {
            Some(first) => {
                let mask = first.mask().cloned();
                first.set_mask(None);
                mask
            }
            None => None,
        };
        let mut y = run(x)?;
        if let Some(first) = y.first_mut().filter(|y| kept.is_some() && y.sizes().len() > 2) {
            first.set_mask(kept);
        }
        Ok(y)
    }
}

/// Ids as numbers, or whole numbers as ids.
fn coerced<T: Tape<f32, Cpu>>(x: Flow<T>, ids: bool) -> Result<Flow<T>, Error> {
    match (x, ids) {
        (Flow::Numbers(Numbers { x, sizes, mask: None }), true) => {
            let whole = |value: f32| {
                let fits = value.fract() == 0.0 && (0.0..=16_777_216.0).contains(&value);
                fits.then_some(value as usize)
            };
            let values = to_values(&x)?;
            let ids: Option<Vec<usize>> = values.iter().map(|&value| whole(value)).collect();
            let Some(ids) = ids else {
                let other = values.into_iter().find(|&value| whole(value).is_none());
                let other = other.unwrap_or(f32::NAN);
                return Err(refused(format!("token ids are needed here, but {other} arrives")));
            };
            let (_, tape) =
                Flow::Numbers(Numbers { x, sizes: sizes.clone(), mask: None }).split_tape();
            Ok(Flow::Tokens { sizes, ids, tape })
        }
        (Flow::Tokens { sizes, ids, tape }, false) => {
            let values = ids.into_iter().map(|id| id as f32).collect();
            let value = super::super::DynamicValue::Numbers { sizes, values, mask: None };
            Ok(Flow::<NoneTape>::try_from(value)?.put_tape(tape))
        }
        (x, _) => Ok(x),
    }
}

/// A mask that a function has calculated: 0 for a step of the padding.
fn as_mask(x: &Flow<NoneTape>) -> Result<Mask, Error> {
    match x {
        Flow::Numbers(Numbers { x, sizes, .. }) if sizes.len() == 2 => {
            let keep: Vec<bool> = to_values(x)?.into_iter().map(|value| value != 0.0).collect();
            Mask::from_bools(keep, sizes[0], sizes[1])
        }
        other => Err(refused(format!(
            "a mask is `(Batch, Length)`, but `{}` is given as one",
            other.signal()
        ))),
    }
}

/// What the layers of a model hold at once is at most this (2 GiB): a short hostile config may ask for any number.
const MAX_HELD: usize = 1 << 29;

/// Takes the mask off.
fn bare(signal: &mut AnySignal) {
    if signal.kind == SignalKind::Padded {
        signal.kind = SignalKind::Numbers;
    }
}

/// How many values there are.
fn count(values: &Flows<NoneTape>) -> usize {
    values.iter().map(|x| x.sizes().iter().product::<usize>()).sum()
}

/// The calls of a model, in an order in which each finds what it needs.
#[derive(Debug, Clone)]
pub(super) struct Wiring {
    /// What reaches the model.
    pub(super) inputs: Vec<AnySignal>,
    pub(super) calls: Vec<Call>,
    pub(super) outputs: Vec<Source>,
    /// The places that are not needed behind a call.
    pub(super) done: Vec<Vec<usize>>,
    /// How many calls of layers these are, with those inside of models.
    pub(super) count: usize,
}

impl Wiring {
    pub(super) fn new(inputs: Vec<AnySignal>, calls: Vec<Call>, outputs: Vec<Source>) -> Self {
        let mut last = vec![None; inputs.len() + calls.len()];
        for (i, call) in calls.iter().enumerate() {
            let used = call.inputs.iter().chain(call.masks.iter().map(|(_, source)| source));
            used.for_each(|source| last[source.place] = Some(i));
            last[inputs.len() + i] = Some(i);
        }
        for output in &outputs {
            last[output.place] = None;
        }
        let mut done = vec![Vec::new(); calls.len()];
        for (place, last) in last.into_iter().enumerate() {
            if let Some(last) = last {
                done[last].push(place);
            }
        }
        Self { inputs, calls, outputs, done, count: 0 }
    }

    /// Fails unless what arrives is what the inputs say.
    fn admit(&self, arrive: &[AnySignal]) -> Result<Vec<Vec<AnySignal>>, Error> {
        if arrive.len() != self.inputs.len() {
            let (needed, found) = (self.inputs.len(), arrive.len());
            let verb = if found == 1 { "arrives" } else { "arrive" };
            return Err(refused(format!("{needed} inputs are needed here, but {found} {verb}")));
        }
        let mut values = Vec::new();
        for (input, arrives) in self.inputs.iter().zip(arrive) {
            let kind = match (input.kind, arrives.kind) {
                (SignalKind::Numbers, SignalKind::Padded) => SignalKind::Padded,
                (kind, _) => kind,
            };
            if !input.agrees(&arrives.sizes) {
                let message = format!("`{input}` is needed here, but `{arrives}` arrives");
                return Err(refused(message));
            }
            values.push(vec![AnySignal { kind, sizes: arrives.sizes.clone() }]);
        }
        Ok(values)
    }

    /// What travels at each place, if this arrives. `call` says what a layer gives.
    pub(super) fn signals(
        &self,
        arrive: &[AnySignal],
        mut call: impl FnMut(usize, &Call, Vec<AnySignal>) -> Result<Vec<AnySignal>, Error>,
    ) -> Result<Vec<Vec<AnySignal>>, Error> {
        let mut values = self.admit(arrive)?;
        for one in &self.calls {
            let inputs = one.inputs.iter().map(|source| source.of(&values).cloned());
            let mut inputs = inputs.collect::<Result<Vec<AnySignal>, _>>()?;
            one.bare.iter().for_each(|&i| bare(&mut inputs[i]));
            let gives = call(one.entry, one, inputs)?;
            values.push(gives);
        }
        for source in self.bared() {
            let outputs = values.get_mut(source.place);
            outputs.and_then(|outputs| outputs.get_mut(source.output)).map(bare);
        }
        Ok(values)
    }

    /// The values that have lost their mask in the end.
    fn bared(&self) -> impl Iterator<Item = &Source> {
        self.calls.iter().flat_map(|call| &call.inputs[..call.bared])
    }

    /// Runs the calls. There is one tape for all, since what one call gives may reach several.
    pub(super) fn run(
        &self,
        x: Flows,
        mut call: impl FnMut(usize, &Call, Flows) -> Result<Flows, Error>,
    ) -> Result<Flows, Error> {
        self.admit(&x.iter().map(Flow::signal).collect::<Vec<_>>())?;
        let (x, mut tape) = join_tapes(x);
        let ids = self.inputs.iter().map(|input| input.kind == SignalKind::Tokens);
        let mut values: Vec<Flows<NoneTape>> = Vec::with_capacity(self.done.len() + x.len());
        for (x, ids) in x.into_iter().zip(ids) {
            values.push(vec![coerced(x, ids)?]);
        }
        let mut held = 0;
        for (one, done) in self.calls.iter().zip(&self.done) {
            let inputs = one.inputs.iter().map(|source| source.of(&values).cloned());
            let mut inputs: Flows<NoneTape> = inputs.collect::<Result<_, _>>()?;
            one.bare.iter().for_each(|&i| inputs[i].set_mask(None));
            for &(input, source) in &one.masks {
                let mask = as_mask(source.of(&values)?)?;
                if let Some(input) = inputs.get_mut(input) {
                    input.set_mask(Some(mask));
                }
            }
            for &place in done {
                if let Some(value) = values.get_mut(place) {
                    held -= if place < self.inputs.len() { 0 } else { count(value) };
                    value.clear();
                }
            }
            let inputs = put_first(inputs, tape.beside());
            let (gives, more) = join_tapes(call(one.entry, one, inputs)?);
            tape = tape.merge(more);
            held += count(&gives);
            if held > MAX_HELD {
                return Err(refused("the layers hold more than 2^29 numbers at once"));
            }
            values.push(gives);
        }
        for source in self.bared() {
            let outputs = values.get_mut(source.place);
            let value = outputs.and_then(|outputs| outputs.get_mut(source.output));
            value.into_iter().for_each(|value| value.set_mask(None));
        }
        let outputs = self.outputs.iter().map(|source| source.of(&values).cloned());
        Ok(put_first(outputs.collect::<Result<_, _>>()?, tape))
    }
}
