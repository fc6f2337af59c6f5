//! Layers that do at once, while their results are at hand, what the layers behind them do.
//!
//! A model asks a layer what it [`Fuses`], collects that of the layers behind it in a [`Fused`], has the layer do all of it,
//! and passes over the others: a convolution in inference normalises its results and applies an activation before it
//! writes them. The numbers are the same.

use dfdx::tensor::Cpu;

use crate::{
    backend::{ActivationKind, Backend, Element, Epilogue, FixedNorm},
    error::Error,
};

/// What a layer can do instead of the layers behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fuses {
    /// Nothing.
    Nothing,
    /// An activation.
    Activation,
    /// A normalisation with fixed statistics, and then an activation.
    NormAndActivation,
}

/// What a layer does instead of those behind it.
#[derive(Debug)]
pub struct Fused<E: Element = f32, D: Backend<E> = Cpu> {
    fuses: Fuses,
    epilogue: Epilogue<E, D>,
    layers: usize,
}

impl<E: Element, D: Backend<E>> Default for Fused<E, D> {
    fn default() -> Self {
        Self::new(Fuses::Nothing)
    }
}

impl<E: Element, D: Backend<E>> Fused<E, D> {
    /// Nothing yet, for a layer that can do so much.
    pub fn new(fuses: Fuses) -> Self {
        Self { fuses, epilogue: ActivationKind::Nothing.into(), layers: 0 }
    }

    /// Whether the layer can do anything.
    pub fn fuses(&self) -> bool {
        self.fuses != Fuses::Nothing
    }

    /// Has the layer normalise its results, if it can.
    ///
    /// # Errors
    /// Those of `norm`.
    pub(crate) fn norm(
        &mut self,
        norm: impl FnOnce() -> Result<FixedNorm<E, D>, Error>,
    ) -> Result<bool, Error> {
        if self.fuses != Fuses::NormAndActivation || self.layers > 0 {
            return Ok(false);
        }
        self.epilogue.norm = Some(norm()?);
        self.layers = 1;
        Ok(true)
    }

    /// Has the layer apply an activation to its results, if it can.
    pub(crate) fn activation(&mut self, kind: ActivationKind) -> bool {
        let none_yet = self.epilogue.activation == ActivationKind::Nothing;
        if kind == ActivationKind::Nothing || !self.fuses() || !none_yet {
            return false;
        }
        self.epilogue.activation = kind;
        self.layers += 1;
        true
    }

    /// What is to be done, and the number of layers that it is done for.
    pub(crate) fn finish(self) -> Option<(Epilogue<E, D>, usize)> {
        (self.layers > 0).then_some((self.epilogue, self.layers))
    }
}

/// Which layers are done ahead of their time.
pub(crate) enum Ahead<E: Element, D: Backend<E>> {
    /// This one was.
    This,
    /// Neither this one was, nor will others be.
    No,
    /// Some behind this one will be.
    Others(Epilogue<E, D>),
}

/// Counts the layers that are done ahead, from one to the next.
pub(crate) fn layers_ahead<E: Element, D: Backend<E>>(
    fused: Fused<E, D>,
    ahead: &mut usize,
) -> Ahead<E, D> {
    if let Some(rest) = ahead.checked_sub(1) {
        *ahead = rest;
        return Ahead::This;
    }
    match fused.finish() {
        None => Ahead::No,
        Some((then, layers)) => {
            *ahead = layers;
            Ahead::Others(then)
        }
    }
}
