//! The forward pass of a small batch, with the units on threads.
//!
//! A step of a few rows takes as long as its weights take out of the cache. Here each thread has only the weights of
//! some units, and the threads meet at a barrier after each step, to exchange the outputs of their units.

use std::{
    ops::Range,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    Functions, RowOut, Sizes, States, Steps, Weights,
    cell::{Before, Cell, RowStates, Step, StepWeights},
};
use crate::{
    buffer::Buffer,
    matrix::Matrix,
    memory::{NoMemory, listed, reserved},
    packed::Packed,
    share::beside,
};

/// How many units a thread has at least: below, the barrier costs more than it saves.
const LEAST: usize = 48;

/// Units of a thread are a multiple of this, so that rows of them are full vectors.
const LANES: usize = 16;

/// How long a thread of the pool is waited for, before its part is done without it.
const SPIN_TIMEOUT: Duration = Duration::from_micros(50);

/// After how many spins the processor is left to others: there may be fewer processors than threads.
const SPINS: usize = 10_000;

/// Some of the units, with their weights.
#[derive(Debug)]
pub struct Part {
    units: Range<usize>,
    /// Of the inputs.
    pub kernel: Packed,
    recurrent: Vec<Packed>,
    bias: Vec<f32>,
    recurrent_bias: Vec<f32>,
    functions: Option<Functions>,
}

impl Part {
    /// How many parts there are for a number of threads and units. One means that it is not worth it.
    pub(crate) fn count<C: Cell>(threads: usize, units: usize) -> usize {
        if C::SPLITS { threads.min(units / LEAST).max(1) } else { 1 }
    }

    /// Cuts the units into parts; `recurrent` is `(units, gates * units)`.
    pub(crate) fn cut<C: Cell>(
        weights: Weights<'_>,
        recurrent: &[f32],
        parts: usize,
    ) -> Result<Vec<Self>, NoMemory> {
        let Sizes { inputs, units, .. } = weights.sizes;
        let each = units.div_ceil(parts.max(1)).next_multiple_of(LANES);
        let starts = (0..units).step_by(each.max(1));
        let part = |from: usize| {
            let of_part = from..units.min(from + each);
            let width = of_part.len();
            // The gates of the part, one after the other.
            let cut = |rows: &[f32]| {
                let mut cut = reserved(rows.len() / units * width)?;
                rows.chunks_exact(units)
                    .for_each(|gate| cut.extend_from_slice(&gate[of_part.clone()]));
                Ok::<Vec<f32>, NoMemory>(cut)
            };
            let (kernel, recurrent) = (cut(weights.kernel)?, cut(recurrent)?);
            Ok(Self {
                kernel: Packed::new(Matrix::new(&kernel, inputs, C::GATES * width))?,
                recurrent: C::pack(Matrix::new(&recurrent, units, C::GATES * width), width)?,
                bias: cut(weights.bias)?,
                recurrent_bias: cut(weights.recurrent_bias)?,
                functions: weights.functions.cloned(),
                units: of_part,
            })
        };
        starts.map(part).collect()
    }
}

impl Part {
    /// The weights of a step.
    pub fn step(&self) -> StepWeights<'_> {
        StepWeights {
            units: self.units.len(),
            recurrent: &self.recurrent,
            bias: &self.bias,
            recurrent_bias: &self.recurrent_bias,
            functions: self.functions.as_ref(),
        }
    }
}

/// What the threads share.
struct Shared<'a> {
    steps: &'a Steps,
    /// The inputs, packed.
    x: Buffer,
    /// The state before the first step, in the order of the sorted rows.
    initial: Option<RowStates>,
    units: usize,
    /// The outputs of a step and of the one before, alternating. (Bits of `f32`.)
    h: [Vec<AtomicU32>; 2],
    barriers: Vec<Barrier>,
}

/// Where the thread of a part publishes how far it is; on a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Barrier {
    taken: AtomicBool,
    /// How many steps are done.
    steps: AtomicUsize,
}

impl Barrier {
    /// Whether the part was free and is now the caller's.
    fn take(&self) -> bool {
        !self.taken.swap(true, Ordering::Relaxed)
    }

