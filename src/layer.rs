//! The trait that every layer implements, and how layers are chained.
//!
#![doc = include_str!("../docs/layer.md")]

use std::cell::Cell;

use dfdx::tensor::{Cpu, Tape};

use crate::{
    backend::{Backend, Element, Epilogue, whole_pass},
    error::Error,
    fusion::{Ahead, Fused, Fuses, layers_ahead},
    shape::Fault,
    signal::{Fed, Feedable, OnWire, Signal},
    tuples::all_tuples,
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
}

/// Whether a training pass has come to a [`Layer::call`], so that the layers within take part in it.
pub(crate) fn trains() -> bool {
    TRAINS.get()
}

/// Runs a part of a pass, and says whether it is one of training.
pub(crate) fn in_pass<R>(training: bool, part: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            TRAINS.set(self.0);
        }
    }
    let _restore = Restore(TRAINS.replace(training));
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
    /// Nothing: what names it asks for this.
    const TAKEN: () = ();

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
    note = "a layer of your own implements `model::Infer` for its `_`"
)]
pub trait Infer<In> {
    /// The number.
    const SIZE: usize;
}

/// A layer with [`Infer`]: every one is. As with [`Takes`], the compiler lists no impls.
#[diagnostic::on_unimplemented(
    message = "`_` cannot be inferred in `{Self}` from `{In}`",
    label = "write the number in place of `_`",
    note = "a layer of your own implements `model::Infer` for its `_`"
)]
pub trait Inferred<In> {
    /// [`Infer::SIZE`].
    const SIZE: usize;
}

impl<L: Infer<In>, In> Inferred<In> for L {
    const SIZE: usize = L::SIZE;
}

/// Data that a layer can be run on.
///
/// It is a trait of the data, so that this is looked at first, and a layer that takes something else is told as that.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be fed to `{L}`",
    label = "feed a tensor of the shape that `{L}` takes; `predict` takes rows in a `Vec`"
)]
pub trait InputOf<L, E: Element, D: Backend<E>>: Sized {
    /// What the layer, or a chain of layers, gives for it.
    type Output;

    /// The inference pass.
    ///
    /// # Errors
    /// Those of the layer.
    fn run(self, layer: &L) -> Result<Self::Output, Error>;

    /// The training pass.
    ///
    /// # Errors
    /// Those of the layer.
    fn run_mut(self, layer: &mut L) -> Result<Self::Output, Error>;
}

impl<X, L, E, D> InputOf<L, E, D> for X
where
    X: Feedable<Data: OnWire>,
    L: Takes<<X::Data as OnWire>::Signal, E, D>,
    <X::Data as OnWire>::Tape: Tape<E, D>,
    X::Data: Fed<<X::Data as OnWire>::Signal, <X::Data as OnWire>::Tape, E, D>,
    E: Element,
    D: Backend<E>,
{
    type Output = <L::Out as Signal>::Data<E, D, <X::Data as OnWire>::Tape>;

    fn run(self, layer: &L) -> Result<Self::Output, Error> {
        whole_pass(|| layer.call(self.data().into_signal()))
    }

    fn run_mut(self, layer: &mut L) -> Result<Self::Output, Error> {
        whole_pass(|| layer.call_mut(self.data().into_signal()))
    }
}

/// Runs a layer on data.
///
/// ```
/// use kerata::{Cpu, Dropout, Error, prelude::*};
///
/// let x = Cpu::seed_from_u64(0).tensor([[1.0_f32; 100]]);
/// let mut dropout = Dropout::<50>;
/// assert_eq!(dropout.forward(x.clone())?.array(), x.array());
/// assert_ne!(dropout.forward_mut(x.clone())?.array(), x.array());
/// # Ok::<(), Error>(())
/// ```
pub trait Forward: Sized {
    /// The inference pass: dropout is the identity, running statistics are used as they are.
    ///
    /// # Errors
    /// Those of the layers that the data runs through.
    fn forward<E: Element, D: Backend<E>, X: InputOf<Self, E, D>>(
        &self,
        x: X,
    ) -> Result<X::Output, Error> {
        x.run(self)
    }

    /// The training pass: dropout drops, running statistics move.
    ///
    /// # Errors
    /// Those of the layers that the data runs through.
    fn forward_mut<E: Element, D: Backend<E>, X: InputOf<Self, E, D>>(
        &mut self,
        x: X,
    ) -> Result<X::Output, Error> {
        x.run_mut(self)
    }
}

