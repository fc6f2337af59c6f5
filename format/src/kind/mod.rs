//! What a file is, by its first bytes.
//!
//! A file is often not what its name says: a web page instead of a download, a pointer of Git LFS, the
//! format of another program. Every reader asks here first, and says so in one sentence.

mod refusal;

pub use refusal::{Wanted, unknown};

/// How many bytes of a file are looked at.
pub const HEAD: usize = 4096;

/// A format that is told by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    Empty,
    /// `.safetensors`.
    Safetensors,
    /// NumPy's `.npz`.
    Npz,
    /// NumPy's `.npy`.
    Npy,
    /// `.h5`.
    Hdf5,
    /// `.keras`.
    Keras,
    /// A checkpoint of PyTorch.
    Torch,
    /// A Python pickle.
    Pickle,
    /// ONNX and TensorFlow.
    Protobuf,
    /// TensorFlow Lite.
    TfLite,
    /// GGUF.
    Gguf,
    /// The binary form of word2vec.
    Word2vec,
    /// A binary model of fastText.
    FastText,
    /// Another zip.
    Zip,
    /// gzip.
    Gzip,
    /// bzip2.
    Bzip2,
    /// xz.
    Xz,
    /// zstd.
    Zstd,
    /// 7z.
    SevenZip,
    /// rar.
    Rar,
    /// tar.
    Tar,
    /// A web page.
    Html,
    /// XML.
    Xml,
    /// A pointer of Git LFS.
    LfsPointer,
    /// JSON.
    Json,
    /// Text in UTF-16.
    Utf16,
    /// Text in UTF-32.
    Utf32,
}

/// Formats that always begin alike.
const MAGIC: &[(&[u8], Kind)] = &[
    (b"\x93NUMPY", Kind::Npy),
    (b"\x80\x02", Kind::Pickle),
    (b"\x80\x03", Kind::Pickle),
    (b"\x80\x04", Kind::Pickle),
    (b"\x80\x05", Kind::Pickle),
    (b"(dp0\n", Kind::Pickle),
    (b"(lp0\n", Kind::Pickle),
    (b"ccopy_reg\n", Kind::Pickle),
    (b"cnumpy", Kind::Pickle),
    (b"}q\0", Kind::Pickle),
    (b"]q\0", Kind::Pickle),
    (b"\xba\x16\x4f\x2f", Kind::FastText),
    (b"\x1f\x8b\x08", Kind::Gzip),
    (b"\xfd7zXZ\0", Kind::Xz),
    (b"\x28\xb5\x2f\xfd", Kind::Zstd),
    (b"7z\xbc\xaf\x27\x1c", Kind::SevenZip),
    (b"Rar!\x1a\x07", Kind::Rar),
    (b"version https://git-lfs.github.com/spec/", Kind::LfsPointer),
    (b"\xff\xfe\0\0", Kind::Utf32),
    (b"\0\0\xfe\xff", Kind::Utf32),
    (b"\xff\xfe", Kind::Utf16),
    (b"\xfe\xff", Kind::Utf16),
];

impl Kind {
    /// What a file is that begins so; `None` for ordinary text, and for what is not known. At most [`HEAD`]
    /// bytes are looked at.
    pub fn of(start: &[u8]) -> Option<Self> {
        let head = &start[..start.len().min(HEAD)];
        if head.is_empty() {
            return Some(Self::Empty);
        }
        // First, because its length can begin like any of the others.
        if is_safetensors(head) {
            return Some(Self::Safetensors);
        }
        let magic = MAGIC.iter().find(|(magic, _)| head.starts_with(magic));
        magic.map(|&(_, kind)| kind).or_else(|| binary(head)).or_else(|| text(head))
    }

    /// What an archive is that is no `.npz`, by the name of one of its files.
    pub fn of_member(name: &[u8]) -> Option<Self> {
        match name {
            b"model.weights.h5" | b"metadata.json" => Some(Self::Keras),
            name if name == b"data.pkl" || name.ends_with(b"/data.pkl") => Some(Self::Torch),
            name if name.ends_with(b".npy") => Some(Self::Npz),
            _ => None,
        }
    }
}

/// The length of a header in JSON, at most 100 MB, then the header.
fn is_safetensors(head: &[u8]) -> bool {
    head.get(8) == Some(&b'{') && head[5..8] == [0; 3] && head[4] == 0 && head[3] < 6
}

