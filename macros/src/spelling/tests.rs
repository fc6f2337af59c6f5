use std::{collections::BTreeMap, path::Path};

use proc_macro2::{TokenStream, TokenTree};
use syn::{GenericParam, Generics, Type, TypeParamBound, parse_quote};

use kerata_format::table::{Class, Default as Given, Kind, called, elsewhere, known, layers};

use super::{Spelling, words::words};
use crate::errors::Errors;

/// The structs of the source of the layers, with their parameters.
fn structs() -> BTreeMap<String, Generics> {
    let mut structs = BTreeMap::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../src/layers"), &mut structs);
    structs
}

fn read(folder: &Path, structs: &mut BTreeMap<String, Generics>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, structs);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source: TokenStream = std::fs::read_to_string(&path).unwrap().parse().unwrap();
            let mut macros = BTreeMap::new();
            file(source, None, &mut macros, structs);
        }
    }
}

/// Finds structs, also those that a macro makes, whose name is the first of its arguments.
fn file(
    source: TokenStream,
    inside: Option<&str>,
    macros: &mut BTreeMap<String, Generics>,
    structs: &mut BTreeMap<String, Generics>,
) {
    let trees: Vec<TokenTree> = source.into_iter().collect();
    for (i, tree) in trees.iter().enumerate() {
        let word = |at: usize| trees.get(at).map(ToString::to_string).unwrap_or_default();
        let public = i.checked_sub(1).is_some_and(|before| word(before) == "pub");
        match tree {
            TokenTree::Ident(ident) if ident == "struct" && public => {
                let made = word(i + 1) == "$";
                let start = i + if made { 3 } else { 2 };
                let ends = |tree: &&TokenTree| {
                    !matches!(tree, TokenTree::Group(_)) && tree.to_string() != ";"
                };
                let generics: TokenStream =
                    trees[start..].iter().take_while(ends).cloned().collect();
                let generics = syn::parse2(generics).unwrap();
                match inside {
                    Some(name) if made => macros.insert(name.to_owned(), generics),
                    _ => structs.insert(word(i + 1), generics),
                };
            }
            TokenTree::Group(group) => {
                let rules = i >= 3 && word(i - 3) == "macro_rules";
                let name = if rules { Some(word(i - 1)) } else { None };
                let name = name.as_deref().or(inside);
                if let Some(generics) = i.checked_sub(2).and_then(|name| macros.get(&word(name))) {
                    let made =
                        group.stream().into_iter().find(|tree| matches!(tree, TokenTree::Ident(_)));
                    structs.insert(made.unwrap().to_string(), generics.clone());
                }
                file(group.stream(), name, macros, structs);
            }
            _ => {}
        }
    }
}

