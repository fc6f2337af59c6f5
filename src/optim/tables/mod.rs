//! Tables of which a step touches few rows, as embeddings are.
//!
//! Which rows a pass reads is known in two ways. In [`fit`](crate::train::Trainer::fit) a pass is followed in reading the tables of
//! layers that say so, and nobody else sees them until the state is [settled](State::settle): so rows may lag behind. Else the
//! gradient is of the whole table, its rows of zeros are left out, and all rows are up to date after each step.

mod reading;
mod search;

pub(super) use reading::Reading;

use dfdx::tensor::Gradients;

use super::{
    Fading, Optimizer, Slot, State, blocks::Block, groups::LayerGroups, rows::Made, slots::Slots,
};
use crate::{
    backend::{Backend, Element, put_rows_at},
    error::Error,
    memory::filled,
    parameters::{Parameter, Parameters, Visitor},
};

/// The rows of a table that a step touches, with all that belongs to them.
#[derive(Debug)]
pub(super) struct Touched<E> {
    pub(super) ids: Vec<usize>,
    pub(super) values: Vec<E>,
    pub(super) gradient: Vec<E>,
    pub(super) slots: Vec<Vec<E>>,
    /// Whether the gradient of the table itself is not there.
    apart: bool,
}

impl<E> Touched<E> {
    fn none(slots: usize) -> Self {
        let slots = (0..slots).map(|_| Vec::new()).collect();
        let (ids, values, gradient) = Default::default();
        Self { ids, values, gradient, slots, apart: true }
    }

    /// All rows, to be updated.
    pub(super) fn block(&mut self) -> Block<'_, E> {
        let Self { values, gradient, slots, .. } = self;
        Block { values, gradient, slots: slots.iter_mut().map(Vec::as_mut_slice).collect() }
    }
}

/// Those of all parameters, in the order of the model; where there are none, the step touches the whole.
pub(super) type AllTouched<E> = Vec<Option<Touched<E>>>;

/// The parameters that a pass was followed in reading.
pub(super) fn lagging<E>(touched: &AllTouched<E>) -> impl Iterator<Item = usize> {
    let apart = touched.iter().map(|touched| touched.as_ref().is_some_and(|rows| rows.apart));
    apart.enumerate().filter(|(_, apart)| *apart).map(|(number, _)| number)
}

/// How an optimiser moves single rows, if it can.
fn fading<E: Element>(optimizer: &impl Optimizer) -> Option<Fading> {
    let options = optimizer.options();
    let whole = options.ema.is_some() || options.gradient_accumulation_steps.is_some();
    // What a slot of a row begins as is not known once the row has moved.
    let begins = |slot: &Slot| slot.initial.value().is_some();
    let apart = !whole && optimizer.is_elementwise() && optimizer.slots(&[1, 1]).iter().all(begins);
    if apart { optimizer.fading::<E>() } else { None }
}

/// The sizes of a parameter that may be a table.
fn shape<E: Element, D: Backend<E>>(parameter: &Parameter<'_, E, D>) -> Option<[usize; 2]> {
    match *parameter.sizes() {
        [rows, width] if width > 0 && u32::try_from(rows).is_ok() => Some([rows, width]),
        _ => None,
    }
}

impl<E: Element, D: Backend<E>> State<E, D> {
    /// Of each parameter the rows that a step touches, if they are few: those that were read, or whose gradient is not zero.
    pub(super) fn touched<M: Parameters<E, D>>(
        &mut self,
        optimizer: &impl Optimizer,
        model: &mut M,
        gradients: &mut Gradients<E, D>,
        read: AllTouched<E>,
    ) -> Result<AllTouched<E>, Error> {
        let fading = fading::<E>(optimizer);
        let groups = self.groups.clone();
        let mut search =
            search::Search { state: self, optimizer, fading, gradients, touched: read, number: 0 };
        groups.visit(model, &mut search)?;
        Ok(search.touched)
    }

