use dfdx::{
    prelude::{HasShape, ReshapeTo},
    tensor::{Cpu, PutTape, SplitTape},
};

use super::{
    dense::known_features,
    flow::{Flow, Flows, Numbers, join_tapes, with_tape},
    functions::FoundFunction,
    op::Op,
    options::Options,
    weights::{Role, Weights},
    words,
};
use crate::{
    backend::{
        Backend, CarriedStates, CellKind, GateDropout, HiddenStates, Recorder, RecurrentBias,
        RecurrentInputs, RecurrentWeights, StepFunctions, StepOptions, StepOrder, WeightCache,
        keep_rows, last_is_state, recurrent_with,
    },
    error::{Error, OrDevice},
    fields::{AnySignal, Initializer},
    parameters::Visitor,
};

/// A recurrent layer over a whole sequence.
#[derive(Debug, Clone)]
pub(crate) struct RecurrentOp {
    cell: CellKind,
    units: usize,
    activation: FoundFunction,
    gate: Option<FoundFunction>,
    use_bias: bool,
    unit_forget_bias: bool,
    sequences: bool,
    /// Whether the states behind the last step are outputs too.
    gives_states: bool,
    order: StepOrder,
    /// How much of the input, and of the state, drops in training: the same values in all steps.
    drops: [f64; 2],
    hows: [Initializer; 3],
    inputs: Option<usize>,
    weights: Weights,
    cache: WeightCache,
    /// Where a `stateful` layer keeps its states from one batch to the next.
    carried: Option<CarriedStates<f32, Cpu>>,
}

impl RecurrentOp {
    pub(crate) fn lstm(options: &mut Options<'_>) -> Result<Self, Error> {
        Self::new(options, CellKind::LstmCell)
    }

    pub(crate) fn gru(options: &mut Options<'_>) -> Result<Self, Error> {
        let reset_after = options.flag("reset_after")?;
        Self::new(options, CellKind::GruCell { reset_after })
    }

    pub(crate) fn simple(options: &mut Options<'_>) -> Result<Self, Error> {
        Self::new(options, CellKind::SimpleCell)
    }

    fn new(options: &mut Options<'_>, cell: CellKind) -> Result<Self, Error> {
        let gated = cell != CellKind::SimpleCell;
        let how = |key: &str| options.initializer(&format!("{key}_initializer"));
        Ok(Self {
            cell,
            units: options.size("units")?,
            activation: options.activation("activation")?,
            gate: gated.then(|| options.activation("recurrent_activation")).transpose()?,
            use_bias: options.flag("use_bias")?,
            unit_forget_bias: cell == CellKind::LstmCell && options.flag("unit_forget_bias")?,
            sequences: options.flag("return_sequences")?,
            gives_states: options.flag("return_state")?,
            order: StepOrder {
                backwards: options.flag("go_backwards")?,
                as_made: true,
                zero_masked: options.flag("zero_output_for_mask")?,
            },
            drops: [options.number("dropout")?, options.number("recurrent_dropout")?],
            hows: [how("kernel")?, how("recurrent")?, how("bias")?],
            inputs: None,
            weights: Weights::default(),
            cache: WeightCache::default(),
            carried: options.flag("stateful")?.then(CarriedStates::default),
        })
    }

    /// How many states there are.
    fn states(&self) -> usize {
        if self.cell.has_c() { 2 } else { 1 }
    }

    fn has_two_biases(&self) -> bool {
        self.cell == CellKind::GruCell { reset_after: true }
    }

    /// The functions of a step, if they are Keras's.
    fn functions(&self) -> Option<StepFunctions> {
        let activation = self.activation.keras()?;
        let gate = match &self.gate {
            Some(gate) => gate.keras()?,
            None => StepFunctions::default().gate,
        };
        Some(StepFunctions { activation, gate })
    }

