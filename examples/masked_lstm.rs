//! An LSTM that returns sequences repeats its last output at masked steps: on [1, 0, 2, 0] the outputs 2
//! and 4 equal the outputs 1 and 3. Its state is carried through unchanged.

use kerata::{Cpu, Embedding, Error, Lstm, MaskZero, Sequences, prelude::*};

fn main() -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(0);
    let embedding = Embedding::<5, 5, MaskZero>::build(&dev)?;
    let lstm = Lstm::<5, 3, Sequences>::build(&dev)?;

    let embedded = embedding.forward(dev.tensor([[1_usize, 0, 2, 0]]))?;
    let outputs = lstm.forward(embedded.clone())?;
    let [steps] = outputs.values().array();
    for (step, (id, output)) in [1, 0, 2, 0].iter().zip(steps).enumerate() {
        let kept = if outputs.mask().row(0)[step] { "real" } else { "masked" };
        println!("step {}: id {id}, {kept:<6} {output:?}", step + 1);
    }
    assert_eq!(steps[1], steps[0]);
    assert_eq!(steps[3], steps[2]);
    assert_ne!(steps[2], steps[0]);

    // Without the padding between them, the two ids give the same two outputs.
    let together = lstm.forward(embedding.forward(dev.tensor([[1_usize, 2]]))?)?;
    let [together] = together.values().array();
    println!("[1, 2] alone gives    {together:?}");
    for (padded, alone) in [steps[0], steps[2]].iter().flatten().zip(together.iter().flatten()) {
        assert!((padded - alone).abs() < 1e-6);
    }

    // Step by step, with the state in hand.
    let (values, _) = embedded.into_parts();
    let [rows] = values.array();
    let first = lstm.step(dev.tensor([rows[0]]), lstm.zero_state(kerata::Const::<1>)?)?;
    let second = lstm.step(dev.tensor([rows[2]]), first)?;
    println!("by `step`             {:?}", second.h.array()[0]);
    assert!(second.h.array()[0].iter().zip(steps[3]).all(|(a, b)| (a - b).abs() < 1e-6));
    Ok(())
}
