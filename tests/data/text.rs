//! Words and categories as Keras has them. Its text layers need TensorFlow, so what is expected of them is what their
//! documentation of 3.15.1 says.

use kerata::{
    Batch, Cpu, Embedding, Error, GlobalAveragePooling1d, Ids, MaskZero,
    config::Config,
    data::{
        CategoryEncoding, NpyFile, OutputMode, Standardize, StringLookup, TextSplit,
        TextVectorization, Vocabulary,
    },
    model,
    prelude::*,
};

use crate::preprocessing::{case, flat};

fn lookup(mode: OutputMode) -> StringLookup {
    StringLookup { output_mode: mode, ..StringLookup::default() }
}

#[test]
fn categories_are_encoded_as_in_keras() {
    let case = case("category_encoding");
    let ids: Vec<Vec<usize>> = serde_json::from_value(case["ids"].clone()).unwrap();
    let weights: Vec<Vec<f32>> = serde_json::from_value(case["weights"].clone()).unwrap();
    let of = |mode| CategoryEncoding::new(4, mode).unwrap();
    let encoded =
        |mode| ids.iter().flat_map(|row| of(mode).encode(row).unwrap()).collect::<Vec<_>>();
    assert_eq!(encoded(OutputMode::MultiHot), flat(&case["multi_hot"]));
    assert_eq!(encoded(OutputMode::Count), flat(&case["count"]));
    let rows = ids.iter().zip(&weights);
    let weighted = rows.flat_map(|(row, w)| of(OutputMode::Count).encode_weighted(row, w).unwrap());
    assert_eq!(weighted.collect::<Vec<_>>(), flat(&case["weighted"]));
    let each = ids.iter().flatten();
    let one_hot = each.flat_map(|&id| of(OutputMode::OneHot).encode(&[id]).unwrap());
    assert_eq!(one_hot.collect::<Vec<_>>(), flat(&case["one_hot"]));
    let config: Config = serde_json::from_value(case["config"].clone()).unwrap();
    assert_eq!(CategoryEncoding::from_config(&config).unwrap(), of(OutputMode::Count));
    let error = of(OutputMode::Count).encode(&[1, 4]).unwrap_err();
    assert_eq!(error, Error::IdOutsideVocabulary { id: 4, vocabulary: 4, row: 0, step: 1 });
    assert!(CategoryEncoding::new(4, OutputMode::Int).is_err());
    assert!(CategoryEncoding::new(0, OutputMode::Count).is_err());
}

#[test]
fn strings_are_looked_up_as_the_documentation_says() {
    let words = ["a", "b", "c", "d"];
    let mut layer = lookup(OutputMode::Int);
    layer.set_vocabulary(words).unwrap();
    assert_eq!(layer.ids(&["a", "c", "d"]).unwrap(), [1, 3, 4]);
    assert_eq!(layer.ids(&["d", "z", "b"]).unwrap(), [4, 0, 2]);
    assert_eq!(layer.words(&[4, 0, 2]).unwrap(), ["d", "[UNK]", "b"]);
    assert!(layer.words(&[5]).is_err());

    let rows = [["a", "c", "d", "d"], ["d", "z", "b", "z"]];
    let vectors = |layer: &StringLookup| rows.map(|row| layer.vector(&row).unwrap());
    let mut layer = lookup(OutputMode::MultiHot);
    layer.set_vocabulary(words).unwrap();
    assert_eq!(vectors(&layer), [[0.0, 1.0, 0.0, 1.0, 1.0], [1.0, 0.0, 1.0, 0.0, 1.0]]);
    let mut layer = lookup(OutputMode::Count);
    layer.set_vocabulary(words).unwrap();
    assert_eq!(vectors(&layer), [[0.0, 1.0, 0.0, 1.0, 2.0], [2.0, 0.0, 1.0, 0.0, 1.0]]);
    let mut layer = lookup(OutputMode::OneHot);
    layer.set_vocabulary(words).unwrap();
    assert_eq!(layer.vector(&["z"]).unwrap(), [1.0, 0.0, 0.0, 0.0, 0.0]);
    assert!(layer.vector(&["z", "a"]).is_err());

    let mut layer = lookup(OutputMode::TfIdf);
    layer.set_vocabulary_with_idf(words, &[0.25, 0.75, 0.6, 0.4]).unwrap();
    assert_eq!(vectors(&layer), [[0.0, 0.25, 0.0, 0.6, 0.8], [1.0, 0.0, 0.75, 0.0, 0.4]]);
    let with_unknown = ["[UNK]", "a", "b", "c", "d"];
    layer.set_vocabulary_with_idf(with_unknown, &[0.9, 0.25, 0.75, 0.6, 0.4]).unwrap();
    assert_eq!(vectors(&layer), [[0.0, 0.25, 0.0, 0.6, 0.8], [1.8, 0.0, 0.75, 0.0, 0.4]]);
    // The weight that unknown words were given stays in a config, and one that is the mean of the others does.
    assert_eq!(StringLookup::from_config(&layer.config()).unwrap(), layer);
    let mut mean = lookup(OutputMode::TfIdf);
    mean.set_vocabulary_with_idf(words, &[0.25, 0.75, 0.6, 0.4]).unwrap();
    assert_eq!(mean.config().config["idf_weights"].as_array().unwrap().len(), 4);
    assert_eq!(StringLookup::from_config(&mean.config()).unwrap(), mean);
    assert!(layer.set_vocabulary(words).is_err());
}

