/// A matrix in a slice: `rows` by `columns`, row-major, or its transpose.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matrix<'a> {
    pub(super) numbers: &'a [f32],
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) row_stride: usize,
    pub(super) column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// A row-major matrix that fills the slice.
    pub(crate) fn new(numbers: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(numbers.len(), rows * columns, "the numbers of a {rows} x {columns} matrix");
        Self { numbers, rows, columns, row_stride: columns, column_stride: 1 }
    }

    /// Some of the columns.
    pub(crate) fn columns(self, from: usize, columns: usize) -> Self {
        assert!(from + columns <= self.columns, "the columns of a part of a matrix");
        let numbers = self.numbers.get(from * self.column_stride..).unwrap_or_default();
        Self { numbers, columns, ..self }
    }

    /// Some of the rows.
    pub(crate) fn rows(self, from: usize, rows: usize) -> Self {
        self.transposed().columns(from, rows).transposed()
    }

    /// The transpose, without moving a number.
    pub(crate) fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}
