//! A program may have methods that a model has not, but that are answered if they are missing: `fit`, `evaluate`, `compile`, `train`, `save`.
use kerata::{Batch, Cpu, Dense, Error, loss::Loss, loss::{MeanSquaredError, Prediction, PredictionRows, Target}, model, prelude::*};
use kerata::tensor::{NoneTape, Tape};
use kerata::{Const, Tensor};

#[model(input = (Batch, 4), output = (Batch, 1))]
struct Net {
    head: Dense<_, 1>,
}

/// By `&mut self`, as the ones of a trainer.
trait Learner {
    fn fit(&mut self, epochs: usize) -> usize;
    fn evaluate(&mut self) -> usize;
    fn compile(&mut self) -> usize;
    fn train(&mut self) -> usize;
    fn save(&self) -> usize;
}

impl Learner for Net {
    fn fit(&mut self, epochs: usize) -> usize {
        epochs
    }

    fn evaluate(&mut self) -> usize {
        2
    }

    fn compile(&mut self) -> usize {
        3
    }

    fn train(&mut self) -> usize {
        4
    }

    fn save(&self) -> usize {
        5
    }
}

fn all(learner: &mut (impl Learner + Model)) -> [usize; 5] {
    [learner.fit(1), learner.evaluate(), learner.compile(), learner.train(), learner.save()]
}

#[model(input = (Batch, 4), output = (Batch, 1))]
struct Other {
    head: Dense<_, 1>,
}

impl Other {
    fn fit(&mut self) -> usize {
        self.evaluate() + self.compile()
    }

    fn evaluate(&self) -> usize {
        1
    }

    fn compile(&self) -> usize {
        2
    }
}

/// Has no name of its own.
struct Absolute;

impl<P: Prediction, Y: Target<P>> Loss<P, Y> for Absolute {
    fn per_position<T: Tape<f32, Cpu>>(
        &self,
        prediction: PredictionRows<f32, Cpu, T>,
        target: &Y::Data<f32, Cpu, NoneTape>,
    ) -> Result<Tensor<(usize,), f32, Cpu, T>, Error> {
        Loss::<P, Y>::per_position(&MeanSquaredError, prediction, target)
    }
}

fn main() -> Result<(), Error> {
    let mut net = Net::build(&Cpu::seed_from_u64(0))?;
    assert_eq!([net.fit(1), net.evaluate(), net.compile(), net.train(), net.save()], [1, 2, 3, 4, 5]);
    assert_eq!(all(&mut net), [1, 2, 3, 4, 5]);
    assert_eq!(Other::build(&Cpu::seed_from_u64(0))?.fit(), 3);
    type Vector = (Batch, Const<1>);
    assert_eq!(Loss::<Vector, Vector>::name(&Absolute), "Absolute");
    Ok(())
}
