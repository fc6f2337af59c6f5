use super::{Config, Fields, draw, list::Mode};
use crate::{
    backend::{Backend, Element},
    error::Error,
    parameters::{Build, Parameters},
};

/// A layer that Keras's JSON can describe.
///
/// A layer lists its keys once, in `#[layer]`, or by hand in [`describe`](Self::describe); all else follows.
///
/// ```
/// use kerata::{*, prelude::*};
///
/// /// `factor * x`.
/// #[layer(class = "ScaleLayer")]
/// struct Scale {
///     #[option(default = 1.0)]
///     factor: f64,
/// }
///
/// let scale = Scale::from_config(&r#"{"class_name": "ScaleLayer", "config": {"factor": 2.5}}"#.parse()?)?;
/// assert_eq!(scale.factor, 2.5);
/// assert_eq!(Scale { factor: 3.0 }.config().config["factor"], 3.0);
/// # Ok::<(), Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no Keras config",
    label = "implement `Configured` for this layer",
    note = "a layer of your own lists its keys in `Configured::describe`; a `Shared` layer has no config"
)]
pub trait Configured: Sized {
    /// The class in Keras.
    const CLASS: &'static str;
    /// The number type of the parameters; `f32` if there are none.
    type Element: Element;
    /// The device of the parameters; `Cpu` if there are none.
    type Device: Backend<Self::Element>;
    /// Whether Keras has a layer for it. One that only groups signals has none there: what it gives are its inputs.
    #[doc(hidden)]
    const WRITTEN: bool = true;

    /// Shows each key of the config, with what this layer says of it.
    ///
    /// `name`, `trainable` and `dtype` are every layer's, and not shown.
    fn describe(&mut self, fields: &mut Fields);

    /// Whether a config of this class may describe the layer.
    fn accepts(class: &str) -> bool {
        class == Self::CLASS
    }

    /// Whether Keras may do without this layer, in front of a layer of the class `next`.
    fn may_be_missing(_next: Option<&str>) -> bool {
        false
    }

    /// The config of this layer, as Keras 3 writes it.
    fn config(&self) -> Config
    where
        Self: Clone,
    {
        Fields::write(&mut self.clone())
    }

    /// A new layer, as the config says, on a device with the seed 0.
    ///
    /// Whatever the type says already must be in the config just so. A key that is absent has Keras's
    /// default.
    ///
    /// # Errors
    /// [`Error::Differences`], with all differences between the type and the config; [`Error::Device`].
    fn from_config(config: &Config) -> Result<Self, Error>
    where
        Self: Build<Self::Element, Self::Device> + Parameters<Self::Element, Self::Device>,
    {
        Self::from_config_on(config, &Self::Device::default())
    }

    /// A new layer, as the config says, from the random numbers of a device.
    ///
    /// # Errors
    /// As [`from_config`](Self::from_config).
    fn from_config_on(config: &Config, dev: &Self::Device) -> Result<Self, Error>
    where
        Self: Build<Self::Element, Self::Device> + Parameters<Self::Element, Self::Device>,
    {
        let mut layer = Self::build(dev)?;
        let fields = Fields::read(&mut layer, config, Mode::Read);
        differences::<Self>(fields.differences)?;
        draw::fill(&mut layer, &fields.initial)?;
        Ok(layer)
    }

    /// Compares this layer with a config. Of a model, the names of its layers are compared too, except those that Keras
    /// makes of their classes.
    ///
    /// # Errors
    /// [`Error::Differences`], with all differences.
    fn check_config(&self, config: &Config) -> Result<(), Error>
    where
        Self: Clone,
    {
        differences::<Self>(Fields::check(&mut self.clone(), config))
    }
}

fn differences<L: Configured>(differences: Vec<crate::error::Difference>) -> Result<(), Error> {
    if differences.is_empty() {
        return Ok(());
    }
    Err(Error::Differences { what: format!("the config of `{}`", L::CLASS), differences })
}

/// A layer within another that is [`Configured`]. It has one impl, for all, where `Configured` has one for each layer, which the compiler
/// would list.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no Keras config",
    label = "implement `Configured` for this layer",
    note = "a layer of your own lists its keys in `Configured::describe`; a `Shared` layer has no config"
)]
pub trait HasConfig: Configured {}

#[diagnostic::do_not_recommend]
impl<L: Configured> HasConfig for L {}

/// What has a JSON: whatever is [`Configured`]. By way of it the compiler says of which layer in a model that is not true, and lists no others.
pub trait HasJson: Configured {
    /// The same `T`.
    type Of<T>;

    /// The same value.
    fn of<T>(of: T) -> Self::Of<T>;
}

impl<L: Configured> HasJson for L {
    type Of<T> = T;

    fn of<T>(of: T) -> T {
        of
    }
}
