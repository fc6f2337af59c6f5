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

    /// The pixels of a tile, or `None` where that is padding.
    #[inline(always)]
    pub(super) fn pixels(&self, corner: [usize; 2]) -> [[Option<usize>; PIXELS]; PIXELS] {
        // Above or left of the image, these are beyond all sizes.
        let [top, left] = [0, 1].map(|axis| corner[axis].wrapping_sub(self.before[axis]));
        inside(self.size, [top, left])
    }

    /// The places of a tile, as far as there are any.
    #[inline(always)]
    pub(super) fn places(&self, corner: [usize; 2]) -> [[Option<usize>; PLACES]; PLACES] {
        inside(self.places, corner)
    }
}

/// The values of a square in a grid of some size, or `None` outside of it.
#[inline(always)]
fn inside<const N: usize>(size: [usize; 2], [top, left]: [usize; 2]) -> [[Option<usize>; N]; N] {
    let mut square = [[None; N]; N];
    for (i, values) in square.iter_mut().enumerate() {
        let row = top.wrapping_add(i);
        for (j, number) in values.iter_mut().enumerate() {
            let column = left.wrapping_add(j);
            if row < size[0] && column < size[1] {
                *number = Some(row * size[1] + column);
            }
        }
    }
    square
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
