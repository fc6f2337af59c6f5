//! Rows that make the updates that they have yet to make.

use super::{Reached, Rows};
use crate::{
    backend::{Element, parallel, put_rows_at, rows_at, threads},
    error::Error,
    memory::filled,
    optim::{Optimizer, Update},
};

/// About as many values are moved at once, so that they and their slots stay in the near memory.
const BLOCK: usize = 2048;

/// About as many multiplications as an update of one value takes the time of.
const WORK: usize = 8;

/// Rows that are up to date: their slots, and which of them rest.
pub(in crate::optim) struct Brought<E> {
    pub(in crate::optim) slots: Vec<Vec<E>>,
    pub(super) rests: Vec<bool>,
}

/// Some rows that have made all updates.
struct Replayed<'a, E> {
    rows: &'a [(u32, usize)],
    values: Vec<E>,
    slots: Vec<Vec<E>>,
    rests: Vec<bool>,
}

impl<E: Element> Rows<E> {
    /// Brings rows up to date, which have these values in the table.
    #[inline(never)]
    pub(in crate::optim) fn bring(
        &self,
        optimizer: &impl Optimizer,
        slots: &[Vec<E>],
        ids: &[usize],
        values: &mut [E],
    ) -> Result<Brought<E>, Error> {
        let (now, width) = (self.now(), self.shape[1]);
        let initial = self.initial.iter().map(|&initial| filled(&[ids.len(), width], initial));
        let slots_of_rows: Result<Vec<_>, _> = initial.collect();
        let mut brought = Brought { slots: slots_of_rows?, rests: vec![true; ids.len()] };
        let mut stale = Vec::new();
        for (at, (row, &id)) in values.chunks_exact_mut(width).zip(ids).enumerate() {
            let Some(place) = (self.places[id] as usize).checked_sub(1) else {
                self.decay(row, self.base);
                continue;
            };
            let Reached { until, rests, .. } = self.reached[place];
            for (i, (to, slot)) in brought.slots.iter_mut().zip(slots).enumerate() {
                let to = &mut to[at * width..][..width];
                to.copy_from_slice(&slot[place * width..][..width]);
                if rests {
                    self.fade(i, to, now - until);
                }
            }
            if rests {
                self.decay(row, self.base);
            } else {
                brought.rests[at] = false;
                stale.extend((until < now).then_some((until, at)));
            }
        }
        stale.sort_unstable();
        let rows = (BLOCK / width).max(1);
        let updates: usize = stale.iter().map(|(until, _)| (now - until) as usize).sum();
        let jobs = 4 * threads(updates.saturating_mul(width * WORK), stale.len().div_ceil(rows));
        let share = stale.len().div_ceil(jobs).max(1).next_multiple_of(rows);
        let replayed = parallel(stale.chunks(share).collect(), |rows_of_job: &[(u32, usize)]| {
            let blocks = rows_of_job.chunks(rows);
            blocks.map(|rows| self.replay(optimizer, rows, values, &brought.slots)).collect()
        });
        let replayed = replayed.into_iter().collect::<Result<Vec<Vec<_>>, Error>>()?;
        for Replayed { rows, values: new, slots, rests } in replayed.into_iter().flatten() {
            let all = std::iter::once((&mut *values, &new));
            let all = all.chain(brought.slots.iter_mut().map(Vec::as_mut_slice).zip(&slots));
            for (to, new) in all {
                put_rows_at(to, width, rows.iter().map(|(_, at)| *at), new);
            }
            rows.iter().zip(rests).for_each(|((_, at), rests)| brought.rests[*at] = rests);
        }
        Ok(brought)
    }

    /// Makes the updates of the log that some rows have yet to make, those first that have most of them.
    fn replay<'a>(
        &self,
        optimizer: &impl Optimizer,
        rows: &'a [(u32, usize)],
        values: &[E],
        slots: &[Vec<E>],
    ) -> Result<Replayed<'a, E>, Error> {
        let width = self.shape[1];
        let gather = |from: &[E]| -> Vec<E> {
            rows_at(from, width, rows.iter().map(|(_, at)| *at)).collect()
        };
        let (mut values, mut slots) =
            (gather(values), slots.iter().map(|slot| gather(slot)).collect::<Vec<_>>());
        let (mut before, mut gradient) = (values.clone(), vec![E::zero(); values.len()]);
        // For how many updates each row has not moved, and since when it rests.
        let (mut calm, mut since) = (vec![0; rows.len()], vec![None; rows.len()]);
        if self.fading.change == 0.0 {
            since.iter_mut().zip(rows).for_each(|(since, (until, _))| *since = Some(*until));
        }
        let (patience, mut start, mut end) = (self.patience(), 0, 0);
        let start_of = rows.first().map_or(self.now(), |(until, _)| *until);
        for (step, made) in (start_of..).zip(&self.log[(start_of - self.base) as usize..]) {
            while end < rows.len() && rows[end].0 <= step {
                end += 1;
            }
            while start < end && since[start].is_some() {
                start += 1;
            }
            if start == rows.len() {
                break;
            }
            if start == end {
                continue;
            }
            let range = start * width..end * width;
            if made.kept < E::one() {
                values[range.clone()].iter_mut().for_each(|value| *value *= made.kept);
            }
            before[range.clone()].copy_from_slice(&values[range.clone()]);
            gradient[range.clone()].fill(E::zero());
            optimizer.update(Update {
                // It is elementwise, for which names say nothing.
                name: "",
                moment: made.moment,
                shape: &self.shape,
                weights: &mut values[range.clone()],
                gradient: &mut gradient[range.clone()],
                slots: slots.iter_mut().map(|slot| &mut slot[range.clone()]).collect(),
            })?;
            let rows = values[range.clone()].chunks_exact(width);
            let rows = rows.zip(before[range].chunks_exact(width));
            for (calm, (row, before)) in calm[start..end].iter_mut().zip(rows) {
                *calm = if step < self.steady || row != before { 0 } else { *calm + 1 };
            }
            while start < end && calm[start] >= patience {
                since[start] = Some(step + 1);
                start += 1;
            }
        }
        for (at, since) in since.iter().enumerate() {
            let (Some(since), row) = (*since, at * width..(at + 1) * width) else { continue };
            self.decay(&mut values[row.clone()], since);
            for (i, slot) in slots.iter_mut().enumerate() {
                self.fade(i, &mut slot[row.clone()], self.now() - since);
            }
        }
        let rests = since.iter().map(Option::is_some).collect();
        Ok(Replayed { rows, values, slots, rests })
    }

    /// For how many updates a row does not move before it rests. Where values decay, so does what moves them: a change must be
    /// a fourth of what a value rounds away.
    fn patience(&self) -> u32 {
        match self.decays {
            false => 1,
            true => (0.25_f64.ln() / self.fading.change.max(1e-9).ln()).ceil() as u32 + 1,
        }
    }
}
