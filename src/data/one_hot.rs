use super::samples::repeated;
use crate::{error::Error, memory::filled};

/// Ids as rows with a one in the column of the id and zeros elsewhere: `(Batch, L)` ids give
/// `(Batch, L, V)`.
///
/// Such a row times a matrix is the row of the matrix with the number of the id, which is what an
/// [`Embedding`](crate::Embedding) looks up without multiplying.
///
/// Keras: [`one_hot`](https://keras.io/api/ops/nn/#onehot-function), which gives a row of zeros for an id that
/// there is not; here that is an error.
///
/// # Errors
/// [`Error::IdOutsideVocabulary`] for an id of `V` or more; [`Error::Device`] if there is no memory for the rows.
///
/// ```
/// use kerata::data::{from_one_hot, one_hot};
///
/// let rows = one_hot::<3, 2>(&[[2, 0]])?;
/// assert_eq!(rows, [[[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]]);
/// assert_eq!(from_one_hot(&rows)?, [[2, 0]]);
/// # Ok::<(), kerata::Error>(())
/// ```
pub fn one_hot<const V: usize, const L: usize>(
    ids: &[[usize; L]],
) -> Result<Vec<[[f32; V]; L]>, Error> {
    encode(ids, V, Some)
}

/// The way back from [`one_hot`].
///
/// # Errors
/// [`Error::NotOneHot`] for a row that is not a one and zeros; [`Error::Device`] if there is no memory for the ids.
pub fn from_one_hot<const V: usize, const L: usize>(
    rows: &[[[f32; V]; L]],
) -> Result<Vec<[usize; L]>, Error> {
    decode(rows, |column| column)
}

/// Ids from 1 on as rows with a one in the column before, and id 0, padding, as a row of zeros. So `V`
/// letters need `V` columns, and [`Masking`](crate::Masking) finds the padding.
///
/// # Errors
/// [`Error::IdOutsideVocabulary`] for an id above `V`; [`Error::Device`] if there is no memory for the rows.
///
/// ```
/// use kerata::data::{from_one_hot_padded, one_hot_padded};
///
/// let rows = one_hot_padded::<3, 2>(&[[3, 0]])?;
/// assert_eq!(rows, [[[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]]);
/// assert_eq!(from_one_hot_padded(&rows)?, [[3, 0]]);
/// # Ok::<(), kerata::Error>(())
/// ```
pub fn one_hot_padded<const V: usize, const L: usize>(
    ids: &[[usize; L]],
) -> Result<Vec<[[f32; V]; L]>, Error> {
    encode(ids, V.saturating_add(1), |id| id.checked_sub(1))
}

/// The way back from [`one_hot_padded`].
///
/// # Errors
/// [`Error::NotOneHot`] for a row that is neither zeros nor a one and zeros; [`Error::Device`] if there is no memory
/// for the ids.
pub fn from_one_hot_padded<const V: usize, const L: usize>(
    rows: &[[[f32; V]; L]],
) -> Result<Vec<[usize; L]>, Error> {
    decode(rows, |column| column.map_or(Some(0), |column| Some(column + 1)))
}

fn encode<const V: usize, const L: usize>(
    ids: &[[usize; L]],
    vocabulary: usize,
    column: impl Fn(usize) -> Option<usize>,
) -> Result<Vec<[[f32; V]; L]>, Error> {
    let step: Vec<[f32; V]> = repeated(&filled(&[V], 0.0)?, L)?;
    let mut rows: Vec<[[f32; V]; L]> = repeated(&step, ids.len())?;
    for (row, (numbers, ids)) in rows.iter_mut().zip(ids).enumerate() {
        for (step, (numbers, &id)) in numbers.iter_mut().zip(ids).enumerate() {
            if id >= vocabulary {
                return Err(Error::IdOutsideVocabulary { id, vocabulary, row, step });
            }
            if let Some(column) = column(id) {
                numbers[column] = 1.0;
            }
        }
    }
    Ok(rows)
}

/// `id` makes an id of the column of the one; `None` where there are only zeros.
fn decode<const V: usize, const L: usize>(
    rows: &[[[f32; V]; L]],
    id: impl Fn(Option<usize>) -> Option<usize>,
) -> Result<Vec<[usize; L]>, Error> {
    let mut ids: Vec<[usize; L]> = repeated(&filled(&[L], 0)?, rows.len())?;
    for (row, (ids, numbers)) in ids.iter_mut().zip(rows).enumerate() {
        for (step, (found, numbers)) in ids.iter_mut().zip(numbers).enumerate() {
            let column = numbers.iter().position(|&x| x != 0.0);
            let right = |(i, &x): (usize, &f32)| x == if Some(i) == column { 1.0 } else { 0.0 };
            let decoded = id(column).filter(|_| numbers.iter().enumerate().all(right));
            *found = decoded.ok_or(Error::NotOneHot { row, step })?;
        }
    }
    Ok(ids)
}
