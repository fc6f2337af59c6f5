//! Attention step by step: a causal one is the whole sequence at once, whatever the mask and the length; another one is refused.

use kerata::{
    Add, Batch, Const, Cpu, Dense, Embedding, Error, Gelu, Ids, Inputs, LayerNorm, Length, Mask,
    MaskZero, Masked, MultiHeadAttention, PositionEmbedding, TimeDistributed, model, prelude::*,
};

use super::whole::{Values, built, close};

#[model(input = Masked<(Batch, Length, 12)>, output = Masked<(Batch, Length, 12)>)]
struct Block {
    norm: LayerNorm<_>,
    #[with(use_causal_mask = true)]
    attention: MultiHeadAttention<_, 3, 5, 7>,
    #[from(input, attention)]
    sum: Add,
    norm2: LayerNorm<_>,
    wide: TimeDistributed<Dense<_, 20, Gelu>>,
    narrow: TimeDistributed<Dense<_, 12>>,
    #[from(sum, narrow)]
    sum2: Add,
}

#[model(input = Ids<(Batch, Length)>, output = Masked<(Batch, Length, 9)>)]
struct Writer {
    words: Embedding<9, 12, MaskZero>,
    places: PositionEmbedding<_, 100>,
    #[from(words, places)]
    both: Add,
    first: Block,
    second: Block,
    head: TimeDistributed<Dense<_, 9>>,
}

const LENGTH: usize = 70;

/// Ids of some rows, of which some are padding, anywhere.
fn ids(rows: usize) -> Vec<usize> {
    let id = |i: usize| if i % 7 == 3 || i < 2 { 0 } else { (i * i + i / 5) % 8 + 1 };
    (0..rows * LENGTH).map(id).collect()
}

fn at(t: usize, ids: &[usize]) -> Vec<usize> {
    ids.chunks(LENGTH).map(|row| row[t]).collect()
}

/// Of more steps than there is room for at the start.
#[test]
fn each_step_is_that_of_the_whole() -> Result<(), Error> {
    let model: Writer = built(1);
    for rows in [1, 3] {
        let ids = ids(rows);
        let whole = model.forward(Cpu::default().tensor_from_vec(ids.clone(), (rows, LENGTH)))?;
        let (values, mask) = whole.into_parts();
        let values = values.as_vec();
        let mut stream = model.stream(rows)?;
        for t in 0..LENGTH {
            let found = stream.step(&at(t, &ids))?.values();
            let all = (0..rows).flat_map(|row| &values[(row * LENGTH + t) * 9..][..9]);
            let mask = (0..rows).map(|row| f64::from(u8::from(mask.row(row)[t])));
            let expected: Vec<f64> = all.map(|&v| f64::from(v)).chain(mask).collect();
            close(t, &found, &expected, 1e-5);
        }
    }
    Ok(())
}

#[test]
fn the_state_is_a_value() -> Result<(), Error> {
    let model: Writer = built(2);
    let ids = ids(2);
    let mut stream = model.stream(2)?;
    for t in 0..66 {
        stream.step(&at(t, &ids))?;
    }
    // Cloned, and saved and loaded: into a stream with less room, and one with as much.
    let (before, bytes) = (stream.state().clone(), stream.state().to_bytes()?);
    let expected = stream.step(&at(66, &ids))?.values();
    let mut later = model.stream(2)?;
    later.state_mut().load_bytes(bytes.clone())?;
    assert_eq!(later.step(&at(66, &ids))?.values(), expected);
    assert_eq!(stream.state().to_bytes()?, later.state().to_bytes()?);
    stream.set_state(&before)?;
    assert_eq!(stream.state().to_bytes()?, bytes);
    stream.state_mut().load_bytes(bytes.clone())?;
    assert_eq!(stream.step(&at(66, &ids))?.values(), expected);
    later.set_state(&before)?;
    later.reset();
    later.set_state(&before)?;
    assert_eq!(later.step(&at(66, &ids))?.values(), expected);

    // Rows begin anew, and follow another, by themselves.
    let mut fresh = model.stream(2)?;
    stream.reset_row(1)?;
    for t in 10..14 {
        let (mixed, new) =
            (stream.step(&at(t, &ids))?.values(), fresh.step(&at(t, &ids))?.values());
        close(t, &mixed[9..18], &new[9..18], 1e-6);
    }
    stream.set_state(&before)?;
    stream.state_mut().copy_row(0, 1)?;
    let same = stream.step(&[5, 5])?.values();
    assert_eq!(same[..9], same[9..18]);
    let file = kerata::io::WeightFile::from_bytes(bytes)?;
    let mut found: Vec<_> =
        file.arrays().iter().map(|array| (array.name.as_str(), &array.sizes[..])).collect();
    found.sort();
    let steps = (0..2).map(|row| ids[row * LENGTH..][..66].iter().filter(|&&id| id > 0).count());
    let most = steps.max().unwrap();
    let expected: [(&str, &[usize]); 5] = [
        ("first.attention.past", &[2, most, 3 * 12]),
        ("first.attention.past_length", &[2, 1]),
        ("places.steps", &[2, 1]),
        ("second.attention.past", &[2, most, 3 * 12]),
        ("second.attention.past_length", &[2, 1]),
    ];
    assert_eq!(found, expected);
    Ok(())
}

