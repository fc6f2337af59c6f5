use dfdx::{
    shapes::Const,
    tensor::{PutTape, SplitTape, Storage, Tape, Tensor},
};

use super::{
    Feedable, OnWire, PartAt, Rest, Signal, StepRows, Value, message,
    rows::{concat, rows_of},
};
use crate::{
    backend::{Backend, Element, StopGradient},
    error::Error,
    shape,
    shape::Dim,
};

/// The state of a [`Gru`](crate::layers::Gru) or [`SimpleRnn`](crate::layers::SimpleRnn): its output at a step.
///
/// As the name of a wire it is `StateH<(Batch, Const<16>)>`, as data `StateH<Tensor<..>>`. In a `#[model]`,
/// [`ReturnState`](crate::layers::ReturnState) gives it, and `#[from(x, encoder.state)]` takes it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StateH<T> {
    /// The output, `(Batch, Units)`.
    pub h: T,
}

/// The state of an [`Lstm`](crate::layers::Lstm): its output at a step, `h`, and its cell state, `c`.
///
/// As the name of a wire it is `StateHc<(Batch, Const<16>)>`, as data `StateHc<Tensor<..>>`. In a `#[model]`,
/// [`ReturnState`](crate::layers::ReturnState) gives it, and `#[from(x, encoder.state)]` takes it; `encoder.state.0` is
/// `h`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StateHc<T> {
    /// The output, `(Batch, Units)`.
    pub h: T,
    /// The cell state, `(Batch, Units)`.
    pub c: T,
}

macro_rules! states {
    ($name:ident, $step:ty, $places:expr, $($part:ident)*) => {
        #[diagnostic::do_not_recommend]
        impl<B: Dim, H: Dim> Signal for $name<(B, H)> {
            const HAS_STATE: bool = true;
            type Data<E: Element, D: Backend<E>, T: Tape<E, D>> = $name<Tensor<(B, H), E, D, T>>;
            type StepData<'a, E: Element> = $step;

            fn put_tape<E: Element, D: Backend<E>, T: Tape<E, D>>(
                data: $name<Tensor<(B, H), E, D>>,
                tape: T,
            ) -> $name<Tensor<(B, H), E, D, T>> {
                let mut tape = Some(tape);
                $name { $($part: PutTape::put_tape(data.$part, tape.take().unwrap_or_default())),* }
            }

            fn split_tape<E: Element, D: Backend<E>, T: Tape<E, D>>(
                data: $name<Tensor<(B, H), E, D, T>>,
            ) -> ($name<Tensor<(B, H), E, D>>, T) {
                let mut all = T::default();
                let data = $name {
                    $($part: {
                        let (part, tape) = SplitTape::split_tape(data.$part);
                        all = std::mem::take(&mut all).merge(tape);
                        part
                    }),*
                };
                (data, all)
            }

            fn share<E: Element, D: Backend<E>>(
                data: &$name<Tensor<(B, H), E, D>>,
            ) -> $name<Tensor<(B, H), E, D>> {
                data.clone()
            }

            fn concat<E: Element, D: Backend<E>>(
                parts: &[$name<Tensor<(B, H), E, D>>],
            ) -> Result<$name<Tensor<(B, H), E, D>>, Error> {
                Ok($name {
                    $($part: {
                        let all: Vec<_> = parts.iter().map(|part| part.$part.clone()).collect();
                        concat(&all)?
                    }),*
                })
            }

            fn rows_of<E: Element, D: Backend<E>>(
                data: &$name<Tensor<(B, H), E, D>>,
                rows: std::ops::Range<usize>,
            ) -> Result<$name<Tensor<(B, H), E, D>>, Error> {
                Ok($name { $($part: rows_of(&data.$part, rows.clone())?),* })
            }

            fn each_tensor<E: Element, D: Backend<E>, T: Tape<E, D>>(
                data: &$name<Tensor<(B, H), E, D, T>>,
                see: &mut impl crate::signal::SeeTensor<E, D, T>,
            ) -> Result<(), Error> {
                $(see.tensor(&data.$part, None)?;)*
                Ok(())
            }

            fn stop_gradient<E: Element, D: Backend<E>>(
                data: &$name<Tensor<(B, H), E, D>>,
            ) -> Vec<StopGradient> {
                vec![$(D::stop_gradient(&data.$part)),*]
            }

            fn send<E: Element, D: Backend<E>>(
                data: &$name<Tensor<(B, H), E, D>>,
                message: &mut Vec<f64>,
            ) -> Result<(), Error> {
                $(message::send(&data.$part, message)?;)*
                Ok(())
            }

            fn receive<E: Element, D: Backend<E>>(
                rest: Rest<'_, '_>,
                dev: &D,
            ) -> Result<$name<Tensor<(B, H), E, D>>, Error> {
                Ok($name { $($part: message::receive(rest, dev)?),* })
            }

            fn display() -> String {
                format!("{}<{}>", stringify!($name), shape::display::<(B, H)>())
            }

            fn parts() -> Vec<(String, String)> {
                let places: &[&str] = $places;
                let part = |place: &&str| (place.to_string(), shape::display::<(B, H)>());
                places.iter().map(part).collect()
            }
        }

        #[diagnostic::do_not_recommend]
        impl<B: Dim, H: Dim, E: Element, D: Backend<E>, T: Tape<E, D>> Value<E, D>
            for $name<Tensor<(B, H), E, D, T>>
        {
            type Signal = $name<(B, H)>;
            type Tape = T;

            fn into_data(self) -> Self {
                self
            }
        }

        #[diagnostic::do_not_recommend]
        impl<B: Dim, H: Dim, E: Element, D: Storage<E>, T> OnWire
            for $name<Tensor<(B, H), E, D, T>>
        {
            type Signal = $name<(B, H)>;
            type Tape = T;
        }

        #[diagnostic::do_not_recommend]
        impl<V> Feedable for $name<V> {
            type Data = Self;

            fn data(self) -> Self {
                self
            }
        }
    };
}
states!(StateH, &'a [E], &[""], h);
states!(StateHc, (&'a [E], &'a [E]), &["0", "1"], h c);

macro_rules! parts {
    ($($at:literal $part:ident)*) => {
        $(
            #[diagnostic::do_not_recommend]
            impl<B: Dim, H: Dim> PartAt<$at> for StateHc<(B, H)> {
                type Part = (B, H);

                fn take<E: Element, D: Backend<E>, T: Tape<E, D>>(
                    data: StateHc<Tensor<(B, H), E, D, T>>,
                ) -> Tensor<(B, H), E, D, T> {
                    data.$part
                }

                fn step<'a, E: Element>(
                    (h, c): <Self as Signal>::StepData<'a, E>,
                ) -> <(B, H) as Signal>::StepData<'a, E> {
                    [h, c][$at]
                }
            }
        )*
    };
}
parts!(0 h 1 c);

