//! How does an encoder hand its state to a decoder? This model reads a sum, `47+08`, letter by letter, and writes the
//! answer, `55`: the LSTM that reads hands `h` and `c` to the LSTM that writes. Trained with the answer as the decoder's
//! input, one letter late; asked by a stream that is fed what it has written itself. Run it with `--release`.

use kerata::{
    Batch, Const, Cpu, Dense, Embedding, Error, Ids, Inputs, Lstm, MaskZero, ReturnState,
    Sequences, StateHc, TimeDistributed,
    data::InMemory,
    loss::SparseCategoricalCrossentropy,
    model,
    optim::Adam,
    prelude::*,
    train::{Fit, Trainer},
};

/// Padding, the digits, the plus sign, and the symbol at which an answer begins and stops.
const SYMBOLS: usize = 13;
const PLUS: usize = 11;
const STOP: usize = 12;

/// `00+00` to `49+49`.
const MOST: usize = 50;
const QUESTION: usize = 5;
const ANSWER: usize = 3;
const UNITS: usize = 64;

/// Reads the question.
#[model(input = Ids<(Batch, QUESTION)>)]
struct Encoder {
    embed: Embedding<SYMBOLS, 16, MaskZero>,
    lstm: ReturnState<Lstm<_, UNITS>>,
}

/// Writes the answer, from a state: at each step what comes next.
#[model(input = Inputs<(Ids<(Batch, ANSWER)>, StateHc<(Batch, UNITS)>)>)]
struct Decoder {
    #[from(input.0)]
    embed: Embedding<SYMBOLS, 16, MaskZero>,
    #[from(embed, input.1)]
    lstm: Lstm<_, UNITS, Sequences>,
    next: TimeDistributed<Dense<_, SYMBOLS>>,
}

#[model(input = Inputs<(Ids<(Batch, QUESTION)>, Ids<(Batch, ANSWER)>)>)]
struct Adder {
    #[from(input.0)]
    encoder: Encoder,
    #[from(input.1, encoder.state)]
    decoder: Decoder,
}

fn id(letter: char) -> usize {
    letter.to_digit(10).map_or(PLUS, |digit| digit as usize + 1)
}

/// The ids of a text, and padding.
fn ids<const N: usize>(text: &str) -> [usize; N] {
    let mut ids = text.chars().map(id);
    std::array::from_fn(|_| ids.next().unwrap_or(0))
}

/// Both are read and written from their end: the last digit of a sum is known first.
fn backwards(text: &str) -> String {
    text.chars().rev().collect()
}

/// The question, the answer one letter late, and the answer.
fn sample(a: usize, b: usize) -> ([usize; QUESTION], [usize; ANSWER], [usize; ANSWER]) {
    let mut answer = ids::<ANSWER>(&backwards(&(a + b).to_string()));
    let mut late = [STOP, 0, 0];
    late[1..].copy_from_slice(&answer[..ANSWER - 1]);
    if let Some(end) = answer.iter_mut().find(|id| **id == 0) {
        *end = STOP;
    }
    (ids(&backwards(&format!("{a:02}+{b:02}"))), late, answer)
}

/// Answers questions, all at once: a row of the stream for each.
fn answers(model: &Adder, questions: &[[usize; QUESTION]]) -> Result<Vec<String>, Error> {
    let rows = questions.len();
    let x = Cpu::default().tensor_from_vec(questions.concat(), (rows, Const));
    let (_, StateHc { h, c }) = model.encoder.forward(x)?;
    let [h, c] = [h.as_vec(), c.as_vec()];
    let state = (h.as_chunks().0, c.as_chunks().0);
    let mut stream = model.decoder.stream(rows)?;
    let (mut texts, mut last) = (vec![String::new(); rows], vec![STOP; rows]);
    for step in 0..ANSWER {
        let (logits, _) = stream.step((&last, state))?;
        for ((text, last), logits) in texts.iter_mut().zip(&mut last).zip(logits) {
            let best = (1..SYMBOLS).max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
            // A row that has stopped waits, as at padding.
            *last = if *last == STOP && step > 0 { 0 } else { best.unwrap_or(STOP) };
            if (1..=10).contains(last) {
                text.push(char::from(b'0' + *last as u8 - 1));
            }
        }
    }
    Ok(texts.iter().map(|text| backwards(text)).collect())
}

fn main() -> Result<(), Error> {
    let all = (0..MOST).flat_map(|a| (0..MOST).map(move |b| (a, b)));
    let held_out = |&(a, b): &(usize, usize)| (a * 31 + b * 17) % 10 == 0;
    let (test, train): (Vec<_>, Vec<_>) = all.partition(held_out);
    let (mut questions, mut late, mut targets) = (Vec::new(), Vec::new(), Vec::new());
    for &(a, b) in &train {
        let (question, before, answer) = sample(a, b);
        questions.push(question);
        late.push(before);
        targets.push(answer);
    }

    let model = Adder::build(&Cpu::seed_from_u64(1))?;
    println!("{}", Adder::summary());
    let loss = SparseCategoricalCrossentropy::from_logits();
    let mut trainer = Trainer::new(model, loss, Adam::new(0.005))?;
    let data = InMemory::new((questions, late), targets)?;
    let history = trainer.fit(&data, &Fit { batch_size: 64, ..Fit::epochs(80) })?;
    println!("loss in the last epoch {:.4}", history.last("loss").unwrap_or(f64::NAN));

    let asked: Vec<[usize; QUESTION]> = test.iter().map(|&(a, b)| sample(a, b).0).collect();
    let found = answers(&trainer.model, &asked)?;
    let mut right = 0;
    for (&(a, b), found) in test.iter().zip(&found) {
        right += usize::from((a + b).to_string() == *found);
    }
    for ((a, b), found) in test.iter().zip(&found).step_by(40) {
        println!("{a:>2} + {b:>2} = {found}");
    }
    println!("right: {right} of {} sums never seen", test.len());
    assert!(right * 2 > test.len());
    Ok(())
}