/// A file of another number of rows, or that says lengths which are not there, is refused, and nothing changes.
#[test]
fn what_is_no_past_is_refused() -> Result<(), Error> {
    let model: Writer = built(3);
    let mut stream = model.stream(1)?;
    stream.step(&[4])?;
    stream.step(&[5])?;
    let bytes = stream.state().to_bytes()?;
    let mut two = model.stream(2)?;
    two.step(&[3, 4])?;
    let error = stream.state_mut().load_bytes(two.state().to_bytes()?).unwrap_err().to_string();
    let expected = "`first.attention.past`: the model has (1, 1, 36), the file has (2, 1, 36)";
    assert!(error.contains(expected) || error.contains("the file has (2, 1, 36)"), "{error}");
    assert_eq!(stream.state().to_bytes()?, bytes);
    let (past, places) = ("the length of a past is", "the steps of a stream is");
    let all = [(3.0_f32, past), (-1.0, places), (0.5, places), (f32::NAN, places), (1e30, past)];
    for (wrong, expected) in all {
        // Both lengths and the steps are 2, and nothing else in the file is.
        let broken: Vec<u8> = bytes
            .chunks(4)
            .flat_map(|four| match four == 2.0_f32.to_le_bytes() {
                true => wrong.to_le_bytes().to_vec(),
                false => four.to_vec(),
            })
            .collect();
        assert_ne!(broken, bytes);
        let error = stream.state_mut().load_bytes(broken).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
        assert_eq!(stream.state().to_bytes()?, bytes);
    }
    Ok(())
}

/// A layer behind the attention refuses the step: nothing of it is kept.
#[test]
fn a_step_that_fails_is_forgotten() -> Result<(), Error> {
    #[model(input = Inputs<(Ids<(Batch, Length)>, Ids<(Batch, Length)>)>, output = (Batch, Length, 4))]
    struct Two {
        #[from(input.0)]
        words: Embedding<9, 4>,
        #[with(use_causal_mask = true)]
        attention: MultiHeadAttention<_, 1, 4>,
        #[from(input.1)]
        others: Embedding<5, 4>,
        #[from(attention, others)]
        sum: Add,
    }
    let model: Two = built(4);
    let (mut stream, mut other) = (model.stream(2)?, model.stream(2)?);
    for ids in [[1, 2], [3, 4]] {
        stream.step((&ids, &ids))?;
        other.step((&ids, &ids))?;
        let before = stream.state().to_bytes()?;
        assert!(stream.step((&[7, 7], &[9, 9])).is_err());
        assert_eq!(stream.state().to_bytes()?, before);
    }
    assert_eq!(stream.step((&[5, 6], &[0, 0]))?, other.step((&[5, 6], &[0, 0]))?);
    Ok(())
}

type Sequence<const F: usize> = Masked<(usize, usize, Const<F>)>;

