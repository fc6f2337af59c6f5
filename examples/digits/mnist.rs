//! The files of MNIST: <https://en.wikipedia.org/wiki/MNIST_database> describes them.

use std::path::Path;

use super::{Image, SIDE};

/// The body of a file whose header names the kind and the sizes, all big-endian.
fn body(bytes: &[u8], kind: u32, sizes: usize) -> Result<(Vec<usize>, &[u8]), String> {
    let number = |i: usize| {
        let word = bytes.get(4 * i..4 * i + 4).ok_or("the header is cut off")?;
        Ok::<u32, String>(u32::from_be_bytes(word.try_into().map_err(|_| "a short word")?))
    };
    if number(0)? != kind {
        return Err(format!("the file begins with {}, not with {kind}", number(0)?));
    }
    let sizes: Vec<usize> =
        (1..=sizes).map(|i| number(i).map(|n| n as usize)).collect::<Result<_, _>>()?;
    let body = &bytes[4 * (sizes.len() + 1)..];
    let expected = sizes.iter().try_fold(1_usize, |a, &b| a.checked_mul(b));
    if expected != Some(body.len()) {
        return Err(format!("the header says {sizes:?}, but {} bytes follow", body.len()));
    }
    Ok((sizes, body))
}

/// Images and labels from two files, not compressed.
pub(crate) fn read(images: &Path, labels: &Path) -> Result<(Vec<Image>, Vec<usize>), String> {
    let open = |path: &Path| std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()));
    let told = |path: &Path, e: String| format!("{}: {e}", path.display());
    let (image_bytes, label_bytes) = (open(images)?, open(labels)?);
    let (sizes, pixels) = body(&image_bytes, 0x803, 3).map_err(|e| told(images, e))?;
    if sizes[1..] != [SIDE, SIDE] {
        return Err(told(images, format!("images of {:?}, not of {SIDE} by {SIDE}", &sizes[1..])));
    }
    let (_, classes) = body(&label_bytes, 0x801, 1).map_err(|e| told(labels, e))?;
    let image = |bytes: &[u8]| -> Image {
        std::array::from_fn(|y| std::array::from_fn(|x| [f32::from(bytes[y * SIDE + x]) / 255.0]))
    };
    let images = pixels.chunks_exact(SIDE * SIDE).map(image).collect();
    Ok((images, classes.iter().map(|&label| usize::from(label)).collect()))
}
