//! Is a `Dense` needed before an LSTM? No: an LSTM takes features as they are. This one reads ten
//! measurements of two sensors and says by how much the first was above the second, all in all.

use kerata::{
    Batch, Cpu, Dense, Error, Lstm,
    data::InMemory,
    loss::MeanSquaredError,
    model,
    optim::Adam,
    prelude::*,
    train::{Fit, Trainer},
};

#[model(input = (Batch, 10, 2), output = (Batch, 1))]
struct Meter {
    lstm: Lstm<_, 16>,
    head: Dense<_, 1>,
}

fn main() -> Result<(), Error> {
    // Which layer is input, hidden or output? The summary tells. There is nothing before the LSTM, and
    // Keras too counts 4 * (inputs + units + 1) * units parameters for it.
    let summary = Meter::summary();
    println!("{summary}\n");
    assert_eq!(summary.rows[0].role, "input");
    assert_eq!(summary.rows[0].params, 4 * (2 + 16 + 1) * 16);
    assert_eq!(summary.rows[1].role, "output");

    let sensor = |i: usize, step: usize| ((i * 31 + step * 17) % 23) as f32 / 23.0;
    let samples = |range: std::ops::Range<usize>| {
        let inputs: Vec<[[f32; 2]; 10]> = range
            .map(|i| std::array::from_fn(|step| [sensor(i, step), sensor(i * i + 5, step + 3)]))
            .collect();
        let answer = |x: &[[f32; 2]; 10]| [x.iter().map(|[a, b]| a - b).sum::<f32>() / 10.0];
        let targets: Vec<[f32; 1]> = inputs.iter().map(answer).collect();
        InMemory::new(inputs, targets)
    };

    let model = Meter::build(&Cpu::seed_from_u64(0))?;
    let mut trainer = Trainer::new(model, MeanSquaredError, Adam::new(0.01))?;
    let untrained = trainer.evaluate(&samples(400..500)?, 32)?[0].1;
    let history = trainer.fit(&samples(0..400)?, &Fit::epochs(30))?;
    let trained = trainer.evaluate(&samples(400..500)?, 32)?[0].1;
    println!("loss in the last epoch {:.6}", history.last("loss").unwrap_or(f64::NAN));
    println!("on samples never seen: {untrained:.6} before, {trained:.6} after");
    assert!(trained < untrained / 20.0);
    Ok(())
}
