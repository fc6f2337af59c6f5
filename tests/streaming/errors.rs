//! A wrong input is an error, and the state is as it was.

use kerata::{
    Batch, Concatenate, Cpu, Embedding, Error, Gru, Ids, Inputs, Length, Lstm, MaskZero, Sequences,
    model, prelude::*,
};

/// The second table is looked at when the first LSTM has made its step.
#[model(input = Inputs<(Ids<(Batch, Length)>, Ids<(Batch, Length)>)>, output = (Batch, 6))]
struct Two {
    #[from(input.0)]
    first: Embedding<5, 3, MaskZero>,
    lstm: Lstm<_, 4, Sequences>,
    #[from(input.1)]
    second: Embedding<4, 3, MaskZero>,
    #[from(lstm, second)]
    both: Concatenate<_>,
    gru: Gru<_, 6>,
}

#[test]
fn nothing_changes() -> Result<(), Error> {
    let model = Two::build(&Cpu::seed_from_u64(0))?;
    let mut stream = model.stream(2)?;
    stream.step((&[1, 2], &[3, 0]))?;
    let before = stream.state().to_bytes()?;
    let check = |found: Result<(), Error>, expected: &str, now: Vec<u8>| {
        assert_eq!(found.unwrap_err().to_string(), expected);
        assert!(now == before, "the state changed");
    };
    let rows = "the rows of a step: expected 2, found";
    let wrong: [(&[usize], &[usize], String); 5] = [
        (&[1], &[1, 1], format!("{rows} 1")),
        (&[1, 1], &[1, 1, 1], format!("{rows} 3")),
        (&[], &[], format!("{rows} 0")),
        (
            &[1, 5],
            &[1, 1],
            "token id 5 at row 1, step 0 is outside the vocabulary of 5 (ids are 0 to 4)".into(),
        ),
        (
            &[1, 1],
            &[4, 1],
            "token id 4 at row 0, step 0 is outside the vocabulary of 4 (ids are 0 to 3)".into(),
        ),
    ];
    for (a, b, expected) in wrong {
        let found = stream.step((a, b)).map(|_| ());
        check(found, &expected, stream.state().to_bytes()?);
    }
    // And what comes next is as if they had not been there.
    let mut other = model.stream(2)?;
    other.step((&[1, 2], &[3, 0]))?;
    assert_eq!(stream.step((&[2, 0], &[1, 1]))?, other.step((&[2, 0], &[1, 1]))?);
    Ok(())
}

#[test]
fn rows_that_are_not_there() -> Result<(), Error> {
    let mut stream = Two::build(&Cpu::default())?.stream(2)?;
    let expected = "the row is 2: it must be one of the rows of the stream";
    assert_eq!(stream.reset_row(2).unwrap_err().to_string(), expected);
    assert_eq!(stream.state_mut().copy_row(2, 0).unwrap_err().to_string(), expected);
    assert_eq!(stream.state_mut().copy_row(0, 2).unwrap_err().to_string(), expected);
    Ok(())
}

/// No rows are a batch as any other.
#[test]
fn no_rows() -> Result<(), Error> {
    let mut stream = Two::build(&Cpu::default())?.stream(0)?;
    assert!(stream.step((&[], &[]))?.is_empty());
    stream.reset();
    assert!(stream.reset_row(0).is_err());
    let bytes = stream.state().to_bytes()?;
    stream.state_mut().load_bytes(bytes)
}

#[test]
fn more_rows_than_there_can_be() {
    let model = Two::build(&Cpu::default()).unwrap();
    assert!(matches!(model.stream(usize::MAX / 2), Err(Error::Device(_))));
}