/// What is kept of a step of `(B, Const<H>)`.
type Kept<B, const H: usize, E> = <(B, Const<H>) as StepRows>::Kept<E>;

#[diagnostic::do_not_recommend]
impl<B: Dim, const H: usize> StepRows for StateH<(B, Const<H>)> {
    type Rows<'a, E: Element> = &'a [[E; H]];
    type Kept<E: Element> = Kept<B, H, E>;

    fn room<E: Element>(rows: usize) -> Result<Kept<B, H, E>, Error> {
        <(B, Const<H>) as StepRows>::room(rows)
    }

    fn keep<E: Element>(step: Self::Rows<'_, E>, room: &mut Kept<B, H, E>) -> Result<(), Error> {
        <(B, Const<H>) as StepRows>::keep(step, room)
    }

    fn step<E: Element>(kept: &Kept<B, H, E>) -> <Self as Signal>::StepData<'_, E> {
        <(B, Const<H>) as StepRows>::step(kept)
    }

    fn rows<'a, E: Element>(step: <Self as Signal>::StepData<'a, E>) -> Self::Rows<'a, E> {
        <(B, Const<H>) as StepRows>::rows(step)
    }
}

#[diagnostic::do_not_recommend]
impl<B: Dim, const H: usize> StepRows for StateHc<(B, Const<H>)> {
    type Rows<'a, E: Element> = (&'a [[E; H]], &'a [[E; H]]);
    type Kept<E: Element> = (Kept<B, H, E>, Kept<B, H, E>);

    fn room<E: Element>(rows: usize) -> Result<Self::Kept<E>, Error> {
        Ok((<(B, Const<H>) as StepRows>::room(rows)?, <(B, Const<H>) as StepRows>::room(rows)?))
    }

    fn keep<E: Element>(
        (h, c): Self::Rows<'_, E>,
        (kept_h, kept_c): &mut Self::Kept<E>,
    ) -> Result<(), Error> {
        <(B, Const<H>) as StepRows>::keep(h, kept_h)?;
        <(B, Const<H>) as StepRows>::keep(c, kept_c)
    }

    fn step<E: Element>((h, c): &Self::Kept<E>) -> <Self as Signal>::StepData<'_, E> {
        (<(B, Const<H>) as StepRows>::step(h), <(B, Const<H>) as StepRows>::step(c))
    }

    fn rows<'a, E: Element>((h, c): <Self as Signal>::StepData<'a, E>) -> Self::Rows<'a, E> {
        (<(B, Const<H>) as StepRows>::rows(h), <(B, Const<H>) as StepRows>::rows(c))
    }
}
