use dfdx::tensor::Cpu;
use serde_json::Value;

use super::{
    flow::{Flow, Numbers, Rows, as_rows},
    op::OneToOne,
    options::Options,
    places::{inverse, permuted},
    words::{self, refused},
};
use crate::{
    backend::{Backend, IntoShape},
    error::Error,
    fields::AnySignal,
    layers::LARGEST_FACTOR,
};

/// Values whose squares along some axes are 1 together: Keras's `UnitNormalization`.
#[derive(Debug, Clone)]
pub(crate) struct UnitNorm {
    axes: Vec<i64>,
    /// Whether padding counts.
    as_keras: bool,
}

impl UnitNorm {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let value = options.value("axis");
        let axes = match value {
            Value::Array(list) => list.iter().map(Value::as_i64).collect::<Option<Vec<i64>>>(),
            one => one.as_i64().map(|axis| vec![axis]),
        };
        let axes = axes.filter(|axes| !axes.is_empty() && !axes.contains(&0));
        let needed = || options.misfit("axis", "axes behind the batch are needed", value);
        let as_keras = options.custom.masks_as_keras;
        axes.map(|axes| Self { axes, as_keras }).ok_or_else(needed)
    }

    fn axes(&self, rank: usize) -> Result<Vec<usize>, Error> {
        let mut axes = Vec::new();
        for &axis in &self.axes {
            let place = words::axis(axis, rank)?;
            if place == 0 || axes.contains(&place) {
                return Err(refused(format!(
                    "axes {:?} of {rank} dimensions cannot be normalized",
                    self.axes
                )));
            }
            axes.push(place);
        }
        Ok(axes)
    }
}

impl OneToOne for UnitNorm {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        words::features_axis(arrives)?;
        let axes = self.axes(arrives.rank())?;
        words::steps_apart(arrives, &axes, self.as_keras)?;
        Ok(arrives.clone())
    }

    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        let x = x.numbers()?;
        let axes = self.axes(x.sizes.len())?;
        let (sizes, mask) = (x.sizes.clone(), x.mask.clone());
        let Numbers { x, .. } = x.map(Ok)?.numbers()?;
        let x = normalized(x, &sizes, &axes, LARGEST_FACTOR as f32)?;
        Ok(Flow::Numbers(Numbers { x, sizes, mask }))
    }
}

/// Values that are 1 long together along some axes, multiplied by at most so much.
pub(super) fn normalized(
    x: Rows,
    sizes: &[usize],
    axes: &[usize],
    most: f32,
) -> Result<Rows, Error> {
    let others = (0..sizes.len()).filter(|axis| !axes.contains(axis));
    let order: Vec<usize> = others.chain(axes.iter().copied()).collect();
    let (x, moved) = permuted(x, sizes, &order)?;
    let along: usize = axes.iter().map(|&axis| sizes[axis]).product();
    let rows = sizes.iter().product::<usize>().checked_div(along).unwrap_or(0);
    let x = Cpu::of_length_one(x.into_shape(&(rows, along))?, most)?;
    let x = x.into_shape(&as_rows(&moved)?)?;
    Ok(permuted(x, &moved, &inverse(&order))?.0)
}
