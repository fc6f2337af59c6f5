use std::{
    cell::Cell,
    sync::atomic::{AtomicUsize, Ordering},
};

use dfdx::{
    shapes::{Shape, Unit},
    tensor::{
        Cpu, CpuError, Gradients, Merge, NoneTape, PutTape, SplitTape, Storage, Tape, Tensor,
    },
};

use crate::backend::{Bags, HiddenStates, Normalised, RecurrentInputs};

type Backward = Box<dyn FnOnce(&mut Gradients<f32, Cpu>) -> Result<(), CpuError>>;

/// A part of a backward pass, and when it was recorded.
type Part = (usize, Backward);

/// A tape that can be put on any other: a layer behind a pointer cannot be generic over tapes, and an operation that runs on this one is
/// compiled with this crate, not with each that calls it.
///
/// One that is off is for a pass without a gradient. Operations ask it, as the type does not say.
pub(crate) struct Recorder(Option<Vec<Part>>);

thread_local! {
    /// Whether the recorder that was last merged with no tape is off.
    static OFF: Cell<bool> = const { Cell::new(false) };
}

impl Default for Recorder {
    fn default() -> Self {
        Self(Some(Vec::new()))
    }
}

impl Tape<f32, Cpu> for Recorder {
    const OWNS_TAPE: bool = true;

    fn add_backward_op<F>(&mut self, operation: F)
    where
        F: 'static + FnOnce(&mut Gradients<f32, Cpu>) -> Result<(), CpuError>,
    {
        if self.is_on() {
            self.push(Box::new(operation));
        }
    }
}

impl Merge<NoneTape> for Recorder {
    fn merge(self, _: NoneTape) -> Self {
        OFF.set(!self.is_on());
        self
    }
}

impl Merge<Self> for Recorder {
    fn merge(self, other: Self) -> Self {
        // What begins on a tape of its own is on, and so does not count.
        Self(self.0.zip(other.0).map(|(mut parts, mut others)| {
            parts.append(&mut others);
            parts
        }))
    }
}

impl Recorder {
    /// One for an operation on this tape.
    pub(crate) fn of<T: Tape<f32, Cpu>>(tape: &mut T) -> Self {
        Self(is_on(tape).then(Vec::new))
    }

    /// One for a pass without a gradient.
    pub(crate) fn off() -> Self {
        Self(None)
    }

    /// One for what stands beside a value in the same pass.
    pub(crate) fn beside(&self) -> Self {
        Self(self.is_on().then(Vec::new))
    }

    fn push(&mut self, part: Backward) {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let time = COUNT.fetch_add(1, Ordering::Relaxed);
        if let Some(parts) = &mut self.0 {
            parts.push((time, part));
        }
    }

    /// Whether gradients may be asked for.
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Moves all that stands on it to another tape, in the order in which it was recorded.
    pub(crate) fn move_to<T: Tape<f32, Cpu>>(self, tape: &mut T) {
        let mut parts = self.0.unwrap_or_default();
        parts.sort_unstable_by_key(|(time, _)| *time);
        parts.into_iter().for_each(|(_, part)| tape.add_backward_op(part));
    }
}

/// Whether gradients may be asked for of what stands on a tape. The type does not say it of a [`Recorder`], and has no id by which
/// to know one: so the tape is asked by what every tape can do, and only a recorder answers.
pub(crate) fn is_on<E, D: Storage<E>, T: Tape<E, D>>(tape: &mut T) -> bool {
    if !T::OWNS_TAPE {
        return false;
    }
    OFF.set(false);
    *tape = std::mem::take(tape).merge(NoneTape);
    !OFF.take()
}

/// What carries a tape: what an operation is given, and what it gives.
pub(crate) trait Taped {
    /// The tape.
    type Tape: Tape<f32, Cpu>;

    /// The same with another tape.
    type With<T: Tape<f32, Cpu>>;

    /// Takes the tape off.
    fn split(self) -> (Self::With<NoneTape>, Self::Tape);

    /// Replaces its own tape by another.
    fn with<T: Tape<f32, Cpu>>(self, tape: T) -> Self::With<T>;
}

impl<S: Shape, E: Unit, T: Tape<f32, Cpu>> Taped for Tensor<S, E, Cpu, T>
where
    Cpu: Storage<E>,
{
    type Tape = T;
    type With<U: Tape<f32, Cpu>> = Tensor<S, E, Cpu, U>;

    fn split(self) -> (Tensor<S, E, Cpu>, T) {
        self.split_tape()
    }

    fn with<U: Tape<f32, Cpu>>(self, tape: U) -> Tensor<S, E, Cpu, U> {
        self.split_tape().0.put_tape(tape)
    }
}

