//! NumPy's `.npy`: a line that says type, order and shape, then the values.

use std::io::{self, Read, Write};

use super::file::printable;

/// A header longer than this says nothing good.
const MAX_HEADER: usize = 64 << 10;
/// NumPy's own limit is 64.
const MAX_RANK: usize = 64;

/// What a file begins with.
const MAGIC: &[u8] = b"\x93NUMPY";

/// What the header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// The type, such as `<f4`.
    pub(crate) descr: String,
    pub(crate) fortran_order: bool,
    pub(crate) sizes: Vec<usize>,
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

impl Header {
    pub(crate) fn read(from: &mut impl Read) -> io::Result<Self> {
        let mut start = Vec::new();
        from.by_ref().take(8).read_to_end(&mut start)?;
        if !start.starts_with(MAGIC) {
            return Err(invalid("this is no array of NumPy"));
        }
        let filled = |result: io::Result<()>| {
            let cut = |e: &io::Error| e.kind() == io::ErrorKind::UnexpectedEof;
            result.map_err(|e| if cut(&e) { invalid("the file ends in its header") } else { e })
        };
        filled(if start.len() < 8 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) })?;
        let mut length = [0; 4];
        let bytes = match start[6] {
            1 => 2,
            2 | 3 => 4,
            other => return Err(invalid(&format!("the version {other} of `.npy` is not known"))),
        };
        filled(from.read_exact(&mut length[..bytes]))?;
        let length = u32::from_le_bytes(length) as usize;
        if length > MAX_HEADER {
            return Err(invalid("the header of the array is too long"));
        }
        let mut text = vec![0; length];
        filled(from.read_exact(&mut text))?;
        // Older versions are in Latin-1, which only names of fields need, and those are not read.
        let text = String::from_utf8_lossy(&text);
        Self::parse(&text).ok_or_else(|| {
            let text = printable(text.trim());
            invalid(&format!("the header of the array cannot be read: {text}"))
        })
    }

    /// Reads `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
    fn parse(text: &str) -> Option<Self> {
        let (mut descr, mut fortran_order, mut sizes) = (None, None, None);
        let mut rest = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim_start();
        while !rest.is_empty() {
            let (key, value) = quoted(rest)?;
            let value = value.trim_start().strip_prefix(':')?.trim_start();
            rest = match key {
                "descr" => {
                    // A list of fields is kept as it is, for the message that such are not read.
                    let (name, rest) = quoted(value).or_else(|| bracketed(value))?;
                    descr = Some(name.to_owned());
                    rest
                }
                "fortran_order" => {
                    let yes = value.strip_prefix("True");
                    fortran_order = Some(yes.is_some());
                    yes.or_else(|| value.strip_prefix("False"))?
                }
                "shape" => {
                    let (inside, rest) = value.strip_prefix('(')?.split_once(')')?;
                    let list = inside.split(',').map(str::trim).filter(|size| !size.is_empty());
                    // Python 2 wrote `3L` for large integers.
                    let list = list.map(|size| size.strip_suffix('L').unwrap_or(size));
                    let list: Option<Vec<usize>> = list.map(|size| size.parse().ok()).collect();
                    sizes = Some(list.filter(|list| list.len() <= MAX_RANK)?);
                    rest
                }
                _ => return None,
            };
            rest = rest.trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        }
        Some(Self { descr: descr?, fortran_order: fortran_order?, sizes: sizes? })
    }

    /// The header of an array in the usual order, padded as NumPy does.
    pub(super) fn write(descr: &str, sizes: &[usize], to: &mut impl Write) -> io::Result<()> {
        let sizes: String = sizes.iter().map(|size| format!("{size}, ")).collect();
        let mut text =
            format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({sizes}), }}");
        let padding = 64 - (text.len() + 11) % 64;
        text.push_str(&" ".repeat(padding % 64));
        text.push('\n');
        to.write_all(MAGIC)?;
        to.write_all(&[1, 0])?;
        let length = u16::try_from(text.len()).map_err(|_| invalid("too many dimensions"))?;
        to.write_all(&length.to_le_bytes())?;
        to.write_all(text.as_bytes())
    }
}

/// What stands between quotes, and what follows.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    text[1..].split_once(quote)
}

/// What stands between brackets, with them, and what follows.
fn bracketed(text: &str) -> Option<(&str, &str)> {
    let (mut depth, mut quote) = (0_usize, None);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '[' | '(') => depth += 1,
            (None, ']' | ')') => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return (at > 0).then(|| text.split_at(at + c.len_utf8()));
        }
    }
    None
}

/// Values whose first index runs fastest, put so that the last one does.
pub(super) fn from_fortran_order<T: Copy>(values: &[T], sizes: &[usize]) -> Vec<T> {
    // Sizes beside one of 0 may be of any product.
    if values.is_empty() {
        return Vec::new();
    }
    let mut strides = vec![1; sizes.len()];
    for axis in 1..sizes.len() {
        strides[axis] = strides[axis - 1] * sizes[axis - 1];
    }
    (0..values.len())
        .map(|i| {
            let (mut rest, mut at) = (i, 0);
            for (size, stride) in sizes.iter().zip(&strides).rev() {
                at += rest % size * stride;
                rest /= size;
            }
            values[at]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_numpy_writes_them() {
        let parse = |text: &str| Header::parse(text).map(|h| (h.descr, h.fortran_order, h.sizes));
        let plain = parse("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }     \n");
        assert_eq!(plain, Some(("<f4".into(), false, vec![3, 4])));
        let vector = parse("{\"shape\": (7,), 'fortran_order': True, 'descr': '>f8'}");
        assert_eq!(vector, Some((">f8".into(), true, vec![7])));
        assert_eq!(
            parse("{'descr': '<f4', 'fortran_order': False, 'shape': ()}").unwrap().2,
            [0; 0]
        );
        for broken in ["", "{", "{}", "{'shape': (1}", "{'descr': [('a', '<f4')], 'shape': (1,)}"] {
            assert_eq!(parse(broken), None, "{broken}");
        }
        let long = parse("{'descr': '<f4', 'fortran_order': False, 'shape': (3L, 2L), }").unwrap();
        assert_eq!(long.2, [3, 2]);
        let fields = "[('a', '<f4'), ('b])', '<i2', (2,))]";
        let text = format!("{{'descr': {fields}, 'fortran_order': False, 'shape': (2,), }}");
        assert_eq!(parse(&text).unwrap().0, fields);
        for broken in ["[('a'", "]", "x", "", "['a]"] {
            let text = format!("{{'descr': {broken}, 'fortran_order': False, 'shape': (2,), }}");
            assert_eq!(parse(&text), None, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut bytes = Vec::new();
        Header::write("<f4", &[2, 3], &mut bytes).unwrap();
        assert_eq!(bytes.len() % 64, 0);
        let header = Header::read(&mut bytes.as_slice()).unwrap();
        assert_eq!((header.descr.as_str(), header.sizes), ("<f4", vec![2, 3]));
        for end in 0..bytes.len() {
            assert!(Header::read(&mut &bytes[..end]).is_err());
        }
    }

    #[test]
    fn the_order_of_fortran_is_turned() {
        // [[0, 1, 2], [3, 4, 5]], column by column.
        assert_eq!(from_fortran_order(&[0, 3, 1, 4, 2, 5], &[2, 3]), [0, 1, 2, 3, 4, 5]);
        assert!(from_fortran_order::<f32>(&[], &[1 << 63, 2, 0]).is_empty());
    }
}