    /// Waits until a number of steps are done.
    fn wait_for(&self, steps: usize) {
        let mut spins = 0;
        while self.steps.load(Ordering::Acquire) < steps {
            std::hint::spin_loop();
            spins += 1;
            if spins > SPINS {
                std::thread::yield_now();
            }
        }
    }
}

/// Nobody may wait for a thread that panics.
struct Leaves<'a>(&'a Barrier);

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        self.0.steps.store(usize::MAX, Ordering::Release);
    }
}

/// A part at work.
struct Work<'a> {
    part: &'a Part,
    barrier: Leaves<'a>,
    gates: Buffer,
    /// The outputs of the part at all steps, and the cell state of each row.
    h: Buffer,
    c: Buffer,
    /// The state before a step, and what else a step needs room for.
    before_h: Buffer,
    before_c: Buffer,
    saved: Buffer,
    room: Buffer,
}

impl<'a> Work<'a> {
    /// Multiplies the inputs.
    fn begin<C: Cell>(
        part: &'a Part,
        barrier: &'a Barrier,
        shared: &Shared<'_>,
    ) -> Result<Self, NoMemory> {
        let barrier = Leaves(barrier);
        let (total, width) = (shared.steps.total(), part.units.len());
        let rows = shared.steps.rows.len();
        let mut gates = Buffer::uncleared(total * C::GATES * width)?;
        part.kernel.product(&shared.x, &mut gates, false)?;
        let of_c = if C::HAS_C { rows * width } else { 0 };
        let (mut c, mut before_h) = (Buffer::zeros(of_c)?, Buffer::zeros(rows * width)?);
        if let Some(initial) = &shared.initial {
            for (to, from) in [(&mut c, &initial.c), (&mut before_h, &initial.h)] {
                let rows = from.chunks_exact(shared.units);
                for (to, from) in to.chunks_exact_mut(width).zip(rows) {
                    to.copy_from_slice(&from[part.units.clone()]);
                }
            }
        }
        let (before_c, h) = (Buffer::uncleared(of_c)?, Buffer::uncleared(total * width)?);
        let saved = Buffer::uncleared(rows * C::SAVED * width)?;
        let room = Buffer::uncleared(rows * C::GATES * width)?;
        Ok(Self { part, barrier, gates, h, c, before_h, before_c, saved, room })
    }

    /// A step, with the outputs of all units at the one before.
    fn step<C: Cell>(
        &mut self,
        t: usize,
        before: Option<&[f32]>,
        shared: &Shared<'_>,
    ) -> Result<(), NoMemory> {
        let (from, count) = (shared.steps.offset(t), shared.steps.count(t));
        let width = self.part.units.len();
        let gates = C::GATES * width;
        let of_c = if C::HAS_C { count * width } else { 0 };
        let (before_h, before_c) = (&self.before_h[..count * width], &mut self.before_c[..of_c]);
        before_c.copy_from_slice(&self.c[..of_c]);
        let h = &mut self.h[from * width..(from + count) * width];
        C::forward(Step {
            weights: self.part.step(),
            before: before.map(|all| Before { all, h: before_h, c: before_c }),
            gates: &mut self.gates[from * gates..][..count * gates],
            keep: false,
            saved: &mut self.saved[..count * C::SAVED * width],
            h,
            c: &mut self.c[..of_c],
            room: &mut self.room[..count * gates],
        })?;
        self.before_h[..count * width].copy_from_slice(h);
        let to = shared.h[t % 2].chunks_exact(shared.units);
        for (to, h) in to.zip(h.chunks_exact(width)) {
            for (to, h) in to[self.part.units.clone()].iter().zip(h) {
                to.store(h.to_bits(), Ordering::Relaxed);
            }
        }
        self.barrier.0.steps.store(t + 1, Ordering::Release);
        Ok(())
    }
}

