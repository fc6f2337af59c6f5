use dfdx::tensor::{Cpu, Tensor};
use serde_json::Value;

use super::{
    Dynamic, DynamicValue, LayerWeight,
    custom::{ActivationFunction, Options},
    dense::{known_features, linear, matrix},
    weights, words,
};
use crate::{
    backend::memory::filled,
    error::Error,
    fields::{AnySignal, Configured, Fields, Initializer, SignalKind},
    parameters::Build,
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
#[derive(Debug)]
pub(crate) struct Recurrent {
    cell: Cell,
    pub(super) units: usize,
    activation: ActivationFunction,
    gate: ActivationFunction,
    use_bias: bool,
    /// The reset gate of a GRU comes behind the product; it then has two biases.
    reset_after: bool,
    unit_forget_bias: bool,
    sequences: bool,
    backwards: bool,
    zero_output: bool,
    hows: [Initializer; 3],
    inputs: Option<usize>,
    weights: Vec<LayerWeight>,
}

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
            hows: [how("kernel")?, how("recurrent")?, how("bias")?],
            inputs: None,
            weights: Vec::new(),
        })
    }

    /// One step of all rows: from what the input gives and the state to the next state.
    fn step(
        &self,
        x: &[f32],
        h: &[f32],
        c: &[f32],
        recurrent: &Matrices,
    ) -> Result<(Vec<f32>, Vec<f32>), Error> {
        let (units, width) = (self.units, self.cell.gates() * self.units);
        let part = |all: &[f32], width: usize, gate: usize| -> Vec<f32> {
            let rows = all.chunks(width.max(1));
            rows.flat_map(|row| &row[gate * units..(gate + 1) * units]).copied().collect()
        };
        let add = |mut a: Vec<f32>, b: Vec<f32>| {
            a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
            a
        };
        let mul = |mut a: Vec<f32>, b: &[f32]| {
            a.iter_mut().zip(b).for_each(|(a, b)| *a *= b);
            a
        };
        let of = |function: &ActivationFunction, z: Vec<f32>| function.apply(z, units);
        let z = recurrent.product(h.to_vec(), &recurrent.first)?;
        let first = recurrent.first.1.1;
        let gate = |gate: usize| add(part(x, width, gate), part(&z, first, gate));
        match self.cell {
            Cell::Simple => Ok((of(&self.activation, gate(0))?, Vec::new())),
            Cell::Lstm => {
                let (i, f, o) =
                    (of(&self.gate, gate(0))?, of(&self.gate, gate(1))?, of(&self.gate, gate(3))?);
                let new = mul(of(&self.activation, gate(2))?, &i);
                let c = add(mul(f, c), new);
                Ok((mul(of(&self.activation, c.clone())?, &o), c))
            }
            Cell::Gru => {
                let (update, reset) = (of(&self.gate, gate(0))?, of(&self.gate, gate(1))?);
                let inner = match &recurrent.second {
                    None => mul(part(&z, first, 2), &reset),
                    Some(second) => recurrent.product(mul(reset, h), second)?,
                };
                let new = of(&self.activation, add(part(x, width, 2), inner))?;
                let blend =
                    update.iter().zip(h).zip(new).map(|((z, h), new)| z * h + (1.0 - z) * new);
                Ok((blend.collect(), Vec::new()))
            }
        }
    }

    fn matrices(&self) -> Result<Matrices, Error> {
        let (units, width) = (self.units, self.cell.gates() * self.units);
        let kernel = &self.weights[1];
        let bias = self.weights.get(2).filter(|_| self.reset_after);
        let bias = bias.map(|bias| bias.values[width..].to_vec());
        if self.cell != Cell::Gru || self.reset_after {
            let first = (matrix(kernel, units)?, (units, width));
            return Ok(Matrices { first, second: None, bias });
        }
        let columns = |from: usize, to: usize| {
            let rows = kernel.values.chunks(width.max(1));
            let values = rows.flat_map(|row| &row[from..to]).copied().collect();
            let part = LayerWeight { values, name: String::new(), sizes: Vec::new() };
            Ok::<_, Error>((matrix(&part, units)?, (units, to - from)))
        };
        let (first, second) = (columns(0, 2 * units)?, columns(2 * units, width)?);
        Ok(Matrices { first, second: Some(second), bias })
    }
}

