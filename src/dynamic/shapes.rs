use dfdx::tensor::Cpu;
use serde_json::Value;

use super::{Dynamic, DynamicValue, custom::Options, recurrent::keys, words};
use crate::{
    error::Error,
    fields::{AnySignal, Configured, Fields, SignalKind},
    parameters::Build,
};

/// The numbers of a value in another shape.
fn reshaped(x: DynamicValue, sizes: Vec<usize>) -> Result<DynamicValue, Error> {
    DynamicValue::numbers(sizes, x.into_values())
}

/// Everything behind the batch in one vector.
#[derive(Debug)]
pub(crate) struct Flatten;

impl Dynamic for Flatten {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        words::unmasked(arrives)?;
        Ok(AnySignal::numbers([arrives.sizes[0], words::product(&arrives.sizes[1..])?]))
    }

    fn run(&self, x: DynamicValue) -> Result<DynamicValue, Error> {
        let (batch, rest) = (x.sizes()[0], x.sizes()[1..].iter().product());
        reshaped(x, vec![batch, rest])
    }
}

/// Another shape behind the batch; one size may be open. To the shape that is there, it drops a mask.
#[derive(Debug)]
pub(crate) struct Reshape(Vec<Option<usize>>);

impl Reshape {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let list = options.config.config.get("target_shape").and_then(|v| v.as_array());
        let size = |n: &Value| n.as_u64().and_then(|n| usize::try_from(n).ok());
        Ok(Self(list.into_iter().flatten().map(size).collect()))
    }
}

impl Dynamic for Reshape {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        let mut sizes = vec![arrives.sizes.first().copied().flatten()];
        sizes.extend(&self.0);
        if arrives.kind == SignalKind::Padded && arrives.agrees(&sizes) {
            return Ok(AnySignal::numbers(arrives.sizes.clone()));
        }
        words::unmasked(arrives)?;
        if let Some(all) = words::product(&arrives.sizes[1..])? {
            let given = self.0.iter().flatten().try_fold(1_usize, |n, &size| n.checked_mul(size));
            let open = self.0.iter().position(Option::is_none);
            let rest = given.filter(|&given| given > 0 && all % given == 0).map(|n| all / n);
            match (rest, open) {
                (Some(rest), Some(open)) => sizes[open + 1] = Some(rest),
                (Some(1), None) => {}
                _ => {
                    let shape = AnySignal::numbers(sizes);
                    return Err(words::refused(format!("{all} numbers cannot become `{shape}`")));
                }
            }
        }
        Ok(AnySignal::numbers(sizes))
    }

    fn run(&self, x: DynamicValue) -> Result<DynamicValue, Error> {
        let gives = self.gives(&x.signal())?;
        reshaped(x, gives.sizes.into_iter().map(|size| size.unwrap_or(0)).collect())
    }
}

keys! {
    /// The keys of a Permute, of any rank.
    PermuteKeys, "Permute", fields =>
    fields.any("dims", Value::Null);
}

/// The dimensions behind the batch in another order.
#[derive(Debug)]
pub(crate) struct Permute(Vec<usize>);

impl Permute {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let dims = match options.sizes::<2>("dims") {
            Ok(dims) => dims.to_vec(),
            Err(_) => options.sizes::<3>("dims")?.to_vec(),
        };
        let mut sorted = dims.clone();
        sorted.sort_unstable();
        if sorted.iter().copied().ne(1..=dims.len()) {
            return Err(options.misfit(
                "dims",
                "an order of the dimensions is needed",
                &dims.into(),
            ));
        }
        options.config.config.insert("dims".to_owned(), dims.clone().into());
        Ok(Self(dims))
    }
}

impl Dynamic for Permute {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        words::unmasked(arrives)?;
        if arrives.rank() != self.0.len() + 1 {
            let order: Vec<String> = self.0.iter().map(usize::to_string).collect();
            let order = order.join(", ");
            return Err(words::refused(format!(
                "the dimensions of `{arrives}` cannot be put into the order {order}"
            )));
        }
        let mut sizes = vec![arrives.sizes[0]];
        sizes.extend(self.0.iter().map(|&from| arrives.sizes[from]));
        Ok(arrives.with(sizes))
    }

    fn run(&self, x: DynamicValue) -> Result<DynamicValue, Error> {
        let old = x.sizes().to_vec();
        let mut strides = vec![1; old.len()];
        for axis in (1..old.len()).rev() {
            strides[axis - 1] = strides[axis] * old[axis];
        }
        let from: Vec<usize> = std::iter::once(0).chain(self.0.iter().copied()).collect();
        let sizes: Vec<usize> = from.iter().map(|&axis| old[axis]).collect();
        let values = (0..x.values().len())
            .map(|i| {
                let (mut rest, mut at) = (i, 0);
                for (&axis, &size) in from.iter().zip(&sizes).rev() {
                    at += rest % size * strides[axis];
                    rest /= size;
                }
                x.values()[at]
            })
            .collect();
        DynamicValue::numbers(sizes, values)
    }
}

/// One vector a sample, as every step of a sequence.
#[derive(Debug)]
pub(crate) struct Repeat(usize);

impl Repeat {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        options.size("n").map(Self)
    }
}

impl Dynamic for Repeat {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        words::one_vector(arrives)?;
        Ok(AnySignal::numbers([arrives.sizes[0], Some(self.0), arrives.sizes[1]]))
    }

    fn run(&self, x: DynamicValue) -> Result<DynamicValue, Error> {
        let (batch, features) = (x.sizes()[0], x.sizes()[1]);
        let rows = x.values().chunks(features.max(1));
        let values = rows.flat_map(|row| row.repeat(self.0)).collect();
        DynamicValue::numbers([batch, self.0, features], values)
    }
}
