use std::marker::PhantomData;

use dfdx::tensor::{NoneTape, Tape};

use super::{OnWire, Rest, Signal, Value};
use crate::{
    backend::{Backend, Element, StopGradient},
    error::Error,
    tuples::several,
};

/// Signals side by side: two for a layer with two inputs, such as [`Add`](crate::layers::Add), and up to six for the
/// outputs of a model and their targets.
///
/// It only names the wire; its data is a tuple, of which the first carries the tape.
///
/// ```
/// use kerata::{Add, Cpu, Error, prelude::*};
///
/// let dev = Cpu::default();
/// let sum = Add.forward((dev.tensor([[1.0_f32, 2.0]]), dev.tensor([[3.0_f32, 4.0]])))?;
/// assert_eq!(sum.array(), [[4.0, 6.0]]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Inputs<T>(PhantomData<T>);

macro_rules! side_by_side {
    ($A:ident 0 $($S:ident $at:tt)*) => {
        #[diagnostic::do_not_recommend]
        #[allow(non_snake_case)]
        impl<$A: Signal, $($S: Signal),*> Signal for Inputs<($A, $($S,)*)> {
            const MASKED: bool = $A::MASKED $(|| $S::MASKED)*;
            const HAS_STATE: bool = $A::HAS_STATE $(|| $S::HAS_STATE)*;

            type Data<E: Element, D: Backend<E>, T: Tape<E, D>> =
                ($A::Data<E, D, T>, $($S::Data<E, D, T>,)*);
            type StepData<'a, E: Element> = ($A::StepData<'a, E>, $($S::StepData<'a, E>,)*);

            fn put_tape<E: Element, D: Backend<E>, T: Tape<E, D>>(
                data: Self::Data<E, D, NoneTape>,
                tape: T,
            ) -> Self::Data<E, D, T> {
                ($A::put_tape(data.0, tape), $($S::put_tape(data.$at, T::default()),)*)
            }

            fn split_tape<E: Element, D: Backend<E>, T: Tape<E, D>>(
                data: Self::Data<E, D, T>,
            ) -> (Self::Data<E, D, NoneTape>, T) {
                let ($A, tape) = $A::split_tape::<E, D, T>(data.0);
                $(
                    let ($S, other) = $S::split_tape::<E, D, T>(data.$at);
                    let tape = tape.merge(other);
                )*
                (($A, $($S,)*), tape)
            }

            fn share<E: Element, D: Backend<E>>(
                data: &Self::Data<E, D, NoneTape>,
            ) -> Self::Data<E, D, NoneTape> {
                ($A::share::<E, D>(&data.0), $($S::share::<E, D>(&data.$at),)*)
            }

            fn concat<E: Element, D: Backend<E>>(
                parts: &[Self::Data<E, D, NoneTape>],
            ) -> Result<Self::Data<E, D, NoneTape>, Error> {
                let $A: Vec<_> = parts.iter().map(|part| $A::share::<E, D>(&part.0)).collect();
                $(let $S: Vec<_> = parts.iter().map(|part| $S::share::<E, D>(&part.$at)).collect();)*
                Ok(($A::concat::<E, D>(&$A)?, $($S::concat::<E, D>(&$S)?,)*))
            }

            fn rows_of<E: Element, D: Backend<E>>(
                data: &Self::Data<E, D, NoneTape>,
                rows: std::ops::Range<usize>,
            ) -> Result<Self::Data<E, D, NoneTape>, Error> {
                Ok((
                    $A::rows_of::<E, D>(&data.0, rows.clone())?,
                    $($S::rows_of::<E, D>(&data.$at, rows.clone())?,)*
                ))
            }

            fn without_padding<E: Element, D: Backend<E>>(
                data: &Self::Data<E, D, NoneTape>,
                keep: &[bool],
            ) -> Result<Self::Data<E, D, NoneTape>, Error> {
                Ok((
                    $A::without_padding::<E, D>(&data.0, keep)?,
                    $($S::without_padding::<E, D>(&data.$at, keep)?,)*
                ))
            }

            fn each_tensor<E: Element, D: Backend<E>, T: Tape<E, D>>(
                data: &Self::Data<E, D, T>,
                see: &mut impl crate::signal::SeeTensor<E, D, T>,
            ) -> Result<(), Error> {
                $A::each_tensor::<E, D, T>(&data.0, see)?;
                $($S::each_tensor::<E, D, T>(&data.$at, see)?;)*
                Ok(())
            }

            fn stop_gradient<E: Element, D: Backend<E>>(
                data: &Self::Data<E, D, NoneTape>,
            ) -> Vec<StopGradient> {
                let mut all = $A::stop_gradient::<E, D>(&data.0);
                $(all.extend($S::stop_gradient::<E, D>(&data.$at));)*
                all
            }

            fn send<E: Element, D: Backend<E>>(
                data: &Self::Data<E, D, NoneTape>,
                message: &mut Vec<f64>,
            ) -> Result<(), Error> {
                $A::send::<E, D>(&data.0, message)?;
                $($S::send::<E, D>(&data.$at, message)?;)*
                Ok(())
            }

            fn receive<E: Element, D: Backend<E>>(
                rest: Rest<'_, '_>,
                dev: &D,
            ) -> Result<Self::Data<E, D, NoneTape>, Error> {
                Ok(($A::receive::<E, D>(rest, dev)?, $($S::receive::<E, D>(rest, dev)?,)*))
            }

            fn display() -> String {
                format!("Inputs<({})>", [$A::display(), $($S::display()),*].join(", "))
            }

            fn parts() -> Vec<(String, String)> {
                let all = [("0", $A::parts()), $((stringify!($at), $S::parts())),*];
                let inside = |(at, parts): (&'static str, Vec<(String, String)>)| {
                    parts.into_iter().map(move |(place, signal)| match place.as_str() {
                        "" => (at.to_owned(), signal),
                        _ => (format!("{at}.{place}"), signal),
                    })
                };
                all.into_iter().flat_map(inside).collect()
            }
        }
    };
}
several!(side_by_side);

/// A signal that is two, [`Inputs`]: what [`Shared`](crate::layers::Shared) takes.
#[diagnostic::on_unimplemented(
    message = "two inputs are needed here, `Inputs<(.., ..)>`, but `{Self}` arrives",
    label = "here two inputs are handled one by one",
    note = "in a `#[model]`, `#[from(a, b)]` on the field names the two"
)]
pub trait TwoSignals: Signal {
    /// The first of the two.
    type First: Signal;
    /// The second of the two.
    type Second: Signal;

