use dfdx::tensor::{Cpu, Tensor, TensorFromVec};

use super::{
    Dynamic, DynamicValue, LayerWeight,
    custom::{ActivationFunction, Options},
    weights, words,
};
use crate::{
    backend::{Backend, ConvWeights, Finish, Prepared, Window, memory::filled, numbers},
    error::{Error, OrDevice},
    fields::{AnySignal, Initializer, SignalKind},
    signal::Mask,
};

/// `x . kernel + bias` on rows: a convolution whose window is one pixel.
pub(super) fn linear(
    x: Vec<f32>,
    kernel: &Tensor<(usize, usize), f32, Cpu>,
    sizes: (usize, usize),
    bias: Option<&[f32]>,
) -> Result<Vec<f32>, Error> {
    let ((inputs, outputs), dev) = (sizes, Cpu::default());
    let rows = x.len().checked_div(inputs).unwrap_or(0);
    if rows == 0 {
        return Ok(Vec::new());
    }
    let x = dev.try_tensor_from_vec(x, (rows, 1, 1, inputs)).or_device()?;
    let bias = bias.map(|bias| dev.try_tensor_from_vec(bias.to_vec(), (outputs,)));
    let one = [1, 1];
    let window =
        Window { size: one, kernel: one, stride: one, dilation: one, before: [0, 0], places: one };
    let bias = bias.transpose().or_device()?;
    let weights = ConvWeights { kernel, bias: bias.as_ref(), prepared: &Prepared::default() };
    numbers(&Cpu::conv2d(x, weights, &window, Finish::Nothing)?)
}

pub(super) fn matrix(
    weight: &LayerWeight,
    rows: usize,
) -> Result<Tensor<(usize, usize), f32, Cpu>, Error> {
    let columns = weight.values.len().checked_div(rows).unwrap_or(0);
    if rows * columns != weight.values.len() {
        return Err(Error::mismatch("the numbers of a weight", rows, weight.values.len()));
    }
    Cpu::default().try_tensor_from_vec(weight.values.clone(), (rows, columns)).or_device()
}

#[derive(Debug)]
pub(crate) struct Dense {
    units: usize,
    activation: ActivationFunction,
    use_bias: bool,
    kernel: Initializer,
    bias: Initializer,
    steps: bool,
    inputs: Option<usize>,
    weights: Vec<LayerWeight>,
}

impl Dense {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        Ok(Self {
            units: options.size("units")?,
            activation: options.activation("activation")?,
            use_bias: options.flag("use_bias")?,
            kernel: options.initializer("kernel_initializer")?,
            bias: options.initializer("bias_initializer")?,
            steps: false,
            inputs: None,
            weights: Vec::new(),
        })
    }
}

impl Dynamic for Dense {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        if self.steps && arrives.rank() > 2 {
            words::each_step(arrives)?;
        } else {
            words::one_vector(arrives)?;
        }
        words::features(arrives, self.inputs)?;
        let mut gives = arrives.clone();
        if let Some(features) = gives.sizes.last_mut() {
            *features = Some(self.units);
        }
        Ok(gives)
    }

    fn build(&mut self, dev: &Cpu, prefix: &str, arrives: &AnySignal) -> Result<(), Error> {
        let inputs = known_features(arrives)?;
        let sizes = [inputs, self.units];
        let weights = [("kernel", &sizes[..], self.kernel), ("bias", &sizes[1..], self.bias)];
        let count = if self.use_bias { 2 } else { 1 };
        self.weights = LayerWeight::several(dev, prefix, &weights[..count])?;
        self.inputs = Some(inputs);
        Ok(())
    }

    fn run(&self, x: DynamicValue) -> Result<DynamicValue, Error> {
        let (mut sizes, mask) = (x.sizes().to_vec(), x.mask().cloned());
        let inputs = self.inputs.unwrap_or(0);
        let bias = self.weights.get(1).map(|bias| bias.values.as_slice());
        let kernel = matrix(&self.weights[0], inputs)?;
        let y = linear(x.into_values(), &kernel, (inputs, self.units), bias)?;
        if let Some(features) = sizes.last_mut() {
            *features = self.units;
        }
        Ok(DynamicValue::Numbers { sizes, values: self.activation.apply(y, self.units)?, mask })
    }

    fn allow_steps(&mut self, allowed: bool) {
        self.steps = allowed;
    }

    weights!();
}

