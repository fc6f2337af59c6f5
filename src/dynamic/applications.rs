//! Layers of Keras's applications that are none of `keras.layers`.

use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, PutTape},
};

use super::{
    flow::{Flow, Flows, Numbers, as_rows},
    merge::{Merging, by_number, common, each, slopes},
    op::{OneToOne, Op},
    options::Options,
    places::spread,
    visit,
    weights::{Role, Weights},
    words::{self, refused},
};
use crate::{
    backend::{IntoShape, Recorder, combine},
    error::Error,
    fields::{AnySignal, Initializer},
};

/// ConvNeXt's `LayerScale`: each feature times a factor of its own.
#[derive(Debug, Clone)]
pub(crate) struct LayerScale {
    features: usize,
    initial: f64,
    weights: Weights,
}

impl LayerScale {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        Ok(Self {
            features: options.size("projection_dim")?,
            initial: options.element("init_values")?.into(),
            weights: Weights::default(),
        })
    }
}

impl OneToOne for LayerScale {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        words::unmasked(arrives)?;
        words::features(arrives, Some(self.features))?;
        Ok(arrives.clone())
    }

    fn build(&mut self, dev: &Cpu, _: &str, _: &AnySignal) -> Result<(), Error> {
        let initial = Initializer::Constant(self.initial);
        let wanted = [("gamma", &[self.features][..], initial, Role::Trained)];
        self.weights = Weights::draw(dev, &wanted)?;
        Ok(())
    }

    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        let gamma = self.weights.flat("gamma")?.into_shape(&(1, self.features))?;
        x.numbers()?.map(|x| {
            let shape = *x.shape();
            let gamma = gamma.put_tape(Recorder::default());
            let gamma = spread(gamma, vec![1, self.features], &[shape.0, shape.1])?;
            let x = spread(x, vec![shape.0, shape.1], &[shape.0, shape.1])?;
            by_number(Merging::Product, [x, gamma], shape, 1.0)
        })
    }

    visit!();
}

/// InceptionResNetV2's `CustomScaleLayer`: a value, and another one times a factor.
#[derive(Debug, Clone)]
pub(crate) struct ScaledSum(f32);

impl ScaledSum {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        options.element("scale").map(Self)
    }
}

impl Op for ScaledSum {
    fn gives(&self, arrive: &[AnySignal]) -> Result<Vec<AnySignal>, Error> {
        arrive.iter().try_for_each(words::unmasked)?;
        if arrive.len() != 2 {
            let found = arrive.len();
            return Err(refused(format!("two inputs are needed here, but {found} arrive")));
        }
        Ok(vec![AnySignal::numbers(common(arrive)?)])
    }

    fn apply(&self, x: Flows) -> Result<Flows, Error> {
        let signals: Vec<AnySignal> = x.iter().map(Flow::signal).collect();
        let sizes: Vec<usize> = common(&signals)?.into_iter().map(|n| n.unwrap_or(0)).collect();
        let mut operands = Vec::new();
        for x in x {
            let Numbers { x, sizes: own, .. } = x.numbers()?;
            operands.push(spread(x, own, &sizes)?);
        }
        let operands = operands.try_into().map_err(|_| Error::Empty("the list of inputs"))?;
        let scale = self.0;
        let sum = each(move |a, b| a + b * scale);
        let y = combine(operands, as_rows(&sizes)?, sum, slopes(|_, _| 1.0, move |_, _| scale))?;
        Ok(vec![Flow::plain(y, sizes)?])
    }
}
