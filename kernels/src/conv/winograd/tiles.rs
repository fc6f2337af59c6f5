use std::ops::Range;

use super::{PIXELS, PLACES};

/// Where the tiles lie on the pixels that are read and on the places that are written, height and width each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tiles {
    pub(super) size: [usize; 2],
    pub(super) before: [usize; 2],
    pub(super) places: [usize; 2],
}

impl Tiles {
    /// Those of some rows of places, the first of which is that of a tile.
    pub(super) fn rows(&self, rows: Range<usize>) -> Self {
        let [above, left] = self.before;
        // Below the first row, the image begins before its padding does.
        let before = [above.wrapping_sub(rows.start), left];
        Self { before, places: [rows.len(), self.places[1]], ..*self }
    }

    /// How many there are on an image.
    pub(super) fn count(&self) -> usize {
        self.places.iter().map(|places| places.div_ceil(PLACES)).product()
    }

    /// The first place of a tile, or pixel of it in an image with padding.
    fn corner(&self, tile: usize) -> [usize; 2] {
        let across = self.places[1].div_ceil(PLACES);
        [PLACES * (tile / across), PLACES * (tile % across)]
    }

    /// The pixels of a tile, as far as they are no padding.
    #[inline(always)]
    pub(super) fn pixels(&self, corner: [usize; 2]) -> Region<PIXELS> {
        Region::new(self.size, [0, 1].map(|axis| corner[axis].wrapping_sub(self.before[axis])))
    }

    /// The places of a tile, as far as there are any.
    #[inline(always)]
    pub(super) fn places(&self, corner: [usize; 2]) -> Region<PLACES> {
        Region::new(self.places, corner)
    }
}

/// The part of a square of `N` by `N` values that is in a grid of values.
#[derive(Clone, Copy)]
pub(super) struct Region<const N: usize> {
    /// How many values the grid has in a row.
    across: usize,
    /// Which value of the grid is the first of the square. Where that is above or left of the grid, it is below 0 and has wrapped
    /// around.
    first: usize,
    /// The first and the end of the rows and columns of the square that are in the grid.
    within: [(usize, usize); 2],
}

impl<const N: usize> Region<N> {
    #[inline(always)]
    fn new([height, across]: [usize; 2], [top, left]: [usize; 2]) -> Self {
        let within = [(height, top), (across, left)].map(|(size, start)| {
            // Before the grid, it has wrapped around.
            let before = start.wrapping_neg();
            if before < N {
                (before, N.min(before + size))
            } else {
                (0, N.min(size.saturating_sub(start)))
            }
        });
        Self { across, first: top.wrapping_mul(across).wrapping_add(left), within }
    }

    /// Whether the whole square is in the grid.
    #[inline(always)]
    pub(super) fn is_whole(&self) -> bool {
        self.within == [(0, N); 2]
    }

    /// Whether a value of the square is in the grid.
    #[inline(always)]
    pub(super) fn has(&self, row: usize, column: usize) -> bool {
        let [rows, columns] = self.within;
        rows.0 <= row && row < rows.1 && columns.0 <= column && column < columns.1
    }

    /// Which value of the grid it is, if it is in there.
    #[inline(always)]
    pub(super) fn number(&self, row: usize, column: usize) -> usize {
        self.first.wrapping_add(row * self.across + column)
    }
}

/// Some of the tiles of all images.
#[derive(Clone, Copy)]
pub(super) struct Part {
    pub(super) tiles: Tiles,
    pub(super) first: usize,
    pub(super) count: usize,
}

impl Part {
    /// How far apart the values of two products lie, each of which has a row of `width` for every tile: an odd number of
    /// lines of the cache, so that what a tile has in all of them does not fall into the same few places of it.
    pub(super) fn plane(&self, width: usize) -> usize {
        /// As many numbers as a line has.
        const LINE: usize = 16;
        ((self.count * width).div_ceil(LINE) | 1) * LINE
    }

    /// The image of a tile, and its corner there.
    pub(super) fn tile(&self, at: usize) -> (usize, [usize; 2]) {
        let at = self.first + at;
        (at / self.tiles.count(), self.tiles.corner(at % self.tiles.count()))
    }
}
