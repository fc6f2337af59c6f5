//! The trait that every layer implements, and how layers are chained.
//!
#![doc = include_str!("../docs/layer.md")]

use std::cell::Cell;

use dfdx::tensor::{Cpu, Tape};

use crate::{
    backend::{Backend, Element},
    error::Error,
    signal::{Signal, Value},
    tuples::all_tuples,
};

/// A layer that takes the signal `In`.
///
/// Implement [`call`](Layer::call), as in Keras; to run a layer, use [`Forward::forward`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot take `{In}` as its input",
    label = "`{In}` reaches this layer"
)]
pub trait Layer<In: Signal, E: Element = f32, D: Backend<E> = Cpu> {
    /// The signal that leaves the layer.
    type Out: Signal;

    /// Checks what the types leave open, such as the product that `Flatten<N>` names, with an `assert!`.
    /// A `#[model]` evaluates it where the layer is declared; a layer that has one evaluates it in
    /// [`call`](Layer::call) too.
    const CHECK: () = ();

    /// Whether a mask that ends here is dropped on purpose, not consumed by meaning.
    const DROPS_MASK: bool = false;

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

/// The number that `_` stands for in the type of a layer that the signal `In` reaches.
///
/// `#[model]` asks the layer with 0 in the place of `_`: for `Dense<_, 10>` the number is
/// `<Dense<0, 10> as Infer<In>>::SIZE`, the number of features of `In`.
#[diagnostic::on_unimplemented(
    message = "`_` cannot be inferred in `{Self}` from `{In}`",
    label = "write the number in the place of `_`",
    note = "a layer of your own implements `model::Infer` for its `_`"
)]
pub trait Infer<In> {
    /// The number.
    const SIZE: usize;
}

/// What a layer, or a chain of layers, gives for the data `X`.
pub type Output<L, X, E, D> = <<L as Layer<<X as Value<E, D>>::Signal, E, D>>::Out as Signal>::Data<
    E,
    D,
    <X as Value<E, D>>::Tape,
>;

/// Runs a layer on data.
pub trait Forward {
    /// The inference pass: dropout is the identity, running statistics are used as they are.
    ///
    /// # Errors
    /// Those of the layers that the data runs through.
    fn forward<E: Element, D: Backend<E>, X: Value<E, D>>(
        &self,
        x: X,
    ) -> Result<Output<Self, X, E, D>, Error>
    where
        Self: Layer<X::Signal, E, D> + Sized,
    {
        self.call(x.into_data())
    }

    /// The training pass: dropout drops, running statistics move.
    ///
    /// # Errors
    /// Those of the layers that the data runs through.
    fn forward_mut<E: Element, D: Backend<E>, X: Value<E, D>>(
        &mut self,
        x: X,
    ) -> Result<Output<Self, X, E, D>, Error>
    where
        Self: Layer<X::Signal, E, D> + Sized,
    {
        self.call_mut(x.into_data())
    }
}

impl<L> Forward for L {}

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

            fn call<T: Tape<E, D>>(
                &self,
                x: In::Data<E, D, T>,
            ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error> {
                let x = self.0.call(x)?;
                $(let x = self.$i.call(x)?;)*
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
