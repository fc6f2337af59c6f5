//! One value used twice: the gradients of both uses add up.

use dfdx::tensor::{PutTape, SplitTape, TensorFromVec, Trace};
use dfdx::tensor_ops::{Backward, SumTo};
use kerata::{
    Add, Average, Batch, Concatenate, Cpu, Dense, Dot, Error, Linear, Mask, Masked, Maximum,
    Minimum, Multiply, Shared, Subtract, Tensor,
    data::InMemory,
    loss::MeanSquaredError,
    model,
    optim::Adam,
    parameters::{Build, Parameters},
    prelude::*,
    shape::{Const, Shape},
    train::{Fit, Trainer},
};

use crate::numeric::{Loss, Tape, check, tensor};

type Vectors<const F: usize> = Tensor<(Batch, Const<F>), f64, Cpu, Tape>;
type Steps<const F: usize> = Tensor<(Batch, Const<4>, Const<F>), f64, Cpu, Tape>;

fn of_rows<const F: usize>(y: Vectors<F>) -> Loss {
    MeanSquaredError.compute(y, tensor((3, Const::<F>), 9)).unwrap()
}

fn of_steps<const F: usize>(y: Steps<F>) -> Loss {
    MeanSquaredError.compute(y, tensor((3, Const::<4>, Const::<F>), 9)).unwrap()
}

/// The tensor and itself, as a model hands them to a merge: the first has the tape.
fn twice<S: Shape>(
    x: Tensor<S, f64, Cpu, Tape>,
) -> (Tensor<S, f64, Cpu, Tape>, Tensor<S, f64, Cpu, Tape>) {
    let (x, tape) = x.split_tape();
    (x.clone().put_tape(tape), x.put_tape(Tape::default()))
}

#[derive(Clone)]
struct NoParameters;

impl Parameters<f64, Cpu> for NoParameters {}

/// Each merge of a value with itself, by hand: plain and masked.
macro_rules! by_hand {
    ($($name:ident: $merge:expr;)*) => {
        $(
            #[test]
            fn $name() {
                check(NoParameters, tensor((3, Const::<2>), 1), |_, x: Vectors<2>| {
                    of_rows($merge.forward(twice(x)).unwrap())
                });
                check(NoParameters, tensor((3, Const::<4>, Const::<2>), 1), |_, x: Steps<2>| {
                    let mask = |picture: &str| {
                        let keep: Vec<bool> = picture.chars().map(|c| c == '#').collect();
                        Mask::from_bools(keep, 3, 4).unwrap()
                    };
                    let (a, b) = twice(x);
                    let a = Masked::new(a, mask("####.##.##..")).unwrap();
                    let b = Masked::new(b, mask("##..##..##..")).unwrap();
                    of_steps($merge.forward((a, b)).unwrap().into_parts().0)
                });
            }
        )*
    };
}
by_hand! {
    add: Add;
    subtract: Subtract;
    average: Average;
    multiply: Multiply;
    maximum: Maximum;
    minimum: Minimum;
    concatenate: Concatenate::<4>;
}

/// Three and four values, of which two are one, plain and masked.
macro_rules! several {
    ($($name:ident: $merge:expr;)*) => {
        $(
            #[test]
            fn $name() {
                let dense = || Dense::<2, 2, Linear, f64>::build(&Cpu::seed_from_u64(2)).unwrap();
                check(dense(), tensor((3, Const::<2>), 1), |dense, x: Vectors<2>| {
                    let (x, more) = twice(x);
                    let (a, b) = twice(dense.forward(x).unwrap());
                    of_rows($merge.forward((a, more, b)).unwrap())
                });
                check(NoParameters, tensor((3, Const::<4>, Const::<2>), 1), |_, x: Steps<2>| {
                    let mask = |picture: &str| {
                        let keep: Vec<bool> = picture.chars().map(|c| c == '#').collect();
                        Mask::from_bools(keep, 3, 4).unwrap()
                    };
                    let (x, more) = twice(x);
                    let (a, b) = twice(x * 0.7);
                    let a = Masked::new(a, mask("####.##.##..")).unwrap();
                    let b = Masked::new(b, mask("##..##..##..")).unwrap();
                    let c = Masked::new(more, mask("#.#.......#.")).unwrap();
                    of_steps($merge.forward((a, b, c)).unwrap().into_parts().0)
                });
            }
        )*
    };
}
several! {
    add_three: Add;
    average_three: Average;
    multiply_three: Multiply;
    maximum_three: Maximum;
    minimum_three: Minimum;
    concatenate_three: Concatenate::<6>;
}

