//! Passes that are followed in reading tables.

use std::{cell::RefCell, rc::Rc};

use super::{AllTouched, Touched, fading, shape};
use crate::{
    backend::{Backend, Element, FollowedRows, ReadRows, in_order},
    error::Error,
    optim::{Fading, Optimizer, State, rows::Brought, slots::Slots},
    parameters::{Parameter, Parameters, Visitor},
    regularizers::Rule,
};

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
pub(in crate::optim) struct Reading<'a, E: Element, D: Backend<E>, O> {
    pub(in crate::optim) state: &'a mut State<E, D>,
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
    pub(in crate::optim) fn nothing(state: &'a mut State<E, D>) -> Self {
        Self { state, tables: Vec::new() }
    }

    /// Follows all tables that are read by rows only, if the optimiser can move these.
    pub(in crate::optim) fn of<M: Parameters<E, D>>(
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
    #[inline(never)]
    pub(in crate::optim) fn finish(mut self) -> AllTouched<E> {
        let mut all: AllTouched<E> = Vec::new();
        for Followed { number, held, rows } in std::mem::take(&mut self.tables) {
            let read = D::read_rows(rows);
            let held = &mut *held.borrow_mut();
            self.state.slots[number] = std::mem::take(&mut held.slots);
            let Some(ReadRows { ids, values, gradient, order }) = read else { continue };
            all.resize_with(all.len().max(number + 1), || None);
            let slots = std::mem::take(&mut held.brought).into_iter();
            let slots = slots.map(|slot| in_order(slot, held.shape[1], &order)).collect();
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
    #[inline(never)]
    fn visit(&mut self, parameter: Parameter<'_, E, D>) -> Result<(), Error> {
        let number = self.number;
        self.number += 1;
        let is_table = parameter.trainable && self.path.iter().all(|shown| *shown);
        let Some(shape) = shape(&parameter).filter(|_| is_table) else { return Ok(()) };
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
        match parameter.tensor.follow_rows(shape[1], lags, bring) {
            Some(rows) => self.reading.tables.push(Followed { number, held, rows }),
            None => all[number] = std::mem::take(&mut held.borrow_mut().slots),
        }
        Ok(())
    }

    fn visit_ruled(&mut self, _: Parameter<'_, E, D>, _: &Rule<'_>) -> Result<(), Error> {
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
