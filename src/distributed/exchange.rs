//! What ranks tell each other, by sums alone.

use super::Communicator;
use crate::error::Error;

/// A value of 64 bits is sent as so many values of 22 bits, which an `f32` holds exactly.
const PIECES: usize = 3;
const BITS: u32 = 22;

fn pieces(value: f64) -> [f32; PIECES] {
    let bits = value.to_bits();
    let piece = |i: u32| ((bits >> (i * BITS)) & ((1 << BITS) - 1)) as f32;
    [piece(0), piece(1), piece(2)]
}

fn joined(pieces: &[f32]) -> f64 {
    let bits = pieces.iter().rev().fold(0, |bits: u64, piece| (bits << BITS) | *piece as u64);
    f64::from_bits(bits)
}

/// Sums values, and in the same call gathers what each rank says, of which there is as much as `lengths` has for each. Exactly:
/// every rank writes in a place of its own, where the others have zeros.
pub(crate) fn sum_and_gather(
    comm: &(impl Communicator + ?Sized),
    values: impl ExactSizeIterator<Item = f32>,
    own: &[f64],
    lengths: &[usize],
) -> Result<(Vec<f32>, Vec<Vec<f64>>), Error> {
    let count = values.len();
    let before: usize = lengths[..comm.rank()].iter().sum();
    let all: usize = lengths.iter().sum();
    let mut buffer = Vec::with_capacity(count + PIECES * all);
    buffer.extend(values);
    buffer.resize(count + PIECES * all, 0.0);
    let at = count + PIECES * before;
    for (place, &value) in buffer[at..].chunks_exact_mut(PIECES).zip(own) {
        place.copy_from_slice(&pieces(value));
    }
    comm.sum(&mut buffer)?;
    let mut said = buffer[count..].chunks_exact(PIECES).map(joined);
    let said = lengths.iter().map(|&length| said.by_ref().take(length).collect()).collect();
    buffer.truncate(count);
    Ok((buffer, said))
}

/// What each rank says, in their order.
pub(crate) fn gather(
    comm: &(impl Communicator + ?Sized),
    own: &[f64],
    lengths: &[usize],
) -> Result<Vec<Vec<f64>>, Error> {
    sum_and_gather(comm, std::iter::empty(), own, lengths).map(|(_, said)| said)
}

/// The values of rank 0, on all of them.
pub(crate) fn broadcast(
    comm: &(impl Communicator + ?Sized),
    values: &[f64],
) -> Result<Vec<f64>, Error> {
    let mut lengths = vec![0; comm.size()];
    lengths[0] = values.len();
    let own = if comm.rank() == 0 { values } else { &[] };
    Ok(gather(comm, own, &lengths)?.swap_remove(0))
}

#[cfg(test)]
mod tests {
    use super::{joined, pieces};

    #[test]
    fn a_value_is_sent_without_loss() {
        for value in [0.0, -0.0, 1.0 / 3.0, -1e300, f64::MIN_POSITIVE / 8.0, f64::INFINITY] {
            assert_eq!(joined(&pieces(value)).to_bits(), value.to_bits());
        }
        assert!(joined(&pieces(f64::NAN)).is_nan());
    }
}
