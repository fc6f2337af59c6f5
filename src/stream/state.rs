use super::Past;
use crate::{backend::Element, error::Error};

/// Something that is shown all parts of the state of a stream, in the order of declaration.
///
/// Each part has as many elements for each row of the batch, those of one row after those of the other.
pub trait StateVisitor<E> {
    /// Shows values.
    ///
    /// # Errors
    /// Those of the visitor; the visit ends at the first.
    fn values(&mut self, name: &str, values: &mut [E]) -> Result<(), Error>;

    /// Shows flags.
    ///
    /// # Errors
    /// Those of the visitor; the visit ends at the first.
    fn flags(&mut self, name: &str, flags: &mut [bool]) -> Result<(), Error>;

    /// Shows what grows with the steps.
    ///
    /// # Errors
    /// Those of the visitor; the visit ends at the first.
    fn past(&mut self, name: &str, past: &mut Past<E>) -> Result<(), Error>;

    /// The parts that follow belong to the layer `name`.
    fn enter(&mut self, _name: &str) {}

    /// The layer that was entered last is done.
    fn leave(&mut self) {}
}

/// The state that a sequence starts from.
pub(crate) struct Clear;

/// The same for one row of some.
pub(crate) struct ClearRow {
    pub(crate) row: usize,
    pub(crate) rows: usize,
}

/// Makes the state of a row that of another.
pub(crate) struct CopyRow {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) rows: usize,
}

/// A visitor that treats values and flags alike.
macro_rules! alike {
    ($visitor:ident, $this:ident, $part:ident => $change:expr, $past:ident => $change_past:expr) => {
        impl<E: Element> StateVisitor<E> for $visitor {
            fn values(&mut self, _: &str, $part: &mut [E]) -> Result<(), Error> {
                let $this = self;
                $change;
                Ok(())
            }

            fn flags(&mut self, _: &str, $part: &mut [bool]) -> Result<(), Error> {
                let $this = self;
                $change;
                Ok(())
            }

            fn past(&mut self, _: &str, $past: &mut Past<E>) -> Result<(), Error> {
                let $this = self;
                $change_past;
                Ok(())
            }
        }
    };
}
alike!(Clear, _this, part => part.fill(Default::default()), past => past.clear());
alike!(ClearRow, this, part => {
    let each = part.len() / this.rows;
    part[this.row * each..][..each].fill(Default::default());
}, past => past.clear_row(this.row));
alike!(CopyRow, this, part => {
    let each = part.len() / this.rows;
    part.copy_within(this.from * each..(this.from + 1) * each, this.to * each);
}, past => past.copy_row(this.from, this.to));