fn binary(head: &[u8]) -> Option<Kind> {
    const HDF5: &[u8] = b"\x89HDF\r\n\x1a\n";
    let at = |offset: usize, bytes: &[u8]| head.get(offset..).is_some_and(|h| h.starts_with(bytes));
    if at(0, b"PK\x03\x04") || at(0, b"PK\x05\x06") || at(0, b"PK\x07\x08") {
        return Some(zip(head));
    }
    // HDF5 may stand behind a block of somebody else's.
    if [0, 512, 1024, 2048].into_iter().any(|offset| at(offset, HDF5)) {
        return Some(Kind::Hdf5);
    }
    if at(0, b"BZh") && at(4, b"1AY&SY") {
        return Some(Kind::Bzip2);
    }
    if at(257, b"ustar") && head[..257].contains(&0) {
        return Some(Kind::Tar);
    }
    if at(4, b"TFL3") && head[..4].contains(&0) {
        return Some(Kind::TfLite);
    }
    if at(0, b"GGUF") && at(5, &[0; 3]) {
        return Some(Kind::Gguf);
    }
    // The field 1, a small number, then one of the fields that follow it in ONNX and TensorFlow.
    if matches!(head, [0x08, 1..=30, 0x12 | 0x1a | 0x22 | 0x3a, ..]) {
        return Some(Kind::Protobuf);
    }
    // UTF-16 without its mark: every second byte of the first letters is zero.
    let (pairs, _) = head[..head.len().min(16)].as_chunks();
    let letters = |low: usize| {
        let letter = |pair: &[u8; 2]| pair[1 - low] == 0 && matches!(pair[low], b'\t'..=b'~');
        pairs.len() > 1 && pairs.iter().all(letter)
    };
    if letters(0) || letters(1) {
        return Some(Kind::Utf16);
    }
    is_word2vec(head).then_some(Kind::Word2vec)
}

/// A zip by the name of its first file.
fn zip(head: &[u8]) -> Kind {
    let name = head.get(26..28).and_then(|length| {
        let length = usize::from(u16::from_le_bytes([length[0], length[1]]));
        head.get(30..30 + length)
    });
    name.and_then(Kind::of_member).unwrap_or(Kind::Zip)
}

fn text(head: &[u8]) -> Option<Kind> {
    let head = head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(head).trim_ascii_start();
    let starts =
        |with: &[u8]| head.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
    if [&b"<!doctype html"[..], b"<html", b"<head>", b"<!--"].into_iter().any(starts) {
        return Some(Kind::Html);
    }
    if starts(b"<?xml") {
        return Some(Kind::Xml);
    }
    // A brace may be a word with a vector; a brace and the name of a field are not.
    let field = head.strip_prefix(b"{")?.trim_ascii_start().strip_prefix(b"\"")?;
    field.first().is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_').then_some(Kind::Json)
}