/// The table has what the layers have.
#[test]
fn the_table_is_that_of_the_layers() {
    let mut structs = structs();
    for layer in layers() {
        let name = layer.name;
        let generics = structs.remove(name).unwrap_or_else(|| panic!("there is no layer {name}"));
        let all = generics.params.iter().map(|parameter| match parameter {
            GenericParam::Const(of) => of.ident.to_string(),
            GenericParam::Type(of) => of.ident.to_string(),
            GenericParam::Lifetime(_) => String::new(),
        });
        let all: Vec<String> = all.collect();
        assert_eq!(all.len(), layer.parameters.len(), "{name} has the parameters {all:?}");
        for (given, parameter) in generics.params.iter().zip(layer.parameters) {
            let what = format!("`{}` of {name}", parameter.what);
            let default = match given {
                GenericParam::Const(of) => {
                    assert!(parameter.kind.is_size(), "{what} is a size");
                    of.default.as_ref().map(super::text)
                }
                GenericParam::Type(of) => {
                    let bound = of.bounds.iter().find_map(|bound| match bound {
                        TypeParamBound::Trait(bound) => Some(crate::signal::last_name(&bound.path)),
                        _ => None,
                    });
                    let class = match bound.as_deref() {
                        Some("Activation") => Class::Activation,
                        Some("Padding") => Class::Padding,
                        Some("ImagePadding") => Class::ImagePadding,
                        Some("Returns") => Class::Returns,
                        Some("ResetGate") => Class::ResetGate,
                        Some("MergeMode") => Class::MergeMode,
                        Some("MaskIds") => Class::MaskIds,
                        Some("Grouping") => Class::Grouping,
                        Some("TrailingDims") => Class::Shape,
                        Some("Element") => Class::Element,
                        Some("Backend") => Class::Device,
                        None => Class::Layer,
                        Some(other) => panic!("{what} is a {other}: give it a class"),
                    };
                    assert!(parameter.kind == Kind::Type(class), "{what} is a {class:?}");
                    of.default.as_ref().map(super::text)
                }
                GenericParam::Lifetime(_) => panic!("{name} has a lifetime"),
            };
            let expected = parameter.default.map(|default| match default {
                Given::Text(text) => text.to_owned(),
                Given::Like(place) => all[place].clone(),
            });
            assert_eq!(default, expected, "the default of {what}");
        }
    }
    // It stands in the structs of layers, not in models, which may have a layer of that name.
    structs.remove("Inner");
    // A value of an option, and a parameter with one of its own.
    structs.remove("Factor");
    structs.remove("ValueRange");
    structs.remove("Groups");
    // What a layer keeps from step to step of a stream.
    let streams = ["NoState", "RecurrentState", "Ring", "Places", "StreamParts"];
    structs.retain(|name, _| !name.ends_with("Stepper") && !streams.contains(&name.as_str()));
    for word in words() {
        structs.remove(word.name);
        let known = layers().any(|layer| layer.name == word.name);
        let elsewhere = word.class == Class::Padding || known;
        assert!(elsewhere || self::structs().contains_key(word.name), "there is no {}", word.name);
    }
    assert!(structs.is_empty(), "not in the table: {:?}", structs.keys());
}

fn said(ty: &str, generics: &Generics, element: &str) -> Option<String> {
    let element: Type = syn::parse_str(element).unwrap();
    let (mut ty, mut errors): (Type, _) = (syn::parse_str(ty).unwrap(), Errors::default());
    let told = std::cell::Cell::new(false);
    let refused = Spelling { generics, element: &element, told: &told }.check(&mut ty);
    refused.inspect(|refused| refused.tell(&mut errors));
    (!errors.is_empty()).then(|| errors.tokens().to_string())
}

