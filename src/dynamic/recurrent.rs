use dfdx::{
    prelude::{BroadcastTo, HasShape, ReshapeTo, TryMul},
    shapes::Axis,
    tensor::{Cpu, PutTape, SplitTape, TensorFromVec},
};

use super::{
    custom::{ActivationFunction, Options},
    dense::known_features,
    flow::{Flow, Numbers, Rows},
    op::{OneToOne, Pass},
    visit,
    weights::{Role, Weights},
    words,
};
use crate::{
    backend::{
        Backend, CellKind, RecurrentBias, RecurrentInputs, RecurrentWeights, StepOptions,
        StepOrder, WeightCache, keep_rows, memory::filled, recurrent_with, to_values,
    },
    error::{Error, OrDevice},
    fields::{AnySignal, Initializer, SignalKind},
    layers::{Sigmoid, Tanh},
};

/// A recurrent layer over a whole sequence.
#[derive(Debug, Clone)]
pub(crate) struct RecurrentOp {
    cell: CellKind,
    units: usize,
    activation: ActivationFunction,
    gate: Option<ActivationFunction>,
    use_bias: bool,
    unit_forget_bias: bool,
    sequences: bool,
    order: StepOrder,
    /// How much of the input, and of the state, drops in training: the same values in all steps.
    drops: [f64; 2],
    hows: [Initializer; 3],
    inputs: Option<usize>,
    weights: Weights,
    cache: WeightCache,
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
        })
    }

    fn has_two_biases(&self) -> bool {
        self.cell == CellKind::GruCell { reset_after: true }
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
            cache: &self.cache,
        })
    }

    /// Runs a sequence. `drops` is how much drops.
    fn sequence<T: Pass>(&self, x: Flow<T>, drops: [f64; 2]) -> Result<Flow<T>, Error> {
        let x = x.numbers()?;
        let (sizes, (mut x, mask)) = (x.sizes.clone(), x.steps()?);
        let (batch, length, features) = *x.shape();
        if let Some(dropped) = self.dropped((batch, features), drops[0])? {
            let each = dropped.try_broadcast_like::<_, Axis<1>>(x.shape()).or_device()?;
            x = x.try_mul(each).or_device()?;
        }
        let (order, weights) = (self.order, self.weights()?);
        let inputs = RecurrentInputs { x, mask: mask.as_ref(), initial: None, order };
        let usual = self.activation.is::<Tanh>()
            && self.gate.as_ref().is_none_or(ActivationFunction::is::<Sigmoid>);
        let (outputs, last) = match (usual && drops[1] == 0.0, self.sequences) {
            (true, false) => (None, Cpu::recurrent_last(inputs, weights)?),
            (true, true) => {
                let (outputs, states) = Cpu::recurrent(inputs, weights)?;
                (Some(outputs), states.h.retaped())
            }
            (false, _) => {
                let gate = self.gate.as_ref().unwrap_or(&self.activation);
                let options = StepOptions {
                    activation: &|x| self.activation.apply(x),
                    gate: &|x| gate.apply(x),
                    dropped: self.dropped((batch, self.units), drops[1])?,
                };
                let (outputs, states) = recurrent_with(inputs, weights, &options)?;
                match self.sequences {
                    true => (Some(outputs), states.h.retaped()),
                    false => (None, states.h.put_tape(outputs.split_tape().1)),
                }
            }
        };
        if let Some(outputs) = outputs {
            let outputs = outputs.try_contiguous().or_device()?;
            let sizes = [sizes[0], sizes[1], self.units];
            return Ok(Flow::Numbers(Numbers::new(outputs, sizes, mask)?));
        }
        let end = if order.backwards { 0 } else { length.saturating_sub(1) };
        let last = match mask.filter(|_| order.zero_masked && length > 0) {
            Some(mask) => {
                let keep: Vec<bool> = (0..batch).map(|row| mask.row(row)[end]).collect();
                keep_rows(last, &keep, 0.0)?
            }
            None => last,
        };
        Flow::plain(last, [batch, self.units])
    }

    /// What the values are multiplied with in all steps, if some are to drop.
    fn dropped(&self, shape: (usize, usize), rate: f64) -> Result<Option<Rows>, Error> {
        if rate == 0.0 || shape.0 * shape.1 == 0 {
            return Ok(None);
        }
        let (ones, kernel) = (filled(&[shape.0, shape.1], 1.0)?, self.weights.flat("kernel")?);
        let ones = kernel.device().try_tensor_from_vec(ones, shape).or_device()?;
        Cpu::dropout(ones, None, rate).map(Some)
    }
}

impl OneToOne for RecurrentOp {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        words::steps(arrives)?;
        words::features(arrives, self.inputs)?;
        let [batch, length, _] = arrives.sizes[..] else {
            return Err(words::refused("a sequence is needed here"));
        };
        if self.sequences {
            return Ok(arrives.with([batch, length, Some(self.units)]));
        }
        Ok(AnySignal { kind: SignalKind::Numbers, sizes: vec![batch, Some(self.units)] })
    }

    fn build(&mut self, dev: &Cpu, _: &str, arrives: &AnySignal) -> Result<(), Error> {
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
            let mut values = to_values(&self.weights.flat("bias")?)?;
            values[self.units..2 * self.units].fill(1.0);
            self.weights.set("bias", &values);
        }
        self.inputs = Some(inputs);
        Ok(())
    }

    fn apply<T: Pass>(&self, x: Flow<T>) -> Result<Flow<T>, Error> {
        self.sequence(x, [0.0; 2])
    }

    fn train<T: Pass>(&mut self, x: Flow<T>) -> Result<Flow<T>, Error> {
        self.sequence(x, self.drops)
    }

    visit!();
}
