//! The trait that every layer implements, and how layers are chained.
//!
#![doc = include_str!("../../docs/layer.md")]

mod chain;
mod forward;

pub(crate) use chain::{pass, pass_mut};
pub use forward::{Forward, InputOf};

use std::cell::{Cell, RefCell};

use dfdx::tensor::{Cpu, Tape};

use crate::{
    backend::{Backend, Element, Epilogue},
    error::Error,
    fusion::{Fused, Fuses},
    shape::Fault,
    signal::Signal,
};

/// A layer that takes the signal `In`.
///
/// Implement [`call`](Layer::call), as in Keras; to run a layer, use [`Forward::forward`].
///
/// ```
/// use kerata::{Cpu, Error, Layer, layer, prelude::*, signal::MaskTransparent, tensor::Tape};
///
/// /// `-x`, of any shape, masked or not.
/// #[layer]
/// struct Negate;
///
/// impl<In: MaskTransparent> Layer<In> for Negate {
///     type Out = In;
///
///     fn call<T: Tape<f32, Cpu>>(&self, x: In::Data<f32, Cpu, T>) -> Result<In::Data<f32, Cpu, T>, Error> {
///         In::map(x, |x| Ok(-x))
///     }
/// }
///
/// assert_eq!(Negate.forward(Cpu::default().tensor([[1.0, -2.0]]))?.array(), [[-1.0, 2.0]]);
/// # Ok::<(), Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot take `{In}` of `{E}` as its input",
    label = "`{In}` of `{E}` reaches this layer"
)]
// `Sized` is then the one reason that the compiler has against a `dyn Layer`.
pub trait Layer<In: Signal, E: Element = f32, D: Backend<E> = Cpu>: Sized {
    /// The signal that leaves the layer.
    type Out: Signal;

    /// Checks what the types leave open, such as the product that `Flatten<N>` names, with an `assert!`.
    /// A `#[model]` evaluates it where the layer is declared; a layer that has one evaluates it in
    /// [`call`](Layer::call) too.
    const CHECK: () = ();

    /// Whether a mask that ends here is dropped on purpose, not consumed by meaning.
    const DROPS_MASK: bool = false;

    /// What is wrong with the layer behind this signal, as [`CHECK`](Layer::CHECK), but told at the line of the model.
    #[doc(hidden)]
    const FAULT: Fault = Fault::NONE;

    /// Whether all numbers of a sample leave it in one row: of a row, it changes nothing.
    #[doc(hidden)]
    const FLATTENS: bool = false;

    /// What the layer can do instead of those behind it; if anything, it has a [`call_fused`](Layer::call_fused).
    #[doc(hidden)]
    const FUSES: Fuses = Fuses::Nothing;

    /// The inference pass.
    ///
    /// # Errors
    /// What the layer's documentation says.
    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error>;

