//! Whole training steps and forward passes, for comparison with other frameworks.
//!
//! ```text
//! cargo bench --bench workloads [-- [--threads N] [WORKLOAD ..]]
//! ```
//!
//! One JSON line a workload, then a table. Data and initial weights come from a counter-based hash, the same as
//! in the programs for the other frameworks, so that the first two losses must agree.

mod models;

use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use dfdx::tensor::{NoneTape, OwnedTape};
use kerata::{
    Add, Batch, Bidirectional, Cpu, Dense, Embedding, EmbeddingBag, Error, GlobalAveragePooling1d,
    Gru, Ids, Inputs, LayerNorm, Length, Lstm, MaskZero, MultiHeadAttention, Relu, Sequences,
    TimeDistributed,
    data::InMemory,
    loss::{BinaryCrossentropy, Loss, SparseCategoricalCrossentropy},
    model,
    model::{Stream, StreamModel},
    optim::{Adam, State},
    prelude::*,
    reduce::Unweighted,
    shape::Const,
    signal::Signal,
    train::{Callback, Fit, Logs, Trainer, Training},
};
use models::{Digits, Residual, Sentiment};

const ALL: [&str; 23] = [
    "W1",
    "W1_large",
    "W1_fit",
    "W1_large_fit",
    "W2",
    "W3_b1",
    "W3_b32",
    "W4",
    "W5_b1",
    "W5_b64",
    "W6",
    "W6_two",
    "W7",
    "W9",
    "W9p",
    "W10",
    "W10p",
    "W11",
    "W11p",
    "W12",
    "W12_gru",
    "W13",
    "W13_f",
];
const SENTENCES: usize = 32;
const WORDS: usize = 100;

/// W1_large.
#[model(input = Ids<(Batch, 100)>, output = (Batch, 2))]
struct LargeSentiment {
    embed: Embedding<1_000_000, 128>,
    lstm1: Lstm<_, 128, Sequences>,
    lstm2: Lstm<_, 128>,
    head: Dense<_, 2>,
}

/// W1_fit: W1_large with the vocabulary of W1.
#[model(input = Ids<(Batch, 100)>, output = (Batch, 2))]
struct SmallSentiment {
    embed: Embedding<10_000, 128>,
    lstm1: Lstm<_, 128, Sequences>,
    lstm2: Lstm<_, 128>,
    head: Dense<_, 2>,
}

/// W6.
#[model(input = Ids<(Batch, 200)>, output = (Batch, 1))]
struct Bag {
    embed: EmbeddingBag<20_000, 64, MaskZero>,
    head: Dense<_, 1>,
}

/// W6_two: the same with the two layers that make one there.
#[model(input = Ids<(Batch, 200)>, output = (Batch, 1))]
struct TwoLayers {
    embed: Embedding<20_000, 64, MaskZero>,
    mean: GlobalAveragePooling1d,
    head: Dense<_, 1>,
}

/// W7.
#[model(input = (Batch, 10, 27), output = (Batch, 27))]
struct Letters {
    lstm: Lstm<_, 64>,
    head: Dense<_, 27>,
}

/// W9.
#[model(input = Ids<(Batch, 100)>, output = (Batch, 2))]
struct GruSentiment {
    embed: Embedding<10_000, 128, MaskZero>,
    gru1: Gru<_, 128, Sequences>,
    gru2: Gru<_, 128>,
    head: Dense<_, 2>,
}

/// W10.
#[model(input = Ids<(Batch, 100)>, output = (Batch, 2))]
struct BothWays {
    embed: Embedding<10_000, 128, MaskZero>,
    both1: Bidirectional<Lstm<_, 64, Sequences>>,
    both2: Bidirectional<Lstm<_, 64>>,
    head: Dense<_, 2>,
}

