//! Layers behind one another, some of which are done by the one in front.

use dfdx::tensor::Tape;

use super::Layer;
use crate::{
    backend::{Backend, Element},
    error::Error,
    fusion::{Ahead, Fused, layers_ahead},
    shape::Fault,
    signal::Signal,
    tuples::all_tuples,
};

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
