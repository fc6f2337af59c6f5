//! Weight files of other programs, and files that are none.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use flate2::{Compression, write::DeflateEncoder};
use kerata::{Cpu, Dense, Error, config::Config, io::WeightFile, prelude::*};
use rawzip::{CompressionMethod, ZipArchiveWriter};

type Net = (Dense<3, 2>,);

fn net() -> Net {
    Net::build(&Cpu::seed_from_u64(1)).unwrap()
}

fn case(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/foreign").join(name)
}

/// What loading says, without the path.
fn says(path: &Path, text: &str) {
    let mut net = net();
    let before = net.0.kernel.array();
    let error = net.load_weights(path).unwrap_err().to_string();
    assert_eq!(error, format!("{}: {text}", path.display()));
    assert_eq!(net.0.kernel.array(), before);
}

/// A zip of `.npy` files: names, headers and data.
fn npz(arrays: &[(&str, &str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipArchiveWriter::new(Vec::new());
    for (name, header, data) in arrays {
        let name = format!("{name}.npy");
        let (mut entry, config) = zip.new_file(&name).compression_method(method).start().unwrap();
        let mut npy = b"\x93NUMPY\x01\x00".to_vec();
        npy.extend((header.len() as u16).to_le_bytes());
        npy.extend(header.as_bytes());
        npy.extend(*data);
        let sums = if method == CompressionMethod::DEFLATE {
            let mut content = config.wrap(DeflateEncoder::new(&mut entry, Compression::best()));
            content.write_all(&npy).unwrap();
            let (packed, sums) = content.finish().unwrap();
            packed.finish().unwrap();
            sums
        } else {
            let mut content = config.wrap(&mut entry);
            content.write_all(&npy).unwrap();
            content.finish().unwrap().1
        };
        entry.finish(sums).unwrap();
    }
    zip.finish().unwrap()
}

fn stored(arrays: &[(&str, &str, &[u8])]) -> Vec<u8> {
    npz(arrays, CompressionMethod::STORE)
}

fn header(descr: &str, fortran: bool, shape: &str) -> String {
    let order = if fortran { "True" } else { "False" };
    format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}")
}

fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
}

fn refused(bytes: Vec<u8>) -> String {
    WeightFile::from_bytes(bytes).unwrap_err().to_string()
}

