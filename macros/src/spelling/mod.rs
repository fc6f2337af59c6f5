//! What a Keras user writes first, answered before the compiler speaks of const generics.
//!
//! A layer is known by its name alone, `Dense` or `kerata::Dense`, and is refused only if what is written cannot be
//! right for the layer of the crate. A layer of the user's own that has such a name goes by its path, `self::Dense`.

mod arguments;
mod generic;
mod names;
mod option;
mod refused;
mod rewrite;
mod stack;
mod surplus;
#[cfg(test)]
mod tests;
mod words;

use std::cell::Cell;

use kerata_format::table::{self, Class, Kind, Known, called, known};
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{Generics, Path, PathArguments, Type};

pub(crate) use arguments::text;
use arguments::{Argument, What, arguments, is_ours};
pub(crate) use generic::{calculation, mentions, of_no_layer, unused};
pub(crate) use names::names_in;
pub(crate) use option::{Belongs, factor_of, parameter, setting};
pub(crate) use refused::Refused;
pub(crate) use stack::within as stack_within;
use words::{LIST, NAMED, OTHERS, OUTSIDE, behind, needs, of_your_own, one_by_one};

use crate::{infer, signal::last_name};

/// A layer of the crate as it should be written, where this is one.
pub(crate) fn line(generics: &Generics, written: &Type) -> Option<String> {
    let Type::Path(path) = written else { return None };
    let (name, segment) = (last_name(&path.path), path.path.segments.last()?);
    let layer = called_otherwise(&name, segment).or_else(|| known(&name))?;
    Some(rewrite::line(layer, &arguments(segment, generics)).text)
}

/// What the types of fields are held against.
pub(crate) struct Spelling<'a> {
    pub(crate) generics: &'a Generics,
    /// The type of the numbers.
    pub(crate) element: &'a Type,
    /// Whether another type of numbers, or what is wrong with a parameter of the struct, has been told: once is enough.
    pub(crate) told: &'a Cell<bool>,
}

/// Whether this is the name of a layer of the crate.
pub(crate) fn is_layer(path: &Path) -> bool {
    is_ours(path) && known(&last_name(path)).is_some()
}

/// Whether this is the name of a layer of the crate that has weights: these are of its element.
pub(crate) fn has_weights(path: &Path) -> bool {
    is_ours(path) && known(&last_name(path)).is_some_and(|layer| layer.has(Class::Element))
}

