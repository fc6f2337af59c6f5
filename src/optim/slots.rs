#[cfg(feature = "keras")]
use std::borrow::Cow;
use std::collections::HashMap;

use crate::{
    backend::{Backend, Element},
    error::Error,
    io::Weight,
    memory::{NoMemory, copied, filled},
    parameters::{self, Parameters},
};

use super::{Fading, Optimizer, State, rows::Rows};

/// Something that an optimiser remembers of a parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slot {
    /// Keras's name of it, `momentum` or `velocity`.
    pub name: &'static str,
    /// How many values there are.
    pub len: usize,
    /// What they are in the beginning.
    pub initial: Initial,
}

impl Slot {
    /// A slot of the shape of its parameter, of zeros.
    pub fn zeros(name: &'static str, shape: &[usize]) -> Self {
        Self { name, len: shape.iter().product(), initial: Initial::Value(0.0) }
    }

    /// Slots of the shape of their parameter, of zeros.
    pub(super) fn all(names: &[&'static str], shape: &[usize]) -> Vec<Self> {
        names.iter().map(|name| Self::zeros(name, shape)).collect()
    }
}

/// What the values of a [`Slot`] are in the beginning.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Initial {
    /// Each is this number.
    Value(f64),
    /// They are those of the parameter.
    OfWeights,
}

impl Initial {
    /// The number, if there is one.
    pub(super) fn value(self) -> Option<f64> {
        match self {
            Self::Value(value) => Some(value),
            Self::OfWeights => None,
        }
    }
}

/// A slot with its values, as [`State::visit_slots`] shows it.
#[derive(Debug)]
pub struct SlotView<'a, E> {
    /// The name of the parameter, `lstm1.kernel`.
    pub parameter: &'a str,
    /// The name of the slot: one of the optimiser's, or `average` or `gradient_accumulator`.
    pub name: &'static str,
    /// Its values.
    pub values: &'a mut [E],
}

/// What is remembered of one parameter.
#[derive(Debug, Clone)]
pub(super) struct Slots<E> {
    pub(super) names: Vec<&'static str>,
    pub(super) values: Vec<Vec<E>>,
    /// Of which rows of a table these values are, if they are not of all.
    pub(super) rows: Option<Box<Rows<E>>>,
    /// The moving average of the parameter; empty if there is none.
    pub(super) average: Vec<E>,
    /// The sum of its gradients; empty if they are not gathered.
    pub(super) gathered: Vec<E>,
    /// How many updates there had been before its first; none if there was no step yet.
    pub(super) since: Option<i32>,
}

/// The slot of the moving average.
pub(crate) const AVERAGE: &str = "average";
/// The slot of gathered gradients.
pub(crate) const GATHERED: &str = "gradient_accumulator";

// Not derived: that asks for `E: Default`.
impl<E> Default for Slots<E> {
    fn default() -> Self {
        let (names, values) = (Vec::new(), Vec::new());
        let (average, gathered) = (Vec::new(), Vec::new());
        Self { names, values, rows: None, average, gathered, since: None }
    }
}

impl<E: Element> Slots<E> {
    /// Makes the slots that are wanted and not there yet, of a parameter with these weights. Gives whether some begin as these.
    ///
    /// # Errors
    /// [`Error::Device`] if there is no memory; [`Error::Mismatch`] if the state is that of another model.
    #[inline(never)]
    pub(super) fn prepare(
        &mut self,
        optimizer: &impl Optimizer,
        wanted: Vec<Slot>,
        shape: &[usize],
        weights: &dyn Fn() -> Result<Vec<E>, Error>,
    ) -> Result<bool, Error> {
        let mut copies = false;
        if !wanted.iter().map(|slot| slot.name).eq(self.names.iter().copied()) {
            // Those of another optimiser go, but what both have stays.
            let mut values = Vec::with_capacity(wanted.len());
            for slot in &wanted {
                let kept = self.names.iter().position(|name| *name == slot.name);
                let kept = kept.map(|at| std::mem::take(&mut self.values[at]));
                values.push(match kept {
                    Some(kept) => kept,
                    None => match slot.initial {
                        Initial::Value(value) => filled(&[slot.len], E::of(value))?,
                        Initial::OfWeights => {
                            copies = true;
                            weights()?
                        }
                    },
                });
            }
            self.names = wanted.iter().map(|slot| slot.name).collect();
            self.values = values;
        }
        let options = optimizer.options();
        let len = shape.iter().product();
        let extra = [
            (&mut self.average, options.ema.is_some()),
            (&mut self.gathered, options.gradient_accumulation_steps.is_some()),
        ];
        for (values, wanted) in extra {
            if !wanted {
                *values = Vec::new();
            } else if values.is_empty() {
                *values = filled(&[len], E::zero())?;
            }
        }
        let sizes = wanted.iter().map(|slot| slot.len).zip(self.values.iter().map(Vec::len));
        let others = [&self.average, &self.gathered].map(Vec::len).into_iter().filter(|n| *n > 0);
        match sizes.chain(others.map(|found| (len, found))).find(|(wanted, found)| wanted != found)
        {
            Some((wanted, found)) => Err(Error::mismatch("the values of a slot", wanted, found)),
            None => Ok(copies),
        }
    }

