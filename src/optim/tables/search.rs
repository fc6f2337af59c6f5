//! The rows of a gradient that are not zero.

use dfdx::tensor::Gradients;

use super::{AllTouched, Touched, shape};
use crate::{
    backend::{Backend, Element, parallel, rows_at, threads},
    error::Error,
    memory::collected,
    optim::{Fading, Optimizer, State, rows::Brought, slots::Slots},
    parameters::{Parameter, Visitor},
    regularizers::Rule,
};

/// From how many values on a gradient is searched for rows that are not zero.
const LARGE: usize = 4 << 20;

/// One of how many rows may be touched for a step of these alone.
const FEW: usize = 8;

pub(super) struct Search<'a, E: Element, D: Backend<E>, O> {
    pub(super) state: &'a mut State<E, D>,
    pub(super) optimizer: &'a O,
    pub(super) fading: Option<Fading>,
    pub(super) gradients: &'a mut Gradients<E, D>,
    pub(super) touched: AllTouched<E>,
    pub(super) number: usize,
}

impl<E: Element, D: Backend<E>, O: Optimizer> Search<'_, E, D, O> {
    fn search(
        &mut self,
        parameter: &Parameter<'_, E, D>,
        number: usize,
    ) -> Result<Option<Touched<E>>, Error> {
        let slots = self.state.slots.get(number);
        if let Some(rows) = slots.and_then(|slots| slots.rows.as_ref())
            && rows.lags()
        {
            // No pass reads it in another way, so this one did not.
            return Ok(Some(Touched::none(slots.map_or(0, |slots| slots.values.len()))));
        }
        let (Some(_), Some(shape)) = (&self.fading, shape(parameter)) else { return Ok(None) };
        let [rows, width] = shape;
        if rows * width < LARGE || rows < FEW * FEW {
            return Ok(None);
        }
        let Some(table) = parameter.tensor.values() else { return Ok(None) };
        let mut found = Ok(None);
        parameter.tensor.show_gradient(self.gradients, &mut |gradient| {
            found = few_rows_of(gradient, [rows / FEW, width]);
        })?;
        found?.map_or(Ok(None), |found| self.touched(number, shape, table, found))
    }

    /// Brings those rows of a table up to date.
    fn touched(
        &mut self,
        number: usize,
        shape: [usize; 2],
        table: &[E],
        (ids, gradient): (Vec<usize>, Vec<E>),
    ) -> Result<Option<Touched<E>>, Error> {
        let Some(fading) = &self.fading else { return Ok(None) };
        let rows = rows_at(table, shape[1], ids.iter().copied());
        let mut values = collected(&[ids.len(), shape[1]], rows)?;
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
    #[inline(never)]
    fn visit(&mut self, parameter: Parameter<'_, E, D>) -> Result<(), Error> {
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

    fn visit_ruled(&mut self, _: Parameter<'_, E, D>, _: &Rule<'_>) -> Result<(), Error> {
        self.touched.resize_with(self.touched.len().max(self.number + 1), || None);
        let slots = self.state.slots.get_mut(self.number);
        self.number += 1;
        slots.map_or(Ok(()), Slots::expand)
    }
}

/// The rows of a gradient that are not zero, and their numbers, if they are not more than so many.
fn few_rows_of<E: Element>(
    gradient: &[E],
    [most, width]: [usize; 2],
) -> Result<Option<(Vec<usize>, Vec<E>)>, Error> {
    let Some(ids) = few_rows(gradient, width, most) else { return Ok(None) };
    let rows = rows_at(gradient, width, ids.iter().copied());
    let gradient = collected(&[ids.len(), width], rows)?;
    Ok(Some((ids, gradient)))
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
