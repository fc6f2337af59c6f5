//! Dimensions and tuples of them: those of dfdx, of which the compiler tells the sizes too.

use dfdx::shapes::{self, Const};

/// A dimension: [`Const<N>`](Const), or `usize` if its size is known at run time only.
pub trait Dim: shapes::Dim {
    /// The size, if the compiler knows it.
    const KNOWN: Option<usize>;
}

impl<const N: usize> Dim for Const<N> {
    const KNOWN: Option<usize> = Some(N);
}

impl Dim for usize {
    const KNOWN: Option<usize> = None;
}

/// A dimension whose size the compiler knows.
pub trait ConstDim: Dim + Default {
    /// The size.
    const SIZE: usize;
}

impl<const N: usize> ConstDim for Const<N> {
    const SIZE: usize = N;
}

/// A tuple of up to six dimensions.
///
/// ```
/// use kerata::{Batch, Const, shape::Shape};
///
/// assert_eq!(<(Batch, Const<10>)>::SIZES, [None, Some(10)]);
/// ```
pub trait Shape: shapes::Shape {
    /// The sizes of its dimensions, as far as the compiler knows them.
    const SIZES: &'static [Option<usize>];
}

macro_rules! shape {
    ($($dim:ident)*) => {
        #[diagnostic::do_not_recommend]
        impl<$($dim: Dim),*> Shape for ($($dim,)*) {
            const SIZES: &'static [Option<usize>] = &[$($dim::KNOWN),*];
        }
    };
}
shape!();
shape!(A);
shape!(A B);
shape!(A B C);
shape!(A B C F);
shape!(A B C F G);
shape!(A B C F G H);

/// A shape as a person writes it: `(Batch, 10, 27)`.
///
/// A dimension known only at run time is `Batch` in the first place and `Length` elsewhere.
pub fn display<S: Shape>() -> String {
    displayed(S::SIZES)
}

fn displayed(sizes: &[Option<usize>]) -> String {
    let dims: Vec<String> = (sizes.iter().enumerate())
        .map(|(i, size)| match (size, i) {
            (Some(size), _) => size.to_string(),
            (None, 0) => "Batch".to_owned(),
            (None, _) => "Length".to_owned(),
        })
        .collect();
    match dims.as_slice() {
        [one] => format!("({one},)"),
        many => format!("({})", many.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::{Batch, Length, Rank0};

    #[test]
    fn shapes_read_as_they_are_written() {
        assert_eq!(display::<(Batch, Const<10>, Const<27>)>(), "(Batch, 10, 27)");
        assert_eq!(display::<(Batch, Length, Const<8>)>(), "(Batch, Length, 8)");
        assert_eq!(display::<(Batch,)>(), "(Batch,)");
        assert_eq!(display::<(Batch, Const<0>)>(), "(Batch, 0)");
        assert_eq!(display::<Rank0>(), "()");
    }
}
