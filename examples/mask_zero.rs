//! `Embedding<.., MaskZero>` zeroes nothing: id 0 gives row 0 of the table, as any id gives its row. What
//! it does is to make a mask, and the mask travels to the layers behind.

use kerata::{
    Cpu, Dense, Embedding, Error, Lstm, MaskZero, Sequences, TimeDistributed, prelude::*,
};

fn main() -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(0);
    let embedding = Embedding::<5, 3, MaskZero>::build(&dev)?;
    let lstm = Lstm::<3, 4, Sequences>::build(&dev)?;
    let dense = TimeDistributed::<Dense<4, 2>>::build(&dev)?;
    let last = Lstm::<2, 2>::build(&dev)?;

    let ids = dev.tensor([[1_usize, 2, 0, 0], [3, 4, 1, 0]]);
    let embedded = embedding.forward(ids)?;
    println!("ids [[1, 2, 0, 0], [3, 4, 1, 0]] give the mask {:?}", embedded.mask());
    assert_eq!(embedded.mask().row(0), [true, true, false, false]);
    assert_eq!(embedded.mask().row(1), [true, true, true, false]);

    let table = embedding.embeddings.array();
    let rows = embedded.values().array();
    println!("row 0 of the table  {:?}", table[0]);
    println!("the output for id 0 {:?}", rows[0][2]);
    assert_eq!(rows[0][2], table[0]);
    assert_ne!(rows[0][2], [0.0; 3]);

    // Each layer hands the mask on, until the last state of a recurrent layer ends it.
    let sequence = lstm.forward(embedded)?;
    println!("behind the LSTM       {:?}", sequence.mask());
    let sequence = dense.forward(sequence)?;
    println!("behind the Dense      {:?}", sequence.mask());
    assert_eq!(sequence.mask().lengths(), [2, 3]);

    // The padding is skipped: the last state is that of the shorter row, without its padding.
    let [padded, _] = last.forward(sequence)?.array();
    let alone = dev.tensor([[1_usize, 2]]);
    let alone = dense.forward(lstm.forward(embedding.forward(alone)?)?)?;
    let [alone] = last.forward(alone)?.array();
    println!("last state, padded {padded:?}\nlast state, alone  {alone:?}");
    assert!(padded.iter().zip(alone).all(|(a, b)| (a - b).abs() < 1e-6));
    Ok(())
}