    fn weights(&self) -> Result<RecurrentWeights<'_, f32, Cpu>, Error> {
        let (cell, width) = (self.cell, self.cell.gates() * self.units);
        Ok(RecurrentWeights {
            cell,
            kernel: self.weights.matrix("kernel", width)?,
            recurrent_kernel: self.weights.matrix("recurrent_kernel", width)?,
            bias: match self.use_bias {
                false => RecurrentBias::None,
                true if self.has_two_biases() => {
                    RecurrentBias::Two(self.weights.matrix("bias", width)?)
                }
                true => RecurrentBias::One(self.weights.flat("bias")?),
            },
            functions: self.functions().unwrap_or_default(),
            cache: &self.cache,
        })
    }

    /// The states to begin with, and the tapes that they are on.
    fn initial(
        &self,
        given: Flows,
        batch: usize,
    ) -> Result<(Option<HiddenStates<f32, Cpu>>, Recorder), Error> {
        let (given, tape) = join_tapes(given);
        let mut states = Vec::new();
        for state in given {
            states.push(state.numbers()?.x);
        }
        let c = if states.len() > 1 { states.pop() } else { None };
        let initial = match states.pop() {
            Some(h) => Some(HiddenStates::new(h, c)),
            None => self.carried.as_ref().map_or(Ok(None), CarriedStates::get)?,
        };
        for state in initial.iter().flat_map(|states| std::iter::once(&states.h).chain(&states.c)) {
            let (rows, units) = *state.shape();
            if rows != batch {
                return Err(Error::mismatch("the batch of a state", rows, batch));
            }
            if units != self.units {
                return Err(Error::mismatch("the units of a state", self.units, units));
            }
        }
        Ok((initial, tape))
    }

    /// Runs a sequence, from the states that stand behind it. `drops` is how much drops.
    fn sequence(&self, mut x: Flows, drops: [f64; 2]) -> Result<Flows, Error> {
        let given = x.split_off(1);
        let x = super::op::one(x)?.numbers()?;
        let (sizes, (x, mask)) = (x.sizes.clone(), x.steps()?);
        let (batch, _, features) = *x.shape();
        let (initial, more) = self.initial(given, batch)?;
        let x = with_tape(x, more);
        let (order, weights) = (self.order, self.weights()?);
        let each = (batch, features, self.units);
        let dropout = GateDropout::draw(x.device(), self.cell, each, drops)?;
        let inputs = RecurrentInputs { x, mask: mask.as_ref(), initial, order, dropout };
        let usual = self.functions().is_some();
        let all = self.sequences || self.gives_states || self.carried.is_some();
        let (outputs, states, tape) = if usual && !all {
            let (last, tape) = Cpu::recurrent_last(inputs, weights)?.split_tape();
            (None, HiddenStates::new(last, None), tape)
        } else {
            let (outputs, states) = if usual {
                Cpu::recurrent(inputs, weights)?
            } else {
                let gate = self.gate.as_ref().unwrap_or(&self.activation);
                let options = StepOptions {
                    activation: &|x| self.activation.apply(x),
                    gate: &|x| gate.apply(x),
                };
                recurrent_with(inputs, weights, &options)?
            };
            let (outputs, tape) = outputs.try_contiguous().or_device()?.split_tape();
            (Some(outputs), states, tape)
        };
        let beside = tape.beside();
        if let Some(carried) = &self.carried {
            carried.set(states.clone())?;
        }
        let mut gives: Flows = Vec::new();
        match outputs.filter(|_| self.sequences) {
            Some(outputs) => {
                let sizes = [sizes[0], sizes[1], self.units];
                gives.push(Flow::Numbers(Numbers::new(outputs.put_tape(tape), sizes, mask)?));
            }
            None => {
                let last = states.h.clone().put_tape(tape);
                let keep = mask.map(|mask| last_is_state(order, &mask));
                let last = match keep.filter(|keep| keep.contains(&false)) {
                    Some(keep) => keep_rows(last, &keep, 0.0)?,
                    None => last,
                };
                gives.push(Flow::plain(last, [batch, self.units])?);
            }
        }
        if self.gives_states {
            for state in [Some(states.h), states.c].into_iter().flatten() {
                gives.push(Flow::plain(state.put_tape(beside.beside()), [batch, self.units])?);
            }
        }
        Ok(gives)
    }
}

impl Op for RecurrentOp {
    fn gives(&self, arrive: &[AnySignal]) -> Result<Vec<AnySignal>, Error> {
        let Some((arrives, given)) = arrive.split_first() else {
            return Err(words::refused("a sequence is needed here"));
        };
        words::steps(arrives)?;
        words::features(arrives, self.inputs)?;
        let [batch, length, _] = arrives.sizes[..] else {
            return Err(words::refused("a sequence is needed here"));
        };
        let state = AnySignal::numbers([batch, Some(self.units)]);
        words::states_to_begin_with(given, self.states(), &state)?;
        let mut gives = vec![match self.sequences {
            true => arrives.with([batch, length, Some(self.units)]),
            false => state.clone(),
        }];
        if self.gives_states {
            gives.extend(vec![state; self.states()]);
        }
        Ok(gives)
    }

    fn build(&mut self, dev: &Cpu, _: &str, arrive: &[AnySignal]) -> Result<(), Error> {
        let arrives = arrive.first().ok_or_else(|| words::refused("a sequence is needed here"))?;
        let inputs = known_features(arrives)?;
        let units = || words::refused(format!("{} units are too many", self.units));
        let width = self.units.checked_mul(self.cell.gates()).ok_or_else(units)?;
        let [kernel, recurrent, bias] = self.hows;
        let (of_inputs, of_state, both) = ([inputs, width], [self.units, width], [2, width]);
        let of_bias = if self.has_two_biases() { &both[..] } else { &both[1..] };
        let wanted = [
            ("kernel", &of_inputs[..], kernel, Role::Trained),
            ("recurrent_kernel", &of_state, recurrent, Role::Trained),
            ("bias", of_bias, bias, Role::Trained),
        ];
        self.weights = Weights::draw(dev, &wanted[..if self.use_bias { 3 } else { 2 }])?;
        if self.unit_forget_bias && self.use_bias {
            self.weights.forget_nothing(self.units)?;
        }
        self.inputs = Some(inputs);
        Ok(())
    }

    fn apply(&self, x: Flows) -> Result<Flows, Error> {
        self.sequence(x, [0.0; 2])
    }

    fn train(&mut self, x: Flows) -> Result<Flows, Error> {
        self.sequence(x, self.drops)
    }

    fn takes_states(&self) -> bool {
        true
    }

    fn reset_states(&mut self) {
        if let Some(carried) = &self.carried {
            carried.reset();
        }
    }

    fn visit(&mut self, visitor: &mut dyn Visitor<f32, Cpu>) -> Result<(), Error> {
        self.weights.visit(visitor)?;
        self.carried.iter().try_for_each(|carried| visitor.visit_carried(carried))
    }
}