#[test]
fn a_vocabulary_is_learned_with_its_frequencies() {
    let rows = [vec!["b", "a", "b"], vec!["a", "c", "[UNK]"], vec!["b"]];
    let mut layer =
        StringLookup { max_tokens: Some(4), pad_to_max_tokens: true, ..lookup(OutputMode::TfIdf) };
    layer.adapt(rows.clone()).unwrap();
    assert_eq!(layer.get_vocabulary(true), ["[UNK]", "b", "a", "c"]);
    // ln(1 + 3 / (1 + documents)) of b, a: 2 documents each, and c: 1.
    let (two, one) = (2.0_f64.ln() as f32, 2.5_f64.ln() as f32);
    let found = layer.vector(&["b", "c", "c", "new"]).unwrap();
    let mean = (2.0 * two + one) / 3.0;
    approx::assert_abs_diff_eq!(
        found.as_slice(),
        [mean, two, 0.0, 2.0 * one].as_slice(),
        epsilon = 1e-6
    );
    // A mask token counts in front only where ids are asked for.
    let masked = |mode| StringLookup { mask_token: Some("c".into()), ..lookup(mode) };
    let mut layer = masked(OutputMode::Int);
    layer.adapt(rows.clone()).unwrap();
    assert_eq!(layer.get_vocabulary(true), ["c", "[UNK]", "b", "a"]);
    assert_eq!(layer.ids(&["a", "c", "x"]).unwrap(), [3, 0, 1]);
    let mut layer = masked(OutputMode::Count);
    layer.adapt(rows).unwrap();
    assert_eq!(layer.vector(&["a", "c", "x", "a"]).unwrap(), [1.0, 0.0, 2.0]);
}