impl<L> Forward for L {}

/// [`Layer::fuse`] of a layer, in inference.
type Fuse<'a, E, D> = &'a dyn Fn(&mut Fused<E, D>) -> Result<bool, Error>;

/// The inference pass of a layer, unless one in front has done what the layer does. `ahead` is the number of layers of which that is
/// so.
pub(crate) fn pass<L: Layer<In, E, D>, In: Signal, E: Element, D: Backend<E>, T: Tape<E, D>>(
    layer: &L,
    x: In::Data<E, D, T>,
    fused: Fused<E, D>,
    ahead: &mut usize,
) -> Result<<L::Out as Signal>::Data<E, D, T>, Error> {
    match layers_ahead(fused, ahead) {
        Ahead::This => L::pass_over(x),
        Ahead::No => layer.call(x),
        Ahead::Others(then) => layer.call_fused(x, then),
    }
}

/// The same for the training pass.
pub(crate) fn pass_mut<L: Layer<In, E, D>, In: Signal, E: Element, D: Backend<E>, T: Tape<E, D>>(
    layer: &mut L,
    x: In::Data<E, D, T>,
    fused: Fused<E, D>,
    ahead: &mut usize,
) -> Result<<L::Out as Signal>::Data<E, D, T>, Error> {
    match layers_ahead(fused, ahead) {
        Ahead::This => L::pass_over(x),
        Ahead::No => layer.call_mut(x),
        Ahead::Others(then) => layer.call_mut_fused(x, then),
    }
}

/// The inference pass of a layer of a chain, and of those behind it that it can do.
fn pass_in_chain<L: Layer<In, E, D>, In: Signal, E: Element, D: Backend<E>, T: Tape<E, D>>(
    layer: &L,
    x: In::Data<E, D, T>,
    behind: &[Fuse<'_, E, D>],
    ahead: &mut usize,
) -> Result<<L::Out as Signal>::Data<E, D, T>, Error> {
    let mut fused = Fused::new(L::FUSES);
    if fused.fuses() {
        for fuse in behind {
            if !fuse(&mut fused)? {
                break;
            }
        }
    }
    pass::<L, In, E, D, T>(layer, x, fused, ahead)
}

macro_rules! chain {
    ($first:ident $($before:ident $layer:ident $i:tt)*) => {
        impl<In, E, D, $first, $($layer),*> Layer<In, E, D> for ($first, $($layer,)*)
        where
            In: Signal,
            E: Element,
            D: Backend<E>,
            $first: Layer<In, E, D>,
            $($layer: Layer<$before::Out, E, D>,)*
        {
            type Out = chain!(@last $first $($layer)*);

            const CHECK: () = {
                let () = <$first as Layer<In, E, D>>::CHECK;
                $(let () = <$layer as Layer<$before::Out, E, D>>::CHECK;)*
            };
            const FAULT: Fault = <$first as Layer<In, E, D>>::FAULT
                $(.or(<$layer as Layer<$before::Out, E, D>>::FAULT))*;

            fn call<T: Tape<E, D>>(
                &self,
                x: In::Data<E, D, T>,
            ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error> {
                let others: &[Fuse<'_, E, D>] = &[
                    $(&|front| <$layer as Layer<$before::Out, E, D>>::fuse::<T>(&self.$i, front, false)),*
                ];
                let mut ahead = 0;
                let x = pass_in_chain::<_, In, E, D, T>(&self.0, x, others, &mut ahead)?;
                $(
                    let others = others.get(1..).unwrap_or_default();
                    let x = pass_in_chain::<_, $before::Out, E, D, T>(&self.$i, x, others, &mut ahead)?;
                )*
                let _ = others;
                Ok(x)
            }

            fn call_mut<T: Tape<E, D>>(
                &mut self,
                x: In::Data<E, D, T>,
            ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error> {
                let x = self.0.call_mut(x)?;
                $(let x = self.$i.call_mut(x)?;)*
                Ok(x)
            }
        }
    };
    (@last $last:ident) => { $last::Out };
    (@last $first:ident $($rest:ident)+) => { chain!(@last $($rest)+) };
}

all_tuples!(chain);
