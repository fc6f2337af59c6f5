//! Models of two inputs, step by step.

use kerata::{
    Batch, Concatenate, Const, Cpu, Error, Gru, Inputs, Length, Lstm, Shared, Subtract, model,
    prelude::*,
};

use crate::whole::{Last, Values, built, close};

/// Two inputs, one of which has no time, and one layer for two sequences.
#[model(input = Inputs<((Batch, Length, 3), (Batch, 2))>, output = (Batch, 4))]
struct Two {
    #[from(input.0)]
    lstm: Lstm<_, 2>,
    #[from(lstm, input.1)]
    both: Concatenate<_>,
}

#[model(input = Inputs<((Batch, Length, 3), (Batch, Length, 3))>, output = (Batch, 4))]
struct Twins {
    both: Shared<Gru<_, 4>>,
    #[from(both.0, both.1)]
    difference: Subtract,
}

#[test]
fn two_inputs() -> Result<(), Error> {
    let dev = Cpu::default();
    let (two, twins): (Two, Twins) = (built::<_, f32>(1), built::<_, f32>(2));
    let x = [[0.1, 0.2, 0.3], [0.4, -0.5, 0.6], [0.7, 0.8, -0.9]];
    let (mut of_two, mut of_twins) = (two.stream(1)?, twins.stream(1)?);
    for (t, step) in x.into_iter().enumerate() {
        let prefix = || dev.tensor_from_vec(x[..=t].as_flattened().to_vec(), (1, t + 1, Const));
        let vector = dev.tensor_from_vec(vec![1.0, 2.0], (1, Const));
        let y = of_two.step((&[step], &[[1.0, 2.0]]))?;
        let whole = two.forward((prefix(), vector))?;
        close(t, &y.values(), &whole.last(), 1e-6);

        let other = || prefix() * 0.5;
        let y = of_twins.step((&[step], &[step.map(|x| x * 0.5)]))?;
        close(t, &y.values(), &twins.forward((prefix(), other()))?.last(), 1e-6);
    }
    Ok(())
}
