use std::marker::PhantomData;

use dfdx::tensor::{NoneTape, Tape};

use super::{Signal, Value};
use crate::{
    backend::{Backend, Element, StopGradient},
    error::Error,
};

/// Two signals side by side: what a layer with two inputs takes, such as [`Add`](crate::layers::Add).
///
/// It only names the wire; its data is a pair, of which the first carries the tape.
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

#[diagnostic::do_not_recommend]
impl<A: Signal, B: Signal> Signal for Inputs<(A, B)> {
    const MASKED: bool = A::MASKED || B::MASKED;
    const HAS_STATE: bool = A::HAS_STATE || B::HAS_STATE;

    type Data<E: Element, D: Backend<E>, T: Tape<E, D>> = (A::Data<E, D, T>, B::Data<E, D, T>);
    type StepData<'a, E: Element> = (A::StepData<'a, E>, B::StepData<'a, E>);

    fn put_tape<E: Element, D: Backend<E>, T: Tape<E, D>>(
        (a, b): Self::Data<E, D, NoneTape>,
        tape: T,
    ) -> Self::Data<E, D, T> {
        (A::put_tape(a, tape), B::put_tape(b, T::default()))
    }

    fn split_tape<E: Element, D: Backend<E>, T: Tape<E, D>>(
        (a, b): Self::Data<E, D, T>,
    ) -> (Self::Data<E, D, NoneTape>, T) {
        let (a, tape) = A::split_tape::<E, D, T>(a);
        let (b, other) = B::split_tape::<E, D, T>(b);
        ((a, b), tape.merge(other))
    }

    fn share<E: Element, D: Backend<E>>(
        (a, b): &Self::Data<E, D, NoneTape>,
    ) -> Self::Data<E, D, NoneTape> {
        (A::share::<E, D>(a), B::share::<E, D>(b))
    }

    fn concat<E: Element, D: Backend<E>>(
        parts: &[Self::Data<E, D, NoneTape>],
    ) -> Result<Self::Data<E, D, NoneTape>, Error> {
        let first: Vec<_> = parts.iter().map(|(a, _)| A::share::<E, D>(a)).collect();
        let second: Vec<_> = parts.iter().map(|(_, b)| B::share::<E, D>(b)).collect();
        Ok((A::concat::<E, D>(&first)?, B::concat::<E, D>(&second)?))
    }

    fn without_padding<E: Element, D: Backend<E>>(
        (a, b): &Self::Data<E, D, NoneTape>,
        keep: &[bool],
    ) -> Result<Self::Data<E, D, NoneTape>, Error> {
        Ok((A::without_padding::<E, D>(a, keep)?, B::without_padding::<E, D>(b, keep)?))
    }

    fn stop_gradient<E: Element, D: Backend<E>>(
        (a, b): &Self::Data<E, D, NoneTape>,
    ) -> Vec<StopGradient> {
        let mut both = A::stop_gradient::<E, D>(a);
        both.extend(B::stop_gradient::<E, D>(b));
        both
    }

    fn display() -> String {
        format!("Inputs<({}, {})>", A::display(), B::display())
    }

    fn parts() -> Vec<(String, String)> {
        let inside = |at: &'static str, parts: Vec<(String, String)>| {
            parts.into_iter().map(move |(place, signal)| match place.as_str() {
                "" => (at.to_owned(), signal),
                _ => (format!("{at}.{place}"), signal),
            })
        };
        inside("0", A::parts()).chain(inside("1", B::parts())).collect()
    }
}

/// A signal that is two, [`Inputs`]: what `#[from(input.0)]` takes apart.
#[diagnostic::on_unimplemented(
    message = "two signals are needed here, `Inputs<(.., ..)>`, but `{Self}` arrives",
    label = "here two signals are handled one by one",
    note = "in a `#[model]`, `#[from(a, b)]` on the field names the two"
)]
pub trait TwoSignals: Signal {
    /// The first of the two.
    type First: Signal;
    /// The second of the two.
    type Second: Signal;
    /// Nothing.
    const CHECK: () = ();

    /// The two, apart.
    fn split<E: Element, D: Backend<E>, T: Tape<E, D>>(
        data: Self::Data<E, D, T>,
    ) -> (<Self::First as Signal>::Data<E, D, T>, <Self::Second as Signal>::Data<E, D, T>);

    /// A step of each of the two.
    fn split_step<'a, E: Element>(
        step: Self::StepData<'a, E>,
    ) -> (<Self::First as Signal>::StepData<'a, E>, <Self::Second as Signal>::StepData<'a, E>);
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

    fn split_step<'a, E: Element>(
        step: (A::StepData<'a, E>, B::StepData<'a, E>),
    ) -> (A::StepData<'a, E>, B::StepData<'a, E>) {
        step
    }
}

#[diagnostic::do_not_recommend]
impl<X, Y, E, D> Value<E, D> for (X, Y)
where
    X: Value<E, D>,
    Y: Value<E, D, Tape = X::Tape>,
    E: Element,
    D: Backend<E>,
{
    type Signal = Inputs<(X::Signal, Y::Signal)>;
    type Tape = X::Tape;

    fn into_data(self) -> <Self::Signal as Signal>::Data<E, D, X::Tape> {
        (self.0.into_data(), self.1.into_data())
    }
}
