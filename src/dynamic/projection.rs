//! The dense layers within an attention: from features to those of several heads, and back.

use dfdx::tensor::Cpu;

use super::{
    flow::Numbers,
    weights::{Role, Weights},
    words::refused,
};
use crate::{
    backend::{ActivationKind, Backend, DenseWeights, IntoShape, WeightCache, memory::elements},
    error::Error,
    fields::Initializer,
    parameters::Visitor,
};

#[derive(Debug, Clone)]
pub(super) struct Projection {
    /// What Keras calls it.
    name: &'static str,
    /// How many features it takes.
    pub(super) inputs: usize,
    /// The sizes that it makes of these.
    outputs: Vec<usize>,
    use_bias: bool,
    weights: Weights,
    cache: WeightCache,
}

impl Projection {
    /// From the last dimensions of these sizes to others.
    pub(super) fn build(
        dev: &Cpu,
        name: &'static str,
        (inputs, outputs): (&[usize], &[usize]),
        hows: [Initializer; 2],
        use_bias: bool,
    ) -> Result<Self, Error> {
        let kernel = [inputs, outputs].concat();
        if kernel.len() > 4 {
            let message = format!("a kernel of the sizes {kernel:?} has more than 4 dimensions");
            return Err(refused(message));
        }
        let wanted = [
            ("kernel", &kernel[..], hows[0], Role::Trained),
            ("bias", outputs, hows[1], Role::Trained),
        ];
        let weights = Weights::draw(dev, &wanted[..if use_bias { 2 } else { 1 }])?;
        let (inputs, outputs) = (inputs.iter().product(), outputs.to_vec());
        Ok(Self { name, inputs, outputs, use_bias, weights, cache: WeightCache::default() })
    }

    /// Other features for those along the last axis. The mask stays.
    pub(super) fn apply(&self, x: Numbers, then: ActivationKind) -> Result<Numbers, Error> {
        let Numbers { x, mut sizes, mask } = x;
        sizes.pop();
        let rows = elements(&sizes)?;
        sizes.extend(&self.outputs);
        let kernel = self.weights.matrix("kernel", self.outputs.iter().product())?;
        let bias = self.use_bias.then(|| self.weights.flat("bias")).transpose()?;
        let x = Cpu::bounded_padding(x.into_shape(&(rows, self.inputs))?, mask.as_ref())?;
        let y = Cpu::dense(x, DenseWeights { kernel, bias, cache: &self.cache }, then)?;
        Numbers::new(y, sizes, mask)
    }

    pub(super) fn visit(&mut self, visitor: &mut dyn Visitor<f32, Cpu>) -> Result<(), Error> {
        visitor.enter(self.name);
        let shown = self.weights.visit(visitor);
        visitor.leave();
        shown
    }
}