/// What a `use` may name in place of a layer of the crate, a field of that name is told.
#[test]
fn the_names_of_other_libraries_are_told() {
    let names: Vec<&str> = elsewhere().collect();
    assert!(names.len() > 20, "{names:?}");
    let unknown: Vec<_> = names.into_iter().filter(|name| called(name).is_none()).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn what_is_right_is_not_refused() {
    let generics: Generics = parse_quote!(<const UNITS: usize, const n: usize, L: Layer<In>, E: Element, Vec: Layer<In>>);
    let right = layers().map(|layer| layer.example).chain([
        "kerata::Dense<_, 10>",
        "Dense<_, { 2 * WIDTH }>",
        "Dense<_, { UNITS }>",
        "Dense<_, { 2 * sizes::UNITS }>",
        "Dense<IN, OUT, my::Gelu>",
        "Dense<config::IN, Self::OUT, Gelu>",
        "Dense<UNITS, n, Linear>",
        "Conv2d<_, 8, 3, 3, ReLU, Padded, 1, 1, Groups<2>>",
        "MaxPool2d<3, 3, 2, 2, Same>",
        "TimeDistributed<(Dense<8, 8>, Relu)>",
        "TimeDistributed<Softmax>",
        "ZeroPadding2d<0, 1>",
        "Dropout<RATE>",
        "Dropout<0>",
        "L",
        "Vec",
        "self::Dense<10>",
        "crate::layers::Flatten",
        "my::Vocabulary",
        "self::LSTM<32>",
        "my::Linear<2, 3>",
        "Box<Mine>",
        "Mine<true, 0.5>",
        "(Dense<8, 8>, Relu)",
    ]);
    for ty in right {
        assert_eq!(said(ty, &generics, "f32"), None, "{ty}");
    }
    assert_eq!(said("Dense<8, 8, Linear, E>", &generics, "E"), None);
    assert_eq!(said("Dense<8, 8>", &generics, "Float"), None);
}

#[test]
fn parameters_that_say_too_little() {
    let generics: Generics = parse_quote!(<const UNITS: usize, A, L>);
    for (wrong, says) in [
        ("Mine<{ 2 * UNITS }>", "the compiler cannot calculate with `UNITS` here"),
        (
            "TimeDistributed<Dense<8, { UNITS + 1 }>>",
            "the compiler cannot calculate with `UNITS` here",
        ),
        ("Bidirectional<Dense<8, 8, A>>", "nothing says that `A` is an activation"),
        ("L", "nothing says that `L` is a layer"),
    ] {
        let said = said(wrong, &generics, "f32").unwrap_or_else(|| panic!("{wrong} is accepted"));
        assert!(said.contains(says), "{wrong}: {said}");
    }
}

#[test]
fn the_line_to_copy() {
    for (wrong, line) in [
        ("Dense<10>", "Dense<_, 10>"),
        ("Dense<10, Softmax>", "Dense<_, 10, Softmax>"),
        ("Dense<_, 10, Relu<>>", "Dense<_, 10, Relu>"),
        ("Dense<_, units>", "Dense<_, UNITS>"),
        ("Bidirectional<Lstm<_, 8>, Gru<_, 8>>", "Bidirectional<Lstm<_, 8>>"),
        ("Dense<_, 10, \"softmax\">", "Dense<_, 10, Softmax>"),
        ("Dense<units = 10, activation = \"relu\">", "Dense<_, 10, Relu>"),
        ("LSTM<_, 32>", "Lstm<_, 32>"),
        ("kerata::GRU<32>", "Gru<_, 32>"),
        ("MaxPooling2D<2>", "MaxPool2d<2>"),
        ("Conv2D<32, 3, activation = \"relu\">", "Conv2d<_, 32, 3, 3, Relu>"),
        ("BatchNormalization", "BatchNorm<_>"),
        ("batch_norm", "BatchNorm<_>"),
        ("Linear<_, 10>", "Dense<_, 10>"),
        ("ReLU", "Relu"),
        ("Bidirectional<LSTM<_, 8>>", "Lstm<_, 8>"),
        ("Dense<_, 0>", "Dense<_, 10>"),
        ("Dense<_, { -1 }>", "Dense<_, 10>"),
        ("Dense<_, 10, 20>", "Dense<_, 10>"),
        ("Dense<_, 10, Relu, Relu, Relu, Relu>", "Dense<_, 10, Relu>"),
        ("Lstm<32, true>", "Lstm<_, 32, Sequences>"),
        ("Lstm<_, 4, Relu>", "Lstm<_, 4>"),
        ("Conv2d<_, 8, 3, 3, Same, Relu>", "Conv2d<_, 8, 3, 3, Relu, Same>"),
        ("Lstm<_, 32, return_sequences = false>", "Lstm<_, 32, LastState>"),
        ("Lstm<_, 32, sequences>", "Lstm<_, 32, Sequences>"),
        ("Embedding<1000, 16, mask_zero = true>", "Embedding<1000, 16, MaskZero>"),
        ("Conv2d<_, 32>", "Conv2d<_, 32, 3>"),
        ("Conv2d<32, 3, 3, Relu>", "Conv2d<_, 32, 3, 3, Relu>"),
        ("Conv2d<_, 32, 3, Relu>", "Conv2d<_, 32, 3, 3, Relu>"),
        ("Conv2d<_, 32, { (3, 5) }, Relu>", "Conv2d<_, 32, 3, 5, Relu>"),
        ("Conv2d<_, 8, 3, 3, Relu, Same, { (2, 2) }>", "Conv2d<_, 8, 3, 3, Relu, Same, 2>"),
        ("Conv2d<_, 8, 3, 3, \"same\">", "Conv2d<_, 8, 3, 3, Linear, Same>"),
        ("Conv1d<_, 8, 3, Relu, Same, 1, 1, 4>", "Conv1d<_, 8, 3, Relu, Same, 1, 1, Groups<4>>"),
        ("Conv2d<_, 8, 3, 3, Relu, Causal>", "Conv2d<_, 8, 3, 3, Relu, Same>"),
        ("ZeroPadding1d<1, 2, 3>", "ZeroPadding1d<1, 2>"),
        ("LeakyReLU<0.2>", "LeakyReluLayer"),
        ("MultiheadAttention<16, 2>", "MultiHeadAttention<_, 2, 8>"),
        ("MaxPool2d<{ (2, 2) }>", "MaxPool2d<2, 2>"),
        ("MaxPool2d<2, 2, 0, 0>", "MaxPool2d<2, 2, 2, 2>"),
        ("MaxPool2d<2, Same>", "MaxPool2d<2, 2, 2, 2, Same>"),
        ("DepthwiseConv2D<3>", "DepthwiseConv2d<_, 3>"),
        ("SeparableConv2D<32, 3, activation = \"relu\">", "SeparableConv2d<_, 32, 3, 3, Relu>"),
        ("Conv2DTranspose<32, 3, 3, Same>", "Conv2dTranspose<_, 32, 3, 3, Linear, Same>"),
        ("GroupNormalization", "GroupNorm<_, 32>"),
        ("GroupNorm<64>", "GroupNorm<_, 64>"),
        ("GroupNorm<groups = 4>", "GroupNorm<_, 4>"),
        ("GroupNormalization<4>", "GroupNorm<_, 4>"),
        ("SpatialDropout1D<0.2>", "SpatialDropout1d<20>"),
        ("UpSampling2D<{ (2, 3) }>", "UpSampling2d<2, 3>"),
        ("ZeroPadding1D<2, 0>", "ZeroPadding1d<2, 0>"),
        ("Cropping1d", "Cropping1d<1>"),
        ("ZeroPadding2D<{ ((0, 1), (0, 2)) }>", "ZeroPadding2d<0, 0, 1, 2>"),
        ("Cropping2d<{ (1, 2) }, { (3, 4) }>", "Cropping2d<1, 3, 2, 4>"),
        ("Cropping2d<{ (1, 2) }>", "Cropping2d<1, 2>"),
        ("Cropping1d<{ (1, 2) }>", "Cropping1d<1, 2>"),
        ("DepthwiseConv2d<_, 3, 3, _>", "DepthwiseConv2d<_, 3, 3>"),
        ("DepthwiseConv2d<3, _>", "DepthwiseConv2d<_, 3>"),
        ("MultiHeadAttention<_, 2, 8, 8, 16, _>", "MultiHeadAttention<_, 2, 8, 8, 16>"),
        ("MultiHeadAttention<num_heads = 2, key_dim = 8>", "MultiHeadAttention<_, 2, 8>"),
        ("Conv2D<kernel_size = 5, filters = 8>", "Conv2d<_, 8, 5>"),
        ("Dropout<0.25>", "Dropout<25>"),
        ("Dropout<150>", "Dropout<50>"),
        ("Flatten", "Flatten<_>"),
        ("TimeDistributed", "TimeDistributed<Dense<_, 10>>"),
        ("TimeDistributed<Lstm<8>>", "Lstm<_, 8>"),
        ("Reshape<4, 6>", "Reshape<(Const<4>, Const<6>)>"),
        ("Reshape<{ (4, 2) }>", "Reshape<(Const<4>, Const<2>)>"),
        ("StackedRnn<(Lstm<_, 16>,)>", "Lstm<_, 16>"),
        ("StackedRnn<Gru<_, 16>>", "Gru<_, 16>"),
    ] {
        let said = said(wrong, &Generics::default(), "f32").unwrap_or_else(|| panic!("{wrong}"));
        assert!(said.contains(&format!("write `{line}`")), "{wrong}: {said}");
    }
    let said = said("TimeDistributed<Dense<_, 3>>", &Generics::default(), "f64").unwrap();
    assert!(said.contains("write `Dense<_, 3, Linear, f64>`"), "{said}");
}

#[test]
fn options_that_are_parameters() {
    let said = |ty: &str, key: &str, value: &str| {
        let (ty, value) = (syn::parse_str(ty).unwrap(), syn::parse_str(value).unwrap());
        let key = quote::format_ident!("{key}");
        super::parameter(&ty, &key, &value, &Generics::default()).map(|belongs| match belongs {
            super::Belongs::InType(line) => line,
            super::Belongs::Elsewhere(message) => message,
        })
    };
    for (ty, key, value, line) in [
        ("Lstm<_, 32>", "return_sequences", "true", "Lstm<_, 32, Sequences>"),
        (
            "Bidirectional<Lstm<_, 32>>",
            "return_sequences",
            "true",
            "Bidirectional<Lstm<_, 32, Sequences>>",
        ),
        ("Conv2d<_, 8, 3>", "in_channels", "3", "Conv2d<3, 8, 3>"),
        ("Conv2d", "kernel_size", "[5, 5]", "Conv2d<_, 32, 5, 5>"),
        ("Dense", "units", "4", "Dense<_, 4>"),
        ("Lstm", "return_sequences", "true", "Lstm<_, 32, Sequences>"),
        ("Conv2d", "kernel_size", "(3, 5)", "Conv2d<_, 32, 3, 5>"),
        ("Conv2d<_, 8, 3, 3, Relu>", "kernel_size", "5", "Conv2d<_, 8, 5, 5, Relu>"),
        ("MaxPool2d", "strides", "2", "MaxPool2d<2, 2, 2>"),
        ("ZeroPadding2d", "padding", "((0, 1), (0, 2))", "ZeroPadding2d<0, 0, 1, 2>"),
        ("Reshape", "target_shape", "(4, 2)", "Reshape<(Const<4>, Const<2>)>"),
        ("Bidirectional<Lstm<_, 32>>", "merge_mode", "\"sum\"", "Bidirectional<Lstm<_, 32>, Sum>"),
        ("Embedding<100, 8>", "mask_zero", "true", "Embedding<100, 8, MaskZero>"),
        ("Dense<_, 4>", "units", "10", "Dense<_, 10>"),
        ("Dense<_, 4>", "activation", "\"relu\"", "Dense<_, 4, Relu>"),
        ("Dense<_, 4>", "activation", "Relu", "Dense<_, 4, Relu>"),
        ("Dropout<50>", "rate", "0.25", "Dropout<25>"),
        ("Conv1d<_, 8, 3>", "padding", "\"same\"", "Conv1d<_, 8, 3, Linear, Same>"),
    ] {
        let said = said(ty, key, value).unwrap_or_else(|| panic!("{ty}: {key}"));
        assert_eq!(said, line);
    }
    for (ty, key) in [
        ("Dense<_, 4>", "use_bias"),
        ("Conv1d<_, 8, 3>", "use_bias"),
        ("Lstm<_, 4>", "activation"),
        ("my::Dense<4>", "units"),
    ] {
        assert_eq!(said(ty, key, "true"), None, "{ty}: {key}");
    }
}

#[test]
fn layers_with_windows() {
    fn files(folder: &Path, all: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { files(&path, all) } else { all.push(path) }
        }
    }
    let mut all = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../src/layers"), &mut all);
    let mut found = 0;
    for path in all {
        let source = std::fs::read_to_string(&path).unwrap();
        let (mut structs, windows) = (BTreeMap::new(), source.contains("    windows = ["));
        file(source.parse().unwrap(), None, &mut BTreeMap::new(), &mut structs);
        for layer in structs.keys().filter_map(|name| known(name)) {
            assert_eq!(layer.has_windows(), windows, "{}", layer.name);
            found += usize::from(windows);
        }
    }
    assert!(found > 6);
}