/// W11: a block of a transformer, behind the vectors of the words and of their places, which count from 1.
#[model(input = Inputs<(Ids<(Batch, 100)>, Ids<(Batch, 100)>)>, output = (Batch, 2))]
struct Block {
    #[from(input.0)]
    words: Embedding<10_000, 128, MaskZero>,
    #[from(input.1)]
    places: Embedding<101, 128, MaskZero>,
    #[from(words, places)]
    both: Add,
    attention: MultiHeadAttention<_, 8, 16>,
    #[from(both, attention)]
    sum1: Add,
    #[with(epsilon = 1e-5)]
    norm1: LayerNorm<_>,
    wide: TimeDistributed<Dense<_, 512, Relu>>,
    narrow: TimeDistributed<Dense<_, 128>>,
    #[from(norm1, narrow)]
    sum2: Add,
    #[with(epsilon = 1e-5)]
    norm2: LayerNorm<_>,
    mean: GlobalAveragePooling1d,
    head: Dense<_, 2>,
}

/// W12: one step of it, with carried state.
#[model(input = (Batch, Length, 28), output = (Batch, 28))]
struct Generator {
    lstm1: Lstm<_, 128, Sequences>,
    lstm2: Lstm<_, 128>,
    next: Dense<_, 28>,
}

/// W12_gru: the same with another cell.
#[model(input = (Batch, Length, 28), output = (Batch, 28))]
struct GruGenerator {
    gru1: Gru<_, 128, Sequences>,
    gru2: Gru<_, 128>,
    next: Dense<_, 28>,
}

fn hash(seed: u32, i: u32) -> u32 {
    let mut x = i.wrapping_mul(0x9E37_79B1) ^ seed.wrapping_mul(0x85EB_CA77);
    x ^= x >> 15;
    x = x.wrapping_mul(0x2C1B_3C6D);
    x ^= x >> 12;
    x = x.wrapping_mul(0x297A_2D39);
    x ^ (x >> 15)
}

fn numbers(seed: u32, n: usize, scale: f32) -> Vec<f32> {
    let number = |i: u32| (hash(seed, i) >> 8) as f32 / (1_u32 << 24) as f32 * 2.0 - 1.0;
    (0..n as u32).map(|i| number(i) * scale).collect()
}

fn glorot_n(seed: u32, n: usize, fan_in: usize, fan_out: usize) -> Vec<f32> {
    numbers(seed, n, (6.0 / (fan_in + fan_out) as f64).sqrt() as f32)
}

fn glorot(seed: u32, fan_in: usize, fan_out: usize) -> Vec<f32> {
    glorot_n(seed, fan_in * fan_out, fan_in, fan_out)
}

fn set_lstm<const I: usize, const H: usize, R: kerata::Returns>(
    lstm: &mut Lstm<I, H, R>,
    seed: u32,
) {
    lstm.kernel.copy_from(&glorot(seed, I, 4 * H));
    lstm.recurrent_kernel.copy_from(&glorot(seed + 1, H, 4 * H));
}

fn set_gru<const I: usize, const H: usize, R: kerata::Returns>(gru: &mut Gru<I, H, R>, seed: u32) {
    gru.kernel.copy_from(&glorot(seed, I, 3 * H));
    gru.recurrent_kernel.copy_from(&glorot(seed + 1, H, 3 * H));
}

fn block(dev: &Cpu) -> Result<Block, Error> {
    let mut model = Block::build(dev)?;
    model.words.embeddings.copy_from(&numbers(1, 10_000 * 128, 0.05));
    // The padding has the place 0.
    let places = [vec![0.0; 128], numbers(2, 100 * 128, 0.05)].concat();
    model.places.embeddings.copy_from(&places);
    let attention = &mut model.attention;
    attention.query_kernel.copy_from(&glorot(70, 128, 128));
    attention.key_kernel.copy_from(&glorot(71, 128, 128));
    attention.value_kernel.copy_from(&glorot(72, 128, 128));
    attention.output_kernel.copy_from(&glorot(73, 128, 128));
    model.wide.layer.kernel.copy_from(&glorot(74, 128, 512));
    model.narrow.layer.kernel.copy_from(&glorot(75, 512, 128));
    model.head.kernel.copy_from(&glorot(30, 128, 2));
    Ok(model)
}

fn sentiment(dev: &Cpu) -> Result<Sentiment, Error> {
    let mut model = Sentiment::build(dev)?;
    model.embed.embeddings.copy_from(&numbers(1, 10_000 * 128, 0.05));
    set_lstm(&mut model.lstm1, 10);
    set_lstm(&mut model.lstm2, 20);
    model.head.kernel.copy_from(&glorot(30, 128, 2));
    Ok(model)
}

