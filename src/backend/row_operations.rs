//! Those operations of [`Backend`](super::Backend) that choose or scale values by the row that they are of, or by their place in it.

/// Their methods, which stand in the trait.
macro_rules! row_operations {
    () => {
        /// A value for each row that has been calculated by itself: the gradient goes back by its slopes, `(Rows, Width)`. What is not
        /// finite gets none.
        fn with_slopes<T: Tape<E, Self>>(
            x: Tensor<(usize, usize), E, Self, T>,
            y: Vec<E>,
            slopes: Vec<E>,
        ) -> Result<Tensor<(usize,), E, Self, T>, Error> {
            reference::with_slopes(x, y, slopes)
        }

        /// The values of the rows to keep, and `other` instead of the rest. They are chosen, not multiplied with 0 or 1: NaN must
        /// not reach what is made of them, nor its gradient.
        fn keep_rows<S: Shape, T: Tape<E, Self>>(
            x: Tensor<S, E, Self, T>,
            keep: &[bool],
            other: E,
        ) -> Result<Tensor<S, E, Self, T>, Error> {
            reference::keep_rows(x, keep, other)
        }

        /// The values of the rows to keep of the first one, and those of the second one instead of the rest.
        fn choose_rows<S: Shape, T: Tape<E, Self>>(
            both: [Tensor<S, E, Self, T>; 2],
            keep: &[bool],
        ) -> Result<Tensor<S, E, Self, T>, Error> {
            reference::choose_rows(both, keep)
        }

        /// Each value times its factor; 0 where that is 0.
        fn drop_by<S: Shape, T: Tape<E, Self>>(
            x: Tensor<S, E, Self, T>,
            factors: &[E],
        ) -> Result<Tensor<S, E, Self, T>, Error> {
            reference::drop_by(x, factors)
        }

        /// Each value, or the limit that it is beyond. NaN stays.
        fn clamp<S: Shape, T: Tape<E, Self>>(
            x: Tensor<S, E, Self, T>,
            least: f64,
            most: f64,
        ) -> Result<Tensor<S, E, Self, T>, Error> {
            reference::clamp(x, least, most)
        }

        /// Values times factors, plus summands, which have no gradient.
        fn scaled<S: Shape, T: Tape<E, Self>>(
            x: Tensor<S, E, Self, T>,
            scale: Scale<'_, E>,
        ) -> Result<Tensor<S, E, Self, T>, Error> {
            reference::scaled(x, scale)
        }

        /// `max(x, 0) - alpha * max(-x, 0)` on rows; which of the slopes each place has is said by `places`.
        fn prelu<T: Tape<E, Self>>(
            x: Tensor<(usize, usize), E, Self, T>,
            alpha: &Tensor<(usize,), E, Self>,
            places: &[usize],
        ) -> Result<Tensor<(usize, usize), E, Self, T>, Error> {
            reference::prelu(x, alpha, places)
        }

        /// Each row several times: `(R, F)` gives `(R, times, F)`.
        fn repeated<T: Tape<E, Self>>(
            x: Tensor<(usize, usize), E, Self, T>,
            times: usize,
        ) -> Result<Tensor<(usize, usize, usize), E, Self, T>, Error> {
            reference::repeated(x, times)
        }

        /// Rows, each plus one row.
        fn add_row<T: Tape<E, Self>>(
            x: Tensor<(usize, usize), E, Self, T>,
            row: &Tensor<(usize,), E, Self>,
        ) -> Result<Tensor<(usize, usize), E, Self, T>, Error> {
            reference::add_row(x, row)
        }

        /// `(x - mean) / sqrt(variance + epsilon) * gamma + beta` on `(B, P, C)`, with a mean and a variance of each sample for each
        /// of the groups of its channels.
        fn group_norm<T: Tape<E, Self>>(
            x: Tensor<(usize, usize, usize), E, Self, T>,
            weights: NormWeights<E, Self>,
            groups: usize,
        ) -> Result<Tensor<(usize, usize, usize), E, Self, T>, Error> {
            reference::group_norm(x, weights, groups)
        }

        /// Rows of length 1. None is multiplied by more than `most`: a row of zeros stays.
        fn of_length_one<T: Tape<E, Self>>(
            x: Tensor<(usize, usize), E, Self, T>,
            most: E,
        ) -> Result<Tensor<(usize, usize), E, Self, T>, Error> {
            reference::of_length_one(x, most)
        }
    };
}
pub(super) use row_operations;
