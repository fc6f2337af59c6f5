//! Windows along sizes that no type calculates with: those above 1024.
//!
//! `#[model]` evaluates such a size, as a constant: the layer itself is called as if it were known at run time only, and what
//! it gives has the constant as its size again.

use std::marker::PhantomData;

use const_panic::concat_panic;
use dfdx::tensor::{Tape, Tensor};

use super::{Checked, Code, Continues, Next};
use crate::{
    backend::{Backend, Element, sized},
    error::Error,
    fusion::Fused,
    layer::{Layer, pass, pass_mut},
    shape::{Shape, Windowed},
    signal::Signal,
};

/// The field of a model that gives this value is such a layer. Made by `#[model]`.
pub trait Windows<const VALUE: usize> {
    /// What reaches it, without the sizes that no type calculates with.
    const OPENED: Code;
    /// What it gives.
    const CLOSED: Code;
}

/// A signal without the sizes that no type calculates with.
pub const fn opened<L: Windowed>(mut signal: Code) -> Code {
    let mut i = 0;
    // The last size is that of features.
    while signal.kind == 1 && i < L::WINDOWS.len() && i + 2 < signal.rank {
        let (at_run_time, size) = signal.dims[i + 1];
        if !at_run_time && !L::WINDOWS[i].is_small(size) {
            signal.dims[i + 1] = (true, 0);
        }
        i += 1;
    }
    signal
}

/// What a layer gives for a signal, from what it gives where the sizes are not known.
#[track_caller]
pub const fn closed<L: Windowed>(signal: Code, mut out: Code) -> Code {
    let mut i = 0;
    while out.kind == 1 && i < L::WINDOWS.len() && i + 2 < out.rank {
        let ((at_run_time, size), along) = (signal.dims[i + 1], L::WINDOWS[i]);
        if out.dims[i + 1].0 && !at_run_time {
            match along.out(size) {
                Some(out_size) => out.dims[i + 1] = (false, out_size),
                None => concat_panic!("a window does not fit into a size of ", size),
            }
        }
        i += 1;
    }
    out
}

/// A signal made of its code, if it is a shape; others stay as they are.
#[derive(Debug)]
pub struct Sized<const KIND: usize, S, Signal>(std::marker::PhantomData<(S, Signal)>);

impl<S: Shape, In> Continues for Sized<1, S, In> {
    type Signal = S;
}

impl<S, In: Signal> Continues for Sized<0, S, In> {
    type Signal = In;
}

impl<S, In: Signal> Continues for Sized<2, S, In> {
    type Signal = In;
}

impl<S, In: Signal> Continues for Sized<3, S, In> {
    type Signal = In;
}

/// A shape that is another, with sizes that are known at run time only in one of them.
pub trait SameSizes<S: Signal>: Signal {
    /// The same data.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if the other shape asks for other sizes.
    fn with_sizes<E: Element, D: Backend<E>, T: Tape<E, D>>(
        data: Self::Data<E, D, T>,
    ) -> Result<S::Data<E, D, T>, Error>;
}

impl<A: Shape<Concrete = B::Concrete>, B: Shape> SameSizes<B> for A {
    fn with_sizes<E: Element, D: Backend<E>, T: Tape<E, D>>(
        data: Tensor<A, E, D, T>,
    ) -> Result<Tensor<B, E, D, T>, Error> {
        sized(data)
    }
}

/// A check of a layer that takes its input as `Opened`, and gives `Closed`.
#[derive(Debug)]
pub struct Between<Opened, Closed, C>(PhantomData<(Opened, Closed, C)>);

impl<L, In, Opened, Closed, E, D> Next<L, In, E, D> for Between<Opened, Closed, Checked<0>>
where
    L: Layer<Opened, E, D, Out: SameSizes<Closed>>,
    In: SameSizes<Opened>,
    Opened: Signal,
    Closed: Signal,
    E: Element,
    D: Backend<E>,
{
    type Out = Closed;
    const DROPS_MASK: bool = L::DROPS_MASK;

    fn call<T: Tape<E, D>>(
        layer: &L,
        x: In::Data<E, D, T>,
    ) -> Result<Closed::Data<E, D, T>, Error> {
        L::Out::with_sizes(layer.call(In::with_sizes(x)?)?)
    }

    fn call_mut<T: Tape<E, D>>(
        layer: &mut L,
        x: In::Data<E, D, T>,
    ) -> Result<Closed::Data<E, D, T>, Error> {
        L::Out::with_sizes(layer.call_mut(In::with_sizes(x)?)?)
    }

    fn fusing() -> Fused<E, D> {
        Fused::new(L::FUSES)
    }

    fn fuse<T: Tape<E, D>>(
        layer: &L,
        front: &mut Fused<E, D>,
        training: bool,
    ) -> Result<bool, Error> {
        layer.fuse::<T>(front, training)
    }

    fn pass<T: Tape<E, D>>(
        layer: &L,
        x: In::Data<E, D, T>,
        fused: Fused<E, D>,
        ahead: &mut usize,
    ) -> Result<Closed::Data<E, D, T>, Error> {
        L::Out::with_sizes(pass::<L, _, E, D, T>(layer, In::with_sizes(x)?, fused, ahead)?)
    }

    fn pass_mut<T: Tape<E, D>>(
        layer: &mut L,
        x: In::Data<E, D, T>,
        fused: Fused<E, D>,
        ahead: &mut usize,
    ) -> Result<Closed::Data<E, D, T>, Error> {
        L::Out::with_sizes(pass_mut::<L, _, E, D, T>(layer, In::with_sizes(x)?, fused, ahead)?)
    }
}