/// A constant for each name that a layer has elsewhere, so that a `use` of it is no error of its own: `#[model]` says what the
/// layer is called here.
pub(crate) fn elsewhere() -> TokenStream {
    let names = table::elsewhere().map(|name| format_ident!("{name}"));
    quote!(#(#[doc(hidden)] #[allow(non_upper_case_globals)] pub const #names: () = ();)*)
}

/// Whether windows of a layer of the crate slide along sizes, or it makes them larger: it is `Windowed`.
pub(crate) fn has_windows(name: &Ident) -> bool {
    known(&name.to_string()).is_some_and(Known::has_windows)
}

impl Spelling<'_> {
    /// What is wrong with a type that cannot be that of a field. One that the compiler is content with takes its place.
    pub(crate) fn check(&self, ty: &mut Type) -> Option<Refused> {
        let refused = self.refuse(ty).or_else(|| self.calculated(ty))?;
        let instead = self.with_parameters_of(ty, refused.instead.clone());
        *ty = syn::parse2(instead).unwrap_or_else(|_| syn::parse_quote!(::kerata::Identity));
        Some(refused)
    }

    fn refuse(&self, ty: &Type) -> Option<Refused> {
        match ty {
            Type::Path(path) if path.qself.is_none() => self.refuse_path(ty, &path.path),
            Type::Group(inner) => self.refuse(&inner.elem),
            Type::Paren(inner) => self.refuse(&inner.elem),
            Type::Tuple(tuple) if tuple.elems.is_empty() => Some(no_layer(ty, OUTSIDE)),
            Type::Tuple(tuple) => tuple.elems.iter().find_map(|element| self.refuse(element)),
            Type::Array(_) | Type::Slice(_) => Some(no_layer(ty, LIST)),
            Type::Reference(reference) => {
                let other = match &*reference.elem {
                    Type::Path(path) => OTHERS.iter().any(|(name, _)| path.path.is_ident(name)),
                    Type::Slice(_) => true,
                    _ => false,
                };
                let owns = || {
                    let problem =
                        format!("a model owns its layers: write `{}`", text(&reference.elem));
                    Refused::new(ty.to_token_stream(), problem, quote!(::kerata::Identity))
                };
                match reference.lifetime {
                    _ if other => Some(no_layer(ty, OUTSIDE)),
                    None => Some(owns()),
                    Some(_) => None,
                }
            }
            Type::BareFn(_) | Type::Ptr(_) | Type::Never(_) => Some(no_layer(ty, OUTSIDE)),
            Type::TraitObject(_) | Type::ImplTrait(_) => Some(no_layer(ty, NAMED)),
            _ => None,
        }
    }

    fn refuse_path(&self, ty: &Type, path: &Path) -> Option<Refused> {
        let name = last_name(path);
        if let Some(of) = self.generics.type_params().find(|of| path.is_ident(&of.ident)) {
            return self.unbounded(ty, of);
        }
        let first = path.segments.first();
        let full = first.is_some_and(|first| first.ident == "std" || first.ident == "kerata");
        if path.segments.len() == 1 || full {
            if let Some((_, hint)) = OTHERS.iter().find(|(other, _)| *other == name) {
                return Some(no_layer(ty, hint));
            }
            if name == "Box" && is_box_of_layer(path) {
                return Some(no_layer(ty, LIST));
            }
        }
        let segment = path.segments.last()?;
        if let Some(layer) = called_otherwise(&name, segment).filter(|_| is_ours(path)) {
            let mut given = arguments(segment, self.generics);
            if name == "MultiheadAttention" {
                arguments::heads_of_torch(&mut given);
            }
            return Some(Refused {
                at: ty.to_token_stream(),
                problem: format!("`{name}` is called `{}` here", layer.name),
                line: Some(rewrite::line(layer, &given).text),
                hint: of_your_own(&name),
                whole: None,
                misnamed: true,
                instead: quote!(::kerata::Identity),
            });
        }
        let layer = known(&name).filter(|_| is_ours(path))?;
        if let Some((place, inner)) = option::within(layer, segment)
            && let Some(refused) = self.refuse(inner)
        {
            let line = refused.whole.as_ref().or(refused.line.as_ref());
            let whole = line.and_then(|line| {
                let mut given = arguments(segment, self.generics);
                given[place] = Argument::new(&syn::parse_str(line).ok()?, self.generics);
                Some(rewrite::line(layer, &given).text)
            });
            return Some(Refused { instead: harmless(path, layer), whole, ..refused });
        }
        if let Some((at, problem)) = stack::mistake(layer, segment) {
            // What it names stays in use.
            let named = infer::fill(ty, &quote!(0));
            return Some(Refused::new(at, problem, quote!(::kerata::model::NoLayer<(), #named>)));
        }
        let given = arguments(segment, self.generics);
        Some(Refused { instead: harmless(path, layer), ..self.mistake(ty, layer, &given)? })
    }

    /// What is wrong with a layer of the crate, and where.
    fn mistake(&self, ty: &Type, layer: &Known, given: &[Argument]) -> Option<Refused> {
        let name = layer.name;
        if let Some(refused) = option::among_parameters(ty, layer, given) {
            return Some(refused);
        }
        let other = self
            .no_size(ty, layer, given)
            .or_else(|| surplus::merge_mode(ty, layer, given))
            .or_else(|| surplus::initial(ty, layer, given));
        if other.is_some() {
            return other;
        }
        let wrong = given.iter().enumerate().find(|(place, argument)| {
            !layer.parameters.get(*place).is_some_and(|parameter| argument.fits(parameter))
        });
        let missing = given.len() < layer.required();
        let whole = ty.to_token_stream();
        if wrong.is_none() && !missing && !matches!(parenthesized(ty), Some(true)) {
            return one_class(ty, layer, given)
                .or_else(|| self.activation(ty, layer))
                .or_else(|| self.element(ty, layer, given));
        }
        let line = rewrite::line(layer, given);
        let refused = |at, problem: String, hint| {
            let refused = Refused::new(at, problem, TokenStream::new());
            Some(Refused { line: Some(line.text.clone()), hint, ..refused })
        };
        let Some((place, argument)) =
            wrong.filter(|(_, of)| !line.hole || matches!(of.what, What::Hole))
        else {
            return refused(whole, needs(layer), String::new());
        };
        let at = argument_tokens(ty, place).unwrap_or(whole);
        // `Gru<_, 8, Bidirectional>`.
        let is_around = |layer: &Known| {
            layer.parameters.first().is_some_and(|first| first.kind == Kind::Type(Class::Layer))
        };
        if matches!(argument.what, What::Layer) && known(&argument.text).is_some_and(is_around) {
            let (around, within) = (&argument.text, rewrite::line(layer, &given[..place]).text);
            let problem = format!("`{around}` stands around the layer");
            let line = Some(format!("{around}<{within}>"));
            return Some(Refused { line, ..Refused::new(at, problem, TokenStream::new()) });
        }
        if let Some(refused) = surplus::meant(layer, given, place, &at, self.generics) {
            return Some(refused);
        }
        let Some(parameter) = layer.parameters.get(place) else {
            let problem = match layer.parameters {
                [] => match option::first(layer) {
                    Some(key) => format!(
                        "`{name}` has no parameters, and its options stand in front of the field, `#[with({key} = ..)]`"
                    ),
                    None => format!("`{name}` has no parameters"),
                },
                [one] => format!("`{name}` has one parameter, {}", one.what),
                all => format!("`{name}` has {} parameters at most", all.len()),
            };
            return refused(at, problem, of_your_own(name));
        };
        let (text, what) = (&argument.text, parameter.what);
        let mut hint = String::new();
        let problem = match (&argument.what, parameter.kind) {
            _ if argument.key.is_some() => "parameters have places here, not names".to_owned(),
            (What::Hole, _) => {
                let or = match parameter.default {
                    Some(_) => ", which may be left away",
                    None => "",
                };
                format!("`_` is for what reaches a layer: it cannot stand for the {what}{or}")
            }
            (What::Text(_), Kind::Type(_)) => format!("`{text}` is a type here, not a string"),
            (What::Flag(_), Kind::Type(_)) => format!("`{text}` has a name here"),
            (What::Misspelt(word), _) => format!("`{text}` is spelled `{}`", word.name),
            (What::Float(_) | What::Number(_) | What::Negative, Kind::Percent) => {
                "a rate is given in percent, a whole number from 0 to 99".to_owned()
            }
            (What::Number(_), kind) if kind.is_size() => {
                format!("the {what} of `{name}` cannot be 0")
            }
            (What::Negative, kind) if kind.is_size() => {
                format!("the {what} of `{name}` cannot be negative")
            }
            (What::Float(_), kind) if kind.is_size() => {
                format!("the {what} of `{name}` must be a whole number")
            }
            (What::Small, kind) if kind.is_size() => format!(
                "a size is a number that the compiler knows, `const {}: usize = 32;`",
                text.to_uppercase()
            ),
            (What::Negative, Kind::Type(Class::Shape)) => {
                "each size of a shape is written, also the one that Keras calculates".to_owned()
            }
            (What::Tuple(_) | What::Pairs(_), kind) => one_by_one(layer, kind),
            (What::Number(_), _) => {
                hint = of_your_own(name);
                format!("`{text}` stands in place of the {what}{}", behind(layer, place))
            }
            _ => {
                let activation =
                    matches!(argument.what, What::Word(word) if word.is(Class::Activation));
                if activation && option::setting(ty, "activation").is_some() {
                    hint = format!(
                        "\nthe activation is an option: write `#[with(activation = {text})]` in front of it"
                    );
                }
                format!("`{text}` stands in place of the {what}")
            }
        };
        refused(at, problem, hint)
    }

    /// A layer of `f32` in a model of another element, or the other way round.
    fn element(&self, ty: &Type, layer: &Known, given: &[Argument]) -> Option<Refused> {
        let element = |parameter: &table::Parameter| parameter.kind == Kind::Type(Class::Element);
        let place = layer.parameters.iter().position(element)?;
        let Type::Path(path) = self.element else { return None };
        if path.path.is_ident("f32") && given.get(place).is_some_and(|of| of.text == "f64") {
            let problem = "the numbers of this layer are `f64`, those of the model `f32`: write `element = f64` in `#[model(..)]`";
            let at = argument_tokens(ty, place).filter(|_| !self.told.replace(true));
            return Some(Refused::new(
                at.unwrap_or_default(),
                problem.to_owned(),
                TokenStream::new(),
            ));
        }
        let generic = |path: &Path| {
            self.generics.type_params().any(|parameter| path.is_ident(&parameter.ident))
        };
        if given.len() > place || !(path.path.is_ident("f64") || generic(&path.path)) {
            return None;
        }
        let mut texts: Vec<String> = given.iter().map(|argument| argument.text.clone()).collect();
        for parameter in &layer.parameters[given.len()..place] {
            texts.push(rewrite::default(parameter, &texts)?);
        }
        let of = text(self.element);
        texts.push(of.clone());
        let (name, texts) = (layer.name, texts.join(", "));
        let problem = format!("the numbers of this model are `{of}`, those of this layer `f32`");
        // The others are the same mistake.
        let at = if self.told.replace(true) { TokenStream::new() } else { ty.to_token_stream() };
        let refused = Refused::new(at, problem, TokenStream::new());
        Some(Refused { line: Some(format!("{name}<{texts}>")), ..refused })
    }
}

/// The layer that another library calls so: PyTorch's `Linear` has sizes, the activation of the crate has none.
fn called_otherwise(name: &str, segment: &syn::PathSegment) -> Option<&'static Known> {
    match name == "Linear" && !segment.arguments.is_none() {
        true => known("Dense"),
        false => called(name),
    }
}

/// Probabilities of a single class, which are 1.
fn one_class(ty: &Type, layer: &Known, given: &[Argument]) -> Option<Refused> {
    let given = |kind: Kind, what: &str| {
        let place = layer.parameters.iter().position(|of| of.kind == kind && of.what == what);
        given.get(place?).map(|argument| &argument.what)
    };
    let one = matches!(given(Kind::Size, "units"), Some(What::Number(1)));
    let activation = given(Kind::Type(Class::Activation), "activation");
    let softmax = matches!(activation, Some(What::Word(word)) if word.name == "Softmax");
    let message = "`Softmax` over one unit is always 1: write `Dense<_, 1, Sigmoid>` for yes or no, \
        or a unit for each class";
    let refused = || Refused::new(ty.to_token_stream(), message.to_owned(), TokenStream::new());
    (one && softmax).then(refused)
}

fn no_layer(ty: &Type, hint: &str) -> Refused {
    let message = format!(
        "`{}` is no layer: each field of a model is one, such as `Dense<_, 10>`\n{hint}",
        text(ty)
    );
    // A lifetime in it must be used.
    let instead = match ty {
        Type::Reference(_) => infer::fill(ty, &quote!(0)).to_token_stream(),
        _ => quote!(::kerata::Identity),
    };
    Refused::new(ty.to_token_stream(), message, instead)
}

/// `Box<dyn Layer<..>>`.
fn is_box_of_layer(path: &Path) -> bool {
    path.segments.last().is_some_and(|last| {
        let inside = last.arguments.to_token_stream().to_string();
        inside.contains("dyn") && inside.contains("Layer")
    })
}

fn parenthesized(ty: &Type) -> Option<bool> {
    let Type::Path(path) = ty else { return None };
    Some(matches!(path.path.segments.last()?.arguments, PathArguments::Parenthesized(_)))
}

/// The tokens of one argument.
pub(super) fn argument_tokens(ty: &Type, place: usize) -> Option<TokenStream> {
    let Type::Path(path) = ty else { return None };
    match &path.path.segments.last()?.arguments {
        PathArguments::AngleBracketed(given) => {
            given.args.iter().nth(place).map(ToTokens::to_token_stream)
        }
        _ => None,
    }
}

/// The layer with parameters that the compiler is content with.
fn harmless(path: &Path, layer: &Known) -> TokenStream {
    let mut path = path.clone();
    if let Some(last) = path.segments.last_mut() {
        last.arguments = PathArguments::None;
    }
    let required = layer.parameters.iter().filter(|parameter| parameter.default.is_none());
    let texts: Vec<TokenStream> = required
        .map(|parameter| rewrite::harmless(parameter.kind).parse().unwrap_or_default())
        .collect();
    if texts.is_empty() { quote!(#path) } else { quote!(#path<#(#texts),*>) }
}
