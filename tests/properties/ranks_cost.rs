//! What the guide says of the cost of ranks: what a step sends is counted, and what it takes on many machines is calculated from that.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use kerata::{
    Cpu, Error,
    data::InMemory,
    distributed::{Communicator, ThreadRank, Threads},
    loss::SparseCategoricalCrossentropy,
    optim::Adam,
    prelude::*,
    train::{Fit, Trainer},
};

#[path = "../../benches/models/mod.rs"]
#[allow(dead_code, reason = "benches measure more than these")]
mod models;

use models::{Digits, Sentiment};

/// The bytes of each sum.
type Sums = Arc<Mutex<Vec<usize>>>;

struct Noting(ThreadRank, Sums);

impl Communicator for Noting {
    fn rank(&self) -> usize {
        self.0.rank()
    }

    fn size(&self) -> usize {
        self.0.size()
    }

    fn sum(&self, values: &mut [f32]) -> Result<(), Error> {
        self.1.lock().unwrap().push(size_of_val(values));
        self.0.sum(values)
    }
}

/// The bytes of the sums of steps of a model on two ranks, of which so many gather gradients for one update.
macro_rules! sums {
    ($model:ty, $classes:literal, $every:expr, $sample:expr) => {{
        const STEPS: usize = 2;
        let all = Threads::new(2).run(move |rank| {
            let (sums, begin) = (Sums::default(), Arc::new(Mutex::new(None)));
            let (seen, first) = (sums.clone(), begin.clone());
            let adam = Adam { gradient_accumulation_steps: $every, ..Adam::new(1e-3) };
            let loss = SparseCategoricalCrossentropy::from_logits();
            let model = <$model>::build(&Cpu::seed_from_u64(0))?;
            let mut trainer = Trainer::new(model, loss, adam)?
                .distributed(Noting(rank, sums.clone()))
                .augment(move |x, y, _| {
                    first.lock().unwrap().get_or_insert(seen.lock().unwrap().len());
                    Ok((x, y))
                });
            let samples: Vec<_> = (0..2 * STEPS).map($sample).collect();
            let classes = (0..2 * STEPS).map(|i| i % $classes).collect::<Vec<usize>>();
            let fit = Fit { batch_size: 2, progress: false, ..Fit::epochs(1) };
            trainer.fit(&InMemory::new(samples, classes)?, &fit)?;
            let begin = begin.lock().unwrap().unwrap();
            Ok(sums.lock().unwrap()[begin..].to_vec())
        });
        all.unwrap().swap_remove(0)
    }};
}

fn guide() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guide/distributed.md");
    fs::read_to_string(path).unwrap()
}

/// The numbers in a row of a table of the guide, the first one that begins so behind a heading.
fn row(table: &str, name: &str) -> Vec<f64> {
    let (_, behind) = guide().split_once(table).map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let begin = format!("| {name} |");
    let row = behind.lines().find(|line| line.starts_with(&begin)).unwrap().to_owned();
    let number = |cell: &str| -> Option<f64> {
        cell.split_whitespace().next()?.replace(',', "").parse().ok()
    };
    row[begin.len()..].split('|').filter_map(number).collect()
}

/// What a row of the guide is measured to be: parameters, bytes of a sum, and milliseconds of a step of one process.
fn measured(name: &str) -> [f64; 3] {
    row("| | parameters |", name)[..3].try_into().unwrap()
}

#[test]
fn the_bytes_and_calls_of_a_step_are_those_of_the_guide() {
    let sentence = |i: usize| -> Vec<usize> { (0..100).map(|j| 1 + i + j).collect() };
    let picture = |_: usize| vec![vec![vec![0.5_f32]; 28]; 28];
    // What is told behind the gradients: 24 values for each rank, and 9 more where there are no gradients.
    let (told, gathers) = (2 * 24 * 4, 2 * 33 * 4);
    for (name, every, sums) in [
        ("LSTMs", None, sums!(Sentiment, 2, None, sentence)),
        ("CNN", None, sums!(Digits, 10, None, picture)),
        ("LSTMs", Some(2), sums!(Sentiment, 2, Some(2), sentence)),
        ("CNN", Some(2), sums!(Digits, 10, Some(2), picture)),
    ] {
        let [parameters, bytes, _] = measured(name);
        assert_eq!(bytes, parameters * 4.0 + f64::from(told), "{name}");
        let update = bytes as usize;
        match every {
            None => assert_eq!(sums, [update; 2], "{name}"),
            Some(_) => assert_eq!(sums, [gathers, update], "{name}"),
        }
    }
    assert!(guide().contains(&format!("with one loss and no metrics {} bytes", gathers / 2)));
}

/// The seconds that a sum takes over so many ranks.
fn sum(ranks: f64, bytes: f64, [bandwidth, latency]: [f64; 2]) -> f64 {
    2.0 * (ranks - 1.0) / ranks * bytes / bandwidth + small(ranks, latency)
}

fn small(ranks: f64, latency: f64) -> f64 {
    2.0 * ranks.log2() * latency
}

#[test]
fn what_the_guide_predicts_is_calculated_as_it_says() {
    let text = guide();
    assert!(text.contains("(0.118 and 1.18 GB/s, 50 and 20 us;"));
    let networks = [[0.118e9, 50e-6], [1.18e9, 20e-6]];
    let columns = networks.iter().flat_map(|network| [8.0, 64.0].map(|ranks| (ranks, *network)));
    let columns: Vec<(f64, [f64; 2])> = columns.collect();
    for name in ["LSTMs", "CNN"] {
        let [_, bytes, step] = measured(name);
        let step = step / 1e3;
        let of = |part: &dyn Fn(f64, [f64; 2]) -> f64| -> Vec<f64> {
            columns.iter().map(|(ranks, network)| part(*ranks, *network).round()).collect()
        };
        let sums = of(&|ranks, network| 1e3 * sum(ranks, bytes, network));
        assert_eq!(row("## What it costs", &format!("the sum, {name}")), sums, "{name}");
        let computing = of(&|ranks, network| 100.0 * step / (step + sum(ranks, bytes, network)));
        let said = row(&format!("| the sum, {name} |"), "of the time, computing");
        assert_eq!(said, computing, "{name}");
        let gathered = of(&|ranks, network| {
            let sums = sum(ranks, bytes, network) + 7.0 * small(ranks, network[1]);
            100.0 * 8.0 * step / (8.0 * step + sums)
        });
        let table = "with `gradient_accumulation_steps: Some(8)`:";
        assert_eq!(row(table, name), gathered, "{name}");
    }
    for (ranks, said) in [(8.0, "0.3 ms for 8 ranks on 1 GbE"), (64.0, "0.6 ms for 64")] {
        assert!(text.contains(said));
        let number: f64 = said.split(' ').next().unwrap().parse().unwrap();
        assert_eq!((1e4 * small(ranks, 50e-6)).round() / 10.0, number);
    }
}
