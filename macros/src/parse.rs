//! What the user wrote.

mod source;
mod value;

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Attribute, Expr, Ident, LitBool, LitStr, Meta, Token, Type,
    parse::{Parse, ParseStream},
    spanned::Spanned,
};

pub(crate) use source::{Source, sources};
use value::{element, fields, literal, names, output, rest, whole};
pub(crate) use value::{flag, value};

use crate::{
    errors::Errors,
    initializer,
    names::{listed, nearest},
    signal::Signal,
    spelling::text,
};

/// The arguments of the attribute.
#[derive(Default)]
pub(crate) struct Arguments {
    pub(crate) input: Option<Signal>,
    pub(crate) output: Option<Signal>,
    /// The fields that are the outputs, if there are several.
    pub(crate) outputs: Vec<Ident>,
    pub(crate) element: Option<Type>,
    pub(crate) device: Option<Type>,
    /// The file that the layers are in.
    pub(crate) keras: Option<LitStr>,
    /// Whether the file becomes a part of the program.
    pub(crate) embed: bool,
    /// The layers of the file whose masks are dropped on purpose.
    pub(crate) unmask: Vec<LitStr>,
    /// The keys that were given, whether or not what follows makes sense.
    pub(crate) keys: Vec<String>,
    pub(crate) errors: Errors,
}

impl Parse for Arguments {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let (mut all, mut errors) = (Self::default(), Errors::default());
        // As in Keras's `Model(inputs=.., outputs=..)`, which is one mistake.
        let written: TokenStream = input.fork().parse()?;
        let place = |wanted: &str| {
            let is = |tree: &TokenTree| matches!(tree, TokenTree::Ident(key) if key == wanted);
            Some(written.clone().into_iter().find(is)?.span())
        };
        let plural = place("inputs").is_some();
        let known = ["input", "output", "outputs", "element", "device", "keras", "embed", "unmask"];
        let mut keys = arguments(input, "#[model]", &known, &mut errors, |key, input| {
            match key {
                "input" => all.input = Some(whole(key, input, value)?),
                "output" => all.output = Some(whole(key, input, output)?),
                "outputs" if plural && input.peek(Token![=]) => all.output = Some(output(input)?),
                "outputs" => all.outputs = fields(input)?,
                "element" => {
                    // What was meant is that of the layers.
                    let (element, wrong) = element(input)?;
                    all.element = Some(element);
                    wrong.map_or(Ok(()), Err)?;
                }
                "keras" => all.keras = Some(value(input)?),
                "embed" => all.embed = flag(key, input)?,
                "unmask" => all.unmask = names(input)?,
                _ => {
                    all.device = Some(literal(input, "the device is a type: write `device = Cpu`")?)
                }
            }
            Ok(())
        })?;
        if all.keras.is_none() && errors.is_empty() {
            if let Some(span) = place("embed").filter(|_| all.embed) {
                let message = "a file is embedded: write `keras = \"net.keras\", embed`";
                errors.push(span, message);
            }
            if let Some(span) = place("unmask").filter(|_| !all.unmask.is_empty()) {
                let message = "`unmask` is for the layers of a file, `keras = \"net.keras\"`: a field `unmask: Unmask` drops a mask";
                errors.push(span, message);
            }
        }
        if !errors.is_empty() {
            // What is wrong may have been the input.
            keys.push("input".to_owned());
        }
        if all.output.is_none() && keys.iter().any(|key| key == "output") {
            // Then nobody knows which fields they are.
            keys.push("outputs".to_owned());
        }
        Ok(Self { keys, errors, ..all })
    }
}