/// `(channels_out, channels_in, window)` as `(window, channels_in, channels_out)`.
fn channels_last(kernel: &[f32], channels_in: usize, channels_out: usize) -> Vec<f32> {
    let window = kernel.len() / channels_in / channels_out;
    let mut moved = Vec::with_capacity(kernel.len());
    for w in 0..window {
        for c in 0..channels_in {
            moved.extend((0..channels_out).map(|o| kernel[(o * channels_in + c) * window + w]));
        }
    }
    moved
}

/// The weights of the other programs lie channels first.
fn digits(dev: &Cpu) -> Result<Digits, Error> {
    let mut model = Digits::build(dev)?;
    model.conv1.kernel.copy_from(&channels_last(&glorot_n(40, 9 * 32, 9, 288), 1, 32));
    model.conv2.kernel.copy_from(&channels_last(&glorot_n(41, 288 * 64, 288, 576), 32, 64));
    let dense = glorot(42, 9216, 128);
    let rows = (0..9216).map(|i| (i % 64) * 144 + i / 64);
    let dense: Vec<f32> = rows.flat_map(|row| &dense[row * 128..][..128]).copied().collect();
    model.dense.kernel.copy_from(&dense);
    model.head.kernel.copy_from(&glorot(43, 128, 10));
    Ok(model)
}

/// W13: a stem and three blocks of two convolutions.
fn residual(dev: &Cpu) -> Result<Residual, Error> {
    let mut model = Residual::build(dev)?;
    model.stem.kernel.copy_from(&glorot_n(90, 27 * 32, 27, 288));
    let kernels = [
        &mut model.conv1.kernel,
        &mut model.conv2.kernel,
        &mut model.conv3.kernel,
        &mut model.conv4.kernel,
        &mut model.conv5.kernel,
        &mut model.conv6.kernel,
    ];
    for (kernel, seed) in kernels.into_iter().zip(91..) {
        kernel.copy_from(&glorot_n(seed, 288 * 32, 288, 288));
    }
    model.head.kernel.copy_from(&glorot(99, 32, 10));
    Ok(model)
}

/// Token ids from 1 to `vocabulary - 1`, then padding from the length of each row on.
fn tokens(seed: u32, rows: usize, length: usize, vocabulary: u32, lengths: &[usize]) -> Vec<usize> {
    let mut ids: Vec<usize> = (0..(rows * length) as u32)
        .map(|i| 1 + (hash(seed, i) % (vocabulary - 1)) as usize)
        .collect();
    for (row, &real) in ids.chunks_mut(length).zip(lengths) {
        row[real..].fill(0);
    }
    ids
}

fn classes(seed: u32, n: usize, classes: u32) -> Vec<usize> {
    (0..n as u32).map(|i| (hash(seed, i) % classes) as usize).collect()
}

/// What was measured of one workload.
struct Measured {
    workload: String,
    times: Vec<f64>,
    losses: Vec<f32>,
}

fn bench_n() -> Option<usize> {
    std::env::var("BENCH_N").ok().and_then(|n| n.parse().ok())
}