    /// The two, apart.
    fn split<E: Element, D: Backend<E>, T: Tape<E, D>>(
        data: Self::Data<E, D, T>,
    ) -> (<Self::First as Signal>::Data<E, D, T>, <Self::Second as Signal>::Data<E, D, T>);
}

#[diagnostic::do_not_recommend]
impl<A: Signal, B: Signal> TwoSignals for Inputs<(A, B)> {
    type First = A;
    type Second = B;

    fn split<E: Element, D: Backend<E>, T: Tape<E, D>>(
        data: (A::Data<E, D, T>, B::Data<E, D, T>),
    ) -> (A::Data<E, D, T>, B::Data<E, D, T>) {
        data
    }
}

macro_rules! values {
    ($A:ident 0 $($S:ident $at:tt)*) => {
        #[diagnostic::do_not_recommend]
        impl<$A: OnWire, $($S: OnWire<Tape = $A::Tape>,)*> OnWire for ($A, $($S,)*) {
            type Signal = Inputs<($A::Signal, $($S::Signal,)*)>;
            type Tape = $A::Tape;
        }

        #[diagnostic::do_not_recommend]
        impl<$A, $($S,)* Elem, Dev> Value<Elem, Dev> for ($A, $($S,)*)
        where
            $A: Value<Elem, Dev>,
            $($S: Value<Elem, Dev, Tape = $A::Tape>,)*
            Elem: Element,
            Dev: Backend<Elem>,
        {
            type Signal = Inputs<($A::Signal, $($S::Signal,)*)>;
            type Tape = $A::Tape;

            fn into_data(self) -> <Self::Signal as Signal>::Data<Elem, Dev, $A::Tape> {
                (self.0.into_data(), $(self.$at.into_data(),)*)
            }
        }
    };
}
several!(values);
