use super::{LARGEST, places};

/// What becomes of a size.
#[derive(Debug, Clone, Copy)]
pub enum Along {
    /// A window slides along it.
    Window {
        /// The size of the window, its stride and its dilation.
        sizes: [usize; 3],
        /// How it is kept within the size, by Keras's name.
        padding: &'static str,
    },
    /// It grows by these in front and behind.
    Border(usize, usize),
    /// It loses these in front and behind.
    Cut(usize, usize),
    /// It becomes this many times as large, and then grows by this.
    Times(usize, usize),
}

impl Along {
    /// A window of a size, with its stride, its dilation and Keras's name of its padding.
    pub const fn window(
        kernel: usize,
        stride: usize,
        dilation: usize,
        padding: &'static str,
    ) -> Self {
        Self::Window { sizes: [kernel, stride, dilation], padding }
    }

    pub(crate) const fn out(self, size: usize) -> Option<usize> {
        match self {
            Self::Window { sizes: [kernel, stride, dilation], padding } => {
                // What is 0 is told where the window is checked.
                let reach = kernel.saturating_sub(1).saturating_mul(dilation).saturating_add(1);
                match places(padding, size, reach, stride) {
                    Some((places, _)) => Some(places),
                    None => None,
                }
            }
            Self::Border(before, after) => match size.checked_add(before) {
                Some(size) => size.checked_add(after),
                None => None,
            },
            Self::Cut(before, after) => match size.checked_sub(before.saturating_add(after)) {
                None | Some(0) => None,
                left => left,
            },
            Self::Times(times, more) => match size.checked_mul(times) {
                Some(size) => size.checked_add(more),
                None => None,
            },
        }
    }

    /// Whether types calculate this.
    pub(crate) const fn is_small(self, size: usize) -> bool {
        let stride = match self {
            Self::Window { sizes: [_, stride, _], .. } => stride,
            Self::Border(a, b) | Self::Cut(a, b) | Self::Times(a, b) if a < b => b,
            Self::Border(a, _) | Self::Cut(a, _) | Self::Times(a, _) => a,
        };
        match self.out(size) {
            Some(out) => size <= LARGEST && stride <= LARGEST && out <= LARGEST,
            None => size <= LARGEST,
        }
    }
}

/// A layer that changes sizes behind the batch.
pub trait Windowed {
    /// What becomes of the sizes behind the batch, in their order.
    const WINDOWS: &'static [Along];
}
