use std::sync::{PoisonError, RwLock};

use dfdx::tensor::Tape;

use crate::{
    backend::{Backend, Element},
    error::Error,
    fields::{Configured, Fields},
    layer::{Infer, Layer, in_pass, trains},
    parameters::{Build, Parameters, Visitor},
    shape::Fault,
    signal::Signal,
    stream::{StateVisitor, Streamable},
};

/// A layer within a layer. It takes part in whatever pass reaches the layer around it: that one implements
/// [`call`](Layer::call) only, and in the training pass its dropouts drop and its statistics move all the same.
///
/// ```
/// use kerata::{*, prelude::*, tensor::Tape};
///
/// /// `x + dropout(relu(x W + b))`.
/// #[layer(class = "Residual")]
/// struct Residual {
///     #[inner]
///     dense: Inner<Dense<100, 100, Relu>>,
///     #[inner]
///     dropout: Inner<Dropout<50>>,
/// }
///
/// impl Layer<(Batch, Const<100>)> for Residual {
///     type Out = (Batch, Const<100>);
///
///     fn call<T: Tape<f32, Cpu>>(
///         &self,
///         x: Tensor<Self::Out, f32, Cpu, T>,
///     ) -> Result<Tensor<Self::Out, f32, Cpu, T>, Error> {
///         Ok(self.dropout.forward(self.dense.forward(x.retaped::<T>())?)? + x)
///     }
/// }
///
/// let dev = Cpu::seed_from_u64(0);
/// let (mut residual, x) = (Residual::build(&dev)?, dev.tensor_from_vec(vec![1.0; 100], (1, Const)));
/// let unchanged = |y: Vec<f32>| y.iter().filter(|&&y| y == 1.0).count();
/// let inference = unchanged(residual.forward(x.clone())?.as_vec());
/// assert!(unchanged(residual.forward_mut(x)?.as_vec()) > inference + 10);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Inner<L>(RwLock<L>);

impl<L> Inner<L> {
    /// Puts a layer into another.
    pub fn new(layer: L) -> Self {
        Self(RwLock::new(layer))
    }

    /// The layer.
    pub fn get_mut(&mut self) -> &mut L {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the layer, or runs its inference pass in any case.
    pub fn with<R>(&self, look: impl FnOnce(&L) -> R) -> R {
        in_pass(false, || look(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl<L: Clone> Clone for Inner<L> {
    fn clone(&self) -> Self {
        Self::new(self.with(L::clone))
    }
}

impl<In: Signal, E: Element, D: Backend<E>, L: Layer<In, E, D>> Layer<In, E, D> for Inner<L> {
    type Out = L::Out;

    const CHECK: () = L::CHECK;
    const FAULT: Fault = L::FAULT;
    const DROPS_MASK: bool = L::DROPS_MASK;

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error> {
        if !trains() {
            return self.with(|layer| layer.call(x));
        }
        let mut layer = self.0.write().unwrap_or_else(PoisonError::into_inner);
        in_pass(false, || layer.call_mut(x))
    }

    fn call_mut<T: Tape<E, D>>(
        &mut self,
        x: In::Data<E, D, T>,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error> {
        in_pass(false, || self.get_mut().call_mut(x))
    }
}

#[diagnostic::do_not_recommend]
impl<In, E, D, L> Streamable<In, E, D> for Inner<L>
where
    In: Signal,
    E: Element,
    D: Backend<E>,
    L: Streamable<In, E, D>,
{
    type State = L::State;
    type Stepper = L::Stepper;

    fn begin(&self, rows: usize) -> Result<(L::Stepper, L::State), Error> {
        self.with(|layer| layer.begin(rows))
    }

    fn step<'a>(
        stepper: &'a mut L::Stepper,
        state: &mut L::State,
        x: In::StepData<'a, E>,
    ) -> Result<<L::Out as Signal>::StepData<'a, E>, Error> {
        L::step(stepper, state, x)
    }

    fn commit(state: &mut L::State) {
        L::commit(state);
    }

    fn visit_state<V: StateVisitor<E>>(state: &mut L::State, visitor: &mut V) -> Result<(), Error> {
        L::visit_state(state, visitor)
    }
}

impl<In, L: Infer<In>> Infer<In> for Inner<L> {
    const SIZE: usize = L::SIZE;
}

impl<E: Element, D: Backend<E>, L: Build<E, D>> Build<E, D> for Inner<L> {
    fn build(dev: &D) -> Result<Self, Error> {
        L::build(dev).map(Self::new)
    }
}

impl<E: Element, D: Backend<E>, L: Parameters<E, D>> Parameters<E, D> for Inner<L> {
    const PARAMS: usize = L::PARAMS;
    const TRAINABLE: usize = L::TRAINABLE;
    const HOLDS: bool = L::HOLDS;

    fn visit(&mut self, visitor: &mut dyn Visitor<E, D>) -> Result<(), Error> {
        self.get_mut().visit(visitor)
    }
}

impl<L: Configured> Configured for Inner<L> {
    const CLASS: &'static str = L::CLASS;
    type Element = L::Element;
    type Device = L::Device;
    const WRITTEN: bool = L::WRITTEN;

    fn describe(&mut self, fields: &mut Fields) {
        self.get_mut().describe(fields);
    }

    fn accepts(class: &str) -> bool {
        L::accepts(class)
    }

    fn may_be_missing(next: Option<&str>) -> bool {
        L::may_be_missing(next)
    }
}
