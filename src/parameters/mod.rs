//! Building layers and visiting their parameters.

mod elsewhere;
mod named;
mod optional;
mod rules;
mod soft_update;
mod weight;

#[doc(hidden)]
pub use elsewhere::{HandsOut, HoldsGradients, Moves, NotOfWeights};
pub use named::Named;
pub(crate) use named::{device, list, values};
pub use optional::{Optional, counted};
pub(crate) use rules::forwards;
pub use rules::{Frozen, Ruled};
pub use soft_update::soft_update;
pub use weight::Weight;

use std::fmt;

use dfdx::tensor::Cpu;

use crate::{
    backend::{Backend, CarriedStates, Element},
    error::Error,
    just_the_type::NoNew,
    regularizers::Rule,
    tuples::all_tuples,
};

/// A layer or model that can be made on a device.
///
/// `#[layer]` and `#[model]` write it.
///
/// ```
/// use kerata::{Cpu, Dense, Error, prelude::*};
///
/// let [a, b, c] = [1, 1, 2].map(|seed| Dense::<3, 2>::build(&Cpu::seed_from_u64(seed)).unwrap());
/// assert_eq!(a.kernel.array(), b.kernel.array());
/// assert_ne!(a.kernel.array(), c.kernel.array());
/// # Ok::<(), Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be made on a device",
    label = "this has no `Build`",
    note = "a layer of a model implements `Layer`, `Build` and `Parameters`"
)]
pub trait Build<E: Element = f32, D: Backend<E> = Cpu>: Sized {
    /// Makes the layer, with Keras's initial values, from the random numbers of the device.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn build(dev: &D) -> Result<Self, Error>;

    /// Of nothing: who writes it as for other types, with whatever arguments, is told of [`build`](Build::build), once. A `new` of a
    /// type itself goes first.
    #[doc(hidden)]
    #[deprecated(
        note = "layers and models are made by `build`, on a device: `Net::build(&Cpu::seed_from_u64(0))?`"
    )]
    #[allow(non_upper_case_globals)]
    const new: NoNew<Self> = NoNew::NEW;
}

/// A parameter that a [`Visitor`] is shown.
pub struct Parameter<'a, E: Element, D: Backend<E>> {
    /// The name within its layer, as in Keras: `kernel`, `recurrent_kernel`, `bias`, `embeddings`, ..
    pub name: &'a str,
    /// Whether an optimiser changes it. Running statistics are not trainable.
    pub trainable: bool,
    /// The numbers.
    pub tensor: &'a mut dyn Weight<E, D>,
    /// The sizes of its dimensions, where those of the tensor are not they.
    sizes: Option<&'a [usize]>,
}

impl<'a, E: Element, D: Backend<E>> Parameter<'a, E, D> {
    /// A parameter to show.
    pub fn new(name: &'a str, trainable: bool, tensor: &'a mut dyn Weight<E, D>) -> Self {
        Self { name, trainable, tensor, sizes: None }
    }

    /// The same with a shape of its own, of as many numbers.
    pub(crate) fn sized(self, sizes: &'a [usize]) -> Self {
        Self { sizes: Some(sizes), ..self }
    }

    /// The sizes of its dimensions.
    pub fn sizes(&self) -> Vec<usize> {
        self.sizes.map_or_else(|| self.tensor.tensor_sizes(), <[usize]>::to_vec)
    }
}

impl<E: Element, D: Backend<E>> fmt::Debug for Parameter<'_, E, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, trainable, .. } = self;
        write!(f, "Parameter({name:?}, {:?}, trainable: {trainable})", self.sizes())
    }
}