    /// The training pass. The same as the inference pass, unless the layer behaves otherwise while it
    /// learns, as [`Dropout`](crate::layers::Dropout) does. A layer that holds others as
    /// [`Inner`](crate::layers::Inner), as `#[layer]` wants it, hands the training pass on by itself.
    ///
    /// What the pass changes of the layer is put back if the step fails, to a clone from before; its random numbers
    /// are those of [`random_u64`](crate::backend::random_u64).
    ///
    /// # Errors
    /// What the layer's documentation says.
    fn call_mut<T: Tape<E, D>>(
        &mut self,
        x: In::Data<E, D, T>,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error> {
        in_pass(true, || <Self as Layer<In, E, D>>::call(self, x))
    }

    /// Has the layer in front do what this one does, and says whether it does. One that may say so has a
    /// [`pass_over`](Layer::pass_over).
    #[doc(hidden)]
    fn fuse<T: Tape<E, D>>(
        &self,
        _front: &mut Fused<E, D>,
        _training: bool,
    ) -> Result<bool, Error> {
        Ok(false)
    }

    /// The inference pass, and what the layers behind do.
    #[doc(hidden)]
    fn call_fused<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
        _then: Epilogue<E, D>,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error> {
        <Self as Layer<In, E, D>>::call(self, x)
    }

    /// The training pass, and what the layers behind do.
    #[doc(hidden)]
    fn call_mut_fused<T: Tape<E, D>>(
        &mut self,
        x: In::Data<E, D, T>,
        then: Epilogue<E, D>,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error> {
        in_pass(true, || <Self as Layer<In, E, D>>::call_fused(self, x, then))
    }

    /// The data behind the layer, where the one in front has done what it does.
    #[doc(hidden)]
    fn pass_over<T: Tape<E, D>>(
        _: In::Data<E, D, T>,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error> {
        let message = "it cannot be passed over".into();
        Err(Error::Wiring { layer: std::any::type_name::<Self>().into(), message })
    }
}

thread_local! {
    static TRAINS: Cell<bool> = const { Cell::new(false) };
    static RESTS: Cell<bool> = const { Cell::new(false) };
    /// Where in memory the statistics are that stay in this pass.
    static AT_REST: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// Whether a training pass has come to a [`Layer::call`], so that the layers within take part in it.
pub(crate) fn trains() -> bool {
    TRAINS.get()
}

/// Runs a part of a pass, and says whether it is one of training.
pub(crate) fn in_pass<R>(training: bool, part: impl FnOnce() -> R) -> R {
    within(|value| TRAINS.replace(value), training, part)
}

/// Whether what is called is in a layer that is not trained, so that statistics stay, and are what is used.
pub(crate) fn rests() -> bool {
    RESTS.get()
}

/// Runs the training pass of a layer that is not trained: what drops in it does, but statistics stay.
#[doc(hidden)]
pub fn resting<R>(pass: impl FnOnce() -> R) -> R {
    within(|value| RESTS.replace(value), true, pass)
}

/// Runs a training pass in which the statistics at these places stay, and are what is used.
pub(crate) fn resting_at<R>(places: Vec<usize>, pass: impl FnOnce() -> R) -> R {
    within(|value| AT_REST.replace(value), places, pass)
}

/// Whether statistics, which have not been changed in this pass, are among those that stay.
pub(crate) fn rests_at<E>(statistics: &[E]) -> bool {
    AT_REST.with_borrow(|places| places.contains(&statistics.as_ptr().addr()))
}

/// Runs a part of a pass with a value of its thread, and puts back what was there, after a panic too.
fn within<T: Default, R>(replace: fn(T) -> T, value: T, part: impl FnOnce() -> R) -> R {
    struct Restore<T: Default>(fn(T) -> T, T);
    impl<T: Default> Drop for Restore<T> {
        fn drop(&mut self) {
            (self.0)(std::mem::take(&mut self.1));
        }
    }
    let _restore = Restore(replace, replace(value));
    part()
}

/// A [`Layer`] that takes the signal `In`: every one is.
///
/// Where a bound is this one, the compiler names the kind of signal that a layer asks for, and lists no impls.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot take `{In}` of `{E}` as its input",
    label = "`{In}` of `{E}` reaches this layer"
)]
pub trait Takes<In: Signal, E: Element = f32, D: Backend<E> = Cpu> {
    /// [`Layer::Out`].
    type Out: Signal;
    /// [`Layer::FAULT`].
    const FAULT: Fault;

    /// [`Layer::call`].
    ///
    /// # Errors
    /// Those of the layer.
    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error>;

    /// [`Layer::call_mut`].
    ///
    /// # Errors
    /// Those of the layer.
    fn call_mut<T: Tape<E, D>>(
        &mut self,
        x: In::Data<E, D, T>,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error>;
}

// `Out` is a parameter, so that it is looked up through this impl.
impl<L, In, Out, E, D> Takes<In, E, D> for L
where
    L: Layer<In, E, D, Out = Out>,
    In: Signal,
    Out: Signal,
    E: Element,
    D: Backend<E>,
{
    type Out = Out;
    const FAULT: Fault = <L as Layer<In, E, D>>::FAULT;

    fn call<T: Tape<E, D>>(&self, x: In::Data<E, D, T>) -> Result<Out::Data<E, D, T>, Error> {
        Layer::call(self, x)
    }

    fn call_mut<T: Tape<E, D>>(
        &mut self,
        x: In::Data<E, D, T>,
    ) -> Result<Out::Data<E, D, T>, Error> {
        Layer::call_mut(self, x)
    }
}

/// The number that `_` stands for in the type of a layer that the signal `In` reaches.
///
/// `#[model]` asks the layer with 0 for `_`: for `Dense<_, 10>` the number is
/// `<Dense<0, 10> as Infer<In>>::SIZE`, the number of features of `In`.
///
/// ```
/// use kerata::{*, prelude::*, model::Infer, signal::{Signal, Steps}, tensor::{MeanTo, Axis, Tape}};
///
/// /// The mean over the steps of a sequence of `F` features, without regard to a mask.
/// #[layer]
/// struct Mean<const F: usize>;
///
/// impl<In: Steps<Features = Const<F>>, const F: usize> Layer<In> for Mean<F> {
///     type Out = (In::Batch, Const<F>);
///
///     fn call<T: Tape<f32, Cpu>>(&self, x: In::Data<f32, Cpu, T>) -> Result<Tensor<Self::Out, f32, Cpu, T>, Error> {
///         Ok(In::split(x).0.try_mean::<_, Axis<1>>()?)
///     }
/// }
///
/// // `#[layer(infer)]` writes the same.
/// impl<In: shape::Features, const F: usize> Infer<In> for Mean<F> {
///     const SIZE: usize = In::SIZE;
/// }
///
/// #[model(input = (Batch, 4, 3), output = (Batch, 3))]
/// struct Net {
///     mean: Mean<_>,
/// }
/// # Ok::<(), Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`_` cannot be inferred in `{Self}` from `{In}`",
    label = "write the number in place of `_`",
    note = "a layer of your own says what its `_` stands for by `#[layer(input = (Batch, F), infer)]`"
)]
pub trait Infer<In> {
    /// The number.
    const SIZE: usize;
}

/// A layer with [`Infer`]: every one is. As with [`Takes`], the compiler lists no impls.
#[diagnostic::on_unimplemented(
    message = "`_` cannot be inferred in `{Self}` from `{In}`",
    label = "write the number in place of `_`",
    note = "a layer of your own says what its `_` stands for by `#[layer(input = (Batch, F), infer)]`"
)]
pub trait Inferred<In> {
    /// Unknown where there is no number.
    #[doc(hidden)]
    type Size;

    /// Nothing.
    #[doc(hidden)]
    fn size() -> Self::Size;

    /// [`Infer::SIZE`].
    const SIZE: usize;
}

impl<L: Infer<In>, In> Inferred<In> for L {
    type Size = ();

    fn size() {}

    const SIZE: usize = L::SIZE;
}
