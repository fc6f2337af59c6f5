use dfdx::tensor::Cpu;

use super::{
    dense::known_features,
    flow::Flow,
    op::{OneToOne, Pass},
    options::Options,
    visit,
    weights::{Role, Weights, optional},
    words,
};
use crate::{
    backend::{ActivationKind, Backend, NormWeights},
    error::Error,
    fields::{AnySignal, Initializer},
    layers::batch_norm_train,
};

/// A batch normalisation, or a layer normalisation.
#[derive(Debug, Clone)]
pub(crate) struct Norm {
    /// How the moving mean and variance begin, and how much of them stays in a step, if there are any.
    moving: Option<([Initializer; 2], f64)>,
    /// The axis of the features, where the config counts it from the front.
    axis: Option<u64>,
    epsilon: f64,
    /// How gamma and beta begin, if there are any.
    hows: [Option<Initializer>; 2],
    features: Option<usize>,
    weights: Weights,
}

impl Norm {
    pub(crate) fn batch(options: &mut Options<'_>) -> Result<Self, Error> {
        let mean = options.initializer("moving_mean_initializer")?;
        let variance = options.initializer("moving_variance_initializer")?;
        let moving = ([mean, variance], options.number("momentum")?);
        Ok(Self { moving: Some(moving), ..Self::layer(options)? })
    }

    pub(crate) fn layer(options: &mut Options<'_>) -> Result<Self, Error> {
        let how = |name: &str, there: bool| {
            there.then(|| options.initializer(&format!("{name}_initializer"))).transpose()
        };
        let hows = [how("gamma", options.flag("scale")?)?, how("beta", options.flag("center")?)?];
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
        let (epsilon, features) = (options.number("epsilon")?, None);
        Ok(Self { moving: None, axis, epsilon, hows, features, weights: Weights::default() })
    }

    fn weights(&self) -> Result<NormWeights<f32, Cpu>, Error> {
        let (gamma, beta) = (self.weights.flat("gamma")?, self.weights.flat("beta")?);
        Ok(NormWeights { gamma, beta, epsilon: self.epsilon })
    }
}

impl OneToOne for Norm {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        words::features_axis(arrives)?;
        if let Some(axis) = self.axis.filter(|&axis| axis as usize + 1 != arrives.rank()) {
            let message = format!("the axis {axis} is not the last one of `{arrives}`");
            return Err(words::refused(message));
        }
        words::features(arrives, self.features)?;
        Ok(arrives.clone())
    }

    fn build(&mut self, dev: &Cpu, _: &str, arrives: &AnySignal) -> Result<(), Error> {
        let features = known_features(arrives)?;
        let sizes = [features];
        let of = |name, how: Option<Initializer>| {
            optional(name, &sizes, how.unwrap_or(Initializer::ZEROS), how.is_some())
        };
        let mut wanted = vec![of("gamma", self.hows[0]), of("beta", self.hows[1])];
        if let Some(([mean, variance], _)) = self.moving {
            wanted.push(("moving_mean", &sizes, mean, Role::Statistic));
            wanted.push(("moving_variance", &sizes, variance, Role::Statistic));
        }
        self.weights = Weights::draw(dev, &wanted)?;
        self.features = Some(features);
        Ok(())
    }

    fn apply<T: Pass>(&self, x: Flow<T>) -> Result<Flow<T>, Error> {
        let weights = self.weights()?;
        if self.moving.is_none() {
            return x.numbers()?.map(|x| Cpu::layer_norm(x, weights));
        }
        let mean = self.weights.flat("moving_mean")?;
        let variance = self.weights.flat("moving_variance")?;
        x.numbers()?.map(|x| Cpu::batch_norm(x, weights, &mean, &variance, ActivationKind::Nothing))
    }

    fn train<T: Pass>(&mut self, x: Flow<T>) -> Result<Flow<T>, Error> {
        let Some((_, momentum)) = self.moving else { return self.apply(x) };
        let names = ["moving_mean", "moving_variance"];
        let moving = [self.weights.flat(names[0])?, self.weights.flat(names[1])?];
        let (x, weights) = (x.numbers()?, self.weights()?);
        let mask = x.mask.clone();
        x.map(|x| {
            let (mask, then) = (mask.as_ref(), ActivationKind::Nothing);
            let (y, moved) = batch_norm_train(x, mask, weights, moving, momentum, then)?;
            for (name, values) in names.into_iter().zip(moved.into_iter().flatten()) {
                self.weights.set(name, &values);
            }
            Ok(y)
        })
    }

    fn rests(&self) -> bool {
        self.moving.is_some()
    }

    visit!();
}
