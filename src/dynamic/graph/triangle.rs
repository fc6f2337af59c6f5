//! Matrices of which one triangle is left.

use dfdx::prelude::HasShape;
use serde_json::{Map, Value};

use super::super::{flow::Rows, words::refused};
use crate::{
    backend::{IntoShape, keep_rows},
    error::Error,
    memory::collected,
};

/// Which triangle stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dynamic) enum Triangle {
    Lower,
    Upper,
}

/// How far the diagonal is to the right of that of the matrix.
fn offset(rank: usize, options: &Map<String, Value>) -> Result<i64, Error> {
    if rank < 3 {
        return Err(refused("a matrix behind the batch is needed"));
    }
    let k = options.get("k").unwrap_or(&Value::Null);
    match k {
        Value::Null => Ok(0),
        k => k.as_i64().ok_or_else(|| refused(format!("`k` {k} of a function is not known here"))),
    }
}

impl Triangle {
    pub(super) fn check(self, rank: usize, options: &Map<String, Value>) -> Result<(), Error> {
        offset(rank, options).map(|_| ())
    }

    pub(super) fn apply(
        self,
        x: Rows,
        sizes: &[usize],
        options: &Map<String, Value>,
    ) -> Result<Rows, Error> {
        let offset = offset(sizes.len(), options)?;
        let [.., rows, columns] = *sizes else { return Ok(x) };
        let stays = |i: usize| {
            let (row, column) = (i / columns % rows, i % columns);
            let right = column as i64 - row as i64;
            match self {
                Self::Lower => right <= offset,
                Self::Upper => right >= offset,
            }
        };
        let (shape, count) = (*x.shape(), sizes.iter().product());
        let keep: Vec<bool> = collected(sizes, (0..count).map(stays))?;
        keep_rows(x.into_shape(&(count, 1))?, &keep, 0.0)?.into_shape(&shape)
    }
}
