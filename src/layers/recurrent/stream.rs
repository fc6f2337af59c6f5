//! Recurrent layers step by step.

use super::Recurrent;
use crate::{
    backend::{Backend, Element, RecurrentStep, StateSizes, StepStates, StepStatesMut},
    error::Error,
    memory::filled,
    stream::{StateVisitor, room},
};

/// The state of a recurrent layer in a stream, of all rows of the batch.
#[derive(Debug, Clone)]
pub struct RecurrentState<E> {
    now: Snapshot<E>,
    next: Snapshot<E>,
}

#[derive(Debug, Clone)]
struct Snapshot<E> {
    h: Vec<E>,
    /// Nothing where the cell has none.
    c: Vec<E>,
    /// Whether the row has had a real step: before, its state is the initial one.
    begun: Vec<bool>,
}

impl<E: Element> Snapshot<E> {
    fn new(rows: usize, units: usize, has_c: bool) -> Result<Self, Error> {
        let c = room(if has_c { rows } else { 0 }, units)?;
        Ok(Self { h: room(rows, units)?, c, begun: filled(&[rows], false)? })
    }
}

impl<E: Element> RecurrentState<E> {
    pub(super) fn commit(&mut self) {
        std::mem::swap(&mut self.now, &mut self.next);
    }

    pub(super) fn visit<V: StateVisitor<E>>(&mut self, visitor: &mut V) -> Result<(), Error> {
        visitor.values("h", &mut self.now.h)?;
        if !self.now.c.is_empty() {
            visitor.values("c", &mut self.now.c)?;
        }
        visitor.flags("begun", &mut self.now.begun)
    }
}

/// The weights of a recurrent layer in a stream, and room for a step.
pub struct RecurrentStepper<E> {
    cell: Box<dyn RecurrentStep<E>>,
    inputs: usize,
    units: usize,
    zero_masked: bool,
    output: Vec<E>,
    /// The rows that have a real step, and theirs of the inputs and states.
    real: Vec<usize>,
    x: Vec<E>,
    before: Snapshot<E>,
    after: Snapshot<E>,
}

/// What a stream needs of recurrent layers, the first one first.
pub struct StreamParts<E> {
    pub(super) steppers: Vec<RecurrentStepper<E>>,
    pub(super) states: Vec<RecurrentState<E>>,
}

impl<E> Default for StreamParts<E> {
    fn default() -> Self {
        Self { steppers: Vec::new(), states: Vec::new() }
    }
}

impl<E: Element> StreamParts<E> {
    /// Adds one layer, whose steps are those of `cell`, for so many rows.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the layer goes backwards; [`Error::Device`] without memory.
    pub fn layer<L: Recurrent<E, D>, D: Backend<E>>(
        &mut self,
        layer: &L,
        cell: Box<dyn RecurrentStep<E>>,
        rows: usize,
    ) -> Result<(), Error> {
        let order = layer.order();
        if order.backwards {
            let expected =
                "a stream does not have the end of the sequence, where this layer begins";
            return Err(Error::invalid("go_backwards", true, expected));
        }
        let (inputs, StateSizes { units, has_c }) = layer.sizes()?;
        let snapshot = || Snapshot::new(rows, units, has_c);
        self.steppers.push(RecurrentStepper {
            cell,
            inputs,
            units,
            zero_masked: order.zero_masked,
            output: room(rows, units)?,
            real: filled(&[rows], 0)?,
            x: room(rows, inputs)?,
            before: snapshot()?,
            after: snapshot()?,
        });
        self.states.push(RecurrentState { now: snapshot()?, next: snapshot()? });
        Ok(())
    }

    /// Those of the one layer that there is.
    fn one(self) -> Result<(RecurrentStepper<E>, RecurrentState<E>), Error> {
        let parts = self.steppers.into_iter().zip(self.states).next();
        parts.ok_or(Error::Empty("the steps of a recurrent layer"))
    }
}

/// What a layer needs for a stream of so many rows.
pub(super) fn begin<L: Recurrent<E, D>, E: Element, D: Backend<E>>(
    layer: &L,
    rows: usize,
) -> Result<(RecurrentStepper<E>, RecurrentState<E>), Error> {
    let mut parts = StreamParts::default();
    layer.begin(rows, &mut parts)?;
    parts.one()
}

impl<E: Element> RecurrentStepper<E> {
    /// A step from `initial` on, or from zeros.
    pub(super) fn step(
        &mut self,
        state: &mut RecurrentState<E>,
        x: &[E],
        keep: Option<&[bool]>,
        initial: Option<StepStates<'_, E>>,
    ) -> Result<&[E], Error> {
        let all = keep.is_none_or(|keep| keep.iter().all(|&keep| keep));
        let RecurrentState { now, next } = state;
        if all && initial.is_none() {
            // What is not there yet is zeros.
            let before = StepStates { h: &now.h, c: &now.c };
            self.cell.step(x, before, StepStatesMut { h: &mut next.h, c: &mut next.c })?;
            next.begun.fill(true);
            self.output.copy_from_slice(&next.h);
            return Ok(&self.output);
        }
        self.some_rows(now, next, x, keep, initial)?;
        let units = self.units.max(1);
        for (row, output) in self.output.chunks_exact_mut(units).enumerate() {
            let here = row * units..(row + 1) * units;
            let is_real = keep.is_none_or(|keep| keep[row]);
            // As in a whole sequence: before the first real step, the output is 0, whatever the state is.
            if is_real || next.begun[row] && !self.zero_masked {
                output.copy_from_slice(&next.h[here]);
            } else {
                output.fill(E::zero());
            }
        }
        Ok(&self.output)
    }