/// Goes over `key`, `key = value` and `key(..)`, with a comma between them; gives the keys.
pub(crate) fn arguments(
    input: ParseStream,
    place: &str,
    known: &[&str],
    errors: &mut Errors,
    mut each: impl FnMut(&str, ParseStream) -> syn::Result<()>,
) -> syn::Result<Vec<String>> {
    let (mut keys, mut colon) = (Vec::new(), false);
    let mut one = |input: ParseStream, errors: &mut Errors| {
        if !input.peek(Ident) {
            let (span, value) = (input.span(), text(&rest(&input.fork())?));
            let file = [".keras\"", ".h5\"", ".json\""].iter().any(|end| value.ends_with(end));
            let name = known.iter().find(|name| file && **name == "keras").unwrap_or(&known[0]);
            let message = format!("an argument has a name: write `{name} = {value}`");
            return Err(syn::Error::new(span, message));
        }
        let key: Ident = input.parse()?;
        let name = key.to_string();
        if !known.contains(&name.as_str()) {
            if let Some(message) = meant(place, &key) {
                return Err(syn::Error::new(key.span(), message));
            }
            // A short list needs no hint.
            let near = if known.len() > 4 { nearest(&name, known) } else { String::new() };
            let message =
                format!("`{key}` is no argument of `{place}`{near}: there are {}", listed(known));
            return Err(syn::Error::new(key.span(), message));
        }
        if keys.contains(&name) {
            return Err(syn::Error::new(key.span(), format!("`{key}` is given twice")));
        }
        keys.push(name.clone());
        let alone = input.is_empty() || input.peek(Token![,]);
        if alone && ["input", "output"].contains(&name.as_str()) {
            let message = format!("`{name}` has a value: write `{name} = (Batch, 10)`");
            return Err(syn::Error::new(key.span(), message));
        }
        // Told once, and then read as it is meant.
        if input.peek(Token![:]) && !std::mem::replace(&mut colon, true) {
            let (span, behind) = (input.span(), input.fork());
            behind.parse::<Token![:]>()?;
            let value = text(&rest(&behind)?);
            errors.push(span, format!("an argument stands behind `=`: write `{key} = {value}`"));
        }
        each(&name, input)
    };
    while !input.is_empty() {
        if let Err(error) = one(input, errors) {
            errors.add_once(error);
            rest(input)?;
        }
        if input.peek(Token![;]) {
            errors.push(input.span(), "arguments stand behind a `,` each, not behind a `;`");
            input.parse::<Token![;]>()?;
        } else if input.peek(Token![->]) && known.contains(&"output") {
            let span = input.parse::<Token![->]>()?.spans[0];
            let message = format!(
                "what a model gives is an argument of its own: write `, output = {}`",
                text(&rest(input)?)
            );
            errors.push(span, message);
        } else if !input.is_empty() && input.parse::<Token![,]>().is_err() {
            errors.push(input.span(), "a `,` is missing in front of this argument");
        }
    }
    Ok(keys)
}

/// What is said of an argument that is elsewhere.
fn meant(place: &str, key: &Ident) -> Option<String> {
    Some(match (place, key.to_string().as_str()) {
        ("#[model]", "inputs") => {
            "what a model takes is called `input` here, and the shape that it gives `output`".to_owned()
        }
        ("#[model]", "dtype") => "`dtype` is `element` here: write `element = f64`".to_owned(),
        ("#[model]", "loss" | "optimizer" | "metrics") => {
            "what a model is trained by is said to its trainer: `Trainer::new(model, loss, optimizer)?`".to_owned()
        }
        ("#[weight]", _) if initializer::constant(key).is_ok() => {
            format!("an initializer stands behind `init`: write `init = {key}`")
        }
        _ => return None,
    })
}

/// What `#[with(..)]` says of a layer.
#[derive(Default, Clone)]
pub(crate) struct With {
    pub(crate) name: Option<LitStr>,
    /// `trainable = false`: no optimiser changes it.
    pub(crate) frozen: bool,
    /// Its own options.
    pub(crate) options: Vec<(Ident, Expr)>,
    /// The regularizers and constraints of its weights.
    pub(crate) rules: Vec<(Ident, Expr)>,
}

