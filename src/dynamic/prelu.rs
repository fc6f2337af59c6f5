use dfdx::tensor::Cpu;
use serde_json::Value;

use super::{
    flow::Flow,
    op::OneToOne,
    options::Options,
    visit,
    weights::{Role, Weights},
    words,
};
use crate::{
    backend::prelu,
    error::Error,
    fields::{AnySignal, Initializer},
};

/// `x`, or below 0 `alpha x`, where `alpha` is trained.
#[derive(Debug, Clone)]
pub(crate) struct Slopes {
    /// The axes along which there is one `alpha`.
    shared: Vec<usize>,
    how: Initializer,
    sizes: Option<Vec<usize>>,
    weights: Weights,
}

impl Slopes {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let axes = options.value("shared_axes");
        let axis = |axis: &Value| usize::try_from(axis.as_u64()?).ok().filter(|&axis| axis > 0);
        let shared = match axes {
            Value::Null => Some(Vec::new()),
            Value::Array(list) => list.iter().map(axis).collect(),
            one => axis(one).map(|axis| vec![axis]),
        };
        let needed = || options.misfit("shared_axes", "axes behind the batch are needed", axes);
        Ok(Self {
            shared: shared.ok_or_else(needed)?,
            how: options.initializer("alpha_initializer")?,
            sizes: None,
            weights: Weights::default(),
        })
    }
}

impl OneToOne for Slopes {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        words::features_axis(arrives)?;
        let rank = arrives.rank();
        if let Some(axis) = self.shared.iter().find(|&&axis| axis >= rank) {
            return Err(words::refused(format!(
                "there is no axis {axis} of {rank} dimensions to share slopes along"
            )));
        }
        if let Some(sizes) = &self.sizes {
            let fits = |(own, size): (&usize, &Option<usize>)| {
                *own == 1 || size.is_none_or(|size| size == *own)
            };
            if sizes.len() + 1 != arrives.rank() || !sizes.iter().zip(&arrives.sizes[1..]).all(fits)
            {
                let own: Vec<_> =
                    [None].into_iter().chain(sizes.iter().copied().map(Some)).collect();
                let own = AnySignal::numbers(own);
                return Err(words::refused(format!(
                    "`{own}` is needed here, but `{arrives}` arrives"
                )));
            }
        }
        Ok(arrives.clone())
    }

    fn build(&mut self, dev: &Cpu, _: &str, arrives: &AnySignal) -> Result<(), Error> {
        let size = |(i, size): (usize, &Option<usize>)| {
            if self.shared.contains(&(i + 1)) { Some(1) } else { *size }
        };
        let sizes: Option<Vec<usize>> = arrives.sizes[1..].iter().enumerate().map(size).collect();
        let unknown = || {
            words::refused(format!(
                "the sizes of `{arrives}` are not known: `shared_axes` names those that may be any"
            ))
        };
        let sizes = sizes.ok_or_else(unknown)?;
        self.weights = Weights::draw(dev, &[("alpha", &sizes, self.how, Role::Trained)])?;
        self.sizes = Some(sizes);
        Ok(())
    }

    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        let x = x.numbers()?;
        let (alpha, sizes) = (self.weights.flat("alpha")?, x.sizes.clone());
        let own = self.sizes.as_deref().unwrap_or_default();
        x.map(|x| prelu(x, &sizes[1..], &alpha, own))
    }

    visit!();
}
