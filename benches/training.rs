//! What a training costs beside the model: callbacks, and the step of an optimiser.
//!
//! ```text
//! cargo bench --bench training [-- --threads N]
//! ```
//!
//! Callbacks are measured where all else is small, on a model of two numbers: the least of some runs with them less the least of as
//! many runs without, which alternate; and told as a share of a step of W7 (see `workloads`), measured in the same run. The step of Adam
//! over 10^7 parameters stands beside the memory's speed: the time in which as many bytes are read and written in as many streams, by
//! nothing but a sum of them. (Before it changes anything, a step reads the gradients once, to look for NaN: that time is in it.)

use std::{hint::black_box, time::Instant};

use dfdx::{
    prelude::{Backward, SumTo},
    tensor::{Gradients, OwnedTape, PutTape},
};
use kerata::{
    Batch, Const, Cpu, Dense, Error, Lstm,
    callbacks::{
        EarlyStopping, LambdaCallback, LearningRateScheduler, ReduceLrOnPlateau, TerminateOnNan,
    },
    data::InMemory,
    loss::{MeanSquaredError, SparseCategoricalCrossentropy},
    metric::MeanLoss,
    model,
    model::Sequential,
    optim::{Adam, Sgd, State},
    prelude::*,
    train::{Callback, Fit, Trainer},
};
use rayon::prelude::*;

const BATCHES: usize = 20_000;
const SIDE: usize = 3162;
const PARAMETERS: usize = SIDE * (SIDE + 1);

#[model(input = (Batch, 10, 27), output = (Batch, 27))]
struct Letters {
    lstm: Lstm<_, 64>,
    head: Dense<_, 27>,
}

type Line = Sequential<(Batch, Const<1>), (Dense<1, 1>,)>;

/// The least of two measurements, each of some runs that alternate: what else the machine does only adds to them.
fn least_of_each(
    runs: usize,
    mut run: impl FnMut(bool) -> Result<f64, Error>,
) -> Result<[f64; 2], Error> {
    let mut least = [f64::INFINITY; 2];
    for _ in 0..runs {
        for (least, second) in least.iter_mut().zip([false, true]) {
            *least = least.min(run(second)?);
        }
    }
    Ok(least)
}

/// Seconds a batch of a training that is as small as can be.
fn small(with: bool) -> Result<f64, Error> {
    let x: Vec<[f32; 1]> = (0..BATCHES).map(|i| [(i % 7) as f32 / 7.0]).collect();
    let data = InMemory::new(x.clone(), x)?;
    let model = Line::build(&Cpu::seed_from_u64(0))?;
    let mut trainer = Trainer::new(model, MeanSquaredError, Sgd::new(1e-3))?
        .metric(MeanLoss(kerata::loss::MeanAbsoluteError));
    if with {
        trainer = trainer
            .callback(EarlyStopping::new("loss").restore_best_weights(true))
            .callback(ReduceLrOnPlateau::new("loss"))
            .callback(LearningRateScheduler::new(|_, rate| rate))
            .callback(TerminateOnNan::new())
            .callback(LambdaCallback::new().on_train_batch_end(|_, _, logs| {
                black_box(logs.get("loss"));
                Ok(())
            }))
            .callback(Both::default())
            .callback(Both::default())
            .callback(Both::default());
    }
    let fit = Fit { batch_size: 1, shuffle: false, progress: false, ..Fit::epochs(1) };
    let start = Instant::now();
    trainer.fit(&data, &fit)?;
    Ok(start.elapsed().as_secs_f64() / BATCHES as f64)
}

/// One of a program's own, that looks at each batch before and after.
#[derive(Debug, Default)]
struct Both {
    batches: usize,
    sum: f64,
}

impl<M: Parameters> Callback<M, f32, Cpu> for Both {
    fn on_train_batch_begin(
        &mut self,
        _: &mut kerata::train::Training<'_, M, f32, Cpu>,
        _: usize,
    ) -> Result<(), Error> {
        self.batches += 1;
        Ok(())
    }

    fn on_train_batch_end(
        &mut self,
        _: &mut kerata::train::Training<'_, M, f32, Cpu>,
        _: usize,
        logs: &kerata::train::Logs,
    ) -> Result<(), Error> {
        self.sum += logs.iter().map(|(_, value)| value).sum::<f64>();
        Ok(())
    }
}

