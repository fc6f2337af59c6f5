use dfdx::tensor::Cpu;

use super::{
    Dynamic, DynamicValue, LayerWeight, custom::Options, dense::known_features, weights, words,
};
use crate::{
    backend::total,
    error::Error,
    fields::{AnySignal, Initializer},
};

/// The batch normalisation of inference, or a layer normalisation.
#[derive(Debug)]
pub(crate) struct Norm {
    /// Whether the mean and variance are weights, not those of the row.
    moving: bool,
    /// The axis of the features, where the config counts it from the front.
    axis: Option<u64>,
    epsilon: f32,
    /// The weights that there are, and how they are filled.
    hows: Vec<(&'static str, Initializer)>,
    features: Option<usize>,
    weights: Vec<LayerWeight>,
}

impl Norm {
    pub(crate) fn batch(options: &mut Options<'_>) -> Result<Self, Error> {
        Self::new(options, true)
    }

    pub(crate) fn layer(options: &mut Options<'_>) -> Result<Self, Error> {
        Self::new(options, false)
    }

    fn new(options: &mut Options<'_>, moving: bool) -> Result<Self, Error> {
        let mut hows = Vec::new();
        let mut weight = |name: &'static str, there: bool| {
            if there {
                hows.push((name, options.initializer(&format!("{name}_initializer"))?));
            }
            Ok::<_, Error>(())
        };
        weight("gamma", options.flag("scale")?)?;
        weight("beta", options.flag("center")?)?;
        weight("moving_mean", moving)?;
        weight("moving_variance", moving)?;
        let epsilon = options.element("epsilon")?;
        if epsilon < 0.0 {
            return Err(options.misfit(
                "epsilon",
                "a number of at least 0 is needed",
                &epsilon.into(),
            ));
        }
        let axis = options.config.config.get("axis");
        let axis = axis.and_then(|axis| axis.get(0).unwrap_or(axis).as_u64());
        Ok(Self { moving, axis, epsilon, hows, features: None, weights: Vec::new() })
    }

    fn weight(&self, name: &str) -> Option<&[f32]> {
        let place = self.hows.iter().position(|(known, _)| *known == name)?;
        Some(&self.weights.get(place)?.values)
    }
}

impl Dynamic for Norm {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        words::features_axis(arrives)?;
        if let Some(axis) = self.axis.filter(|&axis| axis as usize + 1 != arrives.rank()) {
            let message = format!("the axis {axis} is not the last one of `{arrives}`");
            return Err(words::refused(message));
        }
        words::features(arrives, self.features)?;
        Ok(arrives.clone())
    }

    fn build(&mut self, dev: &Cpu, prefix: &str, arrives: &AnySignal) -> Result<(), Error> {
        let features = known_features(arrives)?;
        let sizes = [features];
        let weights: Vec<_> =
            self.hows.iter().map(|&(name, how)| (name, &sizes[..], how)).collect();
        self.weights = LayerWeight::several(dev, prefix, &weights)?;
        self.features = Some(features);
        Ok(())
    }

    fn run(&self, x: DynamicValue) -> Result<DynamicValue, Error> {
        let DynamicValue::Numbers { sizes, mut values, mask } = x else { return Ok(x) };
        let n = self.features.unwrap_or(0).max(1);
        let (gamma, beta) = (self.weight("gamma"), self.weight("beta"));
        let (means, variances) = (self.weight("moving_mean"), self.weight("moving_variance"));
        for row in values.chunks_mut(n) {
            let of_row = (!self.moving).then(|| {
                let average = |x: &dyn Fn(f32) -> f32| (total(n, |i| x(row[i])) / n as f64) as f32;
                let mean = average(&|v| v);
                (mean, average(&|v| (v - mean) * (v - mean)))
            });
            for (i, v) in row.iter_mut().enumerate() {
                let at = |list: Option<&[f32]>, default| list.map_or(default, |list| list[i]);
                let (mean, variance) = of_row.unwrap_or((at(means, 0.0), at(variances, 1.0)));
                let scaled = (*v - mean) / (variance + self.epsilon).sqrt();
                *v = scaled * at(gamma, 1.0) + at(beta, 0.0);
            }
        }
        Ok(DynamicValue::Numbers { sizes, values, mask })
    }

    weights!();
}
