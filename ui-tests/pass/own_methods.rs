//! A model may have methods of its own that others have not, `fit`, `evaluate` and `compile`; and a loss has a name if it says none.
use kerata::{Batch, Cpu, Dense, Error, loss::Loss, loss::{MeanSquaredError, Prediction, PredictionRows, Target}, model, prelude::*};
use kerata::tensor::{NoneTape, Tape};
use kerata::{Const, Tensor};

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
    assert_eq!(Other::build(&Cpu::seed_from_u64(0))?.fit(), 3);
    type Vector = (Batch, Const<1>);
    assert_eq!(Loss::<Vector, Vector>::name(&Absolute), "Absolute");
    Ok(())
}
