//! What a Keras user writes first, answered before the compiler speaks of const generics.
//!
//! A layer is known by its name alone, `Dense` or `kerata::Dense`, and is refused only if what is written cannot be
//! right for the layer of the crate. A layer of the user's own that has such a name goes by its path, `self::Dense`.

mod arguments;
mod option;
mod rewrite;
mod stack;
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
pub(crate) use option::{Belongs, parameter};
pub(crate) use stack::within as stack_within;
use words::{LIST, OTHERS, OUTSIDE};

use crate::{errors::Errors, infer, signal::last_name};

/// What the types of fields are held against.
pub(crate) struct Spelling<'a> {
    pub(crate) generics: &'a Generics,
    /// The type of the numbers.
    pub(crate) element: &'a Type,
    /// Whether another type of numbers has been told: once is enough.
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
    /// Whether the type can be that of a field. Where it cannot, that is told, and a type that the compiler
    /// is content with takes its place.
    pub(crate) fn check(&self, ty: &mut Type, errors: &mut Errors) -> bool {
        let Some(Refused { at, message, instead }) = self.refuse(ty) else { return true };
        if !at.is_empty() {
            errors.add(syn::Error::new_spanned(at, message));
        }
        *ty = syn::parse2(instead).unwrap_or_else(|_| syn::parse_quote!(::kerata::Identity));
        false
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
                other.then(|| no_layer(ty, OUTSIDE))
            }
            Type::BareFn(_) | Type::Ptr(_) | Type::TraitObject(_) | Type::Never(_) => {
                Some(no_layer(ty, OUTSIDE))
            }
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
            let line = rewrite::of_keras(layer, arguments(segment, self.generics)).text;
            let (ours, of_your_own) = (layer.name, of_your_own(&name));
            return Some(Refused {
                at: ty.to_token_stream(),
                message: format!("`{name}` is called `{ours}` here: write `{line}`{of_your_own}"),
                instead: quote!(::kerata::Identity),
            });
        }
        let layer = known(&name).filter(|_| is_ours(path))?;
        if let PathArguments::AngleBracketed(given) = &segment.arguments {
            let inner =
                given.args.iter().zip(layer.parameters).find_map(|(argument, parameter)| {
                    match (argument, parameter.kind) {
                        (syn::GenericArgument::Type(inner), Kind::Type(Class::Layer)) => {
                            self.refuse(inner)
                        }
                        _ => None,
                    }
                });
            if let Some(inner) = inner {
                return Some(Refused { instead: harmless(path, layer), ..inner });
            }
        }
        if let Some((at, message)) = stack::mistake(layer, segment) {
            // What it names stays in use.
            let named = infer::fill(ty, &quote!(0));
            return Some(Refused {
                at,
                message,
                instead: quote!(::kerata::model::NoLayer<(), #named>),
            });
        }
        let given = arguments(segment, self.generics);
        let (at, message) = self.mistake(ty, layer, &given)?;
        Some(Refused { at, message, instead: harmless(path, layer) })
    }

    /// What is wrong with a layer of the crate, and where.
    fn mistake(
        &self,
        ty: &Type,
        layer: &Known,
        given: &[Argument],
    ) -> Option<(TokenStream, String)> {
        let name = layer.name;
        let wrong = given.iter().enumerate().find(|(place, argument)| {
            !layer.parameters.get(*place).is_some_and(|parameter| argument.fits(parameter))
        });
        let missing = given.len() < layer.required();
        let whole = ty.to_token_stream();
        if wrong.is_none() && !missing && !matches!(parenthesized(ty), Some(true)) {
            return one_class(ty, layer, given).or_else(|| self.element(ty, layer, given));
        }
        let line = rewrite::line(layer, given);
        let write = format!("write `{}`", line.text);
        let Some((place, argument)) = wrong.filter(|_| !line.hole) else {
            return Some((whole, format!("{}: {write}", needs(layer))));
        };
        let at = argument_tokens(ty, place).unwrap_or(whole);
        let Some(parameter) = layer.parameters.get(place) else {
            let message = match layer.parameters {
                [] => format!("`{name}` has no parameters: {write}"),
                [one] => format!("`{name}` has one parameter, {}: {write}", one.what),
                all => format!("`{name}` has {} parameters at most: {write}", all.len()),
            };
            return Some((at, message + &of_your_own(name)));
        };
        let (text, what) = (&argument.text, parameter.what);
        let problem = match (&argument.what, parameter.kind) {
            _ if argument.named => "parameters have places here, not names".to_owned(),
            (What::Hole, _) => {
                format!("`_` is for what reaches a layer: it cannot stand for the {what}")
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
            (What::Tuple(_), _) => "sizes are written one by one, not as a tuple".to_owned(),
            (What::Number(_), _) => {
                let message = format!("`{text}` stands in place of the {what}: {write}");
                return Some((at, message + &of_your_own(name)));
            }
            _ => format!("`{text}` stands in place of the {what}"),
        };
        Some((at, format!("{problem}: {write}")))
    }

    /// A parameter of the struct that nothing is said of.
    fn unbounded(&self, ty: &Type, of: &syn::TypeParam) -> Option<Refused> {
        if !of.bounds.is_empty() || self.generics.where_clause.is_some() {
            return None;
        }
        let message = format!(
            "nothing says that `{0}` is a layer: write, with the signals that it takes and gives,\n\
            `where {0}: Layer<(Batch, Const<8>), Out = (Batch, Const<8>)> + Build + Parameters + Debug`",
            of.ident
        );
        Some(Refused { at: ty.to_token_stream(), message, instead: ty.to_token_stream() })
    }

    /// A layer of `f32` in a model of another element.
    fn element(
        &self,
        ty: &Type,
        layer: &Known,
        given: &[Argument],
    ) -> Option<(TokenStream, String)> {
        let element = |parameter: &table::Parameter| parameter.kind == Kind::Type(Class::Element);
        let place = layer.parameters.iter().position(element)?;
        let Type::Path(path) = self.element else { return None };
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
        let message = format!(
            "the numbers of this model are `{of}`, those of this layer `f32`: write `{name}<{texts}>`"
        );
        // The others are the same mistake.
        let at = if self.told.replace(true) { TokenStream::new() } else { ty.to_token_stream() };
        Some((at, message))
    }
}

