//! The trait that every layer implements, and how layers are chained.
//!
//! # `#[layer]`
//!
//! A layer of your own is a struct under `#[layer]`, which says each thing of it once, and an `impl` of [`Layer`].
//!
//! ```
//! use kerata::{*, prelude::*, signal::Steps, tensor::{Rank1, Rank2, Tape}};
//!
//! /// `gain * (x . mix) `, for each step; a mask passes.
//! #[layer(class = "Mixer", input = (Batch, Length, F), infer, keys(trained: fixed(true)))]
//! pub struct Mixer<const F: usize> {
//!     #[weight(init = orthogonal)]
//!     pub mix: Tensor<Rank2<F, F>, f32, Cpu>,
//!     #[option(default = 1.0, range = 0.0..=10.0)]
//!     pub gain: f32,
//! }
//!
//! impl<In: Steps<Features = Const<F>>, const F: usize> Layer<In> for Mixer<F> {
//!     type Out = In::With<Const<F>>;
//!
//!     fn call<T: Tape<f32, Cpu>>(
//!         &self,
//!         x: In::Data<f32, Cpu, T>,
//!     ) -> Result<<Self::Out as signal::Signal>::Data<f32, Cpu, T>, Error> {
//!         let (x, mask) = In::split(x);
//!         In::join(x.try_matmul(self.mix.clone())? * self.gain, mask)
//!     }
//! }
//! # use kerata::tensor::TryMatMul;
//!
//! #[model(input = (Batch, Length, 8), output = (Batch, 1))]
//! struct Net {
//!     mixer: Mixer<_>,
//!     lstm: Lstm<_, 4>,
//!     head: Dense<_, 1>,
//! }
//! assert_eq!(Net::PARAMS, 8 * 8 + 4 * 4 * (8 + 4 + 1) + 5);
//! assert_eq!(Mixer::<8>::build(&Cpu::default())?.config().config["gain"], 1.0);
//! # Ok::<(), Error>(())
//! ```
//!
//! It writes [`Build`](crate::parameters::Build), [`Parameters`](crate::parameters::Parameters), `Clone`, `Debug`,
//! with a `class` [`Configured`](crate::config::Configured), and with `infer` [`Infer`]. The element and the device are
//! the struct's parameters with the bounds `Element` and `Backend`, or else `f32` and [`Cpu`]; a layer without
//! parameters is for all of them.
//!
//! | argument | meaning |
//! | --- | --- |
//! | `class = "Dense"` | Keras's class; without one, the layer has no config, or you implement `Configured` |
//! | `input = (Batch, Length, I)` | the input of which a config may say the shape; `(Batch, .., F)` for any rank |
//! | `infer` | `_` in a `#[model]` is the number of features; else implement [`Infer`], if you want it |
//! | `keys(units: size(O), ..)` | further keys: a name, and a method of [`Fields`](crate::config::Fields) with its arguments; `weights` is the place of those of the weights, which come last |
//! | `check = check_units(I, O)` | evaluated at compile time, where the layer is built |
//! | `accepts = \|class\| ..` | whether a config of another class may be this layer |
//! | `element = f64`, `device = ..` | in the place of `f32` and `Cpu` |
//!
//! | field | meaning |
//! | --- | --- |
//! | `#[weight(init = glorot_uniform)]` | a parameter, and the keys `NAME_initializer`, `NAME_regularizer`, `NAME_constraint`; the initializers are Keras's |
//! | .. `shape = (I, 4 * O)` | its sizes, if they are not in its type |
//! | .. `trainable = false` | no optimiser changes it |
//! | .. `name = "bias"` | what it is called, if not as its field; of two weights of one name the layer has one `when` the other is not there |
//! | .. `key = "recurrent"` | what its keys begin with, if not its name; `regularizer = false`: there is the first only |
//! | .. `fill = function` | initial values that no initializer makes, `fn(&D, [usize; RANK]) -> Result<Tensor<..>, Error>` |
//! | .. `when = U::USE_BIAS` | whether the layer has it |
//! | `#[option(default = 1.0, key = "epsilon", range = 0.0..=1.0)]` | a value that may be set, and read from a config; with a range there is a method `check_options` |
//! | `#[inner]` | a layer within, an [`Inner`](crate::layers::Inner), which hands the training pass on |
//! | `#[inner(by_hand, flat)]` | a layer as it is, with a [`call_mut`](Layer::call_mut) of yours; its parameters without a prefix |
//! | `#[cache]` | what is made by `Default` |
//! | `PhantomData` | needs no attribute |

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
    message = "`{Self}` cannot take `{In}` of `{E}` as its input",
    label = "`{In}` of `{E}` reaches this layer"
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
    /// [`Layer::CHECK`].
    const CHECK: ();
    /// [`Layer::DROPS_MASK`].
    const DROPS_MASK: bool;

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
    const CHECK: () = L::CHECK;
    const DROPS_MASK: bool = L::DROPS_MASK;

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

/// A layer with [`Infer`]: every one is. As with [`Takes`], the compiler lists no impls.
#[diagnostic::on_unimplemented(
    message = "`_` cannot be inferred in `{Self}` from `{In}`",
    label = "write the number in the place of `_`",
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
    X: Value<E, D>,
    L: Takes<X::Signal, E, D>,
    E: Element,
    D: Backend<E>,
{
    type Output = <L::Out as Signal>::Data<E, D, X::Tape>;

    fn run(self, layer: &L) -> Result<Self::Output, Error> {
        layer.call(self.into_data())
    }

    fn run_mut(self, layer: &mut L) -> Result<Self::Output, Error> {
        layer.call_mut(self.into_data())
    }
}

/// Runs a layer on data.
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
