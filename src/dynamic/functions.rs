//! Activations as functions of rows, found by their names.

use std::fmt;

use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, NoneTape, PutTape, SplitTape},
};

use super::{
    flow::{Rows, beside},
    places::{all, operand},
    words::refused,
};
use crate::{
    backend::{
        ActivationFunction, ActivationKind, Backend, Elementwise, Recorder, combine, logits,
    },
    error::Error,
    layers::Activation,
};

/// An activation of rows of numbers, without a tape and with one, and what an operation does in its place.
#[derive(Clone, Copy)]
pub(crate) struct Functions {
    plain: fn(Rows<NoneTape>) -> Result<Rows<NoneTape>, Error>,
    taped: fn(Rows) -> Result<Rows, Error>,
    finish: ActivationKind,
}

impl Functions {
    pub(super) const fn of<A: Activation>() -> Self {
        Self {
            plain: A::apply::<(usize, usize), f32, Cpu, NoneTape>,
            taped: A::apply::<(usize, usize), f32, Cpu, Recorder>,
            finish: A::FUSED,
        }
    }
}

/// An activation that was found by its name.
#[derive(Clone)]
pub(super) struct FoundFunction {
    pub(super) name: String,
    pub(super) of: Of,
    /// The options of a layer, which is then not the function of that name.
    pub(super) options: Option<Elementwise>,
}

#[derive(Clone, Copy)]
pub(super) enum Of {
    Keras(ActivationFunction),
    Own(Functions),
    /// Keras's `glu`: one half of the values times the sigmoid of the other, so that half as many are left.
    Gate,
}

/// The name of the activation that halves the number of values.
pub(super) const GATE: &str = "glu";

impl FoundFunction {
    /// That of Keras, if it is one.
    pub(super) fn keras(&self) -> Option<ActivationFunction> {
        match self.of {
            Of::Keras(function) if self.options.is_none() => Some(function),
            _ => None,
        }
    }

    /// Applies it behind an operation, which does what it is told.
    pub(super) fn behind(
        &self,
        x: Rows,
        operation: impl FnOnce(Rows, ActivationKind) -> Result<Rows, Error>,
    ) -> Result<Rows, Error> {
        let (x, tape) = x.split_tape();
        let finish = self.finish(tape.is_on());
        let y = operation(x.put_tape(tape), finish)?;
        match finish {
            ActivationKind::Nothing => self.apply(y),
            _ => Ok(y),
        }
    }

    /// What an operation is told to do in its place; then it need not be [applied](Self::apply).
    pub(super) fn finish(&self, recorded: bool) -> ActivationKind {
        let fused = match self.of {
            _ if self.options.is_some() => ActivationKind::Nothing,
            Of::Keras(function) => function.fused(),
            Of::Own(functions) => functions.finish,
            Of::Gate => ActivationKind::Nothing,
        };
        logits::fused(fused, recorded)
    }

    /// Applies it to rows.
    pub(super) fn apply(&self, x: Rows) -> Result<Rows, Error> {
        if let Some(function) = self.options {
            return Cpu::activation(x, function);
        }
        let functions = match &self.of {
            Of::Keras(function) => return logits::activation(x, *function),
            Of::Gate => return gated(x),
            Of::Own(functions) => functions,
        };
        let shape = *x.shape();
        let (x, tape) = x.split_tape();
        let y = match tape.is_on() {
            true => (functions.taped)(x.put_tape(tape))?,
            false => (functions.plain)(x)?.put_tape(tape),
        };
        if *y.shape() != shape {
            return Err(Error::mismatch("the shape behind an activation", shape, y.shape()));
        }
        Ok(y)
    }
}

/// How many values a `glu` leaves of so many.
pub(super) fn half(size: usize) -> Result<usize, Error> {
    let half = (size > 0 && size.is_multiple_of(2)).then_some(size / 2);
    half.ok_or_else(|| refused(format!("`glu` halves its values, and there are {size}")))
}

fn gated(x: Rows) -> Result<Rows, Error> {
    let (rows, width) = *x.shape();
    let half = half(width)?;
    let part = |x: Rows, from: usize| {
        let mut along = all(&[rows, width]);
        along[1].take((from..from + half).map(Some))?;
        operand(x, along)
    };
    let (x, tape) = x.split_tape();
    let parts = [part(beside(&x, &tape), half)?, part(x.put_tape(tape), 0)?];
    let logistic = |gate: &[f32], y: &mut [f32]| {
        y.copy_from_slice(gate);
        ActivationKind::Logistic.apply(y);
    };
    let function = move |[gate, values]: [&[f32]; 2], y: &mut [f32]| {
        logistic(gate, y);
        y.iter_mut().zip(values).for_each(|(y, x)| *y *= x);
    };
    combine(parts, (rows, half), function, move |i, [gate, values], d| {
        for ((d, &gate), &x) in d.iter_mut().zip(gate).zip(values) {
            let share = ActivationKind::Logistic.of(gate);
            *d *= if i == 0 { x * share * (1.0 - share) } else { share };
        }
    })
}

impl fmt::Debug for FoundFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
