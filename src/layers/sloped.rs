//! Keras's activations that are layers with an option.

use dfdx::tensor::Tape;

use crate::{
    backend::{Backend, Element, Elementwise, ReluOptions},
    error::Error,
    layer,
    layer::Layer,
    signal::{MaskTransparent, StepValues},
    stream::{Streamable, copy_bounded, room},
};

/// `x`, or below 0 `negative_slope * x`.
///
/// The activation [`LeakyRelu`](crate::LeakyRelu) is Keras's function of that name, whose slope is 0.2.
///
/// Keras: [`LeakyReLU`](https://keras.io/api/layers/activation_layers/leaky_relu/).
///
/// # Shapes
/// - input and output: any signal of values; a mask passes
///
/// ```
/// use kerata::{Batch, Cpu, Dense, Error, LeakyReluLayer, model, prelude::*};
///
/// #[model(input = (Batch, 2), output = (Batch, 1))]
/// struct Net {
///     hidden: Dense<_, 4>,
///     #[with(negative_slope = 0.1)]
///     act: LeakyReluLayer,
///     head: Dense<_, 1>,
/// }
///
/// let layer = LeakyReluLayer::default();
/// assert_eq!(layer.forward(Cpu::default().tensor([[2.0_f32, -1.0]]))?.as_vec(), [2.0, -0.3]);
/// assert_eq!(Net::build(&Cpu::default())?.act.negative_slope, 0.1);
/// # Ok::<(), Error>(())
/// ```
#[layer(class = "LeakyReLU")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LeakyReluLayer {
    /// The slope below 0. Default 0.3.
    #[option(default = 0.3, range = 0.0..=f64::MAX)]
    pub negative_slope: f64,
}

/// `x`, or below 0 `alpha * (exp(x) - 1)`.
///
/// The activation [`Elu`](crate::Elu) is the same with an `alpha` of 1.
///
/// Keras: [`ELU`](https://keras.io/api/layers/activation_layers/elu/).
///
/// # Shapes
/// - input and output: any signal of values; a mask passes
///
/// ```
/// use kerata::{Cpu, EluLayer, Error, prelude::*};
///
/// let layer = EluLayer { alpha: 0.5 };
/// let y = layer.forward(Cpu::default().tensor([[2.0_f32, -1.0]]))?.as_vec();
/// assert!(y[0] == 2.0 && (y[1] + 0.5 * (1.0 - 1.0_f32.exp().recip())).abs() < 1e-6);
/// # Ok::<(), Error>(())
/// ```
#[layer(class = "ELU")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EluLayer {
    /// The limit below 0, less its sign. Default 1.
    #[option(default = 1.0, range = 0.0..=f64::MAX)]
    pub alpha: f64,
}

/// `x` above a threshold, at most a maximum; below the threshold `negative_slope * (x - threshold)`.
///
/// The activation [`Relu`](crate::Relu) is the same without these options.
///
/// Keras: [`ReLU`](https://keras.io/api/layers/activation_layers/relu/).
///
/// # Shapes
/// - input and output: any signal of values; a mask passes
///
/// ```
/// use kerata::{Batch, Cpu, Dense, Error, ReluLayer, model, prelude::*};
///
/// #[model(input = (Batch, 2), output = (Batch, 1))]
/// struct Net {
///     hidden: Dense<_, 4>,
///     #[with(max_value = 6.0, negative_slope = 0.1)]
///     act: ReluLayer,
///     head: Dense<_, 1>,
/// }
///
/// let layer = ReluLayer { max_value: 1.5, negative_slope: 0.5, threshold: 1.0 };
/// let y = layer.forward(Cpu::default().tensor([[2.0_f32, 1.25, 0.5, -2.0]]))?;
/// assert_eq!(y.as_vec(), [1.5, 1.25, -0.25, -1.5]);
/// assert_eq!(Net::build(&Cpu::default())?.act.max_value, 6.0);
/// # Ok::<(), Error>(())
/// ```
#[layer(class = "ReLU")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReluLayer {
    /// The largest result. Default infinite, which is Keras's `None`.
    #[option(default = f64::INFINITY, range = 0.0..=f64::INFINITY)]
    pub max_value: f64,
    /// The slope below the threshold. Default 0.
    #[option(default = 0.0, range = 0.0..=f64::MAX)]
    pub negative_slope: f64,
    /// What `x` has to be more than. Default 0.
    #[option(default = 0.0, range = 0.0..=f64::MAX)]
    pub threshold: f64,
}

impl Default for LeakyReluLayer {
    fn default() -> Self {
        Self { negative_slope: 0.3 }
    }
}

impl Default for EluLayer {
    fn default() -> Self {
        Self { alpha: 1.0 }
    }
}

impl Default for ReluLayer {
    fn default() -> Self {
        let ReluOptions { max_value, negative_slope, threshold } = ReluOptions::default();
        Self { max_value, negative_slope, threshold }
    }
}

impl LeakyReluLayer {
    fn function(&self) -> Elementwise {
        ReluOptions { negative_slope: self.negative_slope, ..ReluOptions::default() }.into()
    }
}

impl EluLayer {
    fn function(&self) -> Elementwise {
        Elementwise::OfElu(self.alpha)
    }
}

impl ReluLayer {
    fn function(&self) -> Elementwise {
        let &Self { max_value, negative_slope, threshold } = self;
        ReluOptions { max_value, negative_slope, threshold }.into()
    }
}

/// Layers of values one by one, by `function`.
macro_rules! layers {
    ($($layer:ident)*) => {
        $(
            impl<In: MaskTransparent, E: Element, D: Backend<E>> Layer<In, E, D> for $layer {
                type Out = In;

                fn call<T: Tape<E, D>>(
                    &self,
                    x: In::Data<E, D, T>,
                ) -> Result<In::Data<E, D, T>, Error> {
                    self.check_options()?;
                    In::map(x, |x| D::activation(x, self.function()))
                }
            }

            #[diagnostic::do_not_recommend]
            impl<In, E, D> Streamable<In, E, D> for $layer
            where
                In: MaskTransparent + StepValues,
                E: Element,
                D: Backend<E>,
            {
                type State = ();
                type Stepper = (Vec<E>, Self);

                fn begin(&self, rows: usize) -> Result<((Vec<E>, Self), ()), Error> {
                    self.check_options()?;
                    Ok(((room(rows, In::WIDTH)?, *self), ()))
                }

                fn step<'a>(
                    (values, layer): &'a mut (Vec<E>, Self),
                    (): &mut (),
                    x: In::StepData<'a, E>,
                ) -> Result<In::StepData<'a, E>, Error> {
                    let (x, keep) = In::unpack(x);
                    copy_bounded(x, keep, values);
                    layer.function().in_place(values);
                    Ok(In::pack(values, keep))
                }
            }
        )*
    };
}
layers!(LeakyReluLayer EluLayer ReluLayer);