    /// Has all rows of all tables make the updates that they have yet to make, so that the model is what it is after the last step.
    ///
    /// # Errors
    /// Those of the optimiser; [`Error::Device`].
    pub(crate) fn settle<M: Parameters<E, D>>(
        &mut self,
        optimizer: &impl Optimizer,
        model: &mut M,
    ) -> Result<(), Error> {
        self.settle_but(optimizer, model, &[])
    }

    /// The same but for some parameters.
    pub(super) fn settle_but<M: Parameters<E, D>>(
        &mut self,
        optimizer: &impl Optimizer,
        model: &mut M,
        but: &[usize],
    ) -> Result<(), Error> {
        let lags = |(number, slots): (usize, &Slots<E>)| {
            slots.rows.as_ref().is_some_and(|rows| rows.lags()) && !but.contains(&number)
        };
        if !self.slots.iter().enumerate().any(lags) {
            return Ok(());
        }
        let groups = self.groups.clone();
        groups.visit(model, &mut Settle { slots: &mut self.slots, optimizer, but, number: 0 })
    }

    /// Makes slots those of whole tables, whose rows are up to date.
    ///
    /// # Errors
    /// [`Error::Device`] if there is no memory.
    pub(crate) fn expand(&mut self) -> Result<(), Error> {
        self.slots.iter_mut().try_for_each(Slots::expand)
    }
}

/// Makes of rows that are touched the whole gradient.
pub(super) fn spread<M: Parameters<E, D>, E: Element, D: Backend<E>>(
    groups: &LayerGroups,
    model: &mut M,
    gradients: &mut Gradients<E, D>,
    touched: AllTouched<E>,
) -> Result<(), Error> {
    groups.visit(model, &mut Spread { gradients, touched: touched.into_iter() })
}

struct Settle<'a, E, O> {
    slots: &'a mut [Slots<E>],
    optimizer: &'a O,
    but: &'a [usize],
    number: usize,
}

impl<E: Element, D: Backend<E>, O: Optimizer> Visitor<E, D> for Settle<'_, E, O> {
    #[inline(never)]
    fn visit(&mut self, parameter: Parameter<'_, E, D>) -> Result<(), Error> {
        let number = self.number;
        self.number += 1;
        let Some(Slots { rows: Some(rows), values, .. }) = self.slots.get_mut(number) else {
            return Ok(());
        };
        if !rows.lags() || self.but.contains(&number) {
            return Ok(());
        }
        if let Some(table) = parameter.tensor.values_mut() {
            return rows.settle(self.optimizer, values, table);
        }
        let mut table = parameter.tensor.to_vec()?;
        rows.settle(self.optimizer, values, &mut table)?;
        parameter.tensor.assign(&table)
    }
}

struct Spread<'a, E: Element, D: Backend<E>> {
    gradients: &'a mut Gradients<E, D>,
    touched: std::vec::IntoIter<Option<Touched<E>>>,
}

impl<E: Element, D: Backend<E>> Visitor<E, D> for Spread<'_, E, D> {
    #[inline(never)]
    fn visit(&mut self, parameter: Parameter<'_, E, D>) -> Result<(), Error> {
        let touched = self.touched.next().flatten().filter(|touched| touched.apart);
        let (Some(touched), Some([rows, width])) = (touched, shape(&parameter)) else {
            return Ok(());
        };
        let mut whole = filled(&[rows, width], E::zero())?;
        put_rows_at(&mut whole, width, touched.ids, &touched.gradient);
        parameter.tensor.replace_gradient(self.gradients, &whole)
    }
}

impl<E: Element> Slots<E> {
    /// Stores the rows of a table that an update has moved.
    #[inline(never)]
    pub(super) fn store(
        &mut self,
        made: Made<E>,
        touched: &Touched<E>,
        table: &mut [E],
    ) -> Result<(), Error> {
        let Some(rows) = &mut self.rows else { return Ok(()) };
        rows.store(made, &touched.ids, &touched.slots, &mut self.values)?;
        let width = rows.width();
        put_rows_at(table, width, touched.ids.iter().copied(), &touched.values);
        Ok(())
    }
}
