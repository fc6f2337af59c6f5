//! Memory that is asked for with a look: a `Vec` that finds none ends the process.

use std::{fmt, sync::OnceLock};

use bytemuck::Zeroable;

/// There is no memory for so many values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoMemory {
    /// How many.
    pub values: usize,
}

impl NoMemory {
    /// For so many.
    pub fn of(values: usize) -> Self {
        Self { values }
    }
}

impl fmt::Display for NoMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no memory for {} values", self.values)
    }
}

impl std::error::Error for NoMemory {}

/// Room for some values.
pub fn reserved<T>(len: usize) -> Result<Vec<T>, NoMemory> {
    let mut values = Vec::new();
    values.try_reserve_exact(len).map_err(|_| NoMemory::of(len))?;
    Ok(values)
}

/// Room for one more in a list that grows.
///
/// # Errors
/// [`NoMemory`].
pub fn one_more<T>(values: &mut Vec<T>) -> Result<(), NoMemory> {
    values.try_reserve(1).map_err(|_| NoMemory::of(values.len() + 1))
}

/// All items, however many there are.
pub fn listed<T>(from: impl IntoIterator<Item = T>) -> Result<Vec<T>, NoMemory> {
    let from = from.into_iter();
    let mut items = reserved(from.size_hint().0)?;
    for item in from {
        one_more(&mut items)?;
        items.push(item);
    }
    Ok(items)
}

/// A copy of some values.
pub fn copied<T: Copy>(values: &[T]) -> Result<Vec<T>, NoMemory> {
    let mut copy = reserved(values.len())?;
    copy.extend_from_slice(values);
    Ok(copy)
}

/// Whether there is memory for some values, for what does not look itself and would abort. It is free again.
pub fn look_for_values<T>(len: usize) -> Result<(), NoMemory> {
    // The compiler must not leave it out.
    drop(std::hint::black_box(reserved::<T>(len)?));
    Ok(())
}

/// The same for some bytes.
pub fn look_for(bytes: usize) -> Result<(), NoMemory> {
    look_for_values::<u8>(bytes).map_err(|_| NoMemory::of(bytes.div_ceil(size_of::<f32>())))
}

/// What a cell holds, or what is made for it now.
pub fn get_or_make<T, E>(cell: &OnceLock<T>, make: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
    if let Some(made) = cell.get() {
        return Ok(made);
    }
    let made = make()?;
    Ok(cell.get_or_init(|| made))
}

/// Zeros for a kernel. What the system has just handed out it has cleared, and that is not done again.
pub fn zeros<T: Zeroable>(len: usize) -> Result<Vec<T>, NoMemory> {
    bytemuck::allocation::try_zeroed_vec(len).map_err(|()| NoMemory::of(len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_is_not_there_is_an_error() {
        for len in [1 << 50, isize::MAX as usize] {
            zeros::<f32>(len).unwrap_err();
            look_for(len).unwrap_err();
            listed(std::iter::repeat_n(0_u8, len)).unwrap_err();
            reserved::<f32>(len).unwrap_err();
        }
        assert_eq!(zeros::<f32>(3).unwrap(), [0.0; 3]);
        assert!(zeros::<f64>(0).unwrap().is_empty());
        assert_eq!(listed((0..9).filter(|i| i % 4 == 0)).unwrap(), [0, 4, 8]);
        assert_eq!(copied(&[1, 2]).unwrap(), [1, 2]);
        look_for(9).unwrap();
    }
}
