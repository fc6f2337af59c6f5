use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, PutTape, TensorFromVec},
};
use serde_json::Value;

use super::{
    flow::{Flow, Numbers, Rows, as_rows},
    merge::{Merging, merged},
    op::OneToOne,
    options::Options,
    places::stretched,
    words::{self, refused},
};
use crate::{
    backend::{
        Backend, IntoShape, Recorder,
        memory::{elements, filled},
    },
    error::{Error, OrDevice},
    fields::{AnySignal, whole},
    signal::Mask,
};

/// Sets values to 0 at random in the training pass: each by itself, or all along some dimensions together.
#[derive(Debug, Clone)]
pub(crate) struct Dropping {
    rate: f64,
    /// The sizes of what is drawn, where Keras has a `noise_shape`: 1 for a dimension that has one fate, `None` for its size.
    drawn: Option<Vec<Option<usize>>>,
}

impl Dropping {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let rate = options.number("rate")?;
        let value = options.value("noise_shape");
        let size = |size: &Value| match size {
            Value::Null => Some(None),
            size => usize::try_from(whole(size)?).ok().filter(|&size| size > 0).map(Some),
        };
        let drawn = match value {
            Value::Null => return Ok(Self { rate, drawn: None }),
            Value::Array(sizes) => sizes.iter().map(size).collect(),
            _ => None,
        };
        let needed =
            || options.misfit("noise_shape", "a list of sizes and `null` is needed", value);
        Ok(Self { rate, drawn: Some(drawn.ok_or_else(needed)?) })
    }
}

impl OneToOne for Dropping {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        words::numbers(arrives)?;
        if let Some(drawn) = &self.drawn {
            let fits = |(drawn, size): (&Option<usize>, &Option<usize>)| {
                drawn.is_none_or(|drawn| drawn == 1 || size.is_none_or(|size| size == drawn))
            };
            if drawn.len() != arrives.rank() || !drawn.iter().zip(&arrives.sizes).all(fits) {
                let drawn = AnySignal::numbers(drawn.clone());
                return Err(refused(format!(
                    "the `noise_shape` `{drawn}` does not fit `{arrives}`"
                )));
            }
        }
        Ok(arrives.clone())
    }

    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        Ok(x)
    }

    fn train(&mut self, x: Flow) -> Result<Flow, Error> {
        if self.rate == 0.0 {
            return Ok(x);
        }
        let x = x.numbers()?;
        let mask = x.mask.clone();
        let Some(drawn) = &self.drawn else {
            let samples = x.sizes.first().copied().unwrap_or(1);
            return x.map(|x| dropped(x, samples, mask.as_ref(), self.rate));
        };
        let drawn = drawn.iter().zip(&x.sizes).map(|(drawn, &size)| drawn.unwrap_or(size));
        let factors = factors(drawn.collect(), &x.sizes, mask.as_ref(), self.rate)?;
        x.map(|x| merged(Merging::Product, x, factors))
    }
}

/// Drops values of so many samples. What drops of one is known by its number in the batch and not by that of its steps, so
/// that it is the same under any amount of padding.
pub(super) fn dropped(
    x: Rows,
    samples: usize,
    mask: Option<&Mask>,
    rate: f64,
) -> Result<Rows, Error> {
    let shape = *x.shape();
    let count = elements(&[shape.0, shape.1])?;
    if rate == 0.0 || count == 0 {
        return Ok(x);
    }
    let x: Rows = x.into_shape(&(samples, count / samples.max(1)))?;
    Cpu::dropout(x, mask, rate)?.into_shape(&shape)
}

/// What values of these sizes are multiplied with: 0, or what makes up for those that are dropped.
fn factors(
    drawn: Vec<usize>,
    sizes: &[usize],
    mask: Option<&Mask>,
    rate: f64,
) -> Result<Rows, Error> {
    let ones = filled(&drawn, 1.0)?;
    let ones = Cpu::default().try_tensor_from_vec(ones, as_rows(&drawn)?).or_device()?;
    // Padding has no part in what is drawn for each step.
    let mask = mask.filter(|_| drawn.get(..2) == sizes.get(..2));
    let samples = drawn.first().copied().unwrap_or(1);
    let x = dropped(ones.put_tape(Recorder::default()), samples, mask, rate)?;
    stretched(Numbers { x, sizes: drawn, mask: None }, sizes)
}