    /// Makes the slots those of the rows that gradients have reached. All are up to date, or these are such slots already.
    ///
    /// # Errors
    /// Those of [`prepare`](Slots::prepare).
    #[inline(never)]
    pub(super) fn by_rows(
        &mut self,
        optimizer: &impl Optimizer,
        shape: [usize; 2],
        fading: Fading,
    ) -> Result<&mut Rows<E>, Error> {
        let wanted = optimizer.slots(&shape);
        if !wanted.iter().map(|slot| slot.name).eq(self.names.iter().copied()) {
            self.expand()?;
        }
        let rows = match self.rows.take() {
            Some(mut rows) => {
                rows.expect(fading, &mut self.values)?;
                rows
            }
            None => {
                let mut rows = Box::new(Rows::new(shape, &wanted, fading)?);
                if self.names.is_empty() {
                    self.names = wanted.iter().map(|slot| slot.name).collect();
                    self.values = wanted.iter().map(|_| Vec::new()).collect();
                } else {
                    // No slot of a row begins as its weights.
                    self.prepare(optimizer, wanted, &shape, &|| filled(&shape, E::zero()))?;
                    rows.compact(&mut self.values)?;
                }
                rows
            }
        };
        Ok(self.rows.insert(rows))
    }

    /// A copy.
    ///
    /// # Errors
    /// [`NoMemory`].
    #[inline(never)]
    pub(super) fn copied(&self) -> Result<Self, NoMemory> {
        let mut values = Vec::with_capacity(self.values.len());
        for slot in &self.values {
            values.push(copied(slot)?);
        }
        let rows = self.rows.as_ref().map(|rows| rows.copied().map(Box::new)).transpose()?;
        let [average, gathered] = [copied(&self.average)?, copied(&self.gathered)?];
        Ok(Self { names: self.names.clone(), values, rows, average, gathered, since: self.since })
    }

    /// Makes the slots those of all rows of a table, which are up to date.
    ///
    /// # Errors
    /// [`Error::Device`] if there is no memory.
    #[inline(never)]
    pub(super) fn expand(&mut self) -> Result<(), Error> {
        if let Some(rows) = &self.rows {
            self.values = rows.expanded(&self.values)?;
            self.rows = None;
        }
        Ok(())
    }

    /// The values of all slots.
    pub(super) fn all(&self) -> impl Iterator<Item = &Vec<E>> {
        self.values.iter().chain([&self.average, &self.gathered])
    }

    /// All slots that there are, by name.
    pub(super) fn named(&mut self) -> impl Iterator<Item = (&'static str, &mut Vec<E>)> {
        let own = self.names.iter().copied().zip(&mut self.values);
        let extra = [(AVERAGE, &mut self.average), (GATHERED, &mut self.gathered)];
        own.chain(extra.into_iter().filter(|(_, values)| !values.is_empty()))
    }
}

