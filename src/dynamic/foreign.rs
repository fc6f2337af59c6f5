use std::{fmt, sync::Arc};

use dfdx::tensor::Cpu;

use super::{DynamicValue, LayerWeight, flow::Flow, op::OneToOne, weights::tensor, words::refused};
use crate::{
    backend::to_values,
    error::Error,
    fields::{AnySignal, Config},
    parameters::{Parameter, Visitor},
};

/// A custom layer that no type describes, made by a [`CustomObjects::constructor`](super::CustomObjects::constructor). It runs, but is not
/// trained: a typed one, registered by [`CustomObjects::layer`](super::CustomObjects::layer), is.
pub trait Dynamic: fmt::Debug + Send + Sync {
    /// What leaves the layer, if it takes what arrives.
    ///
    /// # Errors
    /// [`Error::Wiring`] if it does not; its `layer` may be empty.
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error>;

    /// Runs the layer. What it gets is what [`gives`](Self::gives) has taken.
    ///
    /// # Errors
    /// Those of the layer.
    fn run(&self, x: DynamicValue) -> Result<DynamicValue, Error>;

    /// Makes the weights for what arrives; their names begin with `prefix`.
    ///
    /// # Errors
    /// [`Error::Invalid`] if they are too large.
    fn build(&mut self, _dev: &Cpu, _prefix: &str, _arrives: &AnySignal) -> Result<(), Error> {
        Ok(())
    }

    /// The weights, once it is built.
    fn weights(&self) -> Vec<&LayerWeight> {
        Vec::new()
    }

    /// Takes numbers for all weights, in their order.
    ///
    /// # Errors
    /// Those of the layer.
    fn set_weights(&mut self, _values: &mut dyn Iterator<Item = Vec<f32>>) -> Result<(), Error> {
        Ok(())
    }

    /// Puts the configs of the layers inside into the config of this one.
    fn write(&self, _config: &mut Config) {}

    /// Whether the layer takes token ids.
    fn takes_ids(&self) -> bool {
        false
    }

    /// Says that a layer which takes one vector per sample may take sequences: Keras's `Dense`.
    fn allow_steps(&mut self, _allowed: bool) {}
}

/// A custom layer that no type describes. It has no training pass.
#[derive(Clone)]
pub(crate) struct Foreign {
    layer: Arc<dyn Dynamic>,
    make: Arc<dyn Fn() -> Result<Box<dyn Dynamic>, Error> + Send + Sync>,
    steps: bool,
    /// What it was built with.
    built: Option<(Cpu, String, AnySignal)>,
}

impl Foreign {
    pub(super) fn new(
        make: impl Fn() -> Result<Box<dyn Dynamic>, Error> + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        Ok(Self { layer: make()?.into(), make: Arc::new(make), steps: false, built: None })
    }

    /// The layer, to be changed. A trait object cannot be cloned: one that is shared is made again.
    fn own(&mut self) -> Result<&mut (dyn Dynamic + 'static), Error> {
        if Arc::get_mut(&mut self.layer).is_none() {
            let mut copy = (self.make)()?;
            copy.allow_steps(self.steps);
            if let Some((dev, prefix, arrives)) = &self.built {
                copy.build(dev, prefix, arrives)?;
                let weights = self.layer.weights().into_iter();
                copy.set_weights(&mut weights.map(|weight| weight.values.clone()))?;
            }
            self.layer = copy.into();
        }
        Arc::get_mut(&mut self.layer).ok_or(Error::Empty("the layer"))
    }
}

impl fmt::Debug for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.layer.fmt(f)
    }
}

impl OneToOne for Foreign {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        self.layer.gives(arrives)
    }

    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        let (x, tape) = x.split_tape();
        if tape.is_on() {
            return Err(refused(
                "this layer has no training pass\n  note: a typed layer, registered by \
                 `CustomObjects::layer`, has one",
            ));
        }
        let promised = self.layer.gives(&x.signal())?;
        let y: DynamicValue = self.layer.run(x.try_into()?)?;
        let y = Flow::try_from(y)?;
        let found = y.signal();
        let keeps = |(promised, found): (&Option<usize>, &Option<usize>)| {
            promised.is_none() || found.is_none() || promised == found
        };
        if promised.kind != found.kind
            || promised.sizes.len() != found.sizes.len()
            || !promised.sizes.iter().zip(&found.sizes).all(keeps)
        {
            let message =
                format!("by its `gives`, `{promised}` leaves it, but `run` gave `{found}`");
            return Err(refused(message));
        }
        Ok(y.put_tape(tape))
    }

    fn build(&mut self, dev: &Cpu, prefix: &str, arrives: &AnySignal) -> Result<(), Error> {
        self.own()?.build(dev, prefix, arrives)?;
        self.built = Some((dev.clone(), prefix.to_owned(), arrives.clone()));
        Ok(())
    }

    fn visit(&mut self, visitor: &mut dyn Visitor<f32, Cpu>) -> Result<(), Error> {
        let prefix = self.built.as_ref().map_or(0, |(_, prefix, _)| prefix.len());
        let (mut all, mut changed) = (Vec::new(), false);
        for weight in self.layer.weights() {
            let mut values = tensor(weight.values.clone())?;
            let name = weight.name.get(prefix..).unwrap_or(&weight.name);
            visitor.visit(Parameter::new(name, false, &mut values).sized(&weight.sizes))?;
            let values = to_values(&values)?;
            changed |= values != weight.values;
            all.push(values);
        }
        if changed { self.own()?.set_weights(&mut all.into_iter()) } else { Ok(()) }
    }

    fn write(&self, config: &mut Config) {
        self.layer.write(config);
    }

    fn takes_ids(&self) -> bool {
        self.layer.takes_ids()
    }

    fn allow_steps(&mut self, allowed: bool) {
        self.steps = allowed;
        if let Ok(layer) = self.own() {
            layer.allow_steps(allowed);
        }
    }
}
