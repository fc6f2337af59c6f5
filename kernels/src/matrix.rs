//! Matrices in slices.

/// A matrix in a slice: `rows` by `columns`, row-major, or its transpose.
///
/// The product trusts it: if there are rows and columns, what `(rows - 1) * row_stride + (columns - 1) * column_stride`
/// reaches lies within the slice. So it is made here only, and its sizes are multiplied with a check.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a, E = f32> {
    pub(super) values: &'a [E],
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) row_stride: usize,
    pub(super) column_stride: usize,
}

impl<'a, E> Matrix<'a, E> {
    /// A row-major matrix that fills the slice.
    pub fn new(values: &'a [E], rows: usize, columns: usize) -> Self {
        let fits = rows.checked_mul(columns) == Some(values.len());
        assert!(fits, "{} values are no {rows} x {columns} matrix", values.len());
        Self { values, rows, columns, row_stride: columns, column_stride: 1 }
    }

    /// Some of the columns.
    pub fn columns(self, from: usize, columns: usize) -> Self {
        let fits = from.checked_add(columns).is_some_and(|end| end <= self.columns);
        assert!(fits, "the columns of a part of a matrix");
        // They begin behind the end only where there are no rows, or no columns are left.
        let values = self.values.get(from * self.column_stride..).unwrap_or_default();
        Self { values, columns, ..self }
    }

    /// Some of the rows.
    pub fn rows(self, from: usize, rows: usize) -> Self {
        self.transposed().columns(from, rows).transposed()
    }

    /// The transpose, without moving a number.
    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}