impl Shared<'_> {
    /// All steps of the parts that a thread has.
    fn run<C: Cell>(&self, work: &mut [Work<'_>]) -> Result<(), NoMemory> {
        let mut before = Buffer::uncleared(self.h[0].len())?;
        for t in 0..self.steps.times() {
            let count = self.steps.count(t) * self.units;
            let before = match (t, &self.initial) {
                (0, None) => None,
                (0, Some(initial)) => Some(&initial.h[..count]),
                (t, _) => {
                    self.barriers.iter().for_each(|barrier| barrier.wait_for(t));
                    let before = &mut before[..count];
                    for (to, h) in before.iter_mut().zip(&self.h[(t - 1) % 2]) {
                        *to = f32::from_bits(h.load(Ordering::Relaxed));
                    }
                    Some(&*before)
                }
            };
            work.iter_mut().try_for_each(|work| work.step::<C>(t, before, self))?;
        }
        Ok(())
    }
}

/// The forward pass of the rows that `steps` names, without anything saved for a backward pass. `out` holds their
/// places, in the order of `steps.rows`.
pub(crate) fn forward_few<C: Cell>(
    Sizes { inputs, units, length }: Sizes,
    parts: &[Part],
    x: &[f32],
    initial: Option<States<'_>>,
    steps: &Steps,
    out: &mut [RowOut<'_>],
) -> Result<(), NoMemory> {
    let values = || listed((0..steps.rows.len() * units).map(|_| AtomicU32::new(0)));
    let shared = Shared {
        steps,
        x: steps.gather(x, length, inputs, 0..steps.times())?,
        initial: initial.map(|states| states.sorted(steps, units)).transpose()?,
        units,
        h: [values()?, values()?],
        barriers: parts.iter().map(|_| Barrier::default()).collect(),
    };
    let done = Mutex::new(Vec::new());
    // What a thread of the pool gives: the units, their outputs at all steps and their cell states at the end.
    let finish = |work: Vec<Work<'_>>| {
        let results = work.into_iter().map(|work| (work.part.units.clone(), work.h, work.c));
        done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend(results);
    };
    let free = || parts.iter().zip(&shared.barriers).skip(1);
    let theirs = || {
        let taken = free().find(|(_, barrier)| barrier.take());
        // A part without memory leaves the barrier, so that nobody waits for it, and is missed in the end.
        if let Some((part, barrier)) = taken
            && let Ok(work) = Work::begin::<C>(part, barrier, &shared)
        {
            let mut work = vec![work];
            if shared.run::<C>(&mut work).is_ok() {
                finish(work);
            }
        }
    };
    beside(parts.len().saturating_sub(1), &theirs, || {
        let first = parts.iter().zip(&shared.barriers).take(1);
        let begin = |(part, barrier)| Work::begin::<C>(part, barrier, &shared).ok();
        let mut work: Vec<Work<'_>> = first.filter_map(begin).collect();
        // All threads of the pool may be at other work, and even wait for this one.
        let start = Instant::now();
        for (part, barrier) in free() {
            while !barrier.taken.load(Ordering::Relaxed) && start.elapsed() < SPIN_TIMEOUT {
                std::hint::spin_loop();
            }
            if barrier.take() {
                work.extend(begin((part, barrier)));
            }
        }
        if shared.run::<C>(&mut work).is_ok() {
            finish(work);
        }
    });

    let memory = |count| Buffer::uncleared(count * units);
    let of_c = if C::HAS_C { units } else { 0 };
    let mut h = memory(steps.total())?;
    let mut c = memory(if C::HAS_C { steps.rows.len() } else { 0 })?;
    let done = done.into_inner().unwrap_or_default();
    if done.len() < parts.len() {
        return Err(NoMemory::of(steps.total() * C::GATES * units));
    }
    for (part, of_h, of_c) in done {
        for (all, some) in [(&mut h, of_h), (&mut c, of_c)] {
            for (to, from) in all.chunks_exact_mut(units).zip(some.chunks_exact(part.len())) {
                to[part.clone()].copy_from_slice(from);
            }
        }
    }
    for (r, out) in out.iter_mut().enumerate() {
        let c = &c[r * of_c..(r + 1) * of_c];
        out.write(steps, r, &h, shared.initial.as_ref(), c);
    }
    Ok(())
}
