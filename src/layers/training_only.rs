//! What layers have in common that change values at random in the training pass, and do nothing in inference.

use crate::shape::{Fault, Words};

/// That a rate is in percent, below all of them, in these words.
pub(super) const fn wrong_rate(percent: usize, words: &'static [Words]) -> Fault {
    match percent {
        0..100 => Fault::NONE,
        _ => Fault::new(words),
    }
}

/// A layer on a kind of signal: what it refuses, its settings, which are checked in both passes, and what it makes in training of values
/// under a mask.
macro_rules! training_only {
    (
        [$($generics:tt)*] $layer:ty: $kind:ident, $fault:expr,
        |$this:ident| $settings:expr,
        |$set:ident, $x:ident, $mask:ident| $change:expr
    ) => {
        impl<In, E, D, $($generics)*> Layer<In, E, D> for $layer
        where
            In: $kind + MaskTransparent,
            E: Element,
            D: Backend<E>,
        {
            type Out = In;

            const FAULT: Fault = $fault;

            // A layer around this one may hand on the pass of training by `call`: it implements no `call_mut`.
            fn call<T: Tape<E, D>>(
                &self,
                x: In::Data<E, D, T>,
            ) -> Result<In::Data<E, D, T>, Error> {
                if trains() {
                    return <Self as Layer<In, E, D>>::call_mut(&mut self.clone(), x);
                }
                let $this = self;
                let _ = $settings;
                Ok(x)
            }

            fn call_mut<T: Tape<E, D>>(
                &mut self,
                x: In::Data<E, D, T>,
            ) -> Result<In::Data<E, D, T>, Error> {
                const { <Self as Layer<In, E, D>>::FAULT.tell() };
                let $this = &*self;
                let $set = $settings;
                let mask = In::mask::<E, D, T>(&x).cloned();
                let $mask = mask.as_ref();
                In::map(x, |$x| $change)
            }
        }
    };
}
pub(super) use training_only;
