//! The Rust source of a model, to paste.

mod types;

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use crate::{
    dynamic::{CustomObjects, DynamicLayer, blank_layer},
    error::Error,
    fields::{AnySignal, Config, FUNCTIONAL, SignalKind, sizes},
    model::{Node, ends, used},
};

/// The struct with `#[model]` that a config describes, as source to paste: its fields have the names of the layers.
///
/// Where there is no type for a layer or an option, the source says so in a comment instead of the field.
///
/// # Errors
/// Those of [`layer_from_config`](crate::config::layer_from_config); [`Error::Json`] for what is no model.
///
/// ```
/// use kerata::{Error, config::Config, keras::rust_source};
///
/// let config: Config = r#"{"class_name": "Sequential", "config": {"build_input_shape": [null, 12], "layers": [
///     {"class_name": "Embedding", "config": {"name": "letters", "input_dim": 27, "output_dim": 4, "mask_zero": true}},
///     {"class_name": "GRU", "config": {"name": "reader", "units": 8, "return_sequences": true}},
///     {"class_name": "Dense", "config": {"name": "score", "units": 2, "activation": "softmax"}}]}}"#.parse()?;
/// assert_eq!(rust_source(&config, "Reader")?, "\
/// use kerata::{Batch, Dense, Embedding, Gru, Ids, MaskZero, Sequences, Softmax, TimeDistributed, model, prelude::*};
///
/// #[model(input = Ids<(Batch, 12)>)]
/// pub struct Reader {
///     pub letters: Embedding<27, 4, MaskZero>,
///     pub reader: Gru<_, 8, Sequences>,
///     pub score: TimeDistributed<Dense<_, 2, Softmax>>,
/// }
/// ");
/// # Ok::<(), Error>(())
/// ```
pub fn rust_source(config: &Config, name: &str) -> Result<String, Error> {
    let config = super::rewrite::old_classes(config.clone())?;
    let model = blank_layer(&config, &CustomObjects::new(), usize::MAX)?;
    let mut structs = Vec::new();
    structure(&config, &model, name, &[], &mut structs)?;
    let own: Vec<String> = structs.iter().map(|(name, _)| name.clone()).collect();
    let body: Vec<String> = structs.into_iter().map(|(_, text)| text).collect();
    let body = body.join("\n");
    let words: BTreeSet<&str> = body
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_'))
        .filter(|word| word.starts_with(|c: char| c.is_ascii_uppercase()))
        .filter(|word| !own.iter().any(|own| own == word))
        .collect();
    let names: Vec<&str> = words.into_iter().collect();
    Ok(format!("use kerata::{{{}, model, prelude::*}};\n\n{body}", names.join(", ")))
}

/// A call of a layer.
struct Step {
    name: String,
    class: String,
    config: Config,
    /// The names of what reaches it.
    from: Vec<String>,
    /// What it gets by name.
    named: Vec<String>,
}

