use dfdx::{shapes::HasShape, tensor::Cpu};
use serde_json::Value;

use super::{
    dense::known_features,
    flow::{Flow, Numbers, Rows, as_rows},
    op::{Flat, OneToOne},
    options::Options,
    places::{inverse, permuted},
    visit,
    weights::{Role, Weights, optional, tensor},
    words,
};
use crate::{
    backend::{
        ActivationKind, Backend, Centre, IntoShape, NormWeights,
        memory::{collected, elements},
        to_values,
    },
    error::Error,
    fields::{AnySignal, Initializer},
    layer::rests_at,
    layers::batch_norm_train,
};

/// How many axes there may be.
const MOST: usize = 4;

/// A batch normalisation, or a normalisation of each row by itself.
#[derive(Debug, Clone)]
pub(crate) struct Norm {
    /// How the moving mean and variance begin, and how much of them stays in a step, if there are any.
    moving: Option<([Initializer; 2], f64)>,
    /// The axes of the features, in Keras's order; negative ones are counted from the end.
    axes: Vec<i64>,
    epsilon: f64,
    /// From where the values are measured.
    centre: Centre,
    /// Whether padding counts.
    as_keras: bool,
    /// How the factor and beta begin, if there are any.
    hows: [Option<Initializer>; 2],
    /// How many features there are along each of the axes.
    sizes: Option<Vec<usize>>,
    weights: Weights,
}

impl Norm {
    pub(crate) fn batch(options: &mut Options<'_>) -> Result<Self, Error> {
        let mean = options.initializer("moving_mean_initializer")?;
        let variance = options.initializer("moving_variance_initializer")?;
        let moving = ([mean, variance], options.number("momentum")?);
        let own = Self::layer(options)?;
        if own.axes.len() > 1 {
            let axis = options.value("axis");
            return Err(options.misfit("axis", "one axis behind the batch is needed", axis));
        }
        Ok(Self { moving: Some(moving), ..own })
    }

    pub(crate) fn layer(options: &mut Options<'_>) -> Result<Self, Error> {
        let how = |name: &str, there: bool| {
            there.then(|| options.initializer(&format!("{name}_initializer"))).transpose()
        };
        let hows = [how("gamma", options.flag("scale")?)?, how("beta", options.flag("center")?)?];
        Self::new(options, Centre::Mean, hows)
    }

    pub(crate) fn rms(options: &mut Options<'_>) -> Result<Self, Error> {
        Self::new(options, Centre::Zero, [Some(Initializer::ONES), None])
    }

    fn new(
        options: &Options<'_>,
        centre: Centre,
        hows: [Option<Initializer>; 2],
    ) -> Result<Self, Error> {
        let epsilon = options.element("epsilon")?;
        if epsilon < 0.0 {
            return Err(options.misfit(
                "epsilon",
                "a number of at least 0 is needed",
                &epsilon.into(),
            ));
        }
        let axis = options.value("axis");
        let axes = match axis {
            Value::Array(list) if list.len() <= MOST => list.iter().map(Value::as_i64).collect(),
            one => one.as_i64().map(|axis| vec![axis]),
        };
        let needed = || options.misfit("axis", "axes behind the batch are needed", axis);
        let axes: Option<Vec<i64>> = axes;
        let mut axes = axes.filter(|axes| !axes.is_empty()).ok_or_else(needed)?;
        axes.sort_unstable();
        let (epsilon, as_keras) = (options.number("epsilon")?, options.custom.masks_as_keras);
        let (moving, sizes, weights) = (None, None, Weights::default());
        Ok(Self { moving, axes, epsilon, centre, as_keras, hows, sizes, weights })
    }

    /// The axes, counted from the front.
    fn axes(&self, rank: usize) -> Result<Vec<usize>, Error> {
        let axes = words::axes(&self.axes, 1..rank, rank, "normalise")?;
        // Keras multiplies by the scale along the last axes, whichever were normalised.
        if self.centre == Centre::Zero && !axes.iter().copied().eq(rank - axes.len()..rank) {
            let axes = &self.axes;
            let message =
                format!("the last axes are needed, in order: {axes:?} of {rank} are others");
            return Err(words::refused(message));
        }
        Ok(axes)
    }

    /// Does something to the rows of the values along the axes.
    fn along(
        &self,
        x: Numbers,
        f: impl FnOnce(Rows) -> Result<Rows, Error>,
    ) -> Result<Flow, Error> {
        let rank = x.sizes.len();
        let mut axes = self.axes(rank)?;
        if axes == [rank - 1] {
            return x.map(f);
        }
        let Numbers { x, sizes, mask } = x;
        let x = Cpu::bounded_padding(x, mask.as_ref())?;
        axes.sort_unstable();
        let others = (0..rank).filter(|axis| !axes.contains(axis));
        let order: Vec<usize> = others.chain(axes.iter().copied()).collect();
        let (x, turned) = permuted(x, &sizes, &order)?;
        let (outer, inner) = turned.split_at(rank - axes.len());
        let y = f(x.into_shape(&(elements(outer)?, elements(inner)?))?)?;
        let (x, sizes) = permuted(y.into_shape(&as_rows(&turned)?)?, &turned, &inverse(&order))?;
        Ok(Flow::Numbers(Numbers { x, sizes, mask }))
    }

    /// What the factor is called.
    fn factor(&self) -> &'static str {
        match self.centre {
            Centre::Mean => "gamma",
            Centre::Zero => "scale",
        }
    }

    fn weights(&self) -> Result<NormWeights<f32, Cpu>, Error> {
        let (gamma, beta) = (self.weights.flat(self.factor())?, self.weights.flat("beta")?);
        Ok(NormWeights { gamma, beta, epsilon: self.epsilon })
    }
}