#[test]
fn a_foreign_file_is_named() {
    const WANTED: &str = "not a weight file (`.safetensors` or `.npz`)";
    const KERAS: &str = "`load_keras` reads it, with the feature `keras`";
    let web = "the download has failed; open its address in a browser";
    let binary = "gensim writes it as text, `save_word2vec_format(path, binary=False)`";
    for (name, text) in [
        ("foreign.h5", format!("this is an HDF5 file (`.h5`), {WANTED}: {KERAS}")),
        ("foreign.keras", format!("this is a `.keras` archive, {WANTED}: {KERAS}")),
        ("foreign_html.npz", format!("this is a web page (HTML), {WANTED}: {web}")),
        (
            "foreign_single.npy",
            format!(
                "this is a single array of NumPy (`.npy`), {WANTED}: \
                 write named arrays with `numpy.savez`"
            ),
        ),
        ("vec_gz.txt", format!("this is compressed by gzip, {WANTED}: unpack it first")),
        ("vec_word2vec.bin", format!("this is word2vec's binary form, {WANTED}: {binary}")),
        (
            "vec_utf16.txt",
            format!("this is text in UTF-16, {WANTED}: convert it, `iconv -f UTF-16 -t UTF-8`"),
        ),
        (
            "vec_space_token.txt",
            "this is not a weight file (`.safetensors` or `.npz`): \
             it begins with the text `3 3\\nthe 0.1 0.2 `"
                .to_owned(),
        ),
    ] {
        says(&case(name), &text);
    }
    for (bytes, name) in [
        (&b""[..], "an empty file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
        (b"\x80\x02\x8a\x0al\xfc\x9c\x46\xf9", "a Python pickle"),
        (b"\x08\x07\x12\x07pytorch", "a protobuf message"),
        (b"{\"class_name\": \"Dense\"}", "JSON"),
    ] {
        let error = refused(bytes.to_vec());
        assert!(error.starts_with(&format!("the weight file: this is {name}")), "{error}");
    }
    // An archive is known by any of its files; an empty one holds no weights, as a model can.
    let member = |names: &[&str]| {
        let mut zip = ZipArchiveWriter::new(Vec::new());
        for name in names {
            let (mut entry, config) = zip.new_file(name).start().unwrap();
            let mut content = config.wrap(&mut entry);
            content.write_all(b"content").unwrap();
            let (_, sums) = content.finish().unwrap();
            entry.finish(sums).unwrap();
        }
        zip.finish().unwrap()
    };
    for (names, name) in [
        (&["archive/data.pkl", "archive/version"][..], "a checkpoint of PyTorch"),
        (&["archive/version", "archive/data.pkl"], "a checkpoint of PyTorch"),
        (&["readme", "model.weights.h5"], "a `.keras` archive"),
        (&["readme"], "a zip archive"),
    ] {
        let error = refused(member(names));
        assert!(error.starts_with(&format!("the weight file: this is {name}, not ")), "{error}");
    }
    assert!(WeightFile::from_bytes(member(&[])).unwrap().arrays().is_empty());
    let error = refused(vec![0; 1 << 20]);
    assert!(
        error.ends_with("it begins with the bytes 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00")
    );
}

#[test]
fn only_regular_files_are_opened() {
    says(&std::env::temp_dir(), "this is a folder, not a regular file");
    #[cfg(target_os = "linux")]
    {
        says(Path::new("/dev/zero"), "this is a device, not a regular file");
        let pipe = std::env::temp_dir().join(format!("kerata-pipe-{}", std::process::id()));
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        says(&pipe, "this is a named pipe, not a regular file");
        let error = net().save_weights(&pipe).unwrap_err().to_string();
        assert!(error.ends_with("this is a named pipe, not a regular file"), "{error}");
        fs::remove_file(&pipe).unwrap();
        // A terabyte of nothing, which takes no place on the disk.
        let huge = fs::File::create(&pipe).unwrap();
        if huge.set_len(1 << 40).is_ok() {
            let started = Instant::now();
            assert!(net().load_weights(&pipe).is_err());
            assert!(started.elapsed() < Duration::from_secs(5));
        }
        fs::remove_file(&pipe).unwrap();
    }
}

#[test]
fn types_of_other_widths_are_converted() {
    let mut half = net();
    half.load_weights(case("f16.npz")).unwrap();
    assert_eq!(half.0.kernel.array(), [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]);
    let mut both = net();
    both.load_weights(case("f16_bf16.safetensors")).unwrap();
    assert_eq!(both.0.kernel.array(), half.0.kernel.array());
    assert_eq!(both.0.bias.array(), half.0.bias.array());
    let mut long = net();
    long.load_weights(case("npz_py2_long_shape.npz")).unwrap();
    assert_eq!(long.0.kernel.array(), [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]);

    // Every type in both orders of bytes and of indices: [[1, 2, 3], [4, 5, 6]].
    for (descr, width) in [("i1", 1), ("u1", 1), ("i2", 2), ("u4", 4), ("i8", 8), ("u8", 8)] {
        for (order, fortran) in [("<", false), (">", false), ("<", true), (">", true)] {
            let values: [u64; 6] = if fortran { [1, 4, 2, 5, 3, 6] } else { [1, 2, 3, 4, 5, 6] };
            let bytes = values.map(|v| match order {
                "<" => v.to_le_bytes()[..width].to_vec(),
                _ => v.to_be_bytes()[8 - width..].to_vec(),
            });
            let header = header(&format!("'{order}{descr}'"), fortran, "(2, 3)");
            let mut file =
                WeightFile::from_bytes(stored(&[("a", &header, &bytes.concat())])).unwrap();
            assert_eq!(file.read::<f32>("a").unwrap(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "{header}");
            assert_eq!(file.read::<f64>("a").unwrap()[5], 6.0);
        }
    }
    let header = header("'|b1'", false, "()");
    let mut scalar = WeightFile::from_bytes(stored(&[("a", &header, &[1])])).unwrap();
    assert_eq!((scalar.arrays()[0].sizes.len(), scalar.read::<f32>("a").unwrap()), (0, vec![1.0]));
}

#[test]
fn a_value_that_overflows_is_named() {
    let path = case("f64_overflow.npz");
    let text = "0.kernel: the value at (0, 1) is 1e300, too large for f32";
    says(&path, text);
    // It fits where it is wide enough.
    let mut wide = <(Dense<3, 2, kerata::Linear, f64>,)>::build(&Cpu::default()).unwrap();
    wide.load_weights(&path).unwrap();
    assert_eq!(wide.0.kernel.array()[0][1], 1e300);
    let json = r#"{"a":{"dtype":"F64","shape":[2],"data_offsets":[0,16]}}"#;
    let data = [1.0, -1e39_f64].map(f64::to_le_bytes).concat();
    let mut file = WeightFile::from_bytes(safetensors(json, &data)).unwrap();
    let error = file.read::<f32>("a").unwrap_err().to_string();
    assert_eq!(error, "the weight file: a: the value at (1,) is -1e39, too large for f32");
}

#[test]
fn other_types_are_refused_by_name() {
    for (descr, name) in [
        ("'|O'", "|O (Python objects, in a pickle)"),
        ("'<c8'", "<c8"),
        ("'<U3'", "<U3"),
        ("'|V2'", "|V2 (bytes; NumPy does not know bfloat16: save it as float32)"),
        ("[('a', '<f4')]", "[('a', '<f4')]"),
        ("[('a', '<f4', (2,)), ('b', [('c', '|O')])]", "[('a', '<f4', (2,)), ('b', [('c', '|O')]"),
    ] {
        let header = header(descr, false, "(1,)");
        let mut file = WeightFile::from_bytes(stored(&[("a", &header, &[0; 8])])).unwrap();
        let error = file.read::<f32>("a").unwrap_err().to_string();
        let start = format!("the weight file: a: values of the type {name}");
        assert!(error.starts_with(&start), "{error}");
    }
}

#[test]
fn archives_that_lie() {
    let row = header("'<f4'", false, "(1,)");
    let says = |bytes: Vec<u8>, name: &str, text: &str| {
        let error = WeightFile::from_bytes(bytes).and_then(|mut file| file.read::<f32>(name));
        let error = error.unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    };
    let twice = stored(&[("a", &row, &[0; 4]), ("a", &row, &[0; 4])]);
    says(twice.clone(), "a", "a: there are several arrays of this name");
    says(stored(&[("a", &row, &[0; 3])]), "a", "4 bytes are promised, there are 3");
    says(stored(&[("a", &row, &[0; 5])]), "a", "4 bytes are promised, there are more");
    for shape in ["(9223372036854775808, )", "(4611686018427387904, 4)", "(2305843009213693951,)"] {
        let header = header("'<f4'", false, shape);
        says(stored(&[("a", &header, &[0; 4])]), "a", "a: ");
    }
    // Names are only names: no file is written, and no terminal obeys.
    let placeholder = b"aa/aa/etc/passwd";
    for (name, shown) in [
        (&b"../../etc/passwd"[..], "../../etc/passwd"),
        (b"/bin/passwd\0\x1b[2J", r"/bin/passwd\u{0}\u{1b}[2J"),
        (b"no text \xff\xfe\xfd\xfc 012", "no text \u{fffd}\u{fffd}\u{fffd}\u{fffd} 012"),
    ] {
        let mut bytes = stored(&[("aa/aa/etc/passwd", &row, &[0; 4])]);
        while let Some(at) = bytes.windows(16).position(|window| window == placeholder) {
            bytes[at..at + 16].copy_from_slice(name);
        }
        let error = WeightFile::from_bytes(bytes).unwrap().load_into(&mut net()).unwrap_err();
        assert!(error.to_string().contains(shown), "{error}");
    }
    // The second entry of the directory shows the bytes of the first one.
    let mut overlap = twice;
    let second = overlap.windows(4).rposition(|bytes| bytes == b"PK\x01\x02").unwrap();
    overlap[second + 42..second + 46].fill(0);
    says(overlap, "a", "files of the archive overlap");

    // What is packed a thousandfold is looked at only if its shape is wanted.
    let zeros = vec![0; 64 << 20];
    let bomb = header("'<f4'", false, "(16777216,)");
    let bomb =
        npz(&[("0.kernel", &bomb, &zeros), ("0.bias", &row, &[0; 4])], CompressionMethod::DEFLATE);
    assert!(bomb.len() < 100_000);
    let started = Instant::now();
    let file = WeightFile::from_bytes(bomb).unwrap();
    assert!(matches!(file.load_into(&mut net()), Err(Error::Differences { .. })));
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn headers_of_safetensors_that_lie() {
    let entry = |name: &str, shape: &str, from: usize, to: usize| {
        format!(r#""{name}":{{"dtype":"F32","shape":{shape},"data_offsets":[{from},{to}]}}"#)
    };
    let file = |entries: &[String], data: usize| {
        safetensors(&format!("{{{}}}", entries.join(",")), &vec![0; data])
    };
    let (a, b) = (entry("a", "[1]", 0, 4), entry("b", "[1]", 4, 8));
    assert_eq!(WeightFile::from_bytes(file(&[a.clone(), b.clone()], 8)).unwrap().arrays().len(), 2);
    for (entries, data, text) in [
        (vec![a.clone(), a.clone()], 4, "there are two arrays `a`"),
        (vec![a.clone(), entry("b", "[1]", 0, 4)], 4, "its bytes overlap with others"),
        (vec![a.clone(), entry("b", "[1]", 2, 6)], 6, "its bytes overlap with others"),
        (vec![a.clone(), entry("b", "[1]", 8, 12)], 12, "or leave a gap"),
        (vec![entry("a", "[1]", 4, 0)], 4, "its bytes overlap with others"),
        (vec![entry("a", "[2]", 0, 4)], 4, "not as many as its shape and type need"),
        (vec![entry("a", "[4611686018427387904,4]", 0, 4)], 4, "overflow"),
        (vec![a.clone()], 8, "has something behind its end"),
        (vec![a.clone(), b.clone()], 4, "cut short"),
    ] {
        let error = refused(file(&entries, data));
        assert!(error.contains(text), "{error}");
    }
    let mut cut = file(&[a, b], 8);
    cut.truncate(30);
    let text = "the weight file: the file is cut short: it ends after 30 bytes, inside its header";
    assert_eq!(refused(cut), text);
    // Nothing in it, and nothing of a size.
    for shape in ["[0]", "[0,9223372036854775807]"] {
        let mut empty = WeightFile::from_bytes(file(&[entry("a", shape, 0, 0)], 0)).unwrap();
        assert_eq!(empty.read::<f32>("a").unwrap(), [0.0_f32; 0]);
    }
}

#[test]
fn every_cut_is_an_error() {
    let names = ["f16.npz", "f16_bf16.safetensors", "npz_py2_long_shape.npz", "foreign.keras"];
    for name in names {
        let bytes = fs::read(case(name)).unwrap();
        for end in 0..bytes.len() {
            let loaded = WeightFile::from_bytes(bytes[..end].to_vec())
                .and_then(|file| file.load_into(&mut net()));
            assert!(loaded.is_err(), "{name} at {end}");
        }
    }
}

#[test]
fn configs_are_read_from_files_of_their_kind() {
    let path = std::env::temp_dir().join(format!("kerata-config-{}.json", std::process::id()));
    let says = |bytes: &[u8], text: &str| {
        fs::write(&path, bytes).unwrap();
        let error = Config::load(&path).unwrap_err().to_string();
        assert_eq!(error, format!("{}: {text}", path.display()));
    };
    fs::write(&path, "\u{feff}{\"class_name\": \"Dense\", \"config\": {\"units\": 2}}").unwrap();
    assert_eq!(Config::load(&path).unwrap().class_name, "Dense");
    let keras = fs::read(case("foreign.keras")).unwrap();
    const LOAD: &str = "`keras::load` reads it, with the feature `keras`";
    says(&keras, &format!("this is a `.keras` archive, not a config in JSON: {LOAD}"));
    let failed = "what should have written it may have failed";
    says(b"", &format!("this is an empty file, not a config in JSON: {failed}"));
    let utf16: Vec<u8> = "{\"a\": 1}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let convert = "convert it, `iconv -f UTF-16 -t UTF-8`";
    says(&utf16, &format!("this is text in UTF-16, not a config in JSON: {convert}"));
    says(&vec![b' '; (16 << 20) + 1], "more than 16777216 bytes are not read");
    says(b"{\"\xff\"", "invalid utf-8 sequence of 1 bytes from index 2");
    fs::remove_file(path).unwrap();
    #[cfg(target_os = "linux")]
    assert!(Config::load("/dev/zero").unwrap_err().to_string().contains("this is a device"));
}

#[test]
fn the_name_says_the_format() {
    let folder = std::env::temp_dir().join(format!("kerata-names-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    for name in ["x.npz", "x.NPZ", "x.Npz"] {
        net().save_weights(folder.join(name)).unwrap();
        assert!(fs::read(folder.join(name)).unwrap().starts_with(b"PK\x03\x04"));
    }
    net().save_weights(folder.join("x.SafeTensors")).unwrap();
    assert_eq!(fs::read(folder.join("x.SafeTensors")).unwrap()[8], b'{');
    for name in ["x.weights.h5", "x.KERAS", "x.pt"] {
        let error = net().save_weights(folder.join(name)).unwrap_err().to_string();
        assert!(error.contains("weights are written as .safetensors or .npz, not as ."), "{error}");
        assert!(!folder.join(name).exists());
    }
    fs::remove_dir_all(folder).unwrap();
}