/// Adds the struct of a model, behind those of the models in it. What reaches it is known of a model in another one.
fn structure(
    config: &Config,
    model: &DynamicLayer,
    name: &str,
    arrive: &[AnySignal],
    structs: &mut Vec<(String, String)>,
) -> Result<(), Error> {
    let layers = config.config.get("layers").and_then(Value::as_array);
    let layers =
        layers.ok_or_else(|| Error::Json(format!("`{}` is no model", config.class_name)))?;
    let (inputs, steps, outputs) = match config.class_name == FUNCTIONAL {
        true => functional(config, layers)?,
        false => sequential(config, layers)?,
    };
    let is_ids = |input: &str| {
        let takers = |step: &&Step| step.from.iter().any(|from| from == input);
        steps.iter().find(takers).is_some_and(|step| step.class == "Embedding")
    };
    let mut signals: HashMap<String, AnySignal> = HashMap::new();
    let mut shapes = Vec::new();
    for (i, (input, sizes)) in inputs.iter().enumerate() {
        let padded = arrive.get(i).is_some_and(|signal| signal.kind == SignalKind::Padded);
        let kind = match is_ids(input) {
            true => SignalKind::Tokens,
            false if padded => SignalKind::Padded,
            false => SignalKind::Numbers,
        };
        let signal = AnySignal { kind, sizes: sizes.clone() };
        shapes.push(shape(&signal));
        signals.insert(input.clone(), signal);
    }
    let input = match shapes.as_slice() {
        [one] => one.clone(),
        several => format!("Inputs<({})>", several.join(", ")),
    };
    let names: Vec<&str> = inputs.iter().map(|(name, _)| name.as_str()).collect();
    let source = |from: &String| match names.iter().position(|name| name == from) {
        Some(_) if names.len() == 1 => "input".to_owned(),
        Some(i) => format!("input.{i}"),
        None => field(from),
    };
    let mut text = format!("#[model(input = {input})]\npub struct {name} {{\n");
    let mut last = "input".to_owned();
    for (i, step) in steps.iter().enumerate() {
        let mut from: Vec<String> = step.from.iter().map(source).collect();
        let mut reach: Vec<AnySignal> =
            step.from.iter().filter_map(|from| signals.get(from).cloned()).collect();
        let inside = model.layers();
        let layer = match config.class_name == FUNCTIONAL {
            true => inside.into_iter().find(|layer| layer.name() == step.name),
            false => inside.into_iter().nth(i),
        };
        // A mask that Keras drops is dropped on purpose here.
        if layer.is_some_and(|layer| !is_model(layer) && !layer.dropped_masks().is_empty()) {
            let padded = |signal: &&mut AnySignal| signal.kind == SignalKind::Padded;
            for (from, signal) in from.iter_mut().zip(&mut reach).filter(|(_, s)| padded(s)) {
                let own = format!("{}_{}", field(&step.name), "unmasked");
                if *from != last {
                    text.push_str(&format!("    #[from({from})]\n"));
                }
                text.push_str(&format!("    pub {own}: Unmask,\n"));
                signal.kind = SignalKind::Numbers;
                *from = own.clone();
                last = own;
            }
        }
        let leaves = layer.and_then(|layer| layer.gives_each(&reach).ok()).unwrap_or_default();
        let rank = reach.first().map_or(2, |signal| signal.sizes.len());
        let typed = match (step.named.first(), leaves.len()) {
            (Some(key), _) => Err(format!("a call with `{key}`")),
            (None, 2..) => Err("a layer with several outputs".to_owned()),
            _ => match layer.filter(|layer| is_model(layer)) {
                Some(inner) => {
                    let name = format!("{name}{}", camel_case(&step.name));
                    structure(&step.config, inner, &name, &reach, structs)?;
                    Ok(types::Typed { name, options: Vec::new() })
                }
                None => types::of(&step.class, &step.config.config, rank),
            },
        };
        signals.extend(leaves.into_iter().next().map(|one| (step.name.clone(), one)));
        let own = field(&step.name);
        match typed {
            Ok(typed) => {
                if from != [last.as_str()] {
                    text.push_str(&format!("    #[from({})]\n", from.join(", ")));
                }
                let options: Vec<String> =
                    typed.options.iter().map(|(key, value)| format!("{key} = {value}")).collect();
                if !options.is_empty() {
                    text.push_str(&format!("    #[with({})]\n", options.join(", ")));
                }
                text.push_str(&format!("    pub {own}: {},\n", typed.name));
            }
            Err(why) => {
                text.push_str(&format!("    // `{own}` has no type here: {why}.\n"));
            }
        }
        last = own;
    }
    if outputs > 1 {
        text.push_str(&format!(
            "    // The model of Keras has {outputs} outputs, a struct has one.\n"
        ));
    }
    text.push_str("}\n");
    structs.push((name.to_owned(), text));
    Ok(())
}

/// The inputs with their sizes, the calls in order, and the number of outputs.
type Parts = (Vec<(String, Vec<Option<usize>>)>, Vec<Step>, usize);