/// Several of them have one tape.
impl<X: Taped, const N: usize> Taped for [X; N] {
    type Tape = X::Tape;
    type With<T: Tape<f32, Cpu>> = [X::With<T>; N];

    fn split(self) -> ([X::With<NoneTape>; N], X::Tape) {
        let mut all: Option<X::Tape> = None;
        let list = self.map(|x| {
            let (x, tape) = x.split();
            all = Some(match all.take() {
                Some(all) => all.merge(tape),
                None => tape,
            });
            x
        });
        (list, all.unwrap_or_default())
    }

    fn with<T: Tape<f32, Cpu>>(self, tape: T) -> [X::With<T>; N] {
        let mut tape = Some(tape);
        self.map(|x| x.with(tape.take().unwrap_or_default()))
    }
}

impl<'a, T: Tape<f32, Cpu>> Taped for RecurrentInputs<'a, f32, Cpu, T> {
    type Tape = T;
    type With<U: Tape<f32, Cpu>> = RecurrentInputs<'a, f32, Cpu, U>;

    fn split(self) -> (RecurrentInputs<'a, f32, Cpu, NoneTape>, T) {
        let Self { x, mask, initial, order, dropout } = self;
        let (x, tape) = x.split();
        (RecurrentInputs { x, mask, initial, order, dropout }, tape)
    }

    fn with<U: Tape<f32, Cpu>>(self, tape: U) -> RecurrentInputs<'a, f32, Cpu, U> {
        let Self { x, mask, initial, order, dropout } = self;
        RecurrentInputs { x: x.with(tape), mask, initial, order, dropout }
    }
}

/// What has no tape, and stands beside one.
pub(crate) trait Alone {}

impl Alone for Bags {}
impl Alone for HiddenStates<f32, Cpu> {}

impl<A: Alone, T: Tape<f32, Cpu>> Taped for (A, T) {
    type Tape = T;
    type With<U: Tape<f32, Cpu>> = (A, U);

    fn split(self) -> ((A, NoneTape), T) {
        ((self.0, NoneTape), self.1)
    }

    fn with<U: Tape<f32, Cpu>>(self, tape: U) -> (A, U) {
        (self.0, tape)
    }
}

impl<X: Taped> Taped for (X, HiddenStates<f32, Cpu>) {
    type Tape = X::Tape;
    type With<T: Tape<f32, Cpu>> = (X::With<T>, HiddenStates<f32, Cpu>);

    fn split(self) -> (Self::With<NoneTape>, X::Tape) {
        let (x, tape) = self.0.split();
        ((x, self.1), tape)
    }

    fn with<T: Tape<f32, Cpu>>(self, tape: T) -> Self::With<T> {
        (self.0.with(tape), self.1)
    }
}

impl<T: Tape<f32, Cpu>> Taped for Normalised<f32, Cpu, T> {
    type Tape = T;
    type With<U: Tape<f32, Cpu>> = Normalised<f32, Cpu, U>;

    fn split(self) -> (Normalised<f32, Cpu, NoneTape>, T) {
        let (x, tape) = self.0.split();
        ((x, self.1, self.2), tape)
    }

    fn with<U: Tape<f32, Cpu>>(self, tape: U) -> Normalised<f32, Cpu, U> {
        (self.0.with(tape), self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use dfdx::tensor::OwnedTape;

    use super::*;

    fn count(tape: &Recorder) -> Option<usize> {
        tape.0.as_ref().map(Vec::len)
    }

    #[test]
    fn a_tape_says_whether_it_is_on() {
        assert!(!is_on::<f32, Cpu, _>(&mut NoneTape));
        assert!(is_on(&mut OwnedTape::<f32, Cpu>::default()));
        assert!(is_on(&mut Recorder::default()));
        // Not what was asked before it.
        assert!(!is_on(&mut Recorder::off()));
        assert!(is_on(&mut OwnedTape::<f32, Cpu>::default()));
    }

    #[test]
    fn asking_a_recorder_keeps_what_stands_on_it() {
        let mut tape = Recorder::default();
        tape.add_backward_op(|_| Ok(()));
        assert!(Recorder::of(&mut tape).is_on());
        assert_eq!(count(&tape), Some(1));
    }

    #[test]
    fn one_that_is_off_keeps_nothing() {
        let mut off = Recorder::off();
        off.add_backward_op(|_| Ok(()));
        assert_eq!(count(&off), None);
        assert_eq!(count(&off.beside()), None);
        assert_eq!(count(&Recorder::of(&mut off)), None);
        let mut begun = Recorder::default();
        begun.add_backward_op(|_| Ok(()));
        assert_eq!(count(&begun.merge(off)), None);
    }
}
