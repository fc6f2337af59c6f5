//! Tables of which a step touches few rows, as embeddings are.
//!
//! Which rows a pass reads is known in two ways. In [`fit`](crate::train::Trainer::fit) a pass is followed in reading the tables of
//! layers that say so, and nobody else sees them until the state is [settled](State::settle): so rows may lag behind. Else the
//! gradient is of the whole table, its rows of zeros are left out, and all rows are up to date after each step.

use std::{cell::RefCell, rc::Rc};

use dfdx::{
    shapes::{HasShape, Shape},
    tensor::{Gradients, Tensor},
};

use super::{
    Fading, Optimizer, State,
    blocks::Block,
    groups::Groups,
    rows::{Brought, Made},
    slots::Slots,
};
use crate::{
    backend::{Backend, Element, FollowedRows, ReadRows, assign, parallel, threads, to_values},
    error::Error,
    memory::{collected, filled},
    parameters::{Parameter, Parameters, Visitor},
    regularizers::Rule,
};

/// From how many values on a gradient is searched for rows that are not zero.
const LARGE: usize = 4 << 20;

/// One of how many rows may be touched for a step of these alone.
const FEW: usize = 8;

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
    if whole || !optimizer.is_elementwise() { None } else { optimizer.fading::<E>() }
}

/// The sizes of a parameter that may be a table.
fn shape<S: Shape, E: Element, D: Backend<E>>(tensor: &Tensor<S, E, D>) -> Option<[usize; 2]> {
    match *tensor.shape().concrete().as_ref() {
        [rows, width] if width > 0 && u32::try_from(rows).is_ok() => Some([rows, width]),
        _ => None,
    }
}

/// What is remembered of a table, and what of it is wanted for the rows that a pass reads.
struct Held<E, O> {
    optimizer: O,
    fading: Fading,
    shape: [usize; 2],
    slots: Slots<E>,
    brought: Vec<Vec<E>>,
}

impl<E: Element, O: Optimizer> Held<E, O> {
    /// Brings rows that are read for the first time in a pass up to date.
    fn bring(&mut self, ids: &[usize], values: &mut [E]) -> Result<(), Error> {
        let Self { optimizer, fading, shape, slots, brought } = self;
        slots.by_rows(optimizer, *shape, fading.clone())?;
        let Some(rows) = &slots.rows else { return Ok(()) };
        let Brought { slots: more, .. } = rows.bring(optimizer, &slots.values, ids, values)?;
        brought.resize_with(more.len(), Vec::new);
        brought.iter_mut().zip(more).for_each(|(slot, more)| slot.extend(more));
        Ok(())
    }
}

struct Followed<E, O> {
    number: usize,
    held: Rc<RefCell<Held<E, O>>>,
    rows: FollowedRows<E>,
}

/// A state during a pass that is followed in reading tables. It has its slots again when this is dropped.
pub(super) struct Reading<'a, E: Element, D: Backend<E>, O> {
    pub(super) state: &'a mut State<E, D>,
    tables: Vec<Followed<E, O>>,
}

impl<E: Element, D: Backend<E>, O> Drop for Reading<'_, E, D, O> {
    fn drop(&mut self) {
        for Followed { number, held, .. } in self.tables.drain(..) {
            self.state.slots[number] = std::mem::take(&mut held.borrow_mut().slots);
        }
    }
}

impl<'a, E: Element, D: Backend<E>, O: Optimizer> Reading<'a, E, D, O> {
    /// Follows no table.
    pub(super) fn nothing(state: &'a mut State<E, D>) -> Self {
        Self { state, tables: Vec::new() }
    }

    /// Follows all tables that are read by rows only, if the optimiser can move these.
    pub(super) fn of<M: Parameters<E, D>>(
        state: &'a mut State<E, D>,
        optimizer: &O,
        model: &mut M,
    ) -> Result<Self, Error> {
        let mut reading = Self::nothing(state);
        if let Some(fading) = fading::<E>(optimizer).filter(|_| M::SHOWS_TABLES) {
            let groups = reading.state.groups.clone();
            let path = Vec::new();
            let reading = &mut reading;
            groups.visit(model, &mut Open { reading, optimizer, fading, path, number: 0 })?;
        }
        Ok(reading)
    }

    /// What was read, by parameter.
    pub(super) fn finish(mut self) -> AllTouched<E> {
        let mut all: AllTouched<E> = Vec::new();
        for Followed { number, held, rows } in std::mem::take(&mut self.tables) {
            let read = D::read_rows(rows);
            let held = &mut *held.borrow_mut();
            self.state.slots[number] = std::mem::take(&mut held.slots);
            let Some(ReadRows { ids, values, gradient, order }) = read else { continue };
            all.resize_with(all.len().max(number + 1), || None);
            let width = held.shape[1];
            let sorted = |slot: Vec<E>| match order.is_sorted() {
                true => slot,
                false => {
                    order.iter().flat_map(|at| &slot[at * width..][..width]).copied().collect()
                }
            };
            let slots = std::mem::take(&mut held.brought).into_iter().map(sorted).collect();
            all[number] = Some(Touched { ids, values, gradient, slots, apart: true });
        }
        all
    }
}

