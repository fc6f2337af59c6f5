//! The forward pass of a few rows, with the units on threads.
//!
//! A step of a few rows takes as long as its weights take out of the cache. Here each thread has only the weights of
//! some units, and the threads meet at each step: they tell each other the outputs of their units.

use std::{
    ops::Range,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use pulp::Arch;

use super::{RowOut, Sizes, States, Steps, Weights, gates::Gates};
use crate::backend::{
    cpu::{buffer::Buffer, matrix::Matrix, packed::Packed},
    memory::NoMemory,
};

/// How many units a thread has at least: below, meeting costs more than it saves.
const LEAST: usize = 48;

/// Units of a thread are a multiple of this, so that rows of them are full vectors.
const LANES: usize = 16;

/// How long a thread of the pool is waited for, before its part is done without it.
const PATIENCE: Duration = Duration::from_micros(50);

/// After so many turns of waiting the processor is left to others: there may be fewer than there are threads.
const TURNS: usize = 10_000;

/// Some of the units, with their weights.
#[derive(Debug)]
pub(crate) struct Part {
    units: Range<usize>,
    pub(super) kernel: Packed,
    pub(super) recurrent: Packed,
    pub(super) bias: Vec<f32>,
}

impl Part {
    /// How many parts there are for a number of threads and units. One means that it is not worth it.
    pub(crate) fn count(threads: usize, units: usize) -> usize {
        threads.min(units / LEAST).max(1)
    }

    /// Cuts the units into parts; `recurrent` is `(units, 4 * units)`.
    pub(crate) fn cut(
        Sizes { inputs, units, .. }: Sizes,
        weights: Weights<'_>,
        recurrent: &[f32],
        parts: usize,
    ) -> Vec<Self> {
        let each = units.div_ceil(parts.max(1)).next_multiple_of(LANES);
        let starts = (0..units).step_by(each.max(1));
        let part = |from: usize| {
            let of_part = from..units.min(from + each);
            let width = of_part.len();
            // The four gates of the part, one after the other.
            let cut = |rows: &[f32]| -> Vec<f32> {
                rows.chunks_exact(units).flat_map(|gate| &gate[of_part.clone()]).copied().collect()
            };
            let pack =
                |matrix: &[f32], rows| Packed::new(Matrix::new(&cut(matrix), rows, 4 * width));
            Self {
                kernel: pack(weights.kernel, inputs),
                recurrent: pack(recurrent, units),
                bias: cut(weights.bias),
                units: of_part,
            }
        };
        starts.map(part).collect()
    }
}

/// What the threads share.
struct Shared<'a> {
    steps: &'a Steps,
    /// The inputs, packed.
    x: Buffer,
    /// The state before the first step, in the order of the sorted rows.
    initial: Option<(Buffer, Buffer)>,
    units: usize,
    /// The outputs of a step and of the one before, in turns. (Bits of `f32`.)
    h: [Vec<AtomicU32>; 2],
    meeting: Vec<Meeting>,
}

/// Where the thread of a part tells how far it is; on a line of the cache of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Meeting {
    taken: AtomicBool,
    /// How many steps are done.
    steps: AtomicUsize,
}

impl Meeting {
    /// Whether the part was free and is now the caller's.
    fn take(&self) -> bool {
        !self.taken.swap(true, Ordering::Relaxed)
    }

    /// Waits until a number of steps are done.
    fn wait_for(&self, steps: usize) {
        let mut turns = 0;
        while self.steps.load(Ordering::Acquire) < steps {
            std::hint::spin_loop();
            turns += 1;
            if turns > TURNS {
                std::thread::yield_now();
            }
        }
    }
}

/// Nobody may wait for a thread that panics.
struct Leaves<'a>(&'a Meeting);

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        self.0.steps.store(usize::MAX, Ordering::Release);
    }
}

/// A part at work.
struct Work<'a> {
    part: &'a Part,
    meeting: Leaves<'a>,
    gates: Buffer,
    /// The outputs of the part at all steps, and the memory of each row.
    h: Buffer,
    c: Buffer,
    /// The memory before a step, and what it squashes to behind it.
    before: Buffer,
    tanh_c: Buffer,
}

impl<'a> Work<'a> {
    /// Multiplies the inputs.
    fn begin(part: &'a Part, meeting: &'a Meeting, shared: &Shared<'_>) -> Result<Self, NoMemory> {
        let meeting = Leaves(meeting);
        let (total, width) = (shared.steps.total(), part.units.len());
        let rows = shared.steps.rows.len();
        let mut gates = Buffer::try_uncleared(total * 4 * width)?;
        part.kernel.product(&shared.x, &mut gates, false);
        let mut c = Buffer::try_zeros(rows * width)?;
        if let Some((_, initial)) = &shared.initial {
            let rows = initial.chunks_exact(shared.units);
            for (to, from) in c.chunks_exact_mut(width).zip(rows) {
                to.copy_from_slice(&from[part.units.clone()]);
            }
        }
        let memory = |count| Buffer::try_uncleared(count * width);
        let (h, before, tanh_c) = (memory(total)?, memory(rows)?, memory(rows)?);
        Ok(Self { part, meeting, gates, h, c, before, tanh_c })
    }