/// Times steps after some to warm up.
fn measure(
    workload: &str,
    mut step: impl FnMut() -> Result<f32, Error>,
) -> Result<Measured, Error> {
    let (n, warm) = match workload {
        "W12" | "W12_gru" => (3000, 300),
        "W3_b1" | "W5_b1" | "W7" => (200, 40),
        "W6" | "W6_two" | "W3_b32" => (60, 8),
        _ => (30, 6),
    };
    let n = bench_n().unwrap_or(n);
    let mut losses = Vec::new();
    for _ in 0..warm {
        losses.push(step()?);
    }
    let mut times = Vec::new();
    for _ in 0..n {
        let start = Instant::now();
        losses.push(step()?);
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(Measured { workload: workload.to_owned(), times, losses })
}

/// A training step of a model on one batch.
fn train<M, Y, L>(
    workload: &str,
    mut model: M,
    input: <M::Input as Signal>::Data<f32, Cpu, NoneTape>,
    target: <Y as Signal>::Data<f32, Cpu, NoneTape>,
    loss: L,
) -> Result<Measured, Error>
where
    M: Model<Output: kerata::loss::Prediction>,
    Y: Signal,
    L: Loss<M::Output, Y>,
{
    let mut state = State::default();
    measure(workload, || {
        let input = M::Input::share::<f32, Cpu>(&input);
        let constant = M::Input::stop_gradient::<f32, Cpu>(&input);
        let tape = OwnedTape::default();
        let input = M::Input::put_tape::<f32, Cpu, OwnedTape<f32, Cpu>>(input, tape);
        let output = model.call_mut(input)?;
        drop(constant);
        let loss = loss.mean(output, &target, &Unweighted)?;
        let value = loss.array();
        state.step(&Adam { epsilon: 1e-8, ..Adam::default() }, &mut model, &mut loss.backward())?;
        Ok(value)
    })
}

/// Notes when each batch ends.
#[derive(Default)]
struct Clock {
    ends: Vec<Instant>,
    losses: Vec<f32>,
}

impl<M> Callback<M> for Clock {
    fn reads_model_in_batches(&self) -> bool {
        false
    }

    fn on_train_batch_end(
        &mut self,
        _: &mut Training<'_, M>,
        _: usize,
        logs: &Logs,
    ) -> Result<(), Error> {
        self.ends.push(Instant::now());
        self.losses.push(logs.get("loss").unwrap_or(f64::NAN) as f32);
        Ok(())
    }
}

/// Steps of `fit`, each on a batch of its own whose ids are spread over the vocabulary.
fn fit<M>(workload: &str, model: M, vocabulary: u32) -> Result<Measured, Error>
where
    M: Model<Input = Ids<(Batch, Const<WORDS>)>, Output = (Batch, Const<2>)>,
{
    let (n, warm) = (bench_n().unwrap_or(60), 6);
    let rows = (n + warm) * SENTENCES;
    let ids = tokens(101, rows, WORDS, vocabulary, &vec![WORDS; rows]);
    let (rows, rest) = ids.as_chunks::<WORDS>();
    assert!(rest.is_empty());
    let data = InMemory::new(rows.to_vec(), classes(102, rows.len(), 2))?;
    let clock = Arc::new(Mutex::new(Clock::default()));
    let loss = SparseCategoricalCrossentropy::from_logits();
    let adam = Adam { epsilon: 1e-8, ..Adam::default() };
    let mut trainer = Trainer::new(model, loss, adam)?.callback(clock.clone());
    trainer.fit(&data, &Fit { progress: false, shuffle: false, ..Fit::epochs(1) })?;
    let Clock { ends, losses } = std::mem::take(&mut *clock.lock().unwrap());
    let between = |pair: &[Instant]| (pair[1] - pair[0]).as_secs_f64() * 1e3;
    let mut times: Vec<f64> = ends[warm - 1..].windows(2).map(between).collect();
    times.sort_by(f64::total_cmp);
    Ok(Measured { workload: workload.to_owned(), times, losses })
}

/// A training step of W6.
fn bag<M>(workload: &str, model: M, dev: &Cpu) -> Result<Measured, Error>
where
    M: Model<Input = Ids<(Batch, Const<200>)>, Output = (Batch, Const<1>)>,
{
    let lengths: Vec<usize> = (0..512).map(|i| 20 + (hash(302, i) % 181) as usize).collect();
    let ids = tokens(301, 512, 200, 20_000, &lengths);
    let labels = classes(303, 512, 2).iter().map(|&y| y as f32).collect();
    let input = dev.tensor_from_vec(ids, (512, Const));
    let target = dev.tensor_from_vec(labels, (512, Const));
    let loss = BinaryCrossentropy::from_logits();
    train::<_, (Batch, Const<1>), _>(workload, model, input, target, loss)
}

/// Steps of a stream, which is fed the letter that it gave.
fn steps<M>(workload: &str, mut stream: Stream<M>) -> Result<Measured, Error>
where
    M: StreamModel<Input = (Batch, Length, Const<28>), Output = (Batch, Const<28>)>,
{
    let mut letter = 0;
    measure(workload, || {
        let mut x = [[0.0; 28]];
        x[0][letter] = 1.0;
        let y = &stream.step(&x)?[0];
        letter = (0..28).max_by(|&a, &b| y[a].total_cmp(&y[b])).unwrap_or(0);
        Ok(letter as f32)
    })
}

fn run(workload: &str, dev: &Cpu) -> Result<Measured, Error> {
    let sparse = SparseCategoricalCrossentropy::from_logits();
    let full = vec![WORDS; SENTENCES];
    let lengths: Vec<usize> =
        (0..SENTENCES as u32).map(|i| 10 + (hash(0, i) % 91) as usize).collect();
    let sentences = |lengths: &[usize], rows: usize| {
        let ids = tokens(101, rows, WORDS, 10_000, lengths);
        dev.tensor_from_vec(ids, (rows, Const::<WORDS>))
    };
    match workload {
        "W1" | "W2" | "W9" | "W9p" | "W10" | "W10p" => {
            let padded = workload == "W2" || workload.ends_with('p');
            let labels = dev.tensor_from_vec(classes(102, SENTENCES, 2), (SENTENCES,));
            let input = sentences(if padded { &lengths } else { &full }, SENTENCES);
            let embeddings = numbers(1, 10_000 * 128, 0.05);
            let head = glorot(30, 128, 2);
            match workload {
                "W9" | "W9p" => {
                    let mut model = GruSentiment::build(dev)?;
                    model.embed.embeddings.copy_from(&embeddings);
                    set_gru(&mut model.gru1, 10);
                    set_gru(&mut model.gru2, 20);
                    model.head.kernel.copy_from(&head);
                    train::<_, Ids<(Batch,)>, _>(workload, model, input, labels, sparse)
                }
                "W10" | "W10p" => {
                    let mut model = BothWays::build(dev)?;
                    model.embed.embeddings.copy_from(&embeddings);
                    set_lstm(&mut model.both1.forward, 10);
                    set_lstm(&mut model.both1.backward, 12);
                    set_lstm(&mut model.both2.forward, 20);
                    set_lstm(&mut model.both2.backward, 22);
                    model.head.kernel.copy_from(&head);
                    train::<_, Ids<(Batch,)>, _>(workload, model, input, labels, sparse)
                }
                _ => train::<_, Ids<(Batch,)>, _>(workload, sentiment(dev)?, input, labels, sparse),
            }
        }
        "W11" | "W11p" => {
            let labels = dev.tensor_from_vec(classes(102, SENTENCES, 2), (SENTENCES,));
            let input = sentences(if workload == "W11p" { &lengths } else { &full }, SENTENCES);
            let words = input.as_vec();
            let place = |(i, &word): (usize, &usize)| if word == 0 { 0 } else { i % WORDS + 1 };
            let places = words.iter().enumerate().map(place).collect();
            let places = dev.tensor_from_vec(places, (SENTENCES, Const::<WORDS>));
            let both = (input, places);
            train::<_, Ids<(Batch,)>, _>(workload, block(dev)?, both, labels, sparse)
        }
        "W1_large" => {
            let labels = dev.tensor_from_vec(classes(102, SENTENCES, 2), (SENTENCES,));
            let ids = tokens(101, SENTENCES, WORDS, 1_000_000, &full);
            let input = dev.tensor_from_vec(ids, (SENTENCES, Const));
            let model = LargeSentiment::build(dev)?;
            train::<_, Ids<(Batch,)>, _>(workload, model, input, labels, sparse)
        }
        "W1_fit" => fit(workload, SmallSentiment::build(dev)?, 10_000),
        "W1_large_fit" => fit(workload, LargeSentiment::build(dev)?, 1_000_000),
        "W3_b1" | "W3_b32" => {
            let rows = if workload == "W3_b1" { 1 } else { SENTENCES };
            let (model, input) = (sentiment(dev)?, sentences(&full[..rows], rows));
            measure(workload, || Ok(model.forward(input.clone())?.as_vec().iter().sum()))
        }
        "W4" | "W5_b1" | "W5_b64" => {
            let rows = if workload == "W5_b1" { 1 } else { 64 };
            let x = numbers(201, rows * 784, 0.5).iter().map(|x| x + 0.5).collect();
            let (model, input) =
                (digits(dev)?, dev.tensor_from_vec(x, (rows, Const, Const, Const)));
            if workload != "W4" {
                return measure(workload, || {
                    Ok(model.forward(input.clone())?.as_vec().iter().sum())
                });
            }
            let labels = dev.tensor_from_vec(classes(202, 64, 10), (64,));
            train::<_, Ids<(Batch,)>, _>(workload, model, input, labels, sparse)
        }
        "W6" => {
            let mut model = Bag::build(dev)?;
            model.embed.embeddings.copy_from(&numbers(50, 20_000 * 64, 0.05));
            model.head.kernel.copy_from(&glorot(51, 64, 1));
            bag(workload, model, dev)
        }
        "W6_two" => {
            let mut model = TwoLayers::build(dev)?;
            model.embed.embeddings.copy_from(&numbers(50, 20_000 * 64, 0.05));
            model.head.kernel.copy_from(&glorot(51, 64, 1));
            bag(workload, model, dev)
        }
        "W7" => {
            let mut model = Letters::build(dev)?;
            set_lstm(&mut model.lstm, 60);
            model.head.kernel.copy_from(&glorot(62, 64, 27));
            let mut x = vec![0.0; 128 * 10 * 27];
            for (i, letter) in classes(401, 1280, 27).into_iter().enumerate() {
                x[i * 27 + letter] = 1.0;
            }
            let input = dev.tensor_from_vec(x, (128, Const, Const));
            let labels = dev.tensor_from_vec(classes(402, 128, 27), (128,));
            train::<_, Ids<(Batch,)>, _>(workload, model, input, labels, sparse)
        }
        "W13" | "W13_f" => {
            let x = numbers(501, 64 * 32 * 32 * 3, 0.5).iter().map(|x| x + 0.5).collect();
            let (model, input) =
                (residual(dev)?, dev.tensor_from_vec(x, (64, Const, Const, Const)));
            if workload == "W13_f" {
                return measure(workload, || {
                    Ok(model.forward(input.clone())?.as_vec().iter().sum())
                });
            }
            let labels = dev.tensor_from_vec(classes(502, 64, 10), (64,));
            train::<_, Ids<(Batch,)>, _>(workload, model, input, labels, sparse)
        }
        "W12" => {
            let mut model = Generator::build(dev)?;
            set_lstm(&mut model.lstm1, 80);
            set_lstm(&mut model.lstm2, 82);
            model.next.kernel.copy_from(&glorot(84, 128, 28));
            steps(workload, model.stream(1)?)
        }
        "W12_gru" => steps(workload, GruGenerator::build(dev)?.stream(1)?),
        _ => Err(Error::Invalid {
            name: "the workload",
            value: workload.to_owned(),
            expected: "there are W1, W1_large, W1_fit, W1_large_fit, W2, W3_b1, W3_b32, W4, W5_b1, W5_b64, W6, W6_two, W7, W9, W9p, W10, W10p, W11, W11p, W12, W12_gru, W13 and W13_f",
        }),
    }
}

fn main() -> Result<(), Error> {
    // Cargo hands `--bench` on.
    let mut asked: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let mut threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    if let Some(at) = asked.iter().position(|a| a == "--threads") {
        threads = asked.get(at + 1).and_then(|n| n.parse().ok()).unwrap_or(threads);
        asked.drain(at..(at + 2).min(asked.len()));
    }
    kerata::backend::set_threads(threads)?;
    if asked.is_empty() {
        asked = ALL.map(String::from).to_vec();
    }
    let dev = Cpu::seed_from_u64(0);
    let mut table = comfy_table::Table::new();
    table.set_header(["workload", "median ms", "min ms", "first loss", "second loss"]);
    for workload in &asked {
        let Measured { workload, times, losses } = run(workload, &dev)?;
        let (median, min) = (times[times.len() / 2], times[0]);
        println!(
            "{{\"peer\":\"kerata\",\"workload\":\"{workload}\",\"threads\":{threads},\"median_ms\":{median:.4},\"min_ms\":{min:.4},\"n\":{}}}",
            times.len()
        );
        let cells = [format!("{median:.3}"), format!("{min:.3}")];
        let losses = losses.iter().take(2).map(|loss| format!("{loss:.5}"));
        table.add_row([workload].into_iter().chain(cells).chain(losses));
    }
    println!("{table}");
    Ok(())
}
