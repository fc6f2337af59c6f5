//! Tables whose rows a pass is followed in reading: instead of the gradient of a whole table there is then that of the
//! rows that were read.

use std::{
    cell::RefCell,
    fmt,
    rc::{Rc, Weak},
};

use dfdx::tensor::{Cpu, Tensor};

use super::storage::first;
use crate::{
    backend::{cpu::few, in_order, memory::reserved, rows_at},
    error::Error,
    shape::Shape,
};

/// Brings rows, of these ids and with these values in the table, to the values that they are to be read with.
pub type BringRows<E> = Box<dyn FnMut(&[usize], &mut [E]) -> Result<(), Error>>;

/// The rows of a table that a pass has read, by ascending ids.
#[derive(Debug, Clone)]
pub struct ReadRows<E> {
    /// Which rows.
    pub ids: Vec<usize>,
    /// Their values.
    pub values: Vec<E>,
    /// The gradient of their values.
    pub gradient: Vec<E>,
    /// Where each of them stood in the order of reading.
    pub order: Vec<usize>,
}

/// While this is there, operations on this thread that read rows of a table say which, and leave their gradient here.
///
/// A device gives it, by [`Backend::follow_rows`](crate::backend::Backend::follow_rows).
pub struct FollowedRows<E>(Rc<RefCell<Table<E>>>);

impl<E> fmt::Debug for FollowedRows<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FollowedRows")
    }
}

pub(crate) struct Table<E> {
    at: *const E,
    width: usize,
    /// Whether the table itself may hold other values than are to be read.
    stale: bool,
    /// Whether the pass reads so many rows that the gradient of the whole table is quicker.
    dense: bool,
    bring: BringRows<E>,
    ids: Vec<usize>,
    values: Vec<E>,
    gradient: Vec<E>,
    /// Ids with their places in the order of reading, by ascending ids.
    places: Vec<(usize, usize)>,
}

thread_local! {
    static TABLES: RefCell<Vec<Weak<RefCell<Table<f32>>>>> = const { RefCell::new(Vec::new()) };
}

/// Reads rows of a table that is followed, and is to be read by rows: the table, and the places of the rows in its
/// [`values`](Table::values).
#[allow(clippy::type_complexity)]
pub(crate) fn read_followed(
    x: &Tensor<(usize, usize), f32, Cpu>,
    ids: &[usize],
    values: &[f32],
) -> Result<Option<(Rc<RefCell<Table<f32>>>, Vec<usize>)>, Error> {
    let Some(table) = followed(x) else { return Ok(None) };
    let places = table.borrow_mut().read(ids, values)?;
    Ok(places.map(|places| (table, places)))
}

/// The table that a tensor is, if it is followed.
fn followed<S: Shape>(x: &Tensor<S, f32, Cpu>) -> Option<Rc<RefCell<Table<f32>>>> {
    let at = first(x)?;
    TABLES.with_borrow(|tables| {
        let mut tables = tables.iter().filter_map(Weak::upgrade);
        tables.find(|table| table.borrow().at == at)
    })
}

impl FollowedRows<f32> {
    /// `None` for a table that is followed already, as another parameter, or that has no values.
    pub(crate) fn new<S: Shape>(
        table: &Tensor<S, f32, Cpu>,
        width: usize,
        stale: bool,
        bring: BringRows<f32>,
    ) -> Option<Self> {
        if followed(table).is_some() {
            return None;
        }
        let at = first(table)?;
        let (ids, values, gradient, places) = Default::default();
        let table = Table { at, width, stale, dense: false, bring, ids, values, gradient, places };
        let table = Rc::new(RefCell::new(table));
        TABLES.with_borrow_mut(|tables| {
            tables.retain(|table| table.strong_count() > 0);
            tables.push(Rc::downgrade(&table));
        });
        Some(Self(table))
    }

    /// What was read, and the gradient of it; `None` if nothing was, or so much that the gradient is that of the table.
    pub(crate) fn finish(self) -> Option<ReadRows<f32>> {
        let mut table = self.0.borrow_mut();
        let Table { width, ids, values, gradient, places, .. } = &mut *table;
        if ids.is_empty() {
            return None;
        }
        gradient.resize(values.len(), 0.0);
        let order: Vec<usize> = places.iter().map(|&(_, place)| place).collect();
        let sorted = |rows| in_order(std::mem::take(rows), *width, &order);
        let (values, gradient) = (sorted(values), sorted(gradient));
        let ids = places.iter().map(|&(id, _)| id).collect();
        Some(ReadRows { ids, values, gradient, order })
    }
}

impl Table<f32> {
    /// Reads rows: the places that they have in [`values`](Table::values). `None` if the table is to be read as it is.
    pub(crate) fn read(
        &mut self,
        ids: &[usize],
        table: &[f32],
    ) -> Result<Option<Vec<usize>>, Error> {
        let width = self.width;
        if self.ids.is_empty() && !self.stale && !few(ids.len(), table.len() / width.max(1)) {
            self.dense = true;
        }
        if self.dense {
            return Ok(None);
        }
        let place = |places: &[(usize, usize)], id: usize| {
            places.binary_search_by_key(&id, |&(id, _)| id).map(|at| places[at].1)
        };
        let mut new = ids.to_vec();
        new.sort_unstable();
        new.dedup();
        new.retain(|&id| place(&self.places, id).is_err());
        let mut values = reserved(new.len() * width)?;
        values.extend(rows_at(table, width, new.iter().copied()));
        (self.bring)(&new, &mut values)?;
        self.values.append(&mut values);
        let from = self.ids.len();
        self.places.extend(new.iter().enumerate().map(|(i, &id)| (id, from + i)));
        if from > 0 {
            self.places.sort_unstable();
        }
        self.ids.append(&mut new);
        Ok(ids.iter().map(|&id| place(&self.places, id).ok()).collect())
    }

    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    /// The gradient of the rows that were read, to be added to.
    pub(crate) fn gradient(&mut self) -> &mut [f32] {
        self.gradient.resize(self.values.len(), 0.0);
        &mut self.gradient
    }
}
