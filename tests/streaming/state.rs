//! The state of a stream as a value.

use kerata::{
    Batch, Causal, Conv1d, Cpu, Dense, Error, Gru, Length, Linear, Lstm, Sequences, model,
    prelude::*,
};

#[model(input = (Batch, Length, 2), output = (Batch, Length, 3))]
struct Inside {
    conv: Conv1d<_, 3, 3, Linear, Causal, 1, 2>,
    #[with(name = "renamed")]
    lstm: Lstm<_, 3, Sequences>,
}

#[model(input = (Batch, Length, 2), output = (Batch, 2))]
struct Net {
    inside: Inside,
    gru: Gru<_, 4>,
    head: Dense<_, 2>,
}

fn step(t: usize) -> [[f32; 2]; 2] {
    let at = t as f32;
    [[(at * 0.7).sin(), (at * 1.3).cos()], [(at * 0.3).cos(), (at * 2.1).sin()]]
}

fn net() -> Result<Net, Error> {
    Net::build(&Cpu::seed_from_u64(3))
}

#[test]
fn saved_and_loaded() -> Result<(), Error> {
    let model = net()?;
    let mut stream = model.stream(2)?;
    for t in 0..7 {
        stream.step(&step(t))?;
    }
    let path =
        std::env::temp_dir().join(format!("kerata-stream-{}.safetensors", std::process::id()));
    stream.state().save(&path)?;
    let (mut from_file, mut from_bytes) = (model.stream(2)?, model.stream(2)?);
    from_file.state_mut().load(&path)?;
    from_bytes.state_mut().load_bytes(stream.state().to_bytes()?)?;
    std::fs::remove_file(&path).unwrap();
    for t in 7..12 {
        let expected = stream.step(&step(t))?;
        assert_eq!(from_file.step(&step(t))?, expected);
        assert_eq!(from_bytes.step(&step(t))?, expected);
    }
    Ok(())
}

#[test]
fn names() -> Result<(), Error> {
    let stream = net()?.stream(2)?;
    let file = kerata::io::WeightFile::from_bytes(stream.state().to_bytes()?)?;
    let mut found: Vec<(&str, &[usize])> =
        file.arrays().iter().map(|array| (array.name.as_str(), &array.sizes[..])).collect();
    found.sort();
    let expected: [(&str, &[usize]); 6] = [
        ("gru.begun", &[2, 1]),
        ("gru.h", &[2, 4]),
        ("inside.conv.inputs", &[2, 8]),
        ("inside.renamed.begun", &[2, 1]),
        ("inside.renamed.c", &[2, 3]),
        ("inside.renamed.h", &[2, 3]),
    ];
    assert_eq!(found, expected);
    Ok(())
}

#[test]
fn another_state_is_refused_and_changes_nothing() -> Result<(), Error> {
    let mut stream = net()?.stream(2)?;
    stream.step(&step(0))?;
    let before = stream.state().to_bytes()?;
    let three = net()?.stream(3)?;
    let error = stream.set_state(three.state()).unwrap_err().to_string();
    assert_eq!(error, "the rows of a state: expected 2, found 3");
    let error = stream.state_mut().load_bytes(three.state().to_bytes()?).unwrap_err().to_string();
    assert!(error.contains("gru.h: the model has (2, 4), the file has (3, 4)"), "{error}");
    let other = Inside::build(&Cpu::default())?.stream(2)?;
    let error = stream.state_mut().load_bytes(other.state().to_bytes()?).unwrap_err().to_string();
    assert!(error.contains("gru.h: the model has (2, 4), the file has nothing"), "{error}");
    assert!(stream.state_mut().load_bytes(*b"nonsense").is_err());
    assert!(stream.state().to_bytes()? == before);
    Ok(())
}

#[test]
fn snapshots() -> Result<(), Error> {
    let mut stream = net()?.stream(2)?;
    (0..5).try_for_each(|t| stream.step(&step(t)).map(|_| ()))?;
    let (snapshot, bytes) = (stream.state().clone(), stream.state().to_bytes()?);
    let run = |stream: &mut model::Stream<Net>| -> Result<Vec<[f32; 2]>, Error> {
        let mut outputs = Vec::new();
        for t in 5..9 {
            outputs.extend(stream.step(&step(t))?);
        }
        Ok(outputs)
    };
    let first = run(&mut stream)?;
    assert!(snapshot.to_bytes()? == bytes, "a snapshot stays");
    stream.set_state(&snapshot)?;
    assert_eq!(run(&mut stream)?, first);
    Ok(())
}

#[test]
fn reset_of_all_and_of_one() -> Result<(), Error> {
    let model = net()?;
    let (mut stream, mut fresh) = (model.stream(2)?, model.stream(2)?);
    let start = fresh.state().to_bytes()?;
    let outputs = |stream: &mut model::Stream<Net>| -> Result<Vec<Vec<[f32; 2]>>, Error> {
        (0..6).map(|t| Ok(stream.step(&step(t))?.to_vec())).collect()
    };
    let expected = outputs(&mut fresh)?;
    outputs(&mut stream)?;
    stream.reset();
    assert!(stream.state().to_bytes()? == start);
    assert_eq!(outputs(&mut stream)?, expected);

    // Row 1 begins anew after 3 steps; row 0 goes on.
    stream.reset();
    let mut found = Vec::new();
    for t in 0..6 {
        if t == 3 {
            stream.reset_row(1)?;
        }
        let x = [step(t)[0], step(if t < 3 { t } else { t - 3 })[1]];
        found.push(stream.step(&x)?.to_vec());
    }
    for t in 0..6 {
        assert_eq!(found[t][0], expected[t][0]);
        assert_eq!(found[t][1], expected[t % 3][1]);
    }
    Ok(())
}

#[test]
fn rows_are_copied() -> Result<(), Error> {
    let mut stream = net()?.stream(2)?;
    (0..5).try_for_each(|t| stream.step(&step(t)).map(|_| ()))?;
    stream.state_mut().copy_row(1, 0)?;
    for t in 5..10 {
        let x = step(t)[0];
        let y = stream.step(&[x, x])?;
        assert_eq!(y[0], y[1]);
    }
    Ok(())
}

#[test]
fn streams_go_to_threads() -> Result<(), Error> {
    let model = net()?;
    let mut here = model.stream(2)?;
    let mut streams: Vec<_> = (0..3).map(|_| model.stream(2)).collect::<Result<_, _>>()?;
    std::thread::scope(|scope| {
        for stream in &mut streams {
            scope.spawn(|| (0..6).try_for_each(|t| stream.step(&step(t)).map(|_| ())));
        }
    });
    (0..6).try_for_each(|t| here.step(&step(t)).map(|_| ()))?;
    let expected = here.step(&step(6))?;
    for stream in &mut streams {
        assert_eq!(stream.step(&step(6))?, expected);
    }
    Ok(())
}