struct Open<'a, 'b, E: Element, D: Backend<E>, O> {
    reading: &'a mut Reading<'b, E, D, O>,
    optimizer: &'a O,
    fading: Fading,
    /// Of each layer that was entered, whether its tables are shown.
    path: Vec<bool>,
    number: usize,
}

impl<E: Element, D: Backend<E>, O: Optimizer> Visitor<E, D> for Open<'_, '_, E, D, O> {
    fn visit<S: Shape>(&mut self, parameter: Parameter<'_, S, E, D>) -> Result<(), Error> {
        let number = self.number;
        self.number += 1;
        let is_table = parameter.trainable && self.path.iter().all(|shown| *shown);
        let Some(shape) = shape(parameter.tensor).filter(|_| is_table) else { return Ok(()) };
        let all = &mut self.reading.state.slots;
        all.resize_with(all.len().max(number + 1), Slots::default);
        let slots = std::mem::take(&mut all[number]);
        let lags = slots.rows.as_ref().is_some_and(|rows| rows.lags());
        let (optimizer, fading) = (self.optimizer.clone(), self.fading.clone());
        let held = Held { optimizer, fading, shape, slots, brought: Vec::new() };
        let held = Rc::new(RefCell::new(held));
        let table = held.clone();
        let bring =
            Box::new(move |ids: &[usize], values: &mut [E]| table.borrow_mut().bring(ids, values));
        match D::follow_rows(parameter.tensor, shape[1], lags, bring) {
            Some(rows) => self.reading.tables.push(Followed { number, held, rows }),
            None => all[number] = std::mem::take(&mut held.borrow_mut().slots),
        }
        Ok(())
    }

    fn visit_ruled<S: Shape>(
        &mut self,
        _: Parameter<'_, S, E, D>,
        _: &Rule<'_>,
    ) -> Result<(), Error> {
        // Its penalty looks at all values.
        self.number += 1;
        Ok(())
    }

    fn enter(&mut self, _: &str) {
        self.path.push(false);
    }

    fn enter_layer(&mut self, _: &str, shows_tables: bool) {
        self.path.push(shows_tables);
    }

    fn leave(&mut self) {
        self.path.pop();
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
            Search { state: self, optimizer, fading, gradients, touched: read, number: 0 };
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
    groups: &Groups,
    model: &mut M,
    gradients: &mut Gradients<E, D>,
    touched: AllTouched<E>,
) -> Result<(), Error> {
    groups.visit(model, &mut Spread { gradients, touched: touched.into_iter() })
}

struct Search<'a, E: Element, D: Backend<E>, O> {
    state: &'a mut State<E, D>,
    optimizer: &'a O,
    fading: Option<Fading>,
    gradients: &'a mut Gradients<E, D>,
    touched: AllTouched<E>,
    number: usize,
}

impl<E: Element, D: Backend<E>, O: Optimizer> Search<'_, E, D, O> {
    fn search<S: Shape>(
        &mut self,
        parameter: &Parameter<'_, S, E, D>,
        number: usize,
    ) -> Result<Option<Touched<E>>, Error> {
        let slots = self.state.slots.get(number);
        if let Some(rows) = slots.and_then(|slots| slots.rows.as_ref())
            && rows.lags()
        {
            // No pass reads it in another way, so this one did not.
            return Ok(Some(Touched::none(slots.map_or(0, |slots| slots.values.len()))));
        }
        let (Some(fading), Some(shape)) = (&self.fading, shape(parameter.tensor)) else {
            return Ok(None);
        };
        let [rows, width] = shape;
        if rows * width < LARGE || rows < FEW * FEW || D::values(parameter.tensor).is_none() {
            return Ok(None);
        }
        let found = D::gradient(self.gradients, parameter.tensor, |gradient| {
            let Some(ids) = few_rows(gradient, width, rows / FEW) else { return Ok(None) };
            let gradient = ids.iter().flat_map(|id| &gradient[id * width..][..width]).copied();
            let gradient = collected(&[ids.len(), width], gradient)?;
            Ok::<_, Error>(Some((ids, gradient)))
        })??;
        let (Some((ids, gradient)), Some(table)) = (found, D::values(parameter.tensor)) else {
            return Ok(None);
        };
        let values = ids.iter().flat_map(|id| &table[id * width..][..width]).copied();
        let mut values = collected(&[ids.len(), width], values)?;
        let all = &mut self.state.slots;
        all.resize_with(all.len().max(number + 1), Slots::default);
        let slots = &mut all[number];
        slots.by_rows(self.optimizer, shape, fading.clone())?;
        let Some(rows) = &slots.rows else { return Ok(None) };
        let Brought { slots, .. } = rows.bring(self.optimizer, &slots.values, &ids, &mut values)?;
        Ok(Some(Touched { ids, values, gradient, slots, apart: false }))
    }
}

