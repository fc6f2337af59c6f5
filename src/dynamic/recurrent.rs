mod walk;

use dfdx::{
    prelude::{BroadcastTo, HasShape, TryMul},
    shapes::Axis,
    tensor::{Cpu, Tensor, TensorFromVec},
};
use serde_json::Value;

use super::{
    custom::{ActivationFunction, Options},
    dense::known_features,
    flow::{Flow, Numbers, Rows},
    op::{Op, Pass},
    visit,
    weights::{Role, Weights, optional},
    words,
};
use crate::{
    backend::{
        Backend, IntoShape, LstmInputs, LstmWeights, Prepared, keep_rows, memory::filled, numbers,
        zeros_after,
    },
    error::{Error, OrDevice},
    fields::{AnySignal, Configured, Fields, Initializer, SignalKind},
    layers::{Sigmoid, Tanh, select},
    parameters::Build,
    signal::Mask,
};

/// What happens in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cell {
    /// Gates: input, forget, cell, output.
    Lstm,
    /// Gates: update, reset, new.
    Gru,
    Simple,
}

impl Cell {
    fn gates(self) -> usize {
        match self {
            Self::Lstm => 4,
            Self::Gru => 3,
            Self::Simple => 1,
        }
    }
}

/// A recurrent layer over a whole sequence.
#[derive(Debug, Clone)]
pub(crate) struct Recurrent {
    cell: Cell,
    units: usize,
    activation: ActivationFunction,
    gate: ActivationFunction,
    use_bias: bool,
    /// The reset gate of a GRU comes behind the product; it then has two biases.
    reset_after: bool,
    unit_forget_bias: bool,
    sequences: bool,
    backwards: bool,
    zero_output: bool,
    /// How much of the input, and of the state, drops in training: the same values in all steps.
    drops: [f64; 2],
    hows: [Initializer; 3],
    inputs: Option<usize>,
    weights: Weights,
    /// Of the kernel, and of the recurrent one.
    prepared: [Prepared; 2],
}

type Steps<T> = Tensor<(usize, usize, usize), f32, Cpu, T>;

impl Recurrent {
    pub(crate) fn new(options: &mut Options<'_>, cell: Cell) -> Result<Self, Error> {
        let gate = if cell == Cell::Simple { "activation" } else { "recurrent_activation" };
        let how = |key: &str| options.initializer(&format!("{key}_initializer"));
        Ok(Self {
            cell,
            units: options.size("units")?,
            activation: options.activation("activation")?,
            gate: options.activation(gate)?,
            use_bias: options.flag("use_bias")?,
            reset_after: cell == Cell::Gru && options.flag("reset_after")?,
            unit_forget_bias: cell == Cell::Lstm && options.flag("unit_forget_bias")?,
            sequences: options.flag("return_sequences")?,
            backwards: options.flag("go_backwards")?,
            zero_output: options.flag("zero_output_for_mask")?,
            drops: [options.number("dropout")?, options.number("recurrent_dropout")?],
            hows: [how("kernel")?, how("recurrent")?, how("bias")?],
            inputs: None,
            weights: Weights::default(),
            prepared: Default::default(),
        })
    }

