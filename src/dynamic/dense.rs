use dfdx::tensor::{Cpu, PutTape, TensorFromVec};

use super::{
    flow::{Flow, Numbers, Rows},
    functions::{FoundFunction, Of, half},
    op::OneToOne,
    options::Options,
    places::permuted,
    visit,
    weights::{Role, Weights, optional},
    words,
};
use crate::{
    backend::{Backend, DenseWeights, WeightCache},
    error::{Error, OrDevice},
    fields::{AnySignal, Initializer, SignalKind},
    layer::Layer,
    layers,
    signal::Mask,
};

#[derive(Debug, Clone)]
pub(crate) struct DenseOp {
    units: usize,
    activation: FoundFunction,
    use_bias: bool,
    kernel: Initializer,
    bias: Initializer,
    steps: bool,
    inputs: Option<usize>,
    weights: Weights,
    cache: WeightCache,
}

impl DenseOp {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        Ok(Self {
            units: options.size("units")?,
            activation: options.activation("activation")?,
            use_bias: options.flag("use_bias")?,
            kernel: options.initializer("kernel_initializer")?,
            bias: options.initializer("bias_initializer")?,
            steps: false,
            inputs: None,
            weights: Weights::default(),
            cache: WeightCache::default(),
        })
    }
}

impl OneToOne for DenseOp {
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

    fn build(&mut self, dev: &Cpu, _: &str, arrives: &AnySignal) -> Result<(), Error> {
        let inputs = known_features(arrives)?;
        let sizes = [inputs, self.units];
        let bias = optional("bias", &sizes[1..], self.bias, self.use_bias);
        let kernel = ("kernel", &sizes[..], self.kernel, Role::Trained);
        self.weights = Weights::draw(dev, &[kernel, bias])?;
        self.inputs = Some(inputs);
        Ok(())
    }

    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        let kernel = self.weights.matrix("kernel", self.units)?;
        let bias = self.use_bias.then(|| self.weights.flat("bias")).transpose()?;
        let weights = DenseWeights { kernel, bias, cache: &self.cache };
        x.numbers()?.map(|x| self.activation.behind(x, |x, then| Cpu::dense(x, weights, then)))
    }

    fn allow_steps(&mut self, allowed: bool) {
        self.steps = allowed;
    }

    visit!();
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

#[derive(Debug, Clone)]
pub(crate) struct EmbeddingOp {
    pub(super) rows: usize,
    pub(super) features: usize,
    masked: bool,
    /// Whether it has another table, for the way back.
    both: bool,
    how: Initializer,
    weights: Weights,
    cache: WeightCache,
}

impl EmbeddingOp {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        Ok(Self {
            rows: options.size("input_dim")?,
            features: options.size("output_dim")?,
            masked: options.flag("mask_zero")?,
            both: false,
            how: options.initializer("embeddings_initializer")?,
            weights: Weights::default(),
            cache: WeightCache::default(),
        })
    }

    /// One that goes back too, by the same table or by another one.
    pub(super) fn reversible(options: &mut Options<'_>) -> Result<Self, Error> {
        Ok(Self { both: !options.flag("tie_weights")?, ..Self::new(options)? })
    }

    /// The kernel of the way back, with a column for each row of the table.
    pub(super) fn reverse_kernel(&self) -> Result<Rows, Error> {
        if self.both {
            return Ok(self.weights.matrix("reverse_embeddings", self.rows)?.retaped());
        }
        let table = self.weights.matrix("embeddings", self.features)?.retaped();
        Ok(permuted(table, &[self.rows, self.features], &[1, 0])?.0)
    }
}

impl OneToOne for EmbeddingOp {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        words::token_ids(arrives, self.masked)?;
        let mut sizes = arrives.sizes.clone();
        sizes.push(Some(self.features));
        let kind = if self.masked { SignalKind::Padded } else { SignalKind::Numbers };
        Ok(AnySignal { kind, sizes })
    }

    fn build(&mut self, dev: &Cpu, _: &str, _: &AnySignal) -> Result<(), Error> {
        let sizes = [self.rows, self.features];
        let back = [self.features, self.rows];
        let wanted = [
            ("embeddings", &sizes[..], self.how, Role::Trained),
            ("reverse_embeddings", &back[..], self.how, Role::Trained),
        ];
        self.weights = Weights::draw(dev, &wanted[..if self.both { 2 } else { 1 }])?;
        Ok(())
    }

    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        let Flow::Tokens { mut sizes, ids, tape } = x else { return Ok(x) };
        Error::check_ids(&ids, &sizes, self.rows)?;
        let mask = match (self.masked, &sizes[..]) {
            (true, &[rows, steps]) => Some(Mask::from_ids(&ids, rows, steps)?),
            _ => None,
        };
        sizes.push(self.features);
        let count = (ids.len(),);
        let ids = Cpu::default().try_tensor_from_vec(ids, count).or_device()?;
        let table = self.weights.matrix("embeddings", self.features)?;
        let rows = Cpu::embedding(&table, ids.put_tape(tape), &self.cache)?;
        Ok(Flow::Numbers(Numbers::new(rows, sizes, mask)?))
    }

    fn takes_ids(&self) -> bool {
        true
    }

    visit!();
}

/// An activation as a layer.
#[derive(Debug, Clone)]
pub(crate) struct Activate(pub(crate) FoundFunction);

impl OneToOne for Activate {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        if ["softmax", "log_softmax", "sparsemax", "glu"].contains(&self.0.name.as_str()) {
            words::last_axis(arrives)?;
        }
        words::numbers(arrives)?;
        let mut gives = arrives.clone();
        if let (Of::Gate, Some(last)) = (self.0.of, gives.sizes.last_mut()) {
            *last = last.map(half).transpose()?;
        }
        Ok(gives)
    }

    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        x.numbers()?.map(|x| self.0.apply(x))
    }
}

#[derive(Debug, Clone)]
pub(crate) struct MaskingOp(pub(crate) f64);

impl OneToOne for MaskingOp {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        words::steps(arrives)?;
        Ok(AnySignal { kind: SignalKind::Padded, sizes: arrives.sizes.clone() })
    }

    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        let x = x.numbers()?;
        let (sizes, layer) = (x.sizes.clone(), layers::Masking { value: self.0 });
        let (x, _) = x.steps()?;
        let y = Layer::<(usize, usize, usize)>::call(&layer, x)?;
        let (x, mask) = y.into_parts();
        Ok(Flow::Numbers(Numbers::new(x, sizes, Some(mask))?))
    }
}
