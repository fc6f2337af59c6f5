//! Layers that bring numbers to another scale: `Rescaling` and `Normalization`.

use dfdx::tensor::{Cpu, PutTape, TensorFromVec};
use serde_json::Value;

use super::{
    flow::{Flow, Numbers, Rows, as_rows},
    merge::{Merging, merged},
    op::OneToOne,
    options::Options,
    places::stretched,
    visit,
    weights::{Role, Weights},
    words::{self, refused},
};
use crate::{
    backend::{Backend, Recorder, Scale, memory::collected, to_values},
    error::{Error, OrDevice},
    fields::{AnySignal, Initializer},
    layers::at_least,
};

/// Numbers of a list of lists, and its sizes. None for one that is not finite as `f32`.
fn numbers(value: &Value) -> Option<(Vec<f32>, Vec<usize>)> {
    match value {
        Value::Array(list) => {
            let inside: Vec<_> = list.iter().map(numbers).collect::<Option<_>>()?;
            let sizes = inside.first().map(|(_, sizes)| sizes.clone()).unwrap_or_default();
            if inside.iter().any(|(_, other)| *other != sizes) {
                return None;
            }
            let values = inside.into_iter().flat_map(|(values, _)| values).collect();
            Some((values, [&[list.len()], sizes.as_slice()].concat()))
        }
        one => {
            let value = one.as_f64().map(|value| value as f32).filter(|value| value.is_finite());
            Some((vec![value?], Vec::new()))
        }
    }
}

/// Numbers on their last dimensions, for values of a rank.
pub(super) fn constant(values: Vec<f32>, own: &[usize], sizes: &[usize]) -> Result<Rows, Error> {
    let missing = sizes.len().saturating_sub(own.len());
    let own = [vec![1; missing].as_slice(), own].concat();
    let fits = own.len() == sizes.len() && own.iter().zip(sizes).all(|(a, b)| *a == 1 || a == b);
    if !fits {
        return Err(Error::mismatch("the sizes of a scale", sizes, own));
    }
    let x = Cpu::default().try_tensor_from_vec(values, as_rows(&own)?).or_device()?;
    stretched(Numbers { x: x.put_tape(Recorder::default()), sizes: own, mask: None }, sizes)
}

/// Values times factors, plus summands, which are numbers on the last dimensions.
fn scaled(
    x: Rows,
    sizes: &[usize],
    [factors, summands]: [&(Vec<f32>, Vec<usize>); 2],
    sum_first: bool,
) -> Result<Rows, Error> {
    // All that they have along their dimensions, so that they repeat from one place to the next.
    let whole = |(values, own): &(Vec<f32>, Vec<usize>)| {
        let first = own.iter().position(|&size| size != 1).unwrap_or(own.len());
        sizes.ends_with(&own[first..]).then_some(values.len())
    };
    if let Some((factor, summand)) = whole(factors).zip(whole(summands))
        && factor > 0
        && summand > 0
    {
        let width = factor.max(summand);
        let cycle =
            |values: &[f32]| collected(&[width], values.iter().copied().cycle().take(width));
        let (factors, summands) = (cycle(&factors.0)?, cycle(&summands.0)?);
        return Cpu::scaled(x, Scale { factors: &factors, summands: &summands, sum_first });
    }
    let [factors, summands] =
        [factors, summands].map(|(values, own)| constant(values.clone(), own, sizes));
    if sum_first {
        merged(Merging::Product, merged(Merging::Sum, x, summands?)?, factors?)
    } else {
        merged(Merging::Sum, merged(Merging::Product, x, factors?)?, summands?)
    }
}

/// `x * scale + offset`.
#[derive(Debug, Clone)]
pub(crate) struct Rescale {
    scale: (Vec<f32>, Vec<usize>),
    offset: (Vec<f32>, Vec<usize>),
}

impl Rescale {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let of = |key: &str| {
            let value = options.value(key);
            let needed = || {
                options.misfit(
                    key,
                    "a number that an `f32` holds, or a list of such, is needed",
                    value,
                )
            };
            numbers(value).ok_or_else(needed)
        };
        Ok(Self { scale: of("scale")?, offset: of("offset")? })
    }
}

impl OneToOne for Rescale {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        words::numbers(arrives)?;
        for (_, own) in [&self.scale, &self.offset] {
            let last = arrives.sizes.iter().rev();
            let fits = |(own, size): (&usize, &Option<usize>)| {
                *own == 1 || size.is_none_or(|size| size == *own)
            };
            if own.len() > arrives.rank() || !own.iter().rev().zip(last).all(fits) {
                return Err(refused(format!("a scale of {own:?} does not fit `{arrives}`")));
            }
        }
        Ok(arrives.clone())
    }

    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        let Numbers { x, sizes, mask } = x.numbers()?;
        let x = scaled(x, &sizes, [&self.scale, &self.offset], false)?;
        Ok(Flow::Numbers(Numbers { x, sizes, mask }))
    }
}

/// `(x - mean) / sqrt(variance)`, with a mean and variance that were measured before.
#[derive(Debug, Clone)]
pub(crate) struct Standardise {
    axes: Vec<i64>,
    invert: bool,
    /// The mean and the variance, where the config says them.
    given: Option<[(Vec<f32>, Vec<usize>); 2]>,
    /// The sizes along the axes, in order; empty until it is built.
    kept: Vec<usize>,
    weights: Weights,
}