    /// A step, with the outputs of all units at the one before.
    fn step(&mut self, t: usize, before: Option<&[f32]>, shared: &Shared<'_>) {
        let (from, count) = (shared.steps.offset(t), shared.steps.count(t));
        let width = self.part.units.len();
        let gates = &mut self.gates[from * 4 * width..(from + count) * 4 * width];
        if let Some(before) = before {
            self.part.recurrent.product(before, gates, true);
        }
        let h = &mut self.h[from * width..(from + count) * width];
        let c = &mut self.c[..count * width];
        let memory = &mut self.before[..count * width];
        memory.copy_from_slice(c);
        Arch::new().dispatch(Gates {
            units: width,
            bias: &self.part.bias,
            gates,
            before: before.map(|_| &*memory),
            c,
            tanh_c: &mut self.tanh_c[..count * width],
            h,
        });
        let to = shared.h[t % 2].chunks_exact(shared.units);
        for (to, h) in to.zip(h.chunks_exact(width)) {
            for (to, h) in to[self.part.units.clone()].iter().zip(h) {
                to.store(h.to_bits(), Ordering::Relaxed);
            }
        }
        self.meeting.0.steps.store(t + 1, Ordering::Release);
    }
}

impl Shared<'_> {
    /// All steps of the parts that a thread has.
    fn run(&self, work: &mut [Work<'_>]) {
        let mut before = Buffer::uncleared(self.h[0].len());
        for t in 0..self.steps.times() {
            let count = self.steps.count(t) * self.units;
            let before = match (t, &self.initial) {
                (0, None) => None,
                (0, Some((h, _))) => Some(&h[..count]),
                (t, _) => {
                    self.meeting.iter().for_each(|meeting| meeting.wait_for(t));
                    let before = &mut before[..count];
                    for (to, h) in before.iter_mut().zip(&self.h[(t - 1) % 2]) {
                        *to = f32::from_bits(h.load(Ordering::Relaxed));
                    }
                    Some(&*before)
                }
            };
            work.iter_mut().for_each(|work| work.step(t, before, self));
        }
    }
}

/// The forward pass of the rows that `steps` names, without anything kept for a backward pass. `out` holds their
/// places, in the order of `steps.rows`.
pub(crate) fn forward_few(
    Sizes { inputs, units, length }: Sizes,
    parts: &[Part],
    x: &[f32],
    initial: Option<States<'_>>,
    steps: &Steps,
    out: &mut [RowOut<'_>],
) -> Result<(), NoMemory> {
    let numbers = || (0..steps.rows.len() * units).map(|_| AtomicU32::new(0)).collect();
    let shared = Shared {
        steps,
        x: steps.gather(x, length, inputs, 0..steps.times())?,
        initial: initial.map(|states| states.sorted(steps, units)).transpose()?,
        units,
        h: [numbers(), numbers()],
        meeting: parts.iter().map(|_| Meeting::default()).collect(),
    };
    let done = Mutex::new(Vec::new());
    // What a thread of the pool gives: the units, their outputs at all steps and their memory at the end.
    let finish = |work: Vec<Work<'_>>| {
        let results = work.into_iter().map(|work| (work.part.units.clone(), work.h, work.c));
        done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend(results);
    };
    rayon::in_place_scope(|scope| {
        let (shared, finish) = (&shared, &finish);
        let free = || parts.iter().zip(&shared.meeting).skip(1);
        for (part, meeting) in free() {
            scope.spawn(move |_| {
                // A part without memory leaves the meeting, so that nobody waits for it, and is missed in the end.
                if meeting.take()
                    && let Ok(work) = Work::begin(part, meeting, shared)
                {
                    let mut work = vec![work];
                    shared.run(&mut work);
                    finish(work);
                }
            });
        }
        let first = parts.iter().zip(&shared.meeting).take(1);
        let begin = |(part, meeting)| Work::begin(part, meeting, shared).ok();
        let mut work: Vec<Work<'_>> = first.filter_map(begin).collect();
        // All threads of the pool may be at other work, and even wait for this one.
        let start = Instant::now();
        for (part, meeting) in free() {
            while !meeting.taken.load(Ordering::Relaxed) && start.elapsed() < PATIENCE {
                std::hint::spin_loop();
            }
            if meeting.take() {
                work.extend(begin((part, meeting)));
            }
        }
        shared.run(&mut work);
        finish(work);
    });

    let memory = |count| Buffer::try_uncleared(count * units);
    let (mut h, mut c) = (memory(steps.total())?, memory(steps.rows.len())?);
    let done = done.into_inner().unwrap_or_default();
    if done.len() < parts.len() {
        return Err(NoMemory::of(steps.total() * 4 * units));
    }
    for (part, of_h, of_c) in done {
        for (all, some) in [(&mut h, of_h), (&mut c, of_c)] {
            for (to, from) in all.chunks_exact_mut(units).zip(some.chunks_exact(part.len())) {
                to[part.clone()].copy_from_slice(from);
            }
        }
    }
    let initial = shared.initial.as_ref().map(|(h, _)| &h[..]);
    for (r, out) in out.iter_mut().enumerate() {
        out.write(steps, r, &h, initial, Some(&c[r * units..(r + 1) * units]));
    }
    Ok(())
}
