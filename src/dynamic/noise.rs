//! Layers that change values at random in the training pass, and do nothing in inference.

use dfdx::tensor::Cpu;

use super::{
    flow::{Flow, Numbers},
    op::OneToOne,
    options::Options,
    words,
};
use crate::{
    backend::Backend,
    error::Error,
    fields::AnySignal,
    layers::{self, channel_factors},
};

#[derive(Debug, Clone)]
pub(crate) enum Noise {
    /// Of values, or of whole samples.
    Values(layers::Noise),
    /// Drops this share of the channels, of values at places along so many axes.
    Channels(f64, usize),
}

impl Noise {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        Ok(match options.config.class_name.as_str() {
            "GaussianNoise" => Self::Values(layers::Noise::Added(options.number("stddev")?)),
            "GaussianDropout" => Self::Values(layers::Noise::Multiplied(options.number("rate")?)),
            "StochasticDepth" => {
                Self::Values(layers::Noise::Samples(options.number("drop_path_rate")?))
            }
            "AlphaDropout" => Self::Values(layers::Noise::Alpha(options.number("rate")?)),
            class => Self::Channels(options.number("rate")?, words::axes_of(class)),
        })
    }
}

impl OneToOne for Noise {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        words::numbers(arrives)?;
        match *self {
            Self::Values(layers::Noise::Samples(_)) => {
                words::unmasked(arrives).map(|()| arrives.clone())
            }
            Self::Channels(_, axes) if arrives.rank() != axes + 2 => {
                let needed = format!("values of {} dimensions are needed here", axes + 2);
                Err(words::refused(format!("{needed}, but `{arrives}` arrives")))
            }
            _ => Ok(arrives.clone()),
        }
    }

    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        Ok(x)
    }

    fn train(&mut self, x: Flow) -> Result<Flow, Error> {
        let Numbers { x, sizes, mask } = x.numbers()?;
        let x = match *self {
            Self::Values(noise) => noise.change_sized(x, &sizes, mask.as_ref())?,
            Self::Channels(0.0, _) => x,
            Self::Channels(rate, _) => {
                let factors = channel_factors(&Cpu::default(), &sizes, mask.as_ref(), rate)?;
                Cpu::drop_by(x, &factors)?
            }
        };
        Ok(Flow::Numbers(Numbers { x, sizes, mask }))
    }
}
