//! A table of which a step touches few rows: what is remembered of those, and how far each of them is.
//!
//! A dense step moves every row whose moments are not zero. Here a row is moved when its gradient or its reader comes, by the
//! updates that were made since, one after the other and with gradients of zeros: the same arithmetic, so the same bits. Once
//! such an update leaves the values of a row as they are, it *rests*: later ones would do no more, and its slots only fade.

mod replay;

pub(super) use replay::Brought;

use super::{Fading, Moment, Optimizer, Slot};
use crate::{
    backend::{Element, parallel, put_rows_at, rows_at},
    error::Error,
    memory::{NoMemory, collected, copied, filled, one_more},
};

/// How many rows are brought up to date at once at most, when all are.
const PART: usize = 16 << 10;

/// How many updates of a row that rests are made one by one.
const SHORT: u32 = 1000;

/// An update that was made of some rows only.
#[derive(Debug, Clone, Copy)]
pub(super) struct Made<E> {
    pub(super) moment: Moment,
    /// What weight decay leaves of a value.
    pub(super) kept: E,
}

/// The rows of a table that gradients have reached. Their slots lie one after the other, in the order in which they were reached.
#[derive(Debug, Clone)]
pub(super) struct Rows<E> {
    shape: [usize; 2],
    /// Of each row of the table, one more than its place among those that were reached, or 0.
    places: Vec<u32>,
    reached: Vec<Reached>,
    /// The places of all that do not rest.
    active: Vec<u32>,
    /// What is in the slots of a row that was not reached.
    initial: Vec<E>,
    fading: Fading,
    /// The updates that some rows have yet to make.
    log: Vec<Made<E>>,
    /// Whether values decay in one of them.
    decays: bool,
    /// How many updates there were before the log. Rows that rest or were never reached have the values of then.
    base: u32,
    /// The learning rate has grown faster than changes fade before this update, so no row rests before.
    steady: u32,
    /// The learning rate of the last update.
    rate: f64,
}

#[derive(Debug, Clone, Copy)]
struct Reached {
    id: u32,
    /// After how many updates its slots are as they are, and its values too unless it rests.
    until: u32,
    rests: bool,
}

impl<E: Element> Rows<E> {
    /// Of a table that no gradient has reached yet.
    #[inline(never)]
    pub(super) fn new(shape: [usize; 2], slots: &[Slot], fading: Fading) -> Result<Self, Error> {
        Ok(Self {
            shape,
            places: filled(&[shape[0]], 0)?,
            reached: Vec::new(),
            active: Vec::new(),
            initial: slots.iter().map(|slot| E::of(slot.initial.value().unwrap_or(0.0))).collect(),
            fading,
            log: Vec::new(),
            decays: false,
            base: 0,
            steady: 0,
            rate: 0.0,
        })
    }

    /// A copy.
    ///
    /// # Errors
    /// [`NoMemory`].
    #[inline(never)]
    pub(super) fn copied(&self) -> Result<Self, NoMemory> {
        Ok(Self {
            places: copied(&self.places)?,
            reached: copied(&self.reached)?,
            active: copied(&self.active)?,
            initial: copied(&self.initial)?,
            log: copied(&self.log)?,
            fading: self.fading.clone(),
            ..*self
        })
    }

    /// Of the slots of a whole table: those that are not what they were in the beginning stay.
    #[inline(never)]
    pub(super) fn compact(&mut self, slots: &mut [Vec<E>]) -> Result<(), Error> {
        let width = self.shape[1];
        let differs = |id: &usize| {
            let of_row = slots.iter().map(|slot| &slot[id * width..][..width]);
            of_row.zip(&self.initial).any(|(row, initial)| row.iter().any(|x| x != initial))
        };
        let ids: Vec<usize> = (0..self.shape[0]).filter(differs).collect();
        let mut compact = Vec::new();
        for slot in &*slots {
            let rows = rows_at(slot, width, ids.iter().copied());
            compact.push(collected(&[ids.len(), width], rows)?);
        }
        for &id in &ids {
            self.append(id)?;
        }
        slots.iter_mut().zip(compact).for_each(|(slot, compact)| *slot = compact);
        Ok(())
    }

    /// The slots of the whole table, of those of the rows. All rows are up to date.
    #[inline(never)]
    pub(super) fn expanded(&self, slots: &[Vec<E>]) -> Result<Vec<Vec<E>>, Error> {
        let [rows, width] = self.shape;
        let mut whole = Vec::new();
        for (i, (slot, &initial)) in slots.iter().zip(&self.initial).enumerate() {
            let mut values = filled(&[rows, width], initial)?;
            for (row, reached) in slot.chunks_exact(width).zip(&self.reached) {
                let to = &mut values[reached.id as usize * width..][..width];
                to.copy_from_slice(row);
                if reached.rests {
                    self.fade(i, to, self.base - reached.until);
                }
            }
            whole.push(values);
        }
        Ok(whole)
    }