/// Something that is shown every parameter of a model, in the order of declaration.
///
/// ```
/// use kerata::{Cpu, Dense, Error, parameters::{Parameter, Visitor}, prelude::*};
///
/// /// Halves all weights, and adds up their squares as they were.
/// struct Halve(f32);
///
/// impl Visitor<f32, Cpu> for Halve {
///     fn visit(&mut self, parameter: Parameter<'_, f32, Cpu>) -> Result<(), Error> {
///         let mut values = parameter.tensor.to_vec()?;
///         self.0 += values.iter().map(|w| w * w).sum::<f32>();
///         values.iter_mut().for_each(|w| *w *= 0.5);
///         parameter.tensor.assign(&values)
///     }
/// }
///
/// let mut layers = <(Dense<1, 1>, Dense<1, 1>)>::build(&Cpu::default())?;
/// layers.0.kernel = Cpu::default().tensor([[4.0]]);
/// layers.1.kernel = Cpu::default().tensor([[2.0]]);
/// let mut halve = Halve(0.0);
/// layers.visit(&mut halve)?;
/// assert_eq!((halve.0, layers.0.kernel.array()), (20.0, [[2.0]]));
/// # Ok::<(), Error>(())
/// ```
pub trait Visitor<E: Element, D: Backend<E>> {
    /// Shows one parameter.
    ///
    /// # Errors
    /// Those of the visitor; the visit ends at the first.
    fn visit(&mut self, parameter: Parameter<'_, E, D>) -> Result<(), Error>;

    /// Shows one parameter that `#[with(..)]` has a regularizer or a constraint for.
    ///
    /// # Errors
    /// Those of the visitor.
    fn visit_ruled(
        &mut self,
        parameter: Parameter<'_, E, D>,
        _rule: &Rule<'_>,
    ) -> Result<(), Error> {
        self.visit(parameter)
    }

    /// Shows what a `stateful` layer keeps from one batch to the next.
    ///
    /// # Errors
    /// Those of the visitor.
    fn visit_carried(&mut self, _carried: &CarriedStates<E, D>) -> Result<(), Error> {
        Ok(())
    }

    /// The parameters that follow belong to the layer `name`.
    fn enter(&mut self, _name: &str) {}

    /// The same, and whether that layer says so by [`Parameters::SHOWS_TABLES`].
    #[doc(hidden)]
    fn enter_layer(&mut self, name: &str, _shows_tables: bool) {
        self.enter(name);
    }

    /// The layer that was entered last is done.
    fn leave(&mut self) {}
}

/// The parameters of a layer or model.
///
/// To only read them, visit a clone: tensors are shared, so that a clone of a model copies no numbers.
///
/// `#[layer]` and `#[model]` write it; a [`Visitor`] shows how it is used.
#[diagnostic::on_unimplemented(
    message = "the parameters of `{Self}` cannot be visited",
    label = "this has no `Parameters`",
    note = "a layer of a model implements `Layer`, `Build` and `Parameters`; the weights of a trainer are those of `trainer.model`"
)]
pub trait Parameters<E: Element = f32, D: Backend<E> = Cpu>: Clone {
    /// How many numbers the parameters hold.
    const PARAMS: usize = 0;
    /// How many of them an optimiser changes. A layer with running statistics has fewer than
    /// [`PARAMS`](Parameters::PARAMS); a layer that holds others adds up theirs.
    const TRAINABLE: usize = Self::PARAMS;
    /// The parameters that are there or not as an option says, which these numbers count as it is by itself.
    #[doc(hidden)]
    const OPTIONAL: &'static [Optional] = &[];
    /// How often it holds each of these: a layer around another may hold that one more than once.
    #[doc(hidden)]
    const COPIES: usize = 1;
    /// Whether nothing reads its matrices but [`Backend::embedding`] and [`Backend::embedding_bag`], or each layer in it, which it
    /// enters by [`Visitor::enter_layer`], says so for itself. Then a step of training may leave rows that are not read as they are.
    #[doc(hidden)]
    const SHOWS_TABLES: bool = false;
    /// Whether it holds layers, each of which knows for itself what to do in a training pass where nothing is trained.
    #[doc(hidden)]
    const HOLDS: bool = false;

    /// Shows all parameters to a visitor.
    ///
    /// # Errors
    /// Those of the visitor; the visit ends at the first.
    fn visit(&mut self, _visitor: &mut dyn Visitor<E, D>) -> Result<(), Error> {
        Ok(())
    }

    /// Looks whether the weights have the shapes that the layer says, where their types do not: once for all visitors.
    ///
    /// # Errors
    /// [`Error::Mismatch`].
    #[doc(hidden)]
    fn check_shapes(&self) -> Result<(), Error> {
        Ok(())
    }

    /// The same as a layer of that name.
    ///
    /// # Errors
    /// Those of the visitor.
    #[doc(hidden)]
    fn visit_layer(&mut self, name: &str, visitor: &mut dyn Visitor<E, D>) -> Result<(), Error> {
        visitor.enter_layer(name, Self::SHOWS_TABLES);
        self.visit(visitor)?;
        visitor.leave();
        Ok(())
    }
}

macro_rules! tuples {
    ($first:ident $($before:ident $layer:ident $i:tt)*) => {
        #[diagnostic::do_not_recommend]
        impl<E: Element, D: Backend<E>, $first: Build<E, D>, $($layer: Build<E, D>),*> Build<E, D>
            for ($first, $($layer,)*)
        {
            fn build(dev: &D) -> Result<Self, Error> {
                Ok(($first::build(dev)?, $($layer::build(dev)?,)*))
            }
        }

        #[diagnostic::do_not_recommend]
        impl<E, D, $first, $($layer),*> Parameters<E, D> for ($first, $($layer,)*)
        where
            E: Element,
            D: Backend<E>,
            $first: Parameters<E, D>,
            $($layer: Parameters<E, D>,)*
        {
            const PARAMS: usize = $first::PARAMS $(+ $layer::PARAMS)*;
            const TRAINABLE: usize = $first::TRAINABLE $(+ $layer::TRAINABLE)*;
            const SHOWS_TABLES: bool = true;
            const HOLDS: bool = true;

            fn visit(&mut self, visitor: &mut dyn Visitor<E, D>) -> Result<(), Error> {
                visitor.enter_layer("0", $first::SHOWS_TABLES);
                self.0.visit(visitor)?;
                visitor.leave();
                $(
                    visitor.enter_layer(stringify!($i), $layer::SHOWS_TABLES);
                    self.$i.visit(visitor)?;
                    visitor.leave();
                )*
                Ok(())
            }
        }
    };
}

all_tuples!(tuples);