#[test]
fn another_file_is_named_for_what_it_is() {
    let path = std::env::temp_dir().join(format!("kerata-words-{}.txt", std::process::id()));
    let files: [(&[u8], &str); 4] = [
        (
            b"\x89HDF\r\n\x1a\n",
            "this is an HDF5 file (`.h5`), not a vocabulary with a word per line",
        ),
        (b"\xff\xfea\0\n\0", "this is text in UTF-16"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        (b"<!DOCTYPE html>", "a web page"),
    ];
    for (bytes, what) in files {
        std::fs::write(&path, bytes).unwrap();
        let error = StringLookup::default().load_vocabulary(&path).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
        let error = NpyFile::<[f32; 2]>::open(&path).map(drop).unwrap_err().to_string();
        assert!(error.contains("not an array of NumPy (`.npy`)"), "{error}");
    }
    std::fs::write(&path, "\n[UNK]\n{\"a\n<?xml\n").unwrap();
    let mut words = TextVectorization::default();
    words.load_vocabulary(&path).unwrap();
    assert_eq!(words.get_vocabulary(false), ["{\"a", "<?xml"]);
    std::fs::remove_file(path).unwrap();
}

#[test]
fn no_config_takes_all_memory() {
    let huge = r#"{"class_name": "TextVectorization", "config": {"ngrams": 1000000000000}}"#;
    let error = TextVectorization::from_config(&huge.parse().unwrap()).unwrap_err().to_string();
    assert!(error.contains("ngrams"), "{error}");
    let long = r#"{"class_name": "TextVectorization", "config": {"output_sequence_length": 1000000000000000000}}"#;
    let mut long = TextVectorization::from_config(&long.parse().unwrap()).unwrap();
    long.adapt(["a b"]).unwrap();
    assert!(matches!(long.ids(&["a"]), Err(Error::Device(_))));
    let mut wide = TextVectorization {
        max_tokens: Some(1 << 60),
        pad_to_max_tokens: true,
        output_mode: OutputMode::MultiHot,
        ..TextVectorization::default()
    };
    wide.adapt(["a b"]).unwrap();
    assert!(matches!(wide.vectors(&["a"]), Err(Error::Device(_))));
}

#[test]
fn what_makes_no_vocabulary_is_an_error() {
    let mut strict = StringLookup { num_oov_indices: 0, ..StringLookup::default() };
    strict.set_vocabulary(["a"]).unwrap();
    let error = strict.ids(&["b"]).unwrap_err();
    assert_eq!(error, Error::UnknownWord { word: "b".to_owned(), words: 1 });
    assert_eq!(strict.ids(&["a"]).unwrap(), [0]);
    let says = |layer: StringLookup, words: &[&str], message: &str| {
        let error = { layer }.set_vocabulary(words.iter().copied()).unwrap_err().to_string();
        assert_eq!(error, message);
    };
    let plain = StringLookup::default;
    says(plain(), &["a", "a"], "a word of the vocabulary is `a`: it must be there once");
    says(plain(), &[], "the vocabulary is empty");
    let few = StringLookup { max_tokens: Some(2), ..plain() };
    says(few, &["a", "b"], "the size of the vocabulary (at most): expected 2, found 3");
    let hashed = StringLookup { num_oov_indices: 2, ..plain() };
    assert!(
        hashed
            .clone()
            .set_vocabulary(["a"])
            .unwrap_err()
            .to_string()
            .starts_with("num_oov_indices is 2")
    );
    let masked = StringLookup { mask_token: Some("m".into()), ..plain() };
    says(
        masked,
        &["a", "m"],
        "a word of the vocabulary is `m`: the mask token stands in front, or not there",
    );
    assert_eq!(plain().ids(&["a"]).unwrap_err(), Error::Empty("the vocabulary"));
    assert_eq!(plain().adapt([[""; 0]]).unwrap_err(), Error::Empty("the data to adapt to"));
    assert!(lookup(OutputMode::Count).ids(&["a"]).is_err());
    assert!(plain().vector(&["a"]).is_err());
}

#[test]
fn texts_become_ids_as_the_documentation_says() {
    let mut layer = TextVectorization {
        max_tokens: Some(5000),
        output_sequence_length: Some(4),
        ..TextVectorization::default()
    };
    layer.adapt(["foo bar", "bar baz", "baz bada boom"]).unwrap();
    assert_eq!(layer.ids(&["foo qux bar", "qux baz"]).unwrap(), [[4, 1, 3, 0], [1, 2, 0, 0]]);
    layer.set_vocabulary(["earth", "wind", "and", "fire"]).unwrap();
    assert_eq!(layer.get_vocabulary(true), ["", "[UNK]", "earth", "wind", "and", "fire"]);
    assert_eq!(layer.ids(&["Earth, wind & fire; and earth"]).unwrap(), [[2, 3, 5, 4]]);
    assert_eq!(layer.ids_ragged(&["wind", ""]).unwrap(), [vec![3], vec![]]);
    layer.output_sequence_length = None;
    assert_eq!(layer.ids(&["wind", "fire fire"]).unwrap(), [[3, 0], [5, 5]]);
    layer.output_mode = OutputMode::Count;
    assert!(layer.vectors(&["wind"]).unwrap_err().to_string().contains("adapt again"));
}

#[test]
fn texts_are_standardized_split_and_joined() {
    let plain = TextVectorization::default;
    assert_eq!(plain().tokens("Don't  PANIC!\tÉa"), ["dont", "panic", "Éa"]);
    let lower = TextVectorization { standardize: Standardize::Lower, ..plain() };
    assert_eq!(lower.tokens("Don't!"), ["don't!"]);
    let stripped = TextVectorization { standardize: Standardize::StripPunctuation, ..plain() };
    assert_eq!(stripped.tokens("Don't!"), ["Dont"]);
    let raw =
        TextVectorization { standardize: Standardize::None, split: TextSplit::None, ..plain() };
    assert_eq!(raw.tokens("As it is."), ["As it is."]);
    let letters = TextVectorization { split: TextSplit::Character, ..plain() };
    assert_eq!(letters.tokens("Añ!"), ["a", "ñ"]);
    let pairs = TextVectorization { ngrams: vec![1, 2], ..plain() };
    assert_eq!(pairs.tokens("a b c"), ["a", "b", "c", "a b", "b c"]);
    assert!(TextVectorization { ngrams: vec![0], ..plain() }.adapt(["a"]).is_err());
}

#[test]
fn configs_and_vocabularies_are_kept() {
    let mut layer = TextVectorization {
        output_mode: OutputMode::TfIdf,
        ngrams: vec![1, 2],
        max_tokens: Some(9),
        split: TextSplit::Character,
        ..TextVectorization::default()
    };
    layer.adapt(["abc", "abd"]).unwrap();
    let text = serde_json::to_string(&layer.config()).unwrap();
    let read = TextVectorization::from_config(&serde_json::from_str(&text).unwrap()).unwrap();
    let [ours, theirs] = [&layer, &read].map(|layer| layer.vectors(&["abx"]).unwrap());
    assert_eq!(read.get_vocabulary(true), layer.get_vocabulary(true));
    approx::assert_abs_diff_eq!(ours[0].as_slice(), theirs[0].as_slice(), epsilon = 1e-6);

    let mut lookup = StringLookup { mask_token: Some("".into()), ..StringLookup::default() };
    lookup.adapt([["x", "y", "y"]]).unwrap();
    let config = lookup.config();
    assert_eq!(StringLookup::from_config(&config).unwrap(), lookup);
    let path = std::env::temp_dir().join(format!("kerata-lookup-{}.txt", std::process::id()));
    lookup.save_vocabulary(&path).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "\n[UNK]\ny\nx");
    let mut other = StringLookup { mask_token: Some("".into()), ..StringLookup::default() };
    other.load_vocabulary(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(other, lookup);
    // As a word, what is empty can stand anywhere but at the end.
    let mut last = StringLookup::default();
    last.adapt([["b", "a", ""]]).unwrap();
    let error = last.save_vocabulary(&path).unwrap_err().to_string();
    assert!(error.contains("the last word of a file has a letter"), "{error}");

    let refused = |key: &str, value: serde_json::Value| {
        let mut config = lookup.config();
        config.config.insert(key.to_owned(), value);
        StringLookup::from_config(&config).unwrap_err().to_string()
    };
    assert!(refused("invert", true.into()).contains("invert: false is needed, the JSON says true"));
    assert!(refused("num_oov_indices", 3.into()).contains("num_oov_indices: 0 or 1 is needed"));
    assert!(refused("surplus", 3.into()).contains("surplus: no such key is needed"));
    let mut twice = lookup.config();
    twice.config.insert("vocabulary".into(), serde_json::json!(["x", "x"]));
    assert!(StringLookup::from_config(&twice).is_err());
    assert!(TextVectorization::from_config(&lookup.config()).is_err());
}

#[model(input = Ids<(Batch, 3)>, output = (Batch, 2))]
struct Reader {
    embed: Embedding<5, 2, MaskZero>,
    mean: GlobalAveragePooling1d,
}

#[test]
fn ids_go_into_an_embedding() {
    let mut layer = TextVectorization::default();
    layer.adapt(["the cat", "the dog"]).unwrap();
    assert_eq!(layer.vocabulary_size(), 5);
    let reader = Reader::build(&Cpu::default()).unwrap();
    let answers =
        reader.predict(&layer.ids_padded::<3>(&["The cat!", "a dog"]).unwrap(), 2).unwrap();
    assert_eq!(answers.to_rows().unwrap().len(), 2);
}

/// A model is saved with what makes its inputs, and both come back by one call.
#[test]
fn a_model_is_saved_with_its_preprocessing() {
    #[model(input = Ids<(Batch, 4)>, output = (Batch, 3))]
    struct Net {
        embed: Embedding<9, 3, MaskZero>,
        mean: GlobalAveragePooling1d,
    }

    let path = |end: &str| {
        std::env::temp_dir().join(format!("kerata-text-with-{}.{end}", std::process::id()))
    };
    let file = path("safetensors");
    let mut words = TextVectorization {
        output_sequence_length: Some(4),
        ngrams: vec![1, 2],
        ..TextVectorization::default()
    };
    words.adapt(["a good film", "a \"bad\", film"]).unwrap();
    let mut weighted = lookup(OutputMode::TfIdf);
    weighted.adapt([["x", "y"], ["x", "z"]]).unwrap();
    let encoding = CategoryEncoding::new(4, OutputMode::MultiHot).unwrap();
    let all = (words.clone(), weighted, encoding);
    let net = Net::build(&Cpu::seed_from_u64(1)).unwrap();
    net.save_with(&file, &all).unwrap();

    let mut other = Net::build(&Cpu::seed_from_u64(2)).unwrap();
    let before = other.embed.embeddings.as_vec();
    // Nothing is loaded of what does not fit.
    let fails = |result: Result<(), Error>, text: &str| {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    };
    fails(other.load_with::<TextVectorization>(&file).map(drop), "expected 1, found 3");
    type Turned = (StringLookup, TextVectorization, CategoryEncoding);
    fails(other.load_with::<Turned>(&file).map(drop), "class_name");
    assert_eq!(other.embed.embeddings.as_vec(), before);
    let found =
        other.load_with::<(TextVectorization, StringLookup, CategoryEncoding)>(&file).unwrap();
    assert_eq!(found, all);
    assert_eq!(found.0.ids(&["good film"]).unwrap(), words.ids(&["good film"]).unwrap());
    assert_eq!(other.embed.embeddings.as_vec(), net.embed.embeddings.as_vec());

    // The weights alone, and no preprocessing.
    let mut alone = Net::build(&Cpu::seed_from_u64(3)).unwrap();
    alone.load_weights(&file).unwrap();
    assert_eq!(alone.embed.embeddings.as_vec(), net.embed.embeddings.as_vec());
    net.save_weights(&file).unwrap();
    fails(alone.load_with::<CategoryEncoding>(&file).map(drop), "no preprocessing layers");
    fails(net.save_with(path("npz"), &words), "as .safetensors");

    // Nothing is written that would not be read again.
    words.output_sequence_length = Some(0);
    fails(net.save_with(&file, &words), "output_sequence_length: a whole number above 0");
    fails(alone.load_with::<CategoryEncoding>(&file).map(drop), "no preprocessing layers");
    std::fs::remove_file(file).unwrap();
}

#[test]
fn a_model_is_saved_with_its_vocabulary_however_long() {
    #[model(input = Ids<(Batch, 4)>, output = (Batch, 3))]
    struct Net {
        embed: Embedding<5, 3, MaskZero>,
        mean: GlobalAveragePooling1d,
    }

    let file = std::env::temp_dir().join(format!("kerata-text-vocabulary-{}", std::process::id()));
    let mut net = Net::build(&Cpu::seed_from_u64(1)).unwrap();
    let words = Vocabulary::words().unknown("[UNK]").learn(["the cat sat"]).unwrap();
    let letters = Vocabulary::characters().learn(["abc"]).unwrap();
    net.save_with(&file, &(words.clone(), letters.clone())).unwrap();
    assert_eq!(net.load_with::<(Vocabulary, Vocabulary)>(&file).unwrap(), (words.clone(), letters));
    net.save_with(&file, &words).unwrap();
    assert_eq!(net.load_with::<Vocabulary>(&file).unwrap(), words);
    let error = net.load_with::<StringLookup>(&file).unwrap_err().to_string();
    assert!(error.contains("Vocabulary"), "{error}");

    // Longer than the config of layers may be.
    let long = (0..5).map(|i| format!("{i}{}", "x".repeat(4 << 20)));
    let long = Vocabulary::words().list(long).unwrap();
    net.save_with(&file, &long).unwrap();
    assert_eq!(net.load_with::<Vocabulary>(&file).unwrap(), long);
    std::fs::remove_file(file).unwrap();
}

#[test]
fn frequencies_of_another_setting_are_refused() {
    let mut lookup = StringLookup::default();
    lookup.adapt([["a", "b"], ["a", "c"]]).unwrap();
    lookup.output_mode = OutputMode::TfIdf;
    let error = lookup.vector(&["a", "c"]).unwrap_err().to_string();
    assert!(error.contains("adapt again"), "{error}");
    lookup.adapt([["a", "b"], ["a", "c"]]).unwrap();
    assert!(lookup.vector(&["a", "c"]).is_ok());
    lookup.num_oov_indices = 0;
    assert!(lookup.vector(&["a", "c"]).is_err());
    let mut given = StringLookup { output_mode: OutputMode::TfIdf, ..StringLookup::default() };
    let error = given.set_vocabulary_with_idf(["a", "b"], &[1.0, f32::NAN]).unwrap_err();
    assert_eq!(error.to_string(), "inverse document frequency 1 is NaN, which is not finite");
}