    /// Takes notice of how the updates that follow fade.
    #[inline(never)]
    pub(super) fn expect(&mut self, fading: Fading, slots: &mut [Vec<E>]) -> Result<(), Error> {
        if self.fading != fading {
            self.awaken(slots)?;
            (self.fading, self.rate) = (fading, 0.0);
        }
        Ok(())
    }

    /// Whether some rows have updates to make.
    pub(super) fn lags(&self) -> bool {
        !self.log.is_empty()
    }

    /// How many values a row has.
    pub(super) fn width(&self) -> usize {
        self.shape[1]
    }

    fn now(&self) -> u32 {
        self.base + self.log.len() as u32
    }

    fn append(&mut self, id: usize) -> Result<(), Error> {
        one_more(&mut self.reached)?;
        one_more(&mut self.active)?;
        let (place, until) = (self.reached.len() as u32, self.base);
        self.reached.push(Reached { id: id as u32, until, rests: false });
        self.active.push(place);
        self.places[id] = place + 1;
        Ok(())
    }

    /// Makes room for rows that a gradient reaches.
    #[inline(never)]
    pub(super) fn reach(&mut self, ids: &[usize], slots: &mut [Vec<E>]) -> Result<(), Error> {
        let width = self.shape[1];
        let new: Vec<usize> = ids.iter().copied().filter(|id| self.places[*id] == 0).collect();
        let more = new.len() * width;
        for (slot, &initial) in slots.iter_mut().zip(&self.initial) {
            slot.try_reserve(more).map_err(|_| NoMemory::of(slot.len() + more))?;
            slot.resize(slot.len() + more, initial);
        }
        new.into_iter().try_for_each(|id| self.append(id))
    }

    /// Stores rows, all of which were reached, with the update that was made of them.
    #[inline(never)]
    pub(super) fn store(
        &mut self,
        made: Made<E>,
        ids: &[usize],
        new: &[Vec<E>],
        slots: &mut [Vec<E>],
    ) -> Result<(), Error> {
        if made.moment.learning_rate * self.fading.change > self.rate * made.kept.as_f64() {
            self.steady = self.now();
            self.awaken(slots)?;
        }
        self.rate = made.moment.learning_rate;
        one_more(&mut self.log)?;
        self.log.push(made);
        self.decays |= made.kept < E::one();
        let (now, width) = (self.now(), self.shape[1]);
        for &id in ids {
            let place = self.places[id] - 1;
            let reached = &mut self.reached[place as usize];
            if std::mem::replace(&mut reached.rests, false) {
                self.active.push(place);
            }
            reached.until = now;
        }
        let stores = slots.iter_mut().zip(new).collect();
        parallel(stores, |(slot, new): (&mut Vec<E>, &Vec<E>)| {
            put_rows_at(slot, width, ids.iter().map(|&id| self.places[id] as usize - 1), new);
        });
        Ok(())
    }

    /// Brings all rows of the table up to date.
    #[inline(never)]
    pub(super) fn settle(
        &mut self,
        optimizer: &impl Optimizer,
        slots: &mut [Vec<E>],
        table: &mut [E],
    ) -> Result<(), Error> {
        let (now, width) = (self.now(), self.shape[1]);
        let behind = |place: &&u32| self.reached[**place as usize].until < now;
        let behind: Vec<u32> = self.active.iter().filter(behind).copied().collect();
        let mut rest = Vec::new();
        for places in behind.chunks(PART) {
            let ids = places.iter().map(|place| self.reached[*place as usize].id as usize);
            let ids: Vec<usize> = ids.collect();
            let rows = rows_at(table, width, ids.iter().copied());
            let mut values = collected(&[ids.len(), width], rows)?;
            let Brought { slots: new, rests } = self.bring(optimizer, slots, &ids, &mut values)?;
            for (slot, new) in slots.iter_mut().zip(&new) {
                put_rows_at(slot, width, places.iter().map(|&place| place as usize), new);
            }
            put_rows_at(table, width, ids, &values);
            places.iter().for_each(|place| self.reached[*place as usize].until = now);
            rest.extend(places.iter().zip(rests).filter(|(_, rests)| *rests).map(|(at, _)| *at));
        }
        if self.decays {
            let rows = table.chunks_mut(width * PART).enumerate().collect();
            parallel(rows, |(i, rows): (usize, &mut [E])| {
                for (row, &place) in rows.chunks_exact_mut(width).zip(&self.places[i * PART..]) {
                    let place = (place as usize).checked_sub(1);
                    if place.is_none_or(|place| self.reached[place].rests) {
                        self.decay(row, self.base);
                    }
                }
            });
        }
        rest.iter().for_each(|place| self.reached[*place as usize].rests = true);
        let reached = &self.reached;
        self.active.retain(|place| !reached[*place as usize].rests);
        (self.base, self.decays) = (now, false);
        self.log.clear();
        Ok(())
    }

