//~ write `value_range = kerata::ValueRange::between(0.0, 1.0)`
//~ write `value_range = kerata::ValueRange::between(0.0, 255.0)`
//~ `RandomTranslation` does nothing without a factor: write `#[with(height_factor = kerata::Factor::of(0.2))]`
//~ `RandomContrast` does nothing without a factor: write `#[with(factor = kerata::Factor::of(0.2))]`
//~ write `epsilon = 1e-6`
//~ a number that may be a fraction has a point: write `scale = 1.0 / 255.0`
//~ `Lambda<square>` is no layer
//~lines 6
use kerata::{Batch, BatchNorm, Conv2d, Factor, RandomBrightness, RandomContrast, RandomTranslation, Rescaling, model};

#[model(input = (Batch, 8, 8, 1))]
struct Images {
    #[with(scale = 1.0 / 255)]
    scale: Rescaling,
    #[with(factor = Factor::of(0.2), value_range = (0.0, 1.0))]
    bright: RandomBrightness,
    #[with(factor = Factor::of(0.2), value_range = [0, 255])]
    brighter: RandomBrightness,
    moved: RandomTranslation,
    contrast: RandomContrast,
    conv: Conv2d<_, 4, 3, 3>,
    #[with(eps = 1e-6)]
    norm: BatchNorm<_>,
    squares: Lambda<square>,
}

fn main() {}
