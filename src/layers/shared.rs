use dfdx::tensor::Tape;

use crate::{
    backend::{Backend, Element},
    error::Error,
    layer,
    layer::{Infer, Layer},
    shape::Fault,
    signal::{Inputs, Signal, TwoSignals},
    stream::{StateVisitor, Streamable},
};

/// Applies one layer, with one set of weights, to each of two inputs.
///
/// This is what Keras's functional API does where a layer is called twice, as in a model that compares two
/// sentences. In a `#[model]`, `#[from(both.0)]` and `#[from(both.1)]` take what it gives apart again. It has no
/// config, and so neither has a model with it.
///
/// Keras: [shared layers](https://keras.io/guides/functional_api/#shared-layers).
///
/// # Shapes
/// - input `Inputs<(A, B)>`, where the layer takes `A` and takes `B`
/// - output `Inputs<(P, Q)>`, what it gives for them
///
/// ```
/// use kerata::{Batch, Const, Cpu, Dense, Error, Inputs, Shared, Subtract, model, prelude::*};
///
/// #[model(input = Inputs<((Batch, 3), (Batch, 3))>, output = (Batch, 2))]
/// struct Difference {
///     both: Shared<Dense<_, 2>>,
///     difference: Subtract,
/// }
///
/// let dev = Cpu::seed_from_u64(0);
/// let (model, x) = (Difference::build(&dev)?, dev.tensor_from_vec(vec![0.5_f32; 6], (2, Const::<3>)));
/// assert_eq!(model.forward((x.clone(), x))?.as_vec(), [0.0; 4]);
/// assert_eq!(Difference::PARAMS, 3 * 2 + 2);
/// # Ok::<(), Error>(())
/// ```
#[layer]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shared<L> {
    /// The layer that is applied.
    #[inner(by_hand, flat, options)]
    pub layer: L,
}

impl<In, Inner, E, D> Layer<In, E, D> for Shared<Inner>
where
    In: TwoSignals,
    Inner: Layer<In::First, E, D> + Layer<In::Second, E, D>,
    E: Element,
    D: Backend<E>,
{
    type Out =
        Inputs<(<Inner as Layer<In::First, E, D>>::Out, <Inner as Layer<In::Second, E, D>>::Out)>;

    const CHECK: () = {
        let () = <Inner as Layer<In::First, E, D>>::CHECK;
        <Inner as Layer<In::Second, E, D>>::CHECK
    };
    const FAULT: Fault =
        <Inner as Layer<In::First, E, D>>::FAULT.or(<Inner as Layer<In::Second, E, D>>::FAULT);

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error> {
        let (a, b) = In::split::<E, D, T>(x);
        let a = <Inner as Layer<In::First, E, D>>::call(&self.layer, a)?;
        Ok((a, <Inner as Layer<In::Second, E, D>>::call(&self.layer, b)?))
    }

    fn call_mut<T: Tape<E, D>>(
        &mut self,
        x: In::Data<E, D, T>,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error> {
        let (a, b) = In::split::<E, D, T>(x);
        let a = <Inner as Layer<In::First, E, D>>::call_mut(&mut self.layer, a)?;
        Ok((a, <Inner as Layer<In::Second, E, D>>::call_mut(&mut self.layer, b)?))
    }
}

impl<In: TwoSignals, Inner: Infer<In::First>> Infer<In> for Shared<Inner> {
    const SIZE: usize = Inner::SIZE;
}

#[diagnostic::do_not_recommend]
impl<A, B, Inner, E, D> Streamable<Inputs<(A, B)>, E, D> for Shared<Inner>
where
    A: Signal,
    B: Signal,
    Inner: Streamable<A, E, D> + Streamable<B, E, D>,
    E: Element,
    D: Backend<E>,
{
    type State = (<Inner as Streamable<A, E, D>>::State, <Inner as Streamable<B, E, D>>::State);
    type Stepper =
        (<Inner as Streamable<A, E, D>>::Stepper, <Inner as Streamable<B, E, D>>::Stepper);

    fn begin(&self, rows: usize) -> Result<(Self::Stepper, Self::State), Error> {
        let (a, state) = <Inner as Streamable<A, E, D>>::begin(&self.layer, rows)?;
        let (b, other) = <Inner as Streamable<B, E, D>>::begin(&self.layer, rows)?;
        Ok(((a, b), (state, other)))
    }

    fn step<'a>(
        (a, b): &'a mut Self::Stepper,
        (state, other): &mut Self::State,
        (x, y): (A::StepData<'a, E>, B::StepData<'a, E>),
    ) -> Result<<Self::Out as Signal>::StepData<'a, E>, Error> {
        let x = <Inner as Streamable<A, E, D>>::step(a, state, x)?;
        Ok((x, <Inner as Streamable<B, E, D>>::step(b, other, y)?))
    }

    fn commit((state, other): &mut Self::State) {
        <Inner as Streamable<A, E, D>>::commit(state);
        <Inner as Streamable<B, E, D>>::commit(other);
    }

    fn visit_state<V: StateVisitor<E>>(
        (state, other): &mut Self::State,
        visitor: &mut V,
    ) -> Result<(), Error> {
        visitor.enter("0");
        <Inner as Streamable<A, E, D>>::visit_state(state, visitor)?;
        visitor.leave();
        visitor.enter("1");
        <Inner as Streamable<B, E, D>>::visit_state(other, visitor)?;
        visitor.leave();
        Ok(())
    }
}