/// The number of features, without which there are no weights.
pub(super) fn known_features(arrives: &AnySignal) -> Result<usize, Error> {
    let unknown =
        || Err(words::refused(format!("the number of features of `{arrives}` is not known")));
    match arrives.features() {
        // The first dimension is the batch.
        _ if arrives.sizes.len() < 2 => unknown(),
        None => unknown(),
        Some(0) => Err(words::refused(format!("there are no features in `{arrives}`"))),
        Some(features) => Ok(features),
    }
}

#[derive(Debug)]
pub(crate) struct Embedding {
    rows: usize,
    features: usize,
    masked: bool,
    how: Initializer,
    weights: Vec<LayerWeight>,
}

impl Embedding {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        Ok(Self {
            rows: options.size("input_dim")?,
            features: options.size("output_dim")?,
            masked: options.flag("mask_zero")?,
            how: options.initializer("embeddings_initializer")?,
            weights: Vec::new(),
        })
    }
}

impl Dynamic for Embedding {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        words::token_ids(arrives, self.masked)?;
        let mut sizes = arrives.sizes.clone();
        sizes.push(Some(self.features));
        let kind = if self.masked { SignalKind::Padded } else { SignalKind::Numbers };
        Ok(AnySignal { kind, sizes })
    }

    fn build(&mut self, dev: &Cpu, prefix: &str, _: &AnySignal) -> Result<(), Error> {
        let sizes = vec![self.rows, self.features];
        let name = format!("{prefix}embeddings");
        self.weights = vec![LayerWeight::new(dev, name, sizes, self.how)?];
        Ok(())
    }

    fn run(&self, x: DynamicValue) -> Result<DynamicValue, Error> {
        let DynamicValue::Tokens { mut sizes, ids } = x else { return Ok(x) };
        let steps = sizes.get(1).copied().unwrap_or(1);
        if let Some(at) = ids.iter().position(|&id| id >= self.rows) {
            let (row, step) = (at / steps.max(1), at % steps.max(1));
            let vocabulary = self.rows;
            return Err(Error::IdOutsideVocabulary { id: ids[at], vocabulary, row, step });
        }
        let table = &self.weights[0].values;
        let row = |&id: &usize| &table[id * self.features..(id + 1) * self.features];
        let values = ids.iter().flat_map(row).copied().collect();
        let mask = match self.masked {
            true => Some(Mask::from_ids(&ids, sizes[0], steps)?),
            false => None,
        };
        sizes.push(self.features);
        Ok(DynamicValue::Numbers { sizes, values, mask })
    }

    fn takes_ids(&self) -> bool {
        true
    }

    weights!();
}

/// An activation as a layer; a dropout, which does nothing here, is the linear one.
#[derive(Debug)]
pub(crate) struct Activate(pub(crate) ActivationFunction);

impl Dynamic for Activate {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        if self.0.name == "softmax" {
            words::last_axis(arrives)?;
        }
        words::numbers(arrives)?;
        Ok(arrives.clone())
    }

    fn run(&self, x: DynamicValue) -> Result<DynamicValue, Error> {
        let DynamicValue::Numbers { sizes, values, mask } = x else { return Ok(x) };
        let values = self.0.apply(values, sizes.last().copied().unwrap_or(1))?;
        Ok(DynamicValue::Numbers { sizes, values, mask })
    }
}

#[derive(Debug)]
pub(crate) struct Masking(pub(crate) f32);

impl Dynamic for Masking {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        words::steps(arrives)?;
        Ok(AnySignal { kind: SignalKind::Padded, sizes: arrives.sizes.clone() })
    }

    fn run(&self, x: DynamicValue) -> Result<DynamicValue, Error> {
        let DynamicValue::Numbers { sizes, mut values, .. } = x else { return Ok(x) };
        let (batch, length, features) = (sizes[0], sizes[1], sizes[2]);
        let mut keep = filled(&[batch, length], false)?;
        for (keep, step) in keep.iter_mut().zip(values.chunks_mut(features.max(1))) {
            *keep = step.iter().any(|&v| v != self.0);
            if !*keep {
                step.fill(0.0);
            }
        }
        let mask = Some(Mask::from_bools(keep, batch, length)?);
        Ok(DynamicValue::Numbers { sizes, values, mask })
    }
}