/// Seconds of a step of W7, the least of many.
fn letters() -> Result<f64, Error> {
    let dev = Cpu::seed_from_u64(0);
    let mut model = Letters::build(&dev)?;
    let mut x = vec![0.0_f32; 128 * 10 * 27];
    (0..1280).for_each(|i| x[i * 27 + i * 7919 % 27] = 1.0);
    let x = dev.tensor_from_vec(x, (128, Const::<10>, Const::<27>));
    let labels = dev.tensor_from_vec((0..128).map(|i| i * 31 % 27).collect(), (128,));
    let (mut state, adam) = (State::default(), Adam::new(1e-3));
    let loss = SparseCategoricalCrossentropy::from_logits();
    let mut least = f64::INFINITY;
    for _ in 0..200 {
        let start = Instant::now();
        state.attempt(&adam, &mut model, |model| {
            let y = model.forward_mut(x.clone().put_tape(OwnedTape::default()))?;
            loss.compute(y, labels.clone())
        })?;
        least = least.min(start.elapsed().as_secs_f64());
    }
    Ok(least)
}

/// Seconds of a step of Adam over so many parameters, and of the memory alone.
fn adam() -> Result<[f64; 2], Error> {
    let dev = Cpu::seed_from_u64(0);
    let mut model = Dense::<SIDE, SIDE>::build(&dev)?;
    let (mut state, adam) = (State::default(), Adam::new(1e-3));
    let gradients = |model: &Dense<SIDE, SIDE>| -> Gradients<f32, Cpu> {
        let kernel = model.kernel.clone().put_tape(OwnedTape::default());
        let bias = model.bias.clone().put_tape(OwnedTape::default());
        (kernel.sum() + bias.sum()).backward()
    };
    let mut memory = Memory::new();
    least_of_each(15, |alone| {
        if alone {
            return Ok(memory.pass());
        }
        let mut gradients = gradients(&model);
        let start = Instant::now();
        state.step(&adam, &mut model, &mut gradients)?;
        Ok(start.elapsed().as_secs_f64())
    })
}

/// As many arrays as a step of Adam has: weights and two moments, which are read and written, and gradients, which are read.
struct Memory {
    gradient: Vec<f32>,
    arrays: [Vec<f32>; 3],
}

impl Memory {
    fn new() -> Self {
        let zeros = || vec![0.0; PARAMETERS];
        Self { gradient: vec![1.0; PARAMETERS], arrays: [zeros(), zeros(), zeros()] }
    }

    /// Seconds in which all of them go through once, on all threads.
    fn pass(&mut self) -> f64 {
        let piece = PARAMETERS.div_ceil(rayon::current_num_threads() * 8);
        let start = Instant::now();
        let [a, b, c] = &mut self.arrays;
        let pieces = a.par_chunks_mut(piece).zip(b.par_chunks_mut(piece));
        let pieces = pieces.zip(c.par_chunks_mut(piece)).zip(self.gradient.par_chunks(piece));
        pieces.for_each(|(((a, b), c), g)| {
            for (((a, b), c), g) in a.iter_mut().zip(b).zip(c).zip(g) {
                *a += g;
                *b += g;
                *c += *a;
            }
        });
        black_box(&self.arrays);
        start.elapsed().as_secs_f64()
    }
}

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--threads"
            && let Some(threads) = arguments.next().and_then(|n| n.parse().ok())
        {
            kerata::backend::set_threads(threads)?;
        }
    }
    let [without, with] = least_of_each(15, small)?;
    let step = letters()?;
    // May come out below 0, where it is less than what two runs differ by.
    let cost = with - without;
    println!(r#"{{"bench": "callbacks", "microseconds": {:.3}}}"#, cost * 1e6);
    println!(r#"{{"bench": "W7", "microseconds": {:.1}}}"#, step * 1e6);
    println!(
        "a batch of the smallest training: {:.3} us, with eight callbacks {:.3} us; the difference is {:.3} % of a step of W7, {:.1} us",
        without * 1e6,
        with * 1e6,
        100.0 * cost / step,
        step * 1e6,
    );
    let [seconds, least] = adam()?;
    let rate = |seconds: f64| 7.0 * 4.0 * PARAMETERS as f64 / seconds / 1e9;
    println!(
        r#"{{"bench": "adam", "parameters": {PARAMETERS}, "milliseconds": {:.3}}}"#,
        seconds * 1e3
    );
    println!(
        "Adam over {PARAMETERS} parameters: {:.2} ms, {:.1} GB/s; the memory alone {:.2} ms, {:.1} GB/s: {:.2} times as long",
        seconds * 1e3,
        rate(seconds),
        least * 1e3,
        rate(least),
        seconds / least,
    );
    Ok(())
}
