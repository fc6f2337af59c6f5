use serde_json::Value;

use super::{
    flow::{Flow, Flows, Numbers},
    is_padded,
    op::Op,
    options::Options,
    places::permuted,
    words::{self, refused},
};
use crate::{
    backend::{IntoShape, products},
    error::Error,
    fields::AnySignal,
};

/// The products of two values along a dimension of each, sample by sample.
#[derive(Debug, Clone)]
pub(crate) struct Products {
    axes: [i64; 2],
    /// Whether the vectors have the length 1 before: the cosine of the angle between them.
    normalized: bool,
    /// Whether masks are dropped.
    as_keras: bool,
}

impl Products {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let value = options.value("axes");
        let axes = match value {
            Value::Array(list) => {
                list.iter().map(Value::as_i64).collect::<Option<Vec<i64>>>().unwrap_or_default()
            }
            one => one.as_i64().map(|axis| vec![axis; 2]).unwrap_or_default(),
        };
        let &[a, b] = axes.as_slice() else {
            return Err(options.misfit("axes", "an axis, or two, is needed", value));
        };
        if a == 0 || b == 0 {
            return Err(options.misfit("axes", "axes behind the batch are needed", value));
        }
        let as_keras = options.custom.masks_as_keras;
        Ok(Self { axes: [a, b], normalized: options.flag("normalize")?, as_keras })
    }

    /// The axes of both, counted from the front.
    fn axes(&self, ranks: [usize; 2]) -> Result<[usize; 2], Error> {
        let axis = |axis: i64, rank: usize| {
            let from_front = if axis < 0 { axis + rank as i64 } else { axis };
            let found = usize::try_from(from_front).ok().filter(|axis| (1..rank).contains(axis));
            found.ok_or_else(|| refused(format!("there is no axis {axis} of {rank} dimensions")))
        };
        Ok([axis(self.axes[0], ranks[0])?, axis(self.axes[1], ranks[1])?])
    }
}

impl Op for Products {
    fn gives(&self, arrive: &[AnySignal]) -> Result<Vec<AnySignal>, Error> {
        let [a, b] = arrive else {
            return Err(refused(format!(
                "two inputs are needed here, but {} arrive",
                arrive.len()
            )));
        };
        for one in [a, b] {
            words::numbers(one)?;
            if is_padded(one) && !self.as_keras {
                words::unmasked(one)?;
            }
        }
        let axes = self.axes([a.rank(), b.rank()])?;
        if let (Some(x), Some(y)) = (a.sizes[axes[0]], b.sizes[axes[1]])
            && x != y
        {
            return Err(refused(format!(
                "axis {} of `{a}` and axis {} of `{b}` have to be of one size",
                axes[0], axes[1]
            )));
        }
        let (mut sizes, mut other) = (a.sizes.clone(), b.sizes.clone());
        sizes.remove(axes[0]);
        other.remove(axes[1]);
        let batch = other.remove(0);
        sizes[0] = sizes[0].or(batch);
        sizes.extend(other);
        if sizes.len() == 1 {
            sizes.push(Some(1));
        }
        Ok(vec![AnySignal::numbers(sizes)])
    }

    fn apply(&self, x: Flows) -> Result<Flows, Error> {
        let signals: Vec<AnySignal> = x.iter().map(Flow::signal).collect();
        let gives = self.gives(&signals)?;
        let sizes: Vec<usize> = gives[0].sizes.iter().map(|size| size.unwrap_or(0)).collect();
        let axes = self.axes([signals[0].rank(), signals[1].rank()])?;
        let mut matrices = Vec::new();
        for (x, axis) in x.into_iter().zip(axes) {
            let Numbers { x, sizes, .. } = x.numbers()?;
            let (batch, along) = (sizes[0], sizes[axis]);
            let others = (1..sizes.len()).filter(|&other| other != axis);
            let order: Vec<usize> = [0].into_iter().chain(others).chain([axis]).collect();
            let (x, _) = permuted(x, &sizes, &order)?;
            let rows = sizes.iter().enumerate().filter(|(i, _)| *i != axis).map(|(_, n)| n);
            let rows: usize = rows.product();
            let each = rows.checked_div(batch).unwrap_or(0);
            matrices.push(x.into_shape(&(batch, each, along))?);
        }
        let (Some(b), Some(a)) = (matrices.pop(), matrices.pop()) else {
            return Err(Error::Empty("the list of inputs"));
        };
        Ok(vec![Flow::plain(products(a, b, self.normalized)?, sizes)?])
    }
}