impl Standardise {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let map = &options.config.config;
        let axis = map.get("axis").unwrap_or(&Value::Null);
        let axes = match axis {
            Value::Null => Some(Vec::new()),
            Value::Array(list) => list.iter().map(Value::as_i64).collect(),
            one => one.as_i64().map(|axis| vec![axis]),
        };
        let of = |key: &str| {
            let value = map.get(key).unwrap_or(&Value::Null);
            let needed = || {
                options.misfit(
                    key,
                    "a number that an `f32` holds, or a list of such, is needed",
                    value,
                )
            };
            if value.is_null() { Ok(None) } else { numbers(value).map(Some).ok_or_else(needed) }
        };
        let given = match (of("mean")?, of("variance")?) {
            (Some(_), Some((variance, _))) if variance.iter().any(|value| *value < 0.0) => {
                let value = map.get("variance").unwrap_or(&Value::Null);
                return Err(options.misfit("variance", "numbers of at least 0 are needed", value));
            }
            (Some(mean), Some(variance)) => Some([mean, variance]),
            (None, None) => None,
            _ => {
                let expected = "it is needed if `mean` is given, and only then";
                return Err(options.misfit("variance", expected, &Value::Null));
            }
        };
        let needed = || options.misfit("axis", "an axis, a list of axes or null is needed", axis);
        Ok(Self {
            axes: axes.ok_or_else(needed)?,
            invert: options.flag("invert")?,
            given,
            kept: Vec::new(),
            weights: Weights::default(),
        })
    }

    /// The axes from the front, in order.
    fn axes(&self, rank: usize) -> Result<Vec<usize>, Error> {
        let axis = |&axis: &i64| {
            let counted = if axis < 0 { axis + rank as i64 } else { axis };
            let found = usize::try_from(counted).ok().filter(|axis| (1..rank).contains(axis));
            found.ok_or_else(|| refused(format!("there is no axis {axis} of {rank} dimensions")))
        };
        let mut axes: Vec<usize> = self.axes.iter().map(axis).collect::<Result<_, _>>()?;
        axes.sort_unstable();
        axes.dedup();
        Ok(axes)
    }

    /// Values along the axes, and their sizes among those of what arrives.
    fn spread(
        &self,
        (values, own): (Vec<f32>, Vec<usize>),
        sizes: &[usize],
    ) -> Result<(Vec<f32>, Vec<usize>), Error> {
        let mut shape = vec![1; sizes.len()];
        // As many of the axes as there are dimensions, from the last one on.
        for (size, axis) in own.iter().rev().zip(self.axes(sizes.len())?.into_iter().rev()) {
            shape[axis] = *size;
        }
        if values.len() != shape.iter().product::<usize>() {
            return Err(Error::mismatch("the sizes of a mean", sizes, own));
        }
        Ok((values, shape))
    }
}

impl OneToOne for Standardise {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        words::numbers(arrives)?;
        let axes = self.axes(arrives.rank())?;
        if !self.kept.is_empty() && axes.len() != self.kept.len() {
            let (needed, found) = (self.kept.len(), axes.len());
            return Err(refused(format!(
                "{needed} axes are needed, and `{arrives}` has {found} of them"
            )));
        }
        for (axis, &size) in axes.into_iter().zip(&self.kept) {
            if arrives.sizes[axis].is_some_and(|other| other != size) {
                return Err(refused(format!(
                    "axis {axis} of size {size} is needed, not `{arrives}`"
                )));
            }
        }
        Ok(arrives.clone())
    }

    fn build(&mut self, dev: &Cpu, _: &str, arrives: &AnySignal) -> Result<(), Error> {
        let axes = self.axes(arrives.rank())?;
        let size = |axis: usize| {
            let unknown =
                || refused(format!("the size of axis {axis} of `{arrives}` is not known"));
            arrives.sizes[axis].ok_or_else(unknown)
        };
        self.kept = axes.into_iter().map(size).collect::<Result<_, Error>>()?;
        if self.given.is_none() {
            let sizes = self.kept.clone();
            self.weights = Weights::draw(
                dev,
                &[
                    ("mean", &sizes, Initializer::ZEROS, Role::Statistic),
                    ("variance", &sizes, Initializer::ONES, Role::Statistic),
                    ("count", &[], Initializer::ZEROS, Role::Statistic),
                ],
            )?;
        }
        Ok(())
    }

    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        let Numbers { x, sizes, mask } = x.numbers()?;
        let [mut mean, mut variance] = match &self.given {
            Some(given) => given.clone(),
            None => {
                let own = &self.kept;
                let of =
                    |name| Ok::<_, Error>((to_values(&self.weights.flat(name)?)?, own.clone()));
                [of("mean")?, of("variance")?]
            }
        };
        // That of Keras: not less than its epsilon.
        variance
            .0
            .iter_mut()
            .for_each(|value| *value = at_least(f64::from(value.sqrt()), 1e-7) as f32);
        if !self.invert {
            variance.0.iter_mut().for_each(|value| *value = value.recip());
            mean.0.iter_mut().for_each(|value| *value = -*value);
        }
        let (variance, mean) = (self.spread(variance, &sizes)?, self.spread(mean, &sizes)?);
        let x = scaled(x, &sizes, [&variance, &mean], !self.invert)?;
        Ok(Flow::Numbers(Numbers { x, sizes, mask }))
    }

    visit!();
}
