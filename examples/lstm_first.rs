//! Is a `Dense` needed before an LSTM? No: an LSTM takes features as they are. This one reads ten
//! measurements of two sensors and says by how much the first was above the second, all in all.

use kerata::{
    Batch, Const, Cpu, Dense, Error, Lstm,
    data::InMemory,
    loss::MeanSquaredError,
    model::Sequential,
    optim::Adam,
    prelude::*,
    train::{Fit, Trainer},
};

type Meter = Sequential<(Batch, Const<10>, Const<2>), (Lstm<2, 16>, Dense<16, 1>)>;

fn main() -> Result<(), Error> {
    // Keras counts 4 * (inputs + units + 1) * units for the LSTM; there is nothing before it.
    assert_eq!(<Meter as Parameters>::PARAMS, 4 * (2 + 16 + 1) * 16 + 17);

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