/// Products along axes, of the same and of two values, of length 1 and as they are.
#[test]
fn dots() {
    for normalize in [false, true] {
        check(NoParameters, tensor((3, Const::<2>), 1), |_, x: Vectors<2>| {
            of_rows(Dot::<1> { normalize }.forward(twice(x)).unwrap())
        });
        check(NoParameters, tensor((3, Const::<4>, Const::<2>), 1), |_, x: Steps<2>| {
            let (a, b) = twice(x);
            let each = Dot::<2, 2> { normalize }.forward((a, b * 0.7)).unwrap();
            of_steps(each)
        });
        check(NoParameters, tensor((3, Const::<4>, Const::<2>), 1), |_, x: Steps<2>| {
            let v: Tensor<(Batch, Const<4>), f64, Cpu> = tensor((3, Const), 5);
            of_rows(Dot::<1, 1> { normalize }.forward((x, v.put_tape(Tape::default()))).unwrap())
        });
    }
}

/// What two of a layer give for one input, and for an input and itself.
#[model(input = (Batch, 2), output = (Batch, 6), element = f64)]
struct Doubled {
    first: Dense<_, 3, Linear, f64>,
    #[from(first, first)]
    sum: Add,
    #[from(sum, sum)]
    product: Multiply,
    #[from(product, product)]
    mean: Average,
    #[from(mean, first)]
    wide: Concatenate<_>,
}

#[test]
fn in_a_model() {
    let model = Doubled::build(&Cpu::seed_from_u64(1)).unwrap();
    check(model, tensor((3, Const::<2>), 1), |model, x| of_rows(model.forward(x).unwrap()));
}

type Both = (Shared<Dense<2, 3, Linear, f64>>, Maximum);

#[test]
fn in_a_tuple() {
    let model = Both::build(&Cpu::seed_from_u64(1)).unwrap();
    check(model, tensor((3, Const::<2>), 1), |model, x| of_rows(model.forward(twice(x)).unwrap()));
    // What `Linear` hands on is the input itself.
    let model = (Shared { layer: Linear }, Subtract);
    let y = model.forward(twice(tensor((3, Const::<2>), 1).leaky_traced())).unwrap();
    assert_eq!(y.as_vec(), [0.0; 6]);
    y.sum::<(), _>().backward();
}

/// The gradient of `x + x` is 2, exactly, in single precision too.
#[test]
fn a_sum_with_itself() {
    let x: Tensor<(Batch, Const<2>), f32, Cpu> =
        Cpu::default().tensor_from_vec(vec![1.0, f32::MAX, -0.0, 1e-40], (2, Const));
    let (a, b) = (x.leaky_trace(), x.clone().put_tape(Default::default()));
    let y = Add.forward((a, b)).unwrap();
    assert_eq!(y.as_vec(), [2.0, f32::INFINITY, -0.0, 2.0 * 1e-40]);
    assert_eq!(y.sum::<(), _>().backward().get(&x).as_vec(), [2.0; 4]);
}

/// A model that hands on its input, trained to do so.
#[test]
fn a_prediction_that_is_the_target() {
    let x = tensor((3, Const::<2>), 1);
    let y = Linear.forward(x.leaky_trace()).unwrap();
    let loss = MeanSquaredError.compute(y, x.clone()).unwrap();
    assert_eq!(loss.as_vec(), [0.0]);
    assert_eq!(loss.backward().get(&x).as_vec(), [0.0; 6]);
}

#[model(input = (Batch, 2), output = (Batch, 1))]
struct Squares {
    first: Dense<_, 4>,
    #[from(first, first)]
    square: Multiply,
    #[from(square, square)]
    smaller: Minimum,
    head: Dense<_, 1>,
}

#[test]
fn a_model_is_trained_with_one_value_twice() -> Result<(), Error> {
    let x: Vec<[f32; 2]> = (0..8).map(|i| [i as f32 / 8.0, 0.5]).collect();
    let y: Vec<f32> = x.iter().map(|x| x[0] * x[0]).collect();
    let model = Squares::build(&Cpu::seed_from_u64(0))?;
    let mut trainer = Trainer::new(model, MeanSquaredError, Adam::new(0.02))?;
    let history = trainer.fit(&InMemory::new(x, y)?, &Fit::epochs(60))?;
    let losses = history.get("loss").unwrap();
    assert!(losses[59] < losses[0] / 10.0, "{losses:?}");
    Ok(())
}
