//! Utterances of nine speakers, packed into a small file. Where they come from: see `README.md`.

use std::io::{self, Read, Write};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};

/// Made by [`pack`].
static PACKED: &[u8] = include_bytes!("utterances.gz");

/// How many values there are per step.
pub(crate) const COEFFICIENTS: usize = 12;
/// The values have six decimals; they are stored as whole numbers.
const SCALE: f64 = 1e6;

/// Steps of an utterance.
pub(crate) type Steps = Vec<[f32; COEFFICIENTS]>;

/// An utterance and its speaker, from 0 to 8.
pub(crate) type Utterance = (Steps, usize);

/// What to learn from, and what to test with.
pub(crate) fn load() -> io::Result<[Vec<Utterance>; 2]> {
    let mut bytes = Vec::new();
    GzDecoder::new(PACKED).read_to_end(&mut bytes)?;
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "utterances.gz is damaged");
    unpack(&bytes).ok_or_else(damaged)
}

/// The numbers of utterances of both sets, and for each utterance its speaker and its length. Then come the values,
/// utterance by utterance and coefficient by coefficient, each as the difference to the step before it: first the
/// lowest bytes of all, then the middle ones, then the highest.
fn unpack(bytes: &[u8]) -> Option<[Vec<Utterance>; 2]> {
    let sizes = bytes.get(..4)?;
    let sizes = [0, 2].map(|at| usize::from(sizes[at]) * 256 + usize::from(sizes[at + 1]));
    let (heads, planes) = bytes[4..].split_at_checked(2 * (sizes[0] + sizes[1]))?;
    let values = planes.len() / 3;
    let value = |i: usize| {
        let folded = (0..3).map(|k| i32::from(planes[k * values + i]) << (8 * k)).sum::<i32>();
        // The lowest bit is the sign.
        (folded >> 1) ^ -(folded & 1)
    };
    let mut at = 0;
    let mut all = Vec::new();
    for head in heads.chunks(2) {
        let (speaker, length) = (usize::from(head[0]), usize::from(head[1]));
        if at + length * COEFFICIENTS > values {
            return None;
        }
        let mut steps = vec![[0.0; COEFFICIENTS]; length];
        for coefficient in 0..COEFFICIENTS {
            let mut sum = 0;
            for step in &mut steps {
                sum += value(at);
                step[coefficient] = (f64::from(sum) / SCALE) as f32;
                at += 1;
            }
        }
        all.push((steps, speaker));
    }
    let test = all.split_off(sizes[0]);
    (at == values).then_some([all, test])
}

/// Reads the training and the test file in the `.ts` form (see `README.md`) and writes what [`load`] reads.
pub(crate) fn pack(train: &str, test: &str) -> io::Result<Vec<u8>> {
    let invalid = |line: &str| {
        let start: String = line.chars().take(40).collect();
        io::Error::new(io::ErrorKind::InvalidData, format!("not an utterance: {start}"))
    };
    let (mut sizes, mut heads, mut planes) = (Vec::new(), Vec::new(), [const { Vec::new() }; 3]);
    for file in [train, test] {
        let lines = file.lines().filter(|line| !line.starts_with(['#', '@']) && !line.is_empty());
        let mut count: u16 = 0;
        for line in lines {
            let mut parts: Vec<&str> = line.trim().split(':').collect();
            let speaker = parts.pop().and_then(|label| label.parse::<u8>().ok());
            let speaker = speaker.filter(|s| (1..=9).contains(s)).ok_or_else(|| invalid(line))?;
            let length = parts.first().map_or(0, |part| part.split(',').count());
            if parts.len() != COEFFICIENTS {
                return Err(invalid(line));
            }
            heads.extend([speaker - 1, length as u8]);
            for part in parts {
                let mut before = 0;
                for value in part.split(',') {
                    let value: f64 = value.parse().map_err(|_| invalid(line))?;
                    let value = (value * SCALE).round() as i32;
                    let difference = value - before;
                    let folded = ((difference << 1) ^ (difference >> 31)).to_le_bytes();
                    planes.iter_mut().zip(folded).for_each(|(plane, byte)| plane.push(byte));
                    before = value;
                }
            }
            count += 1;
        }
        sizes.extend(count.to_be_bytes());
    }
    let mut file = GzEncoder::new(Vec::new(), Compression::best());
    for part in [sizes, heads].iter().chain(&planes) {
        file.write_all(part)?;
    }
    file.finish()
}