impl<E: Element, D: Backend<E>> State<E, D> {
    /// Shows all slots, parameter by parameter. They can be changed.
    ///
    /// Of a table of which steps touch few rows there are those of these rows only, until they are shown.
    ///
    /// # Errors
    /// [`Error::Device`] if there is no memory for the slots of such a table.
    ///
    /// ```
    /// use kerata::{*, data::InMemory, loss::MeanSquaredError, model::Sequential, optim::Adam, prelude::*,
    ///     train::{Fit, Trainer}};
    ///
    /// let model = Sequential::<(Batch, Const<1>), (Dense<1, 1>,)>::build(&Cpu::default())?;
    /// let mut trainer = Trainer::new(model, MeanSquaredError, Adam::default())?;
    /// trainer.fit(&InMemory::new(vec![[1.0]], vec![[2.0]])?, &Fit::epochs(1))?;
    /// let mut names = Vec::new();
    /// trainer.state.visit_slots(&trainer.model, |slot| {
    ///     names.push(format!("{}: {}", slot.parameter, slot.name));
    /// })?;
    /// assert_eq!(names, ["0.kernel: momentum", "0.kernel: velocity", "0.bias: momentum", "0.bias: velocity"]);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn visit_slots<M: Parameters<E, D>>(
        &mut self,
        model: &M,
        mut visit: impl FnMut(SlotView<'_, E>),
    ) -> Result<(), Error> {
        let names = parameters::list(model);
        for (named, slots) in names.iter().zip(&mut self.slots) {
            slots.expand()?;
            for (name, values) in slots.named() {
                visit(SlotView { parameter: &named.name, name, values });
            }
        }
        self.measure();
        Ok(())
    }

    /// The slots of each parameter, by name, the moving average and gathered gradients among them.
    #[cfg(feature = "keras")]
    #[allow(clippy::type_complexity)]
    #[inline(never)]
    pub(crate) fn slots_of_all(
        &self,
    ) -> impl Iterator<Item = Result<Vec<(&'static str, Cow<'_, [E]>)>, Error>> {
        self.slots.iter().map(|slots| {
            let whole = slots.rows.as_ref().map(|rows| rows.expanded(&slots.values)).transpose()?;
            let values: Vec<Cow<'_, [E]>> = match whole {
                Some(whole) => whole.into_iter().map(Cow::Owned).collect(),
                None => slots.values.iter().map(|values| Cow::Borrowed(&values[..])).collect(),
            };
            let own = slots.names.iter().copied().zip(values);
            let extra = [(AVERAGE, &slots.average), (GATHERED, &slots.gathered)];
            let extra = extra.into_iter().filter(|(_, values)| !values.is_empty());
            let extra = extra.map(|(name, values)| (name, Cow::Borrowed(&values[..])));
            Ok(own.chain(extra).collect())
        })
    }

    /// Looks for the largest values again.
    #[inline(never)]
    pub(super) fn measure(&mut self) {
        let largest = |all: &mut dyn Iterator<Item = &Vec<E>>| {
            all.map(|values| crate::backend::largest(values).as_f64()).fold(0.0, f64::max)
        };
        self.largest_slot = largest(&mut self.slots.iter().flat_map(|slots| &slots.values));
        self.largest_gathered = largest(&mut self.slots.iter().map(|slots| &slots.gathered));
    }

    /// The state of a training after some steps, from slots by name. Where they are not those that the optimiser has
    /// for the model: the place of each difference, what is expected there, and what was found.
    ///
    /// # Errors
    /// Those of [`Optimizer::check`], and [`Error::Device`].
    pub(crate) fn restore<M: Parameters<E, D>>(
        &mut self,
        model: &mut M,
        optimizer: &impl Optimizer,
        (steps, seed): (usize, u64),
        found: &[Weight],
    ) -> Result<Vec<(String, String, String)>, Error> {
        self.seed = Some(seed);
        let mut differences = Vec::new();
        if steps == 0 && found.is_empty() {
            return Ok(differences);
        }
        let new: Vec<bool> = self.slots.iter().map(|slots| slots.since.is_none()).collect();
        self.prepare(optimizer, model)?;
        self.step = i32::try_from(steps).unwrap_or(i32::MAX);
        for (slots, new) in self.slots.iter_mut().zip(new) {
            // It has made no step since it was frozen.
            if new {
                *slots = Slots::default();
            }
        }
        let mut rest: HashMap<&str, &Weight> =
            found.iter().map(|array| (array.name.as_str(), array)).collect();
        self.visit_slots(model, |slot| {
            let name = format!("{}.{}", slot.parameter, slot.name);
            let found = rest.remove(name.as_str()).map(|array| &array.values);
            match found {
                Some(values) if values.len() == slot.values.len() => values.copy_to(slot.values),
                found => {
                    let found =
                        found.map_or("nothing".into(), |values| format!("{} values", values.len()));
                    let expected = format!("the optimiser remembers {} values", slot.values.len());
                    differences.push((name, expected, format!("the checkpoint has {found}")));
                }
            }
        })?;
        let more = rest.into_keys().map(|name| {
            (
                name.to_owned(),
                "the optimiser remembers nothing".into(),
                "the checkpoint has it".into(),
            )
        });
        differences.extend(more);
        differences.sort();
        Ok(differences)
    }
}
