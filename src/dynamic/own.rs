use std::fmt;

use dfdx::tensor::Cpu;

use super::{Dynamic, DynamicValue, FromDynamic, LayerWeight, words::refused};
use crate::{
    error::Error,
    fields::{AnySignal, SignalKind},
    io::{Weight, WeightFile, collect},
    layer::Layer,
    parameters::Parameters,
};

type Run<L> = fn(&L, DynamicValue) -> Result<DynamicValue, Error>;

/// One signal that a typed layer takes.
pub(crate) struct Takes<L> {
    takes: AnySignal,
    /// What it gives, or `None` if that is what it takes.
    gives: Option<AnySignal>,
    run: Run<L>,
}

impl<L> Clone for Takes<L> {
    fn clone(&self) -> Self {
        Self { takes: self.takes.clone(), gives: self.gives.clone(), run: self.run }
    }
}

impl<L> fmt::Debug for Takes<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.takes)
    }
}

impl<L> Takes<L> {
    /// The layer takes `In`.
    pub(crate) fn of<In>() -> Self
    where
        In: FromDynamic,
        L: Layer<In, f32, Cpu, Out: FromDynamic>,
    {
        let (takes, gives) = (AnySignal::of::<In>(), AnySignal::of::<L::Out>());
        Self {
            gives: (takes != gives).then_some(gives),
            takes,
            run: |layer, x| {
                let y = layer.call(In::from_dynamic(x)?)?;
                <L::Out as FromDynamic>::try_into_dynamic(y)
            },
        }
    }

    fn fits(&self, arrives: &AnySignal) -> bool {
        self.takes.kind == arrives.kind && self.takes.agrees(&arrives.sizes)
    }
}

/// A typed layer behind run-time shapes.
pub(crate) struct Own<L> {
    layer: L,
    takes: Vec<Takes<L>>,
    prefix: String,
    /// The weights of the layer, once more.
    weights: Vec<LayerWeight>,
}

impl<L> Own<L> {
    pub(crate) fn new(layer: L, takes: Vec<Takes<L>>) -> Self {
        Self { layer, takes, prefix: String::new(), weights: Vec::new() }
    }

    fn taken(&self, arrives: &AnySignal) -> Result<&Takes<L>, Error> {
        self.takes.iter().find(|takes| takes.fits(arrives)).ok_or_else(|| {
            let all: Vec<String> = self.takes.iter().map(|t| format!("`{}`", t.takes)).collect();
            refused(format!("{} is needed here, but `{arrives}` arrives", all.join(" or ")))
        })
    }
}

impl<L: fmt::Debug> fmt::Debug for Own<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Own").field("layer", &self.layer).field("takes", &self.takes).finish()
    }
}

impl<L: Parameters + fmt::Debug + Send + Sync> Dynamic for Own<L> {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        Ok(self.taken(arrives)?.gives.clone().unwrap_or_else(|| arrives.clone()))
    }

    fn run(&self, x: DynamicValue) -> Result<DynamicValue, Error> {
        (self.taken(&x.signal())?.run)(&self.layer, x)
    }

    fn build(&mut self, _: &Cpu, prefix: &str, _: &AnySignal) -> Result<(), Error> {
        self.prefix = prefix.to_owned();
        let weight = |weight: Weight| LayerWeight {
            name: format!("{prefix}{}", weight.name),
            sizes: weight.sizes,
            values: weight.values.into_elements(),
        };
        self.weights = collect(&self.layer)?.into_iter().map(weight).collect();
        Ok(())
    }

    fn takes_ids(&self) -> bool {
        self.takes.iter().all(|takes| takes.takes.kind == SignalKind::Tokens)
    }

    fn weights(&self) -> Vec<&LayerWeight> {
        self.weights.iter().collect()
    }

    fn set_weights(&mut self, values: &mut dyn Iterator<Item = Vec<f32>>) -> Result<(), Error> {
        for (weight, values) in self.weights.iter_mut().zip(values) {
            weight.values = values;
        }
        let prefix = self.prefix.len();
        let weights = self.weights.iter().map(|weight| {
            (weight.name[prefix..].to_owned(), weight.sizes.clone(), weight.values.clone())
        });
        WeightFile::of(weights).load_into(&mut self.layer)
    }
}
