//! What keeps deep models flat.
//!
//! The signal of a value is the output of a layer for the signal before it, and so on back to the input: to the compiler each is
//! nested in the next, which takes a time that grows with the square of their number, and comes to the recursion limit. So
//! `#[model]` cuts the chain now and then: there the signal is told by numbers, constants that the compiler evaluates once, and
//! made of them again.

use std::marker::PhantomData;

use dfdx::shapes::Const;

use crate::{
    shape::{Sequence, Shape},
    signal::{Ids, Masked, Signal},
};

/// A signal in numbers.
#[derive(Debug, Clone, Copy)]
pub struct Code {
    /// 1 for a shape, 2 for `Masked`, 3 for `Ids`; 0 for others, which have no code.
    pub kind: usize,
    /// The number of dimensions.
    pub rank: usize,
    /// Whether the size of each is known at run time only, and the size.
    pub dims: [(bool, usize); 6],
}

/// A signal with a [`Code`].
pub trait Coded {
    /// The code.
    const CODE: Code;
}

impl<S: Shape> Coded for S {
    const CODE: Code = {
        let (mut dims, mut i) = ([(false, 0); 6], 0);
        while i < S::SIZES.len() {
            dims[i] = match S::SIZES[i] {
                Some(size) => (false, size),
                None => (true, 0),
            };
            i += 1;
        }
        Code { kind: 1, rank: S::SIZES.len(), dims }
    };
}

impl<S: Sequence> Coded for Masked<S> {
    const CODE: Code = Code { kind: 2, ..S::CODE };
}

impl<S: Shape> Coded for Ids<S> {
    const CODE: Code = Code { kind: 3, ..S::CODE };
}

/// The dimension of a code.
#[derive(Debug)]
pub struct Dimension<const ANY: bool, const SIZE: usize>;

/// What has been coded.
pub trait Decoded {
    /// A dimension or a shape.
    type Of;
}

impl<const SIZE: usize> Decoded for Dimension<true, SIZE> {
    type Of = usize;
}

impl<const SIZE: usize> Decoded for Dimension<false, SIZE> {
    type Of = Const<SIZE>;
}

/// The shape of a code.
#[derive(Debug)]
pub struct Dimensions<const RANK: usize, Dims>(PhantomData<Dims>);

macro_rules! ranks {
    ($($rank:literal ($($dim:ident)*) ($($rest:ident)*))*) => {$(
        impl<$($dim: Decoded,)* $($rest),*> Decoded for Dimensions<$rank, ($($dim,)* $($rest,)*)> {
            type Of = ($($dim::Of,)*);
        }
    )*};
}
ranks! {
    0 () (A B C D E F)
    1 (A) (B C D E F)
    2 (A B) (C D E F)
    3 (A B C) (D E F)
    4 (A B C D) (E F)
    5 (A B C D E) (F)
    6 (A B C D E F) ()
}

/// `Coding::<S>::CODE` is the code of a signal, if it has one; else that of [`NotCoded`].
#[derive(Debug)]
pub struct Coding<S>(PhantomData<S>);

impl<S: Coded> Coding<S> {
    /// The code.
    pub const CODE: Code = S::CODE;
}

/// The code of a signal that has none.
pub trait NotCoded {
    /// The code.
    const CODE: Code = Code { kind: 0, rank: 0, dims: [(false, 0); 6] };
}

impl<S> NotCoded for Coding<S> {}

/// A value at which the chain is cut: what gives it.
pub trait Given<const VALUE: usize> {
    /// The signal.
    type Signal;
    /// Its code.
    const CODE: Code;
}

/// A signal made of its code; if it has none, the one that the value of the model has.
#[derive(Debug)]
pub struct Cut<const KIND: usize, S, M, const VALUE: usize>(PhantomData<(S, M)>);

/// The signal of a code.
pub trait Continues {
    /// The signal.
    type Signal: Signal;
}

impl<S: Shape, M, const VALUE: usize> Continues for Cut<1, S, M, VALUE> {
    type Signal = S;
}

impl<S: Sequence, M, const VALUE: usize> Continues for Cut<2, S, M, VALUE> {
    type Signal = Masked<S>;
}

impl<S: Shape, M, const VALUE: usize> Continues for Cut<3, S, M, VALUE> {
    type Signal = Ids<S>;
}

impl<S, M: Given<VALUE, Signal: Signal>, const VALUE: usize> Continues for Cut<0, S, M, VALUE> {
    type Signal = M::Signal;
}
