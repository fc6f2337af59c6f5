use serde_json::Value;

use super::{
    DynamicLayer,
    flow::{Flow, Numbers},
    op::OneToOne,
    options::Options,
    words,
};
use crate::{
    backend::{Backend, IntoShape},
    error::Error,
    fields::{AnySignal, SignalKind},
    layers::{Part, by_parts, parts},
    parameters::{Parameter, Parameters, Visitor},
};
use dfdx::{shapes::HasShape, tensor::Cpu};

/// What a layer around another, its field `layer`, says of that.
macro_rules! wraps {
    () => {
        fn allow_steps(&mut self, allowed: bool) {
            self.layer.op.allow_steps(allowed);
        }

        fn write(&self, config: &mut $crate::fields::Config) {
            config.config.insert("layer".to_owned(), $crate::dynamic::wrap::value(&self.layer));
        }

        fn inside(&self) -> Vec<&$crate::dynamic::DynamicLayer> {
            vec![&self.layer]
        }

        fn inside_mut(&mut self) -> Vec<&mut $crate::dynamic::DynamicLayer> {
            vec![&mut self.layer]
        }
    };
}
pub(super) use wraps;

/// The config of a layer inside another.
pub(super) fn value(layer: &DynamicLayer) -> Value {
    serde_json::to_value(layer.config()).unwrap_or_default()
}

/// A layer at each step of a sequence.
#[derive(Debug, Clone)]
pub(crate) struct Steps {
    layer: DynamicLayer,
}

impl Steps {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        Ok(Self { layer: options.layer("layer")? })
    }
}

impl OneToOne for Steps {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        // Ids as each step are those of a sentence in a text, say.
        if arrives.kind != SignalKind::Tokens || arrives.rank() < 3 {
            words::each_step(arrives)?;
        }
        let step = self.layer.gives(&arrives.step())?;
        if step.kind != SignalKind::Numbers || step.sizes.is_empty() {
            let message =
                format!("the layer inside gives `{step}` for each step, which makes no sequence");
            return Err(words::refused(message));
        }
        let mut sizes = vec![arrives.sizes[0], arrives.sizes[1]];
        sizes.extend(&step.sizes[1..]);
        let kind = if arrives.kind == SignalKind::Padded { arrives.kind } else { step.kind };
        Ok(AnySignal { kind, sizes })
    }

    fn build(&mut self, dev: &Cpu, prefix: &str, arrives: &AnySignal) -> Result<(), Error> {
        self.layer.build_inside(dev, prefix, &[arrives.step()])
    }

    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        if let Flow::Tokens { .. } = x {
            return each_step_of_ids(x, |x| self.layer.apply(x));
        }
        each_step(x, |_| Part::whole(), |x, _| self.layer.apply(x))
    }

    fn train(&mut self, x: Flow) -> Result<Flow, Error> {
        let statistics = has_statistics(&mut self.layer)?;
        if let Flow::Tokens { .. } = x {
            if statistics {
                return Err(words::refused(
                    "moving statistics of steps of ids are not trained here",
                ));
            }
            return each_step_of_ids(x, |x| self.layer.train(x));
        }
        let all = |x: &Numbers| match statistics {
            true => parts(x.sizes[0], x.sizes[1], x.mask.as_ref()),
            false => Part::whole(),
        };
        each_step(
            x,
            all,
            |x, training| {
                if training { self.layer.train(x) } else { self.layer.apply(x) }
            },
        )
    }

    fn visit(&mut self, visitor: &mut dyn Visitor<f32, Cpu>) -> Result<(), Error> {
        self.layer.visit(visitor)
    }

    fn takes_ids(&self) -> bool {
        match self.layer.op.own_inputs() {
            Some(inputs) => inputs.iter().any(|input| input.kind == SignalKind::Tokens),
            None => self.layer.op.takes_ids(),
        }
    }

    wraps!();
}

/// Applies a layer to all steps of ids, as samples.
fn each_step_of_ids(
    x: Flow,
    layer: impl FnOnce(Flow) -> Result<Flow, Error>,
) -> Result<Flow, Error> {
    let Flow::Tokens { sizes, ids, tape } = x else { return Ok(x) };
    let step = [&[sizes[0] * sizes[1]], &sizes[2..]].concat();
    let y = layer(Flow::Tokens { sizes: step, ids, tape })?.numbers()?;
    let sizes = [&sizes[..2], &y.sizes[1..]].concat();
    Flow::plain(y.x, sizes)
}

/// Applies a layer to the steps as samples, in parts.
fn each_step(
    x: Flow,
    parts: impl FnOnce(&Numbers) -> Vec<Part>,
    mut layer: impl FnMut(Flow, bool) -> Result<Flow, Error>,
) -> Result<Flow, Error> {
    let x = x.numbers()?;
    let parts = parts(&x);
    let Numbers { x, mut sizes, mask } = x;
    let (steps, width) = (sizes[0] * sizes[1], sizes[2..].iter().product());
    let x = Cpu::bounded_padding(x, mask.as_ref())?.into_shape(&(steps, width))?;
    let mut inside = Vec::new();
    let y = by_parts(x, &parts, |x, training| {
        let rows = x.shape().0;
        let step: Vec<usize> = [&[rows], &sizes[2..]].concat();
        let Numbers { x: y, sizes, .. } = layer(Flow::plain(x, step)?, training)?.numbers()?;
        inside = sizes[1..].to_vec();
        y.into_shape(&(rows, inside.iter().product()))
    })?;
    sizes.truncate(2);
    sizes.extend(inside);
    Ok(Flow::Numbers(Numbers::new(y, sizes, mask)?))
}

/// Whether the training pass changes weights.
fn has_statistics(layer: &mut DynamicLayer) -> Result<bool, Error> {
    struct Any(bool);

    impl Visitor<f32, Cpu> for Any {
        fn visit(&mut self, parameter: Parameter<'_, f32, Cpu>) -> Result<(), Error> {
            self.0 |= !parameter.trainable;
            Ok(())
        }
    }

    let mut any = Any(false);
    layer.op.visit(&mut any)?;
    Ok(any.0)
}
