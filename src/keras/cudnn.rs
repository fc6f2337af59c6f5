//! Weights in the layout of cuDNN, as Keras 2 wrote those of `CuDNNLSTM` and `CuDNNGRU`.

/// How values of a file become those of a weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transform {
    /// They are the same.
    None,
    /// Each gate's block of a kernel for `inputs` features lies transposed in memory.
    Kernel { inputs: usize, units: usize },
    /// Each gate's block of a recurrent kernel is transposed.
    Recurrent { units: usize },
    /// The two biases of an LSTM are added.
    SumOfHalves,
}

/// What becomes of a kernel, a recurrent kernel and a bias, by their shapes; `None` if they are no layout of cuDNN.
pub(super) fn transforms(wanted: [&[usize]; 3], found: [&[usize]; 3]) -> Option<[Transform; 3]> {
    let [&[inputs, columns], &[units, same], bias] = wanted else { return None };
    if found[..2] != wanted[..2] || columns != same {
        return None;
    }
    let bias = match (bias, found[2]) {
        // An LSTM has one bias, and two there.
        (&[one], &[both]) if columns == 4 * units && one == columns && both == 2 * one => {
            Transform::SumOfHalves
        }
        // Those of a GRU are apart here, too.
        (&[2, one], &[both]) if columns == 3 * units && one == columns && both == 2 * one => {
            Transform::None
        }
        _ => return None,
    };
    Some([Transform::Kernel { inputs, units }, Transform::Recurrent { units }, bias])
}

impl Transform {
    pub(super) fn apply<T: Copy + std::ops::Add<Output = T>>(self, values: Vec<T>) -> Vec<T> {
        match self {
            Self::None => values,
            Self::SumOfHalves => {
                let (first, second) = values.split_at(values.len() / 2);
                first.iter().zip(second).map(|(&a, &b)| a + b).collect()
            }
            // A block of (inputs, units) is in memory one of (units, inputs).
            Self::Kernel { inputs, units } => by_gates(&values, inputs, units, |row, unit| {
                let place = unit * inputs + row;
                (place / units, place % units)
            }),
            Self::Recurrent { units } => by_gates(&values, units, units, |row, unit| (unit, row)),
        }
    }
}

/// Takes each value of a gate's block from another place in that block.
fn by_gates<T: Copy>(
    values: &[T],
    rows: usize,
    units: usize,
    from: impl Fn(usize, usize) -> (usize, usize),
) -> Vec<T> {
    let columns = values.len().checked_div(rows).unwrap_or(0);
    let places = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
    let value = |(row, column): (usize, usize)| {
        let (other_row, unit) = from(row, column % units);
        values[other_row * columns + column - column % units + unit]
    };
    places.map(value).collect()
}