    /// The next states: of the rows that have a real step, by the cell, of the others as they are.
    fn some_rows(
        &mut self,
        now: &Snapshot<E>,
        next: &mut Snapshot<E>,
        x: &[E],
        keep: Option<&[bool]>,
        initial: Option<StepStates<'_, E>>,
    ) -> Result<(), Error> {
        let (inputs, units) = (self.inputs, self.units);
        let mut count = 0;
        for row in (0..now.begun.len()).filter(|&row| keep.is_none_or(|keep| keep[row])) {
            let from = match initial {
                Some(initial) if !now.begun[row] => initial,
                _ => StepStates { h: &now.h, c: &now.c },
            };
            self.real[count] = row;
            copy_row(x, row, &mut self.x, count, inputs);
            copy_row(from.h, row, &mut self.before.h, count, units);
            copy_row(from.c, row, &mut self.before.c, count, units);
            count += 1;
        }
        let of_c = if self.before.c.is_empty() { 0 } else { count * units };
        let before = StepStates { h: &self.before.h[..count * units], c: &self.before.c[..of_c] };
        let after =
            StepStatesMut { h: &mut self.after.h[..count * units], c: &mut self.after.c[..of_c] };
        self.cell.step(&self.x[..count * inputs], before, after)?;
        next.h.copy_from_slice(&now.h);
        next.c.copy_from_slice(&now.c);
        next.begun.copy_from_slice(&now.begun);
        for (place, &row) in self.real[..count].iter().enumerate() {
            copy_row(&self.after.h, place, &mut next.h, row, units);
            copy_row(&self.after.c, place, &mut next.c, row, units);
            next.begun[row] = true;
        }
        Ok(())
    }
}

/// Copies a row to another place, if there are any.
fn copy_row<E: Copy>(from: &[E], row: usize, to: &mut [E], place: usize, width: usize) {
    if !to.is_empty() {
        to[place * width..][..width].copy_from_slice(&from[row * width..][..width]);
    }
}

/// The stream of a layer with these generic parameters, and the number of features for which `_` stands in its type.
macro_rules! streams {
    ([$($generics:tt)*] $layer:ty $(, $more:ident: $bound:ident)?) => {
        impl<In: super::state::SequenceFeatures, $($generics)*> crate::layer::Infer<In> for $layer
        where
            R: Returns,
            $($more: $bound,)?
            E: Element,
            D: Backend<E>,
        {
            const SIZE: usize = In::SIZE;
        }

        super::stream::streamable!(
            [$($generics)*] $layer, Is<I>, Const<H> $(, $more: $bound)?
        );
    };
}
pub(super) use streams;

/// The stream of a layer with these generic parameters, of some features and units.
macro_rules! streamable {
    ([$($generics:tt)*] $layer:ty, $features:path, $units:ty $(, $more:ident: $bound:path)?) => {
        #[diagnostic::do_not_recommend]
        impl<In, $($generics)*> crate::stream::Streamable<In, E, D> for $layer
        where
            In: RecurrentInput<
                    Sequence: Steps<Features: $features> + crate::signal::StepValues,
                    State: InitialState<Self>,
                >,
            R: Returns,
            R::Out<In::Sequence, $units>: crate::signal::StepValues,
            $($more: $bound,)?
            E: Element,
            D: Backend<E>,
        {
            type State = super::stream::RecurrentState<E>;
            type Stepper = super::stream::RecurrentStepper<E>;

            fn begin(&self, rows: usize) -> Result<(Self::Stepper, Self::State), Error> {
                super::stream::begin(self, rows)
            }

            fn step<'a>(
                stepper: &'a mut Self::Stepper,
                state: &mut Self::State,
                x: In::StepData<'a, E>,
            ) -> Result<<Self::Out as Signal>::StepData<'a, E>, Error> {
                let (x, initial) = In::split_step::<E>(x);
                let (x, keep) = <In::Sequence as crate::signal::StepValues>::unpack(x);
                let of_step = <In::State as super::StateSignal>::of_step::<E>;
                let initial = initial.map(|state| of_step(state, 0));
                let y = stepper.step(state, x, keep, initial)?;
                Ok(<Self::Out as crate::signal::StepValues>::pack(y, keep))
            }

            fn commit(state: &mut Self::State) {
                state.commit();
            }

            fn visit_state<V: crate::stream::StateVisitor<E>>(
                state: &mut Self::State,
                visitor: &mut V,
            ) -> Result<(), Error> {
                state.visit(visitor)
            }
        }
    };
}
pub(super) use streamable;
