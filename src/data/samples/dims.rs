use crate::shape::{Batch, Dim, Length, Sequence, Shape};

/// The sizes of one sample, outermost first, as a tuple of dimensions.
pub trait Dims {
    /// The shape of a batch of samples.
    type Batched: Shape;
    /// The shape of a batch of sequences, of which the sample is one step.
    type Ragged: Sequence;
}

/// Sizes that can stand within a dimension.
pub trait Within<A: Dim>: Dims {
    /// The sizes with that dimension in front.
    type Out: Dims;
}

macro_rules! dims {
    ($($dim:ident)*) => {
        impl<$($dim: Dim),*> Dims for ($($dim,)*) {
            type Batched = (Batch, $($dim,)*);
            type Ragged = (Batch, Length, $($dim,)*);
        }
    };
}
dims!();
dims!(A);
dims!(A B);
dims!(A B C);
dims!(A B C F);

macro_rules! within {
    ($($dim:ident)*) => {
        impl<X: Dim, $($dim: Dim),*> Within<X> for ($($dim,)*) {
            type Out = (X, $($dim,)*);
        }
    };
}
within!();
within!(A);
within!(A B);
within!(A B C);