/// The two numbers of word2vec's first line, a word, and then no text.
fn is_word2vec(head: &[u8]) -> bool {
    let Some(end) = head.iter().take(40).position(|&b| b == b'\n') else { return false };
    let number = |field: &[u8]| std::str::from_utf8(field).ok()?.parse::<usize>().ok();
    let mut fields = head[..end].split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
    let (Some(_), Some(width), None) =
        (fields.next().and_then(number), fields.next().and_then(number), fields.next())
    else {
        return false;
    };
    let rest = &head[end + 1..];
    let Some(space) = rest.iter().position(|&b| b == b' ') else { return false };
    // Words can be in any encoding, and hold spaces; but what a line of text ends in is a number.
    let mut lines = rest[space + 1..].split(|&b| b == b'\n');
    let line = lines.next().unwrap_or_default();
    let cut = usize::from(lines.next().is_none());
    let mut last = line.trim_ascii_end().rsplit(u8::is_ascii_whitespace).skip(cut);
    let is_number =
        |field: &[u8]| std::str::from_utf8(field).is_ok_and(|field| field.parse::<f64>().is_ok());
    let control = |b: &u8| !matches!(b, b'\t' | b'\r' | b' '..);
    let is_text = line.is_ascii() || last.next().is_some_and(is_number);
    width > 0 && (line.iter().any(control) || !is_text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(bytes: impl AsRef<[u8]>) -> Option<Kind> {
        Kind::of(bytes.as_ref())
    }

    #[test]
    fn each_format_is_told() {
        let tar = [&b"name"[..], &[0; 253], b"ustar\x0000"].concat();
        let behind = [&[7; 512][..], b"\x89HDF\r\n\x1a\n"].concat();
        let zip = |name: &str| {
            let length = (name.len() as u16).to_le_bytes();
            [&b"PK\x03\x04"[..], &[20; 22], &length, &[0; 2], name.as_bytes()].concat()
        };
        let utf16: Vec<u8> = "the 0.1".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let utf16_big: Vec<u8> = "the 0.1".encode_utf16().flat_map(u16::to_be_bytes).collect();
        for (bytes, expected) in [
            (b"".to_vec(), Kind::Empty),
            (b"\x80\x02\0\0\0\0\0\0{\"a\":1}".to_vec(), Kind::Safetensors),
            (b"PK\0\0\0\0\0\0{\"a\":1}".to_vec(), Kind::Safetensors),
            (b"\x93NUMPY\x01\0".to_vec(), Kind::Npy),
            (b"\x89HDF\r\n\x1a\n".to_vec(), Kind::Hdf5),
            (behind, Kind::Hdf5),
            (zip("metadata.json"), Kind::Keras),
            (zip("archive/data.pkl"), Kind::Torch),
            (zip("0.kernel.npy"), Kind::Npz),
            (zip("glove.6B.50d.txt"), Kind::Zip),
            (b"\x80\x04\x95".to_vec(), Kind::Pickle),
            (b"\x08\x07\x12\x07pytorch".to_vec(), Kind::Protobuf),
            (b"\x1c\0\0\0TFL3".to_vec(), Kind::TfLite),
            (b"GGUF\x03\0\0\0".to_vec(), Kind::Gguf),
            (b"1 2\nthe \xcd\xcc\xcc\x3d\xcd\xcc\x4c\x3e\n".to_vec(), Kind::Word2vec),
            (b"2 1\nthe \0\0\x80\x3f\n".to_vec(), Kind::Word2vec),
            (b"\xba\x16\x4f\x2f\x0c\0\0\0".to_vec(), Kind::FastText),
            (b"\x1f\x8b\x08\0".to_vec(), Kind::Gzip),
            (b"BZh91AY&SY".to_vec(), Kind::Bzip2),
            (tar, Kind::Tar),
            (b"\n <!DOCTYPE HTML><html>".to_vec(), Kind::Html),
            (b"<?xml version=\"1.0\"?><Error/>".to_vec(), Kind::Xml),
            (b"version https://git-lfs.github.com/spec/v1\noid".to_vec(), Kind::LfsPointer),
            (b"\xef\xbb\xbf{ \"class_name\": 1}".to_vec(), Kind::Json),
            (b"\xff\xfet\0".to_vec(), Kind::Utf16),
            (b"\xff\xfe\0\0t\0\0\0".to_vec(), Kind::Utf32),
            (utf16, Kind::Utf16),
            (utf16_big, Kind::Utf16),
        ] {
            assert_eq!(kind(&bytes), Some(expected), "{:?}", bytes.escape_ascii().to_string());
            assert!(expected.refusal(Wanted::Weights).starts_with("this is "));
        }
    }

    #[test]
    fn words_with_vectors_are_taken_for_nothing_else() {
        for text in [
            "the 0.1 0.2",
            "{ 0.1 0.2",
            "{\" 0.1 0.2",
            "< 0.1",
            "<unk> 0.1",
            "</s> 0.1",
            "BZh 1",
            "GGUF 1 2",
            "PK 1 2",
            "version 1 2",
            "2 3\nthe 0.1 0.2 0.3\n",
            "2 3\nSão João 0.1 0.2 0.3\nthe 1 2 3",
            "2 300\nthe 0.1 0.2 0.3 -1e",
            " 2  3 \r\nthe 1 2 3\r\n",
            "(dp0 1 2",
        ] {
            assert_eq!(kind(text), None, "{text}");
        }
        assert_eq!(kind(b"2 3\ncaf\xe9 cr\xe8me 1 2 3\ncaf\xe8 4 5 6\n"), None);
    }

    #[test]
    fn no_start_is_too_short() {
        let starts = MAGIC.iter().map(|(magic, _)| magic.to_vec());
        for start in starts.chain([b"PK\x03\x04".to_vec(), b"1 2\na \0".to_vec(), vec![0; 300]]) {
            for end in 0..=start.len() {
                let _ = (kind(&start[..end]), unknown(&start[..end], Wanted::Weights));
            }
        }
    }
}
