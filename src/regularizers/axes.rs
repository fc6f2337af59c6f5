use std::fmt::Debug;

use serde_json::Value;

use crate::error::Error;

/// The axes of a weight that a norm is taken along: one, `0`, or several, `[0, 1, 2]`. A negative one is counted from the last.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no axis of a constraint",
    label = "no axis",
    note = "an axis is a number, `0`, and several are a list of them, `[0, 1, 2]`"
)]
pub trait Axes: Debug {
    /// The axes.
    fn as_slice(&self) -> &[isize];

    /// What Keras's JSON says: a number or a list.
    fn config(&self) -> Value {
        Value::from(self.as_slice())
    }

    /// Which axes of a weight of so many they are.
    ///
    /// # Errors
    /// [`Error::Invalid`] for one that the weight has not, or that is there twice.
    #[doc(hidden)]
    fn among(&self, rank: usize) -> Result<Vec<bool>, Error> {
        let mut along = vec![false; rank];
        for &axis in self.as_slice() {
            let at = if axis < 0 { axis.checked_add_unsigned(rank) } else { Some(axis) };
            let at = at.and_then(|at| usize::try_from(at).ok()).filter(|&at| at < rank);
            let Some(at) = at else {
                let expected = "it must be less than the number of dimensions of the weight";
                return Err(Error::invalid("axis", format!("{axis} of {rank}"), expected));
            };
            if std::mem::replace(&mut along[at], true) {
                let value = format!("{:?}", self.as_slice());
                return Err(Error::invalid("axis", value, "each axis must be there once"));
            }
        }
        Ok(along)
    }
}

impl Axes for isize {
    fn as_slice(&self) -> &[isize] {
        std::slice::from_ref(self)
    }

    fn config(&self) -> Value {
        Value::from(*self)
    }
}

impl<const N: usize> Axes for [isize; N] {
    fn as_slice(&self) -> &[isize] {
        self
    }
}

impl Axes for Vec<isize> {
    fn as_slice(&self) -> &[isize] {
        self
    }
}
