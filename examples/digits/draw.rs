//! Digits that are drawn, for where no real ones are given; and pictures of images.

use std::{fs::File, io::BufWriter, path::Path};

use rand::{Rng, SeedableRng, rngs::StdRng};

use super::{Image, SIDE};

/// The digits on a grid of 5 by 7.
const GLYPHS: [[&str; 7]; 10] = [
    [" ### ", "#   #", "#  ##", "# # #", "##  #", "#   #", " ### "],
    ["  #  ", " ##  ", "# #  ", "  #  ", "  #  ", "  #  ", "#####"],
    [" ### ", "#   #", "    #", "   # ", "  #  ", " #   ", "#####"],
    [" ### ", "#   #", "    #", "  ## ", "    #", "#   #", " ### "],
    ["   # ", "  ## ", " # # ", "#  # ", "#####", "   # ", "   # "],
    ["#####", "#    ", "#### ", "    #", "    #", "#   #", " ### "],
    [" ### ", "#    ", "#    ", "#### ", "#   #", "#   #", " ### "],
    ["#####", "    #", "   # ", "  #  ", "  #  ", " #   ", " #   "],
    [" ### ", "#   #", "#   #", " ### ", "#   #", "#   #", " ### "],
    [" ### ", "#   #", "#   #", " ####", "    #", "    #", " ### "],
];

fn ink(digit: usize, column: f32, row: f32) -> f32 {
    let (column, row) = (column.floor(), row.floor());
    let inside = (0.0..5.0).contains(&column) && (0.0..7.0).contains(&row);
    let filled = || GLYPHS[digit][row as usize].as_bytes()[column as usize] == b'#';
    f32::from(u8::from(inside && filled()))
}

/// Digits of many sizes, places, slants and strengths, under noise.
pub(crate) fn digits(n: usize, seed: u64) -> (Vec<Image>, Vec<usize>) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut draw = || {
        let digit = rng.gen_range(0..10);
        let (wide, high) = (rng.gen_range(2.2..3.8), rng.gen_range(2.2..3.4));
        let (left, top) = (rng.gen_range(3.0..9.0), rng.gen_range(1.0..6.0));
        let (slant, strength) = (rng.gen_range(-0.3..0.3), rng.gen_range(0.6..1.0));
        let mut image = [[[0.0; 1]; SIDE]; SIDE];
        for (y, row) in image.iter_mut().enumerate() {
            for (x, pixel) in row.iter_mut().enumerate() {
                let row = (y as f32 - top) / high;
                let column = (x as f32 - left) / wide + slant * (row - 3.5);
                let noise: f32 = rng.gen_range(-0.25..0.25);
                pixel[0] = (strength * ink(digit, column, row) + noise).clamp(0.0, 1.0);
            }
        }
        (image, digit)
    };
    (0..n).map(|_| draw()).unzip()
}

/// Writes images side by side as a PNG, each with its answer below: bright where it is right, framed where not.
pub(crate) fn picture(
    path: &Path,
    images: &[Image],
    answers: &[usize],
    labels: &[usize],
) -> Result<(), Box<dyn std::error::Error>> {
    let (columns, cell, high) = (10, SIDE + 4, SIDE + 16);
    let rows = images.len().div_ceil(columns);
    let (width, height) = (columns * cell, rows * high);
    let mut pixels = vec![30_u8; width * height];
    for (i, image) in images.iter().enumerate() {
        let (left, top) = ((i % columns) * cell + 2, (i / columns) * high + 2);
        for (y, row) in image.iter().enumerate() {
            for (x, pixel) in row.iter().enumerate() {
                pixels[(top + y) * width + left + x] = (pixel[0] * 255.0) as u8;
            }
        }
        let right = answers[i] == labels[i];
        for y in 0..10 {
            for x in 0..SIDE {
                let glyph = ink(answers[i], (x as f32 - 11.0) / 1.3, (y as f32 - 1.0) / 1.2);
                let mark = if right { 0.0 } else { f32::from(u8::from(!(6..=21).contains(&x))) };
                let tone = if right { 220.0 } else { 255.0 };
                pixels[(top + SIDE + 2 + y) * width + left + x] =
                    30 + ((glyph.max(mark)) * (tone - 30.0)) as u8;
            }
        }
    }
    let mut encoder =
        png::Encoder::new(BufWriter::new(File::create(path)?), width as u32, height as u32);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header()?.write_image_data(&pixels)?;
    Ok(())
}
