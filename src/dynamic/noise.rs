//! Layers that change values at random in the training pass, and do nothing in inference.

use dfdx::tensor::{Cpu, PutTape, SplitTape, TensorFromVec};
use rand::{Rng, rngs::SmallRng};
use rand_distr::StandardNormal;

use super::{
    flow::{Flow, Numbers, Rows, as_rows},
    merge::{Merging, merged},
    op::OneToOne,
    options::Options,
    words,
};
use crate::{
    backend::{OfSamples, Recorder, memory::collected},
    error::{Error, OrDevice},
    fields::AnySignal,
    layers::channel_factors,
    mask::Mask,
};

#[derive(Debug, Clone)]
pub(crate) enum Noise {
    /// Adds normal noise of this standard deviation.
    Added(f64),
    /// Multiplies with normal noise around 1.
    Multiplied(f64),
    /// Drops values as a `selu` has them, so that mean and variance stay.
    Alpha(f64),
    /// Drops whole samples.
    Samples(f64),
    /// Drops whole channels, of values at places along so many axes.
    Channels(f64, usize),
}

impl Noise {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        Ok(match options.config.class_name.as_str() {
            "GaussianNoise" => Self::Added(options.number("stddev")?),
            "GaussianDropout" => Self::Multiplied(options.number("rate")?),
            "StochasticDepth" => Self::Samples(options.number("drop_path_rate")?),
            "AlphaDropout" => Self::Alpha(options.number("rate")?),
            class => Self::Channels(options.number("rate")?, words::axes_of(class)),
        })
    }

    /// What values of these sizes are multiplied with, and what is added then. Padding is left as it is, and has no part in what is
    /// drawn for the real steps.
    fn draw(&self, sizes: &[usize], mask: Option<&Mask>) -> Result<(Vec<f32>, Vec<f32>), Error> {
        let count = crate::backend::memory::elements(sizes)?;
        if let Self::Channels(rate, _) = *self {
            let terms = collected(sizes, std::iter::repeat_n(0.0_f32, count))?;
            return Ok((channel_factors(&Cpu::default(), sizes, mask, rate)?, terms));
        }
        let random = OfSamples::new(&Cpu::default(), sizes[0])?;
        let mut factors = collected(sizes, std::iter::repeat_n(1.0_f32, count))?;
        let mut terms = collected(sizes, std::iter::repeat_n(0.0_f32, count))?;
        let rows = sizes[0].max(1);
        let keep = mask.map(Mask::as_slice);
        let steps = keep.map_or(1, |keep| keep.len() / rows).max(1);
        let (each, width) = ((count / rows).max(1), (count / rows / steps).max(1));
        for (row, (factors, terms)) in
            factors.chunks_mut(each).zip(terms.chunks_mut(each)).enumerate()
        {
            let mut rng = random.row(row);
            if let Self::Samples(rate) = *self {
                let factor = if rng.gen_bool(1.0 - rate) { 1.0 / (1.0 - rate) } else { 0.0 };
                factors.fill(factor as f32);
                continue;
            }
            let both = factors.chunks_mut(width).zip(terms.chunks_mut(width));
            for (step, (factors, terms)) in both.enumerate() {
                if keep.is_none_or(|keep| keep[row * steps + step]) {
                    self.draw_step(&mut rng, factors, terms);
                }
            }
        }
        Ok((factors, terms))
    }

    /// The same for the values of a step.
    fn draw_step(&self, rng: &mut SmallRng, factors: &mut [f32], terms: &mut [f32]) {
        let mut normal = || rng.sample::<f64, _>(StandardNormal);
        match *self {
            Self::Added(deviation) => {
                terms.iter_mut().for_each(|term| *term = (deviation * normal()) as f32);
            }
            Self::Multiplied(rate) => {
                let deviation = (rate / (1.0 - rate)).sqrt();
                let factor = |factor: &mut f32| *factor = (1.0 + deviation * normal()) as f32;
                factors.iter_mut().for_each(factor);
            }
            Self::Alpha(rate) => {
                let low = -1.673_263_242_354_377_2 * 1.050_700_987_355_480_5;
                let a = ((1.0 - rate) * (1.0 + rate * low * low)).powf(-0.5);
                let b = -a * low * rate;
                for (factor, term) in factors.iter_mut().zip(terms) {
                    let kept = rng.gen_bool(1.0 - rate);
                    *factor = if kept { a as f32 } else { 0.0 };
                    *term = (if kept { b } else { a * low + b }) as f32;
                }
            }
            Self::Samples(_) | Self::Channels(..) => {}
        }
    }

    fn does_nothing(&self) -> bool {
        let (Self::Added(n)
        | Self::Multiplied(n)
        | Self::Alpha(n)
        | Self::Samples(n)
        | Self::Channels(n, _)) = self;
        *n == 0.0
    }
}

impl OneToOne for Noise {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        words::numbers(arrives)?;
        match *self {
            Self::Samples(_) => words::unmasked(arrives).map(|()| arrives.clone()),
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
        if self.does_nothing() {
            return Ok(x);
        }
        let Numbers { x, sizes, mask } = x.numbers()?;
        let (factors, terms) = self.draw(&sizes, mask.as_ref())?;
        let shape = as_rows(&sizes)?;
        let tensor = |values: Vec<f32>| -> Result<Rows, Error> {
            let x = Cpu::default().try_tensor_from_vec(values, shape).or_device()?;
            Ok(x.put_tape(Recorder::default()))
        };
        let (x, tape) = x.split_tape();
        let x = merged(Merging::Product, x.put_tape(tape), tensor(factors)?)?;
        let x = merged(Merging::Sum, x, tensor(terms)?)?;
        Ok(Flow::Numbers(Numbers { x, sizes, mask }))
    }
}
