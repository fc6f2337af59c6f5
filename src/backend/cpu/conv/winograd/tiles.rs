/// Where the tiles lie on the pixels that are read and on the places that are written, height and width each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tiles {
    pub(super) size: [usize; 2],
    pub(super) before: [usize; 2],
    pub(super) places: [usize; 2],
}

impl Tiles {
    /// Those of the way back.
    pub(super) fn turned(self) -> Self {
        Self { size: self.places, before: self.before.map(|before| 2 - before), places: self.size }
    }

    /// How many there are on an image.
    pub(super) fn count(&self) -> usize {
        self.places.iter().map(|places| places.div_ceil(2)).product()
    }

    /// The first place of a tile, or number of it in an image with padding.
    pub(super) fn corner(&self, tile: usize) -> [usize; 2] {
        let across = self.places[1].div_ceil(2);
        [2 * (tile / across), 2 * (tile % across)]
    }

    /// The pixels of a tile, or `None` where that is padding.
    #[inline(always)]
    pub(super) fn pixels(&self, [top, left]: [usize; 2]) -> [[Option<usize>; 4]; 4] {
        let mut pixels = [[None; 4]; 4];
        for (i, pixels) in pixels.iter_mut().enumerate() {
            // Above or left of the image, these are beyond all sizes.
            let row = (top + i).wrapping_sub(self.before[0]);
            for (j, pixel) in pixels.iter_mut().enumerate() {
                let column = (left + j).wrapping_sub(self.before[1]);
                if row < self.size[0] && column < self.size[1] {
                    *pixel = Some(row * self.size[1] + column);
                }
            }
        }
        pixels
    }

    /// The places of a tile, as far as there are any.
    #[inline(always)]
    pub(super) fn places(&self, [top, left]: [usize; 2]) -> [[Option<usize>; 2]; 2] {
        let mut places = [[None; 2]; 2];
        for (i, places) in places.iter_mut().enumerate() {
            for (j, place) in places.iter_mut().enumerate() {
                let inside = top + i < self.places[0] && left + j < self.places[1];
                *place = inside.then_some((top + i) * self.places[1] + left + j);
            }
        }
        places
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
    /// The image of a tile, and its corner there.
    pub(super) fn tile(&self, at: usize) -> (usize, [usize; 2]) {
        let at = self.first + at;
        (at / self.tiles.count(), self.tiles.corner(at % self.tiles.count()))
    }
}