    /// Runs a sequence. `drops` is how much drops.
    fn sequence<T: Pass>(&self, x: Flow<T>, drops: [f64; 2]) -> Result<Flow<T>, Error> {
        let Numbers { x, sizes, mask } = x.numbers()?;
        let [batch, length, inputs] = *sizes else {
            return Ok(Flow::Numbers(Numbers { x, sizes, mask }));
        };
        let order = self.backwards.then(|| reversed(batch, length));
        // Which steps are real, in the order in which they are seen.
        let seen = match (&mask, &order) {
            (Some(mask), Some(order)) => {
                let keep: Vec<bool> = order.iter().map(|&at| mask.as_slice()[at]).collect();
                Some(Mask::from_bools(keep, batch, length)?)
            }
            _ => mask.clone(),
        };
        let x = match &order {
            Some(order) if batch * length > 0 => select(x, order)?,
            _ => x,
        };
        let mut x = x.into_shape(&(batch, length, inputs))?;
        if let Some(dropped) = self.dropped((batch, inputs), drops[0])? {
            let each = dropped.try_broadcast_like::<_, Axis<1>>(x.shape()).or_device()?;
            x = x.try_mul(each).or_device()?;
        }
        let y = self.outputs(x, seen.as_ref(), drops[1])?;
        let keep = seen.filter(|_| self.zero_output).map(|seen| match self.sequences {
            true => seen.as_slice().to_vec(),
            false => (0..batch).map(|row| seen.row(row).last() == Some(&true)).collect(),
        });
        let (sizes, mask) = match self.sequences {
            true => (vec![batch, length, self.units], mask),
            false => (vec![batch, self.units], None),
        };
        let Numbers { mut x, sizes, mask } = Numbers::new(y, sizes, mask)?;
        if let Some(keep) = keep {
            x = keep_rows(x, &keep, 0.0)?;
        }
        Ok(Flow::Numbers(Numbers { x, sizes, mask }))
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

    /// The outputs of all steps, if they are wanted, else the last.
    fn outputs<T: Pass>(
        &self,
        x: Steps<T>,
        mask: Option<&Mask>,
        drop: f64,
    ) -> Result<Rows<T>, Error> {
        let (batch, length, _) = *x.shape();
        let (units, width) = (self.units, self.cell.gates() * self.units);
        if batch * length == 0 {
            return zeros_after(x, &(batch, units));
        }
        let kernel = self.weights.matrix("kernel", width)?;
        let recurrent_kernel = self.weights.matrix("recurrent_kernel", width)?;
        let fused = self.activation.is::<Tanh>() && self.gate.is::<Sigmoid>() && drop == 0.0;
        if self.cell != Cell::Lstm || !fused {
            return self.walk(x, mask, drop);
        }
        let (bias, prepared) = (self.weights.flat("bias")?, &self.prepared[0]);
        let weights = LstmWeights { kernel, recurrent_kernel, bias, prepared };
        let inputs = LstmInputs { x, mask, initial: None };
        if !self.sequences {
            return Cpu::lstm_last(inputs, weights);
        }
        Cpu::lstm(inputs, weights)?.0.into_shape(&(batch * length, units))
    }
}

/// The steps of a batch, the last first.
pub(super) fn reversed(batch: usize, length: usize) -> Vec<usize> {
    (0..batch).flat_map(|row| (0..length).rev().map(move |time| row * length + time)).collect()
}

impl Op for Recurrent {
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
        let of_bias = if self.reset_after { &both[..] } else { &both[1..] };
        self.weights = Weights::draw(
            dev,
            &[
                ("kernel", &of_inputs, kernel, Role::Trained),
                ("recurrent_kernel", &of_state, recurrent, Role::Trained),
                optional("bias", of_bias, bias, self.use_bias),
            ],
        )?;
        if self.unit_forget_bias && self.use_bias {
            let mut values = numbers(&self.weights.flat("bias")?);
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

macro_rules! keys {
    ($(#[$doc:meta])* $name:ident, $class:literal, $fields:ident => $($describe:tt)*) => {
        $(#[$doc])*
        pub(crate) struct $name;

        impl Build for $name {
            fn build(_: &Cpu) -> Result<Self, Error> {
                Ok(Self)
            }
        }

        impl Configured for $name {
            const CLASS: &'static str = $class;
            type Element = f32;
            type Device = Cpu;

            fn describe(&mut self, $fields: &mut Fields) {
                $($describe)*
            }
        }
    };
}
pub(super) use keys;

keys! {
    /// The keys of a GRU.
    GruKeys, "GRU", fields =>
    fields.size("units", 1);
    fields.flag("return_sequences", false, false);
    fields.recurrent();
    fields.activation("recurrent_activation", "sigmoid", Some("sigmoid"));
    fields.flag("reset_after", true, true);
    fields.any("seed", Value::Null);
}

keys! {
    /// The keys of a SimpleRNN.
    SimpleRnnKeys, "SimpleRNN", fields =>
    fields.size("units", 1);
    fields.flag("return_sequences", false, false);
    fields.recurrent();
    fields.ignored(&["seed"]);
}