/// A query, a value and a key that come together, under masks of their own.
#[test]
fn others_than_the_query() -> Result<(), Error> {
    #[model(input = Inputs<(Masked<(Batch, Length, 4)>, Masked<(Batch, Length, 3)>, Masked<(Batch, Length, 2)>)>, output = Masked<(Batch, Length, 5)>)]
    struct Cross {
        #[with(use_causal_mask = true, use_bias = false)]
        attention: MultiHeadAttention<_, 2, 3, 4, 5, 3, 2>,
    }
    let (rows, length) = (2, 9);
    let values = |seed: usize, width: usize| -> Vec<f32> {
        (0..rows * length * width).map(|i| ((i * 13 + seed * 7) % 23) as f32 / 11.0 - 1.0).collect()
    };
    let keep = |seed: usize| -> Vec<bool> {
        (0..rows * length).map(|i| !(i * 5 + seed).is_multiple_of(3)).collect()
    };
    let masks = [keep(0), keep(1), keep(2)];
    fn signal<const F: usize>(
        values: Vec<f32>,
        keep: Vec<bool>,
    ) -> Result<
        <Sequence<F> as kerata::signal::Signal>::Data<f32, Cpu, kerata::tensor::NoneTape>,
        Error,
    > {
        let (rows, length) = (2, 9);
        let x = Cpu::default().tensor_from_vec(values, (rows, length, Const::<F>));
        Masked::new(x, Mask::from_bools(keep, rows, length)?)
    }
    let model: Cross = built(5);
    let [a, b, c] = masks.clone();
    let x = (
        signal::<4>(values(0, 4), a)?,
        signal::<3>(values(1, 3), b)?,
        signal::<2>(values(2, 2), c)?,
    );
    let whole = model.forward(x)?.into_parts().0.as_vec();
    let mut stream = model.stream(rows)?;
    for t in 0..length {
        fn rows_at<const F: usize>(t: usize, values: &[f32]) -> Vec<[f32; F]> {
            let rows = values.as_chunks().0;
            vec![rows[t], rows[9 + t]]
        }
        let (q, v, k) = (
            rows_at::<4>(t, &values(0, 4)),
            rows_at::<3>(t, &values(1, 3)),
            rows_at::<2>(t, &values(2, 2)),
        );
        let [a, b, c] = masks.each_ref().map(|mask| [mask[t], mask[9 + t]]);
        let (found, real) = stream.step(((&q, &a), (&v, &b), (&k, &c)))?;
        assert_eq!(real, a);
        let expected = [t, 9 + t]
            .map(|at| whole[at * 5..][..5].iter().map(|&v| f64::from(v)).collect::<Vec<_>>());
        close(t, &found.values(), &expected.concat(), 1e-5);
    }
    Ok(())
}

#[test]
fn in_double_precision() -> Result<(), Error> {
    #[model(input = (Batch, 6, 3), output = (Batch, 6, 3), element = f64)]
    struct Double {
        places: PositionEmbedding<_, 6, f64>,
        #[with(use_causal_mask = true)]
        #[from(input, places)]
        attention: MultiHeadAttention<_, 2, 4, 4, 3, 3, 3, f64>,
    }
    let model: Double = built(6);
    let x: [[f64; 3]; 6] =
        std::array::from_fn(|t| std::array::from_fn(|i| ((t * 3 + i) as f64).sin()));
    let whole = model.predict(&vec![x], 1)?.as_vec();
    let mut stream = model.stream(1)?;
    for (t, (x, expected)) in x.iter().zip(whole.chunks(3)).enumerate() {
        close(t, stream.step(&[*x])?[0].as_slice(), expected, 1e-12);
    }
    let error = stream.step(&[x[0]]).unwrap_err().to_string();
    assert!(error.starts_with("the length of a sequence is 7: it must be at most"), "{error}");
    Ok(())
}

#[test]
fn what_sees_the_whole_sequence_is_refused() -> Result<(), Error> {
    #[model(input = (Batch, Length, 4), output = (Batch, Length, 4))]
    struct Inner {
        attention: MultiHeadAttention<_, 2, 3>,
    }
    #[model(input = (Batch, Length, 4), output = (Batch, Length, 4))]
    struct Outer {
        block: Inner,
    }
    let error = Outer::build(&Cpu::default())?.stream(1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "layer `block`: layer `attention`: a `MultiHeadAttention` sees the whole sequence, and cannot go step by step; \
         with `#[with(use_causal_mask = true)]` each step sees only those before it, and itself"
    );
    Ok(())
}

#[test]
fn no_rows_and_too_many() -> Result<(), Error> {
    let model: Writer = built(7);
    let mut stream = model.stream(0)?;
    assert!(stream.step(&[])?.0.is_empty());
    let bytes = stream.state().to_bytes()?;
    stream.state_mut().load_bytes(bytes)?;
    assert!(matches!(model.stream(usize::MAX / 2), Err(Error::Device(_))));
    Ok(())
}
