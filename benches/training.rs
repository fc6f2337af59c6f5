//! What a training costs beside the model: callbacks, and the step of an optimiser.
//!
//! ```text
//! cargo bench --bench training [-- --threads N]
//! ```
//!
//! Callbacks are measured where all else is small, on a model of two numbers, with them and without, as the difference a batch; and
//! told as a share of a step of W7 (see `workloads`), measured in the same run. The step of Adam over 10^7 parameters stands beside the
//! memory's speed: the time in which as many bytes are read and written in as many streams, by nothing but a sum of them.

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

#[model(input = (Batch, 10, 27), output = (Batch, 27))]
struct Letters {
    lstm: Lstm<_, 64>,
    head: Dense<_, 27>,
}

type Line = Sequential<(Batch, Const<1>), (Dense<1, 1>,)>;

/// The median of some runs, in seconds.
fn median(runs: usize, mut run: impl FnMut() -> Result<f64, Error>) -> Result<f64, Error> {
    let mut seconds = (0..runs).map(|_| run()).collect::<Result<Vec<f64>, Error>>()?;
    seconds.sort_by(f64::total_cmp);
    Ok(seconds[runs / 2])
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

/// Seconds of a step of W7.
fn letters() -> Result<f64, Error> {
    let dev = Cpu::seed_from_u64(0);
    let mut model = Letters::build(&dev)?;
    let mut x = vec![0.0_f32; 128 * 10 * 27];
    (0..1280).for_each(|i| x[i * 27 + i * 7919 % 27] = 1.0);
    let x = dev.tensor_from_vec(x, (128, Const::<10>, Const::<27>));
    let labels = dev.tensor_from_vec((0..128).map(|i| i * 31 % 27).collect(), (128,));
    let (mut state, adam) = (State::default(), Adam::new(1e-3));
    let loss = SparseCategoricalCrossentropy::from_logits();
    median(200, || {
        let start = Instant::now();
        state.attempt(&adam, &mut model, |model| {
            let y = model.forward_mut(x.clone().put_tape(OwnedTape::default()))?;
            loss.compute(y, labels.clone())
        })?;
        Ok(start.elapsed().as_secs_f64())
    })
}

/// Seconds of a step of Adam over 10^7 parameters.
fn adam() -> Result<(usize, f64), Error> {
    let dev = Cpu::seed_from_u64(0);
    let mut model = Dense::<SIDE, SIDE>::build(&dev)?;
    let (mut state, adam) = (State::default(), Adam::new(1e-3));
    let gradients = |model: &Dense<SIDE, SIDE>| -> Gradients<f32, Cpu> {
        let kernel = model.kernel.clone().put_tape(OwnedTape::default());
        let bias = model.bias.clone().put_tape(OwnedTape::default());
        (kernel.sum() + bias.sum()).backward()
    };
    let seconds = median(15, || {
        let mut gradients = gradients(&model);
        let start = Instant::now();
        state.step(&adam, &mut model, &mut gradients)?;
        Ok(start.elapsed().as_secs_f64())
    })?;
    Ok((SIDE * (SIDE + 1), seconds))
}

/// Seconds in which so many values of four arrays are read and of three written, on all threads.
fn memory(values: usize) -> Result<f64, Error> {
    let piece = values.div_ceil(rayon::current_num_threads() * 8);
    let gradient = vec![1.0_f32; values];
    let mut arrays = [vec![0.0_f32; values], vec![0.0_f32; values], vec![0.0_f32; values]];
    median(15, || {
        let start = Instant::now();
        let [a, b, c] = &mut arrays;
        let pieces = a.par_chunks_mut(piece).zip(b.par_chunks_mut(piece));
        let pieces = pieces.zip(c.par_chunks_mut(piece)).zip(gradient.par_chunks(piece));
        pieces.for_each(|(((a, b), c), g)| {
            for (((a, b), c), g) in a.iter_mut().zip(b).zip(c).zip(g) {
                *a += g;
                *b += g;
                *c += *a;
            }
        });
        black_box(&arrays);
        Ok(start.elapsed().as_secs_f64())
    })
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
    let without = median(5, || small(false))?;
    let with = median(5, || small(true))?;
    let step = letters()?;
    let cost = (with - without).max(0.0);
    println!(r#"{{"bench": "callbacks", "microseconds": {:.3}}}"#, cost * 1e6);
    println!(r#"{{"bench": "W7", "microseconds": {:.1}}}"#, step * 1e6);
    println!(
        "eight callbacks cost {:.3} us a batch: {:.3} % of a step of W7",
        cost * 1e6,
        100.0 * cost / step
    );
    let (parameters, seconds) = adam()?;
    let least = memory(parameters)?;
    let rate = |seconds: f64| 7.0 * 4.0 * parameters as f64 / seconds / 1e9;
    println!(
        r#"{{"bench": "adam", "parameters": {parameters}, "milliseconds": {:.3}}}"#,
        seconds * 1e3
    );
    println!(
        "Adam over {parameters} parameters: {:.2} ms, {:.1} GB/s; the memory alone {:.2} ms, {:.1} GB/s: {:.2} times as long",
        seconds * 1e3,
        rate(seconds),
        least * 1e3,
        rate(least),
        seconds / least,
    );
    Ok(())
}