/// Normalises features that are not last where they are, with each of their statistics as often as there are values behind it.
fn in_place(
    x: Rows,
    sizes: &[usize],
    axis: usize,
    weights: NormWeights<f32, Cpu>,
    statistics: [Flat; 2],
) -> Result<Rows, Error> {
    let shape = *x.shape();
    let (outer, behind) = (elements(&sizes[..axis])?, elements(&sizes[axis + 1..])?);
    let width = elements(&sizes[axis..])?;
    let spread = |of_each: Flat| {
        let all = to_values(&of_each)?;
        let all = all.into_iter().flat_map(|value| std::iter::repeat_n(value, behind));
        tensor(collected(&[width], all)?)
    };
    let NormWeights { gamma, beta, epsilon } = weights;
    let weights = NormWeights { gamma: spread(gamma)?, beta: spread(beta)?, epsilon };
    let [mean, variance] = statistics;
    let (mean, variance) = (spread(mean)?, spread(variance)?);
    let x = x.into_shape(&(outer, width))?;
    Cpu::batch_norm(x, weights, &mean, &variance, ActivationKind::Nothing)?.into_shape(&shape)
}

impl OneToOne for Norm {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        // Keras drops a mask there.
        if self.centre == Centre::Zero {
            words::unmasked(arrives)?;
        }
        words::features_axis(arrives)?;
        let axes = self.axes(arrives.rank())?;
        if axes == [arrives.rank() - 1] {
            let features = self.sizes.as_ref().and_then(|sizes| sizes.first());
            words::features(arrives, features.copied())?;
            return Ok(arrives.clone());
        }
        if self.moving.is_none() {
            words::steps_apart(arrives, &axes, self.as_keras)?;
        }
        for (&axis, own) in axes.iter().zip(self.sizes.iter().flatten()) {
            if arrives.sizes[axis].is_some_and(|size| size != *own) {
                let message = format!("{own} numbers are needed along axis {axis} of `{arrives}`");
                return Err(words::refused(message));
            }
        }
        Ok(arrives.clone())
    }

    fn build(&mut self, dev: &Cpu, _: &str, arrives: &AnySignal) -> Result<(), Error> {
        let axes = self.axes(arrives.rank())?;
        let sizes: Vec<usize> = match axes == [arrives.rank() - 1] {
            true => vec![known_features(arrives)?],
            false => {
                let known = axes.iter().map(|&axis| arrives.sizes[axis].filter(|&size| size > 0));
                let message = || format!("the sizes along the axes {axes:?} of `{arrives}`");
                let unknown = || words::refused(format!("{} have to be known", message()));
                known.collect::<Option<_>>().ok_or_else(unknown)?
            }
        };
        let of = |name, how: Option<Initializer>| {
            optional(name, &sizes, how.unwrap_or(Initializer::ZEROS), how.is_some())
        };
        let mut wanted = vec![of(self.factor(), self.hows[0]), of("beta", self.hows[1])];
        if let Some(([mean, variance], _)) = self.moving {
            wanted.push(("moving_mean", &sizes, mean, Role::Statistic));
            wanted.push(("moving_variance", &sizes, variance, Role::Statistic));
        }
        self.weights = Weights::draw(dev, &wanted)?;
        self.sizes = Some(sizes);
        Ok(())
    }

    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        let weights = self.weights()?;
        if self.moving.is_none() {
            return self.along(x.numbers()?, |x| Cpu::layer_norm(x, weights, self.centre));
        }
        let mean = self.weights.flat("moving_mean")?;
        let variance = self.weights.flat("moving_variance")?;
        let then = ActivationKind::Nothing;
        let (x, recorded) = x.recorded();
        let x = x.numbers()?;
        if let (false, &[axis]) = (recorded, self.axes(x.sizes.len())?.as_slice())
            && axis + 1 < x.sizes.len()
        {
            let Numbers { x, sizes, mask } = x;
            let x = in_place(x, &sizes, axis, weights, [mean, variance])?;
            return Ok(Flow::Numbers(Numbers { x, sizes, mask }));
        }
        self.along(x, |x| Cpu::batch_norm(x, weights, &mean, &variance, then))
    }

    fn train(&mut self, x: Flow) -> Result<Flow, Error> {
        let Some((_, momentum)) = self.moving else { return self.apply(x) };
        let names = ["moving_mean", "moving_variance"];
        let moving = [self.weights.flat(names[0])?, self.weights.flat(names[1])?];
        if <Cpu as Backend<f32>>::values(&moving[0]).is_some_and(rests_at) {
            return self.apply(x);
        }
        let (x, weights) = (x.numbers()?, self.weights()?);
        let mask = x.mask.clone();
        let (rank, axes) = (x.sizes.len(), self.axes(x.sizes.len())?);
        if mask.is_some() && axes != [rank - 1] {
            let message = format!(
                "it is trained under a mask with the features on the last axis: axis {} of {rank} is another one",
                axes[0]
            );
            return Err(words::refused(message));
        }
        let mut new = None;
        let y = self.along(x, |x| {
            let (mask, then) = (mask.as_ref(), ActivationKind::Nothing);
            let (y, moved) = batch_norm_train(x, mask, weights, moving, momentum, then)?;
            new = moved;
            Ok(y)
        })?;
        for (name, values) in names.into_iter().zip(new.into_iter().flatten()) {
            self.weights.set(name, &values);
        }
        Ok(y)
    }

    fn rests(&self) -> bool {
        self.moving.is_some()
    }

    visit!();
}