type Sized = (Tensor<(usize, usize), f32, Cpu>, (usize, usize));

/// The recurrent kernel; that of a GRU's new state apart where it is applied to the reset state.
struct Matrices {
    first: Sized,
    second: Option<Sized>,
    bias: Option<Vec<f32>>,
}

impl Matrices {
    fn product(&self, x: Vec<f32>, (kernel, sizes): &Sized) -> Result<Vec<f32>, Error> {
        linear(x, kernel, *sizes, self.bias.as_deref())
    }
}

impl Dynamic for Recurrent {
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

    fn build(&mut self, dev: &Cpu, prefix: &str, arrives: &AnySignal) -> Result<(), Error> {
        let inputs = known_features(arrives)?;
        let units = || words::refused(format!("{} units are too many", self.units));
        let width = self.units.checked_mul(self.cell.gates()).ok_or_else(units)?;
        let [kernel, recurrent, bias] = self.hows;
        let (of_inputs, of_state, both) = ([inputs, width], [self.units, width], [2, width]);
        let mut weights =
            vec![("kernel", &of_inputs[..], kernel), ("recurrent_kernel", &of_state, recurrent)];
        if self.use_bias {
            let sizes = if self.reset_after { &both[..] } else { &both[1..] };
            weights.push(("bias", sizes, bias));
        }
        self.weights = LayerWeight::several(dev, prefix, &weights)?;
        if let Some(bias) = self.weights.get_mut(2).filter(|_| self.unit_forget_bias) {
            bias.values[self.units..2 * self.units].fill(1.0);
        }
        self.inputs = Some(inputs);
        Ok(())
    }

    fn run(&self, x: DynamicValue) -> Result<DynamicValue, Error> {
        let [batch, length, inputs] = *x.sizes() else { return Ok(x) };
        let (units, width) = (self.units, self.cell.gates() * self.units);
        let mask = x.mask().cloned();
        let kernel = matrix(&self.weights[0], inputs)?;
        let bias = self.weights.get(2).map(|bias| &bias.values[..width]);
        let projected = linear(x.into_values(), &kernel, (inputs, width), bias)?;
        let recurrent = self.matrices()?;
        let zeros = || filled(&[batch, units], 0.0_f32);
        let (mut h, mut out) = (zeros()?, zeros()?);
        let mut c = if self.cell == Cell::Lstm { zeros()? } else { Vec::new() };
        let steps = if self.sequences { length } else { 0 };
        let mut outputs = filled(&[batch, steps, units], 0.0)?;
        for place in 0..length {
            let time = if self.backwards { length - 1 - place } else { place };
            let rows = (0..batch).map(|row| (row * length + time) * width);
            let x: Vec<f32> = rows.flat_map(|at| &projected[at..at + width]).copied().collect();
            let (new_h, new_c) = self.step(&x, &h, &c, &recurrent)?;
            for row in 0..batch {
                let these = row * units..(row + 1) * units;
                if mask.as_ref().is_none_or(|mask| mask.row(row)[time]) {
                    h[these.clone()].copy_from_slice(&new_h[these.clone()]);
                    if !c.is_empty() {
                        c[these.clone()].copy_from_slice(&new_c[these.clone()]);
                    }
                    out[these.clone()].copy_from_slice(&new_h[these.clone()]);
                } else if self.zero_output {
                    out[these.clone()].fill(0.0);
                }
                if self.sequences {
                    let start = (row * length + place) * units;
                    outputs[start..start + units].copy_from_slice(&out[these]);
                }
            }
        }
        if self.sequences {
            let sizes = vec![batch, length, units];
            return Ok(DynamicValue::Numbers { sizes, values: outputs, mask });
        }
        DynamicValue::numbers([batch, units], out)
    }

    weights!();
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
    fields.flag("go_backwards", false, false);
    fields.flag("zero_output_for_mask", false, false);
    fields.recurrent_weights();
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
    fields.flag("go_backwards", false, false);
    fields.flag("zero_output_for_mask", false, false);
    fields.recurrent_weights();
    fields.ignored(&["seed"]);
}