/// The layer that another library calls so: PyTorch's `Linear` has sizes, the activation of the crate has none.
fn called_otherwise(name: &str, segment: &syn::PathSegment) -> Option<&'static Known> {
    match name == "Linear" && !segment.arguments.is_none() {
        true => known("Dense"),
        false => called(name),
    }
}

/// A layer of the user's own may have the name of one of the crate, and other parameters.
fn of_your_own(name: &str) -> String {
    format!("\n(a layer of your own that is called so: `self::{name}<..>`)")
}

/// Probabilities of a single class, which are 1.
fn one_class(ty: &Type, layer: &Known, given: &[Argument]) -> Option<(TokenStream, String)> {
    let given = |kind: Kind, what: &str| {
        let place = layer.parameters.iter().position(|of| of.kind == kind && of.what == what);
        given.get(place?).map(|argument| &argument.what)
    };
    let one = matches!(given(Kind::Size, "units"), Some(What::Number(1)));
    let activation = given(Kind::Type(Class::Activation), "activation");
    let softmax = matches!(activation, Some(What::Word(word)) if word.name == "Softmax");
    let message = "`Softmax` over one unit is always 1: write `Dense<_, 1, Sigmoid>` for yes or no, \
        or a unit for each class";
    (one && softmax).then(|| (ty.to_token_stream(), message.to_owned()))
}

/// What is said of a type that cannot be that of a field.
struct Refused {
    at: TokenStream,
    message: String,
    /// A type that can.
    instead: TokenStream,
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
    Refused { at: ty.to_token_stream(), message, instead }
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
fn argument_tokens(ty: &Type, place: usize) -> Option<TokenStream> {
    let Type::Path(path) = ty else { return None };
    match &path.path.segments.last()?.arguments {
        PathArguments::AngleBracketed(given) => {
            given.args.iter().nth(place).map(ToTokens::to_token_stream)
        }
        _ => None,
    }
}

/// What a layer cannot do without.
fn needs(layer: &Known) -> String {
    let required = layer.parameters.iter().filter(|parameter| parameter.default.is_none());
    let required: Vec<&str> = required.map(|parameter| parameter.what).collect();
    let list = match required.as_slice() {
        [] => return format!("`{}` has no parameters in parentheses", layer.name),
        [one] => (*one).to_owned(),
        [front @ .., last] => format!("{} and {last}", front.join(", ")),
    };
    let hole = match layer.parameters[0].kind {
        Kind::Features => ", and `_` stands for what reaches it",
        _ => "",
    };
    format!("`{}` needs its {list}{hole}", layer.name)
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
