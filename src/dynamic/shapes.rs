use std::iter;

use dfdx::{shapes::HasShape, tensor::Cpu};
use serde_json::Value;

use super::{
    flow::{Flow, Numbers},
    op::OneToOne,
    options::Options,
    places::permuted,
    words,
};
use crate::{
    backend::Backend,
    error::Error,
    fields::{AnySignal, SignalKind},
    layer,
};

/// Everything behind the batch in one vector.
#[derive(Debug, Clone)]
pub(crate) struct FlattenOp;

impl OneToOne for FlattenOp {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        words::unmasked(arrives)?;
        Ok(AnySignal::numbers([arrives.sizes[0], words::product(&arrives.sizes[1..])?]))
    }

    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        let Numbers { x, sizes, .. } = x.numbers()?;
        Flow::plain(x, [sizes[0], sizes[1..].iter().product()])
    }
}

/// Another shape behind the batch; one size may be open. To the shape that is there, it drops a mask.
#[derive(Debug, Clone)]
pub(crate) struct ReshapeOp(Vec<Option<usize>>);

impl ReshapeOp {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let list = options.config.config.get("target_shape").and_then(|v| v.as_array());
        let size = |n: &Value| n.as_u64().and_then(|n| usize::try_from(n).ok());
        Ok(Self(list.into_iter().flatten().map(size).collect()))
    }
}

impl OneToOne for ReshapeOp {
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

    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        let gives = self.gives(&x.signal())?;
        let sizes: Vec<usize> = gives.sizes.into_iter().map(|size| size.unwrap_or(0)).collect();
        Flow::plain(x.numbers()?.x, sizes)
    }
}

/// The keys of a Permute, of any rank.
#[layer(class = "Permute", keys(dims: any(Value::Null)))]
pub(crate) struct PermuteKeys;

/// The dimensions behind the batch in another order.
#[derive(Debug, Clone)]
pub(crate) struct PermuteOp(Vec<usize>);

impl PermuteOp {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let dims = options.list("dims")?;
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

impl OneToOne for PermuteOp {
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

    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        let Numbers { x, sizes, .. } = x.numbers()?;
        let order: Vec<usize> = iter::once(0).chain(self.0.iter().copied()).collect();
        let (x, sizes) = permuted(x, &sizes, &order)?;
        Flow::plain(x, sizes)
    }
}

/// One vector per sample, as every step of a sequence.
#[derive(Debug, Clone)]
pub(crate) struct Repeat(usize);

impl Repeat {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        options.size("n").map(Self)
    }
}

impl OneToOne for Repeat {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        words::one_vector(arrives)?;
        Ok(AnySignal::numbers([arrives.sizes[0], Some(self.0), arrives.sizes[1]]))
    }

    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        let Numbers { x, .. } = x.numbers()?;
        let (batch, features) = *x.shape();
        Flow::plain(Cpu::repeated(x, self.0)?, [batch, self.0, features])
    }
}