    /// Lets values decay by all updates but the first so many.
    fn decay(&self, row: &mut [E], from: u32) {
        if self.decays {
            for made in &self.log[(from - self.base) as usize..] {
                row.iter_mut().for_each(|value| *value *= made.kept);
            }
        }
    }

    /// Lets a slot fade by so many updates.
    fn fade(&self, slot: usize, row: &mut [E], updates: u32) {
        let factor = self.fading.slots.get(slot).copied().unwrap_or(1.0);
        if updates == 0 || factor == 1.0 {
            return;
        }
        // One after the other, they round as the updates do.
        let (times, factor) = match updates {
            ..=SHORT => (updates, factor),
            _ => (1, factor.powi(i32::try_from(updates).unwrap_or(i32::MAX))),
        };
        let factor = E::of(factor);
        (0..times).for_each(|_| row.iter_mut().for_each(|value| *value *= factor));
    }

    /// Has all rows make their updates again.
    #[inline(never)]
    fn awaken(&mut self, slots: &mut [Vec<E>]) -> Result<(), Error> {
        if self.active.len() == self.reached.len() {
            return Ok(());
        }
        let width = self.shape[1];
        for place in 0..self.reached.len() {
            let Reached { until, rests, .. } = self.reached[place];
            if rests {
                one_more(&mut self.active)?;
                for (i, slot) in slots.iter_mut().enumerate() {
                    self.fade(i, &mut slot[place * width..][..width], self.base - until);
                }
                let reached = &mut self.reached[place];
                (reached.until, reached.rests) = (self.base, false);
                self.active.push(place as u32);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::{Adam, Update};

    /// Beyond some steps slots fade by a power, which rounds in another way than the product of them.
    #[test]
    fn a_row_that_rests_for_long() {
        let (adam, width) = (Adam::new(0.01), 3);
        let shape = [4, width];
        let fading = adam.fading::<f32>().unwrap();
        let mut rows = Rows::<f32>::new(shape, &adam.slots(&shape), fading).unwrap();
        let mut table = [0.5_f32, -0.25, 1e-3].repeat(4);
        let mut slots = vec![Vec::new(), Vec::new()];
        // What a dense step makes of the row.
        let (mut dense, mut m, mut v) = (table[..width].to_vec(), vec![0.0; 3], vec![0.0; 3]);
        for step in 1..=5000 {
            let moment = Moment { step, learning_rate: 0.01, largest_slot: 1.0 };
            let mut gradient = if step == 1 { vec![0.3, -2.0, 1e-6] } else { vec![0.0; 3] };
            adam.update(Update {
                name: "",
                moment,
                shape: &shape,
                weights: &mut dense,
                gradient: &mut gradient.clone(),
                slots: vec![&mut m, &mut v],
            })
            .unwrap();
            let ids: &[usize] = if step == 1 { &[0] } else { &[] };
            rows.reach(ids, &mut slots).unwrap();
            let mut brought = vec![vec![0.0; 3 * ids.len()]; 2];
            if step == 1 {
                let [a, b] = &mut brought[..] else { unreachable!() };
                let slots = vec![&mut a[..], &mut b[..]];
                let weights = &mut table[..width];
                let gradient = &mut gradient;
                adam.update(Update { moment, name: "", shape: &shape, weights, gradient, slots })
                    .unwrap();
            }
            rows.store(Made { moment, kept: 1.0 }, ids, &brought, &mut slots).unwrap();
            if step == 2000 {
                rows.settle(&adam, &mut slots, &mut table).unwrap();
                assert!(!rows.lags() && rows.active.is_empty());
            }
        }
        let mut values = table[..width].to_vec();
        let brought = rows.bring(&adam, &slots, &[0], &mut values).unwrap();
        assert_eq!(values, dense);
        assert_eq!(table[width..2 * width], [0.5, -0.25, 1e-3]);
        for (a, b) in brought.slots.concat().iter().zip([m, v].concat()) {
            assert!((a - b).abs() <= 5e-6 * b.abs() + 1e-40, "{a} {b}");
        }
    }
}
