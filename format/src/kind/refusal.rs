//! What is said of a file that is not what was wanted.

use super::Kind;

/// What a reader wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// A weight file.
    Weights,
    /// Word vectors.
    Vectors,
    /// A vocabulary.
    Vocabulary,
    /// A config in JSON.
    Config,
    /// A file of Keras.
    Keras,
    /// An array of NumPy.
    Array,
    /// A word per line.
    Words,
}

impl Wanted {
    fn name(self) -> &'static str {
        match self {
            Self::Weights => "a weight file (`.safetensors` or `.npz`)",
            Self::Vectors => "text with word vectors",
            Self::Vocabulary => "a vocabulary in JSON",
            Self::Config => "a config in JSON",
            Self::Keras => "a file of Keras (`.keras` or `.h5`)",
            Self::Array => "an array of NumPy (`.npy`)",
            Self::Words => "a vocabulary with a word per line",
        }
    }

    /// How to come to what is wanted from a file that Python can load.
    fn python_advice(self) -> &'static str {
        match self {
            Self::Weights => "load it in Python, and write its arrays with `numpy.savez`",
            Self::Vectors => "load it in Python, and write a word and its values in each line",
            Self::Vocabulary => "load it in Python, and hand its words to `Vocabulary::list`",
            Self::Config => "load it in Python, and write what `model.to_json()` gives",
            Self::Keras => "if Keras can load it, save it there as `.keras`",
            Self::Array => "load it in Python, and write the array with `numpy.save`",
            Self::Words => "load it in Python, and write a word in each line",
        }
    }
}

impl Kind {
    /// That a file is this and not what was wanted, and what to do about it.
    pub fn refusal(self, wanted: Wanted) -> String {
        let (name, advice) = self.words(wanted);
        format!("this is {name}, not {}: {advice}", wanted.name())
    }

    fn words(self, wanted: Wanted) -> (&'static str, &'static str) {
        const UNPACK: &str = "unpack it first";
        let export = wanted.python_advice();
        let keras = match wanted {
            Wanted::Weights => "`load_keras` reads it, with the feature `keras`",
            Wanted::Config => "`keras::load` reads it, with the feature `keras`",
            _ => export,
        };
        match self {
            Self::Empty => ("an empty file", "what should have written it may have failed"),
            Self::Safetensors => ("a safetensors file", "it holds weights, for `load_weights`"),
            Self::Npz => ("an archive of NumPy (`.npz`)", "it holds weights, for `load_weights`"),
            Self::Npy => {
                ("a single array of NumPy (`.npy`)", "write named arrays with `numpy.savez`")
            }
            Self::Hdf5 => ("an HDF5 file (`.h5`)", keras),
            Self::Keras => ("a `.keras` archive", keras),
            Self::Torch => {
                ("a checkpoint of PyTorch", "write it with `safetensors.torch.save_file`")
            }
            Self::Pickle => {
                ("a Python pickle, as `pickle.dump` and older versions of PyTorch write", export)
            }
            Self::Protobuf => ("a protobuf message, as ONNX and TensorFlow write", export),
            Self::TfLite => ("a TensorFlow Lite model", export),
            Self::Gguf => ("a GGUF model", export),
            Self::Word2vec => (
                "word2vec's binary form",
                "gensim writes it as text, `save_word2vec_format(path, binary=False)`",
            ),
            Self::FastText => ("a binary model of fastText (`.bin`)", "take its text, the `.vec`"),
            Self::Zip => ("a zip archive", UNPACK),
            Self::Gzip => ("compressed by gzip", UNPACK),
            Self::Bzip2 => ("compressed by bzip2", UNPACK),
            Self::Xz => ("compressed by xz", UNPACK),
            Self::Zstd => ("compressed by zstd", UNPACK),
            Self::SevenZip => ("a 7z archive", UNPACK),
            Self::Rar => ("a rar archive", UNPACK),
            Self::Tar => ("a tar archive", UNPACK),
            Self::Html => {
                ("a web page (HTML)", "the download has failed; open its address in a browser")
            }
            Self::Xml => ("XML", "if it was downloaded, it may be the server's error message"),
            Self::LfsPointer => ("a pointer of Git LFS", "fetch the file itself, `git lfs pull`"),
            Self::Json => ("JSON", "is it a config or a vocabulary?"),
            Self::Utf16 => ("text in UTF-16", "convert it, `iconv -f UTF-16 -t UTF-8`"),
            Self::Utf32 => ("text in UTF-32", "convert it, `iconv -f UTF-32 -t UTF-8`"),
        }
    }
}

/// That a file is of no kind that is known here, with what it begins with.
pub fn unknown(start: &[u8], wanted: Wanted) -> String {
    let wanted = wanted.name();
    let shown = &start[..start.len().min(16)];
    let printable = |b: &u8| matches!(b, b'\t' | b'\n' | b'\r' | b' '..=b'~');
    if shown.iter().all(printable) {
        return format!("this is not {wanted}: it begins with the text `{}`", shown.escape_ascii());
    }
    let bytes: Vec<String> = shown.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("this is not {wanted}: it begins with the bytes {}", bytes.join(" "))
}