fn sequential(config: &Config, layers: &[Value]) -> Result<Parts, Error> {
    let needed = || Error::Json("the config does not say what reaches the model".to_owned());
    let sizes = config.input_sizes().ok_or_else(needed)?;
    let (mut steps, mut last) = (Vec::new(), "input".to_owned());
    for layer in layers {
        let config = Config::try_from(layer.clone())?;
        if config.class_name == "InputLayer" {
            continue;
        }
        let name = config.config.get("name").and_then(Value::as_str).unwrap_or_default();
        let name = if name.is_empty() { format!("layer_{}", steps.len()) } else { name.to_owned() };
        let (class, from) = (config.class_name.clone(), vec![last]);
        last = name.clone();
        steps.push(Step { name, class, config, from, named: Vec::new() });
    }
    Ok((vec![("input".to_owned(), sizes)], steps, 1))
}

fn functional(config: &Config, layers: &[Value]) -> Result<Parts, Error> {
    let mut nodes = Vec::new();
    for layer in layers {
        let calls = layer.get("inbound_nodes").cloned().unwrap_or_default();
        let twice = calls.as_array().is_some_and(|calls| calls.len() > 1);
        let mut node = Node::new(Config::try_from(layer.clone())?, &calls);
        if twice {
            node.named.push(("a second call".to_owned(), Value::Null));
        }
        nodes.push(node);
    }
    let names = |key: &str| config.config.get(key).map(ends).unwrap_or_default();
    let (inputs, outputs) = (names("input_layers"), names("output_layers"));
    let counts = outputs.len();
    let used = used(&nodes, outputs);
    let (mut found, mut steps) = (HashMap::new(), Vec::new());
    for (node, used) in nodes.into_iter().zip(used) {
        let name = node.tensor.0.clone();
        if node.config.class_name == "InputLayer" {
            let keys = ["batch_shape", "batch_input_shape"];
            let shape = keys.iter().find_map(|key| sizes(node.config.config.get(*key)?));
            found.insert(name, shape.unwrap_or_default());
        } else if used || !node.is_operation() {
            let from = node.from.iter().map(|(name, _)| name.clone()).collect();
            let named = node.named.iter().map(|(key, _)| key.clone()).collect();
            let (class, config) = (node.config.class_name.clone(), node.config);
            steps.push(Step { name, class, config, from, named });
        }
    }
    let inputs = inputs.into_iter().map(|name| {
        let sizes = found.remove(&name).unwrap_or_default();
        (name, sizes)
    });
    Ok((inputs.collect(), steps, counts))
}

/// A signal as it is written in `#[model]`. Sizes that are not known are those of time, behind the batch.
fn shape(signal: &AnySignal) -> String {
    let sizes: Vec<String> = signal
        .sizes
        .iter()
        .enumerate()
        .map(|(axis, size)| match (axis, size) {
            (0, _) => "Batch".to_owned(),
            (_, Some(size)) => size.to_string(),
            (_, None) => "Length".to_owned(),
        })
        .collect();
    let comma = if sizes.len() == 1 { "," } else { "" };
    let shape = format!("({}{comma})", sizes.join(", "));
    match signal.kind {
        SignalKind::Tokens => format!("Ids<{shape}>"),
        SignalKind::Padded => format!("Masked<{shape}>"),
        SignalKind::Numbers => shape,
    }
}

fn is_model(layer: &DynamicLayer) -> bool {
    layer.class() == FUNCTIONAL || layer.class() == "Sequential"
}

/// The name of a layer as a part of that of a type.
fn camel_case(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(|word| word[..1].to_ascii_uppercase() + &word[1..]).collect()
}

/// The name of a layer as that of a field.
fn field(name: &str) -> String {
    const KEYWORDS: [&str; 36] = [
        "as", "break", "const", "continue", "crate", "else", "enum", "extern", "false", "fn",
        "for", "if", "impl", "in", "input", "let", "loop", "match", "mod", "move", "mut", "pub",
        "ref", "return", "self", "static", "struct", "super", "trait", "true", "type", "unsafe",
        "use", "where", "while", "async",
    ];
    let valid = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let mut field: String = name.chars().map(valid).collect();
    if !field.starts_with(|c: char| c.is_ascii_lowercase()) {
        field.insert_str(0, "layer_");
    }
    if KEYWORDS.contains(&field.as_str()) {
        field.push('_');
    }
    field
}