impl<E: Element, D: Backend<E>, O: Optimizer> Visitor<E, D> for Search<'_, E, D, O> {
    fn visit<S: Shape>(&mut self, parameter: Parameter<'_, S, E, D>) -> Result<(), Error> {
        let number = self.number;
        self.number += 1;
        self.touched.resize_with(self.touched.len().max(number + 1), || None);
        if parameter.trainable && self.touched[number].is_none() {
            self.touched[number] = self.search(&parameter, number)?;
        }
        match (&self.touched[number], self.state.slots.get_mut(number)) {
            (Some(touched), Some(slots)) => match &mut slots.rows {
                Some(rows) => rows.reach(&touched.ids, &mut slots.values),
                None => Ok(()),
            },
            (None, Some(slots)) => slots.expand(),
            (_, None) => Ok(()),
        }
    }

    fn visit_ruled<S: Shape>(
        &mut self,
        _: Parameter<'_, S, E, D>,
        _: &Rule<'_>,
    ) -> Result<(), Error> {
        self.touched.resize_with(self.touched.len().max(self.number + 1), || None);
        let slots = self.state.slots.get_mut(self.number);
        self.number += 1;
        slots.map_or(Ok(()), Slots::expand)
    }
}

/// The rows of a matrix that are not zero, if they are not more than so many.
fn few_rows<E: Element>(matrix: &[E], width: usize, most: usize) -> Option<Vec<usize>> {
    let rows = matrix.len() / width;
    let share = rows.div_ceil(4 * threads(matrix.len(), rows)).max(1);
    let shares = matrix.chunks(share * width).enumerate().collect();
    let found = parallel(shares, |(i, part): (usize, &[E])| {
        let is_zero = |row: &[E]| {
            let any = |some: &[E]| some.iter().fold(false, |any, x| any | (*x != E::zero()));
            !row.chunks(64).any(any)
        };
        let rows = part.chunks_exact(width).enumerate().filter(|(_, row)| !is_zero(row));
        let ids: Vec<usize> = rows.map(|(at, _)| i * share + at).take(most + 1).collect();
        ids
    });
    let ids = found.concat();
    (ids.len() <= most).then_some(ids)
}

struct Settle<'a, E, O> {
    slots: &'a mut [Slots<E>],
    optimizer: &'a O,
    but: &'a [usize],
    number: usize,
}

impl<E: Element, D: Backend<E>, O: Optimizer> Visitor<E, D> for Settle<'_, E, O> {
    fn visit<S: Shape>(&mut self, parameter: Parameter<'_, S, E, D>) -> Result<(), Error> {
        let number = self.number;
        self.number += 1;
        let Some(Slots { rows: Some(rows), values, .. }) = self.slots.get_mut(number) else {
            return Ok(());
        };
        if !rows.lags() || self.but.contains(&number) {
            return Ok(());
        }
        match D::values_mut(parameter.tensor) {
            Some(table) => rows.settle(self.optimizer, values, table),
            None => {
                let mut table = to_values(parameter.tensor)?;
                rows.settle(self.optimizer, values, &mut table)?;
                assign(parameter.tensor, &table)
            }
        }
    }
}

struct Spread<'a, E: Element, D: Backend<E>> {
    gradients: &'a mut Gradients<E, D>,
    touched: std::vec::IntoIter<Option<Touched<E>>>,
}

impl<E: Element, D: Backend<E>> Visitor<E, D> for Spread<'_, E, D> {
    fn visit<S: Shape>(&mut self, parameter: Parameter<'_, S, E, D>) -> Result<(), Error> {
        let touched = self.touched.next().flatten().filter(|touched| touched.apart);
        let (Some(touched), Some([rows, width])) = (touched, shape(parameter.tensor)) else {
            return Ok(());
        };
        let mut whole = filled(&[rows, width], E::zero())?;
        for (row, id) in touched.gradient.chunks_exact(width).zip(&touched.ids) {
            whole[id * width..][..width].copy_from_slice(row);
        }
        D::replace_gradient(self.gradients, parameter.tensor, &whole)
    }
}

impl<E: Element> Slots<E> {
    /// Stores the rows of a table that an update has moved.
    pub(super) fn store(
        &mut self,
        made: Made<E>,
        touched: &Touched<E>,
        table: &mut [E],
    ) -> Result<(), Error> {
        let Some(rows) = &mut self.rows else { return Ok(()) };
        rows.store(made, &touched.ids, &touched.slots, &mut self.values)?;
        let width = touched.values.len().checked_div(touched.ids.len()).unwrap_or(1);
        for (row, id) in touched.values.chunks_exact(width).zip(&touched.ids) {
            table[id * width..][..width].copy_from_slice(row);
        }
        Ok(())
    }
}
