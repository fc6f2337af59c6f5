//! Layers that change images at random in the training pass, without a type.

use dfdx::{shapes::HasShape, tensor::Cpu};
use serde_json::Value;

use super::{flow::Flow, op::OneToOne, options::Options, words};
use crate::{
    backend::{ImageShape, IntoShape, Recorder, random_u64},
    error::Error,
    fields::{AnySignal, OptionValue},
    layer::Layer,
    layers::{
        Factor, RandomBrightness, RandomContrast, RandomFlip, RandomRotation, RandomTranslation,
        RandomZoom, cropped,
    },
};

#[derive(Debug, Clone, Copy)]
pub(crate) enum RandomImages {
    Flip(RandomFlip),
    Rotation(RandomRotation),
    Zoom(RandomZoom),
    Translation(RandomTranslation),
    Brightness(RandomBrightness),
    Contrast(RandomContrast),
    /// Rows and columns.
    Crop([usize; 2]),
}

/// An option, which was read before.
fn option<V: OptionValue>(options: &Options<'_>, key: &str) -> Result<V, Error> {
    let value = options.value(key);
    V::parse(value).ok_or_else(|| options.misfit(key, V::NEEDED, value))
}

/// A layer with options of these names, which are in their ranges.
macro_rules! read {
    ($options:ident, $layer:ident { $($key:ident),* }) => {{
        let layer = $layer { $($key: option($options, stringify!($key))?),* };
        layer.check::<f32>()?;
        layer
    }};
}

impl RandomImages {
    pub(crate) fn flip(options: &mut Options<'_>) -> Result<Self, Error> {
        Ok(Self::Flip(RandomFlip { mode: option(options, "mode")? }))
    }

    pub(crate) fn rotation(options: &mut Options<'_>) -> Result<Self, Error> {
        let layer = read!(options, RandomRotation { factor, fill_mode, fill_value, interpolation });
        Ok(Self::Rotation(layer))
    }

    pub(crate) fn zoom(options: &mut Options<'_>) -> Result<Self, Error> {
        Ok(Self::Zoom(read!(
            options,
            RandomZoom { height_factor, width_factor, fill_mode, interpolation, fill_value }
        )))
    }

    pub(crate) fn translation(options: &mut Options<'_>) -> Result<Self, Error> {
        Ok(Self::Translation(read!(
            options,
            RandomTranslation { height_factor, width_factor, fill_mode, interpolation, fill_value }
        )))
    }

    pub(crate) fn brightness(options: &mut Options<'_>) -> Result<Self, Error> {
        Ok(Self::Brightness(read!(options, RandomBrightness { factor, value_range })))
    }

    pub(crate) fn contrast(options: &mut Options<'_>) -> Result<Self, Error> {
        // Keras 3 writes both ends; one number, of Keras 2, is said of both.
        let factor = match options.config.config.get("factor").and_then(Value::as_f64) {
            Some(both) => Factor::between(both, both),
            None => option(options, "factor")?,
        };
        let layer = RandomContrast { factor, value_range: option(options, "value_range")? };
        layer.check::<f32>()?;
        Ok(Self::Contrast(layer))
    }

    pub(crate) fn crop(options: &mut Options<'_>) -> Result<Self, Error> {
        Ok(Self::Crop([options.size("height")?, options.size("width")?]))
    }
}

impl OneToOne for RandomImages {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        words::images(arrives)?;
        let mut leaves = arrives.clone();
        if let Self::Crop(size) = self {
            leaves.sizes[1..3].copy_from_slice(&size.map(Some));
        }
        Ok(leaves)
    }

    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        match self {
            Self::Crop(size) => on_images(x, |x| cropped(x, *size, None)),
            _ => Ok(x),
        }
    }

    fn train(&mut self, x: Flow) -> Result<Flow, Error> {
        match self {
            Self::Flip(layer) => trained(layer, x),
            Self::Rotation(layer) => trained(layer, x),
            Self::Zoom(layer) => trained(layer, x),
            Self::Translation(layer) => trained(layer, x),
            Self::Brightness(layer) => trained(layer, x),
            Self::Contrast(layer) => trained(layer, x),
            Self::Crop(size) => {
                on_images(x, |x| cropped(x, *size, Some(random_u64(&Cpu::default()))))
            }
        }
    }
}

fn trained(layer: &mut impl Layer<ImageShape, Out = ImageShape>, x: Flow) -> Result<Flow, Error> {
    on_images(x, |x| layer.call_mut(x))
}

type Images = dfdx::tensor::Tensor<ImageShape, f32, Cpu, Recorder>;

fn on_images(x: Flow, change: impl FnOnce(Images) -> Result<Images, Error>) -> Result<Flow, Error> {
    let x = x.numbers()?;
    let [batch, rows, columns, channels] = *x.sizes else {
        return Err(words::refused(format!("no images: {:?}", x.sizes)));
    };
    let y = change(x.x.into_shape(&(batch, rows, columns, channels))?)?;
    let (batch, rows, columns, channels) = *y.shape();
    Flow::plain(y, [batch, rows, columns, channels])
}