/// The options in `#[with(..)]`; the attribute is taken away.
pub(crate) fn with(attributes: &mut Vec<Attribute>, errors: &mut Errors) -> With {
    let (mut with, mut keys) = (With::default(), Vec::new());
    attributes.retain(|attribute| {
        if !attribute.path().is_ident("with") {
            return true;
        }
        let parser = |input: ParseStream| {
            while !input.is_empty() {
                let key: Ident = input.parse().map_err(|error: syn::Error| {
                    let message = "options have names without quotes: write `#[with(name = \"first\", trainable = false)]`";
                    syn::Error::new(error.span(), message)
                })?;
                if !input.peek(Token![=]) && !input.peek(Token![:]) {
                    let message = "an option has a name and a value: write `#[with(trainable = false)]`";
                    return Err(syn::Error::new(key.span(), message));
                }
                if keys.contains(&key) {
                    return Err(syn::Error::new(key.span(), format!("`{key}` is given twice")));
                }
                keys.push(key.clone());
                match key.to_string().as_str() {
                    "name" => with.name = Some(literal(input, "the name of a layer is a string: write `name = \"first\"`")?),
                    "trainable" => {
                        let flag: LitBool = literal(input, "write `trainable = false`, or leave it away")?;
                        with.frozen = !flag.value;
                    }
                    name if name.ends_with("_regularizer") || name.ends_with("_constraint") => {
                        with.rules.push((key, value(input)?));
                    }
                    _ => with.options.push((key, value(input)?)),
                }
                input.parse::<Option<Token![,]>>()?;
            }
            Ok(())
        };
        match &attribute.meta {
            Meta::List(list) => {
                if let Err(error) = list.parse_args_with(parser) {
                    errors.add(error);
                }
            }
            other => {
                let message = "options stand in parentheses: write `#[with(trainable = false)]`";
                errors.push(other.span(), message);
            }
        }
        false
    });
    with
}

/// What `#[again(..)]` says.
pub(crate) enum Again {
    /// It is not there.
    No,
    /// It is wrong, and told.
    Told,
    /// The field whose layer is called.
    Of(Ident),
}

/// The field in `#[again(..)]`; the attribute is taken away.
pub(crate) fn again(attributes: &mut Vec<Attribute>, errors: &mut Errors) -> Again {
    let mut again = Again::No;
    attributes.retain(|attribute| {
        if !attribute.path().is_ident("again") {
            return true;
        }
        again = match &attribute.meta {
            Meta::List(list) => list.parse_args_with(|input: ParseStream| again_of(input, errors)),
            Meta::NameValue(value) => {
                let written = text(&value.value);
                errors.push(value.span(), format!("write `#[again({written})]`"));
                syn::parse_str(&written).or_else(|_| syn::parse_str(written.trim_matches('"')))
            }
            Meta::Path(path) => {
                let message = "the field whose layer is called again is needed: `#[again(name)]`";
                errors.push(path.span(), message);
                Err(syn::Error::new(path.span(), message))
            }
        }
        .map_or(Again::Told, Again::Of);
        false
    });
    again
}

/// The field; what is wrong is told, and it is taken for what it says.
fn again_of(input: ParseStream, errors: &mut Errors) -> syn::Result<Ident> {
    let span = input.span();
    let name = match input.parse::<Option<LitStr>>()? {
        Some(name) => {
            let message =
                format!("a field is named without quotes: write `#[again({})]`", name.value());
            errors.push(span, message);
            name.parse()?
        }
        None => input.parse::<Ident>().inspect_err(|error| {
            let message = "the field whose layer is called again is needed: `#[again(name)]`";
            errors.push(error.span(), message);
        })?,
    };
    if !input.is_empty() {
        let message = format!(
            "`#[again({name})]` names the layer, and `#[from(..)]` what it takes: two attributes"
        );
        errors.push(input.span(), message);
        input.parse::<TokenStream>()?;
    }
    Ok(name)
}
