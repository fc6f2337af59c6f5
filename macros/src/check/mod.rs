//! A model, and everything that is wrong with it.

mod layer;
mod sources;
mod value;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{
    Fields, Ident, ItemStruct, Type, ext::IdentExt, parse_quote, punctuated::Punctuated,
    spanned::Spanned,
};

use crate::{
    derive,
    errors::Errors,
    infer,
    parse::{Arguments, With, again, sources, with},
    signal::Signal,
    spelling::{self, Spelling},
    witness,
};
use layer::{check_activity, check_factor, check_holes, check_options};

/// A struct under `#[model(..)]`.
///
/// Its values have numbers: 0 is the input, `i + 1` what field `i` gives, and behind these come the parts
/// of values that are several.
pub(crate) struct Model {
    pub(crate) item: ItemStruct,
    pub(crate) input: TokenStream,
    pub(crate) input_span: Span,
    pub(crate) output: Option<(Span, TokenStream)>,
    /// Whether one of these is wrong, so that nothing is made of it.
    pub(crate) lost_signal: bool,
    pub(crate) element: Type,
    pub(crate) device: Type,
    pub(crate) layers: Vec<Layer>,
    pub(crate) parts: Vec<Part>,
    /// `Again`, as it is written on fields: no field has that type, and an import of it is used all the same.
    pub(crate) written_again: Vec<Type>,
    /// The names in `#[from(..)]` that no field has.
    unknown: Vec<Ident>,
    /// The types within those that were refused, and those of values: an import of them is used all the same.
    pub(crate) named: Vec<Type>,
    /// The fields that are the outputs, if there are several, and where they are named.
    pub(crate) outputs: Vec<(usize, Span)>,
    /// Whether a file says what the layers are.
    pub(crate) of_file: bool,
    /// The generic arguments with which the wiring is evaluated; `None` if it cannot be.
    pub(crate) witness: Option<TokenStream>,
    /// The traits that are derived and cannot be.
    pub(crate) refused: Vec<&'static str>,
    /// With errors, what is made of the model only serves to keep the compiler silent about it.
    pub(crate) errors: Errors,
}

/// One field.
pub(crate) struct Layer {
    pub(crate) name: Ident,
    pub(crate) ty: Type,
    /// From which values its input comes.
    pub(crate) from: Vec<usize>,
    pub(crate) with: With,
    /// The field whose layer is called again; the type and the options are its, too.
    pub(crate) again: Option<usize>,
}

/// One of those that a value is made of.
pub(crate) struct Part {
    /// The value.
    pub(crate) of: usize,
    /// Which one, from 0 on.
    pub(crate) at: usize,
    /// How it is written: its number, or `state`.
    pub(crate) text: String,
    pub(crate) span: Span,
}

impl Layer {
    /// Whether it is a layer of the crate, or a tuple.
    pub(crate) fn is_ours(&self) -> bool {
        match &self.ty {
            Type::Path(path) => spelling::is_layer(&path.path),
            ty => matches!(ty, Type::Tuple(_)),
        }
    }

    /// Whether it is a layer of the crate that has weights for sure.
    fn has_weights(&self) -> bool {
        matches!(&self.ty, Type::Path(path) if spelling::has_weights(&path.path))
    }

    /// The check that implies the others.
    pub(crate) fn last_check(&self) -> &'static str {
        if self.is_ours() { "FIELD" } else { "CHECK" }
    }

    /// The name that messages, summaries and parameters have for it.
    pub(crate) fn text(&self) -> String {
        let given = self.with.name.as_ref().map(syn::LitStr::value);
        given.unwrap_or_else(|| self.name.unraw().to_string())
    }
}

impl Model {
    /// The errors and the struct, if it has no named fields: then nothing can be made of it.
    pub(crate) fn new(
        arguments: Arguments,
        item: ItemStruct,
    ) -> Result<Self, Box<(Errors, ItemStruct)>> {
        let mut errors = arguments.errors;
        if !arguments.keys.iter().any(|key| key == "input") {
            errors.push(
                Span::call_site(),
                "say what the model takes, for example `#[model(input = (Batch, 28, 28, 1))]`",
            );
        }
        let unused = spelling::unused(&item.generics, &item.fields.to_token_stream());
        if let Some(unused) = &unused {
            errors.push(unused.span(), spelling::of_no_layer(unused));
        }
        // What is wrong is not shown to the compiler as well.
        let mut told = false;
        let mut check = |signal: Option<Signal>| {
            let mut wrong = Errors::default();
            let signal = signal.inspect(|signal| signal.check(&item.generics, &mut wrong));
            let right = wrong.is_empty();
            // Who writes the input wrong writes the output in the same way.
            if !told {
                errors.append(wrong);
            }
            told |= !right;
            signal.filter(|_| right && unused.is_none())
        };
        let (input, output) = (check(arguments.input), check(arguments.output));
        let given = |key: &str| arguments.keys.iter().any(|given| given == key);
        let lost_signal = input.is_none() || (output.is_none() && given("output"));
        match &item.fields {
            Fields::Named(fields) if !fields.named.is_empty() => {}
            Fields::Unnamed(fields) => {
                let message = "the layers of a model have names: write `struct Model { first: .., second: .. }`";
                errors.push(fields.span(), message);
                return Err(Box::new((errors, item)));
            }
            _ => {
                // What is wrong with an argument may have been the file.
                if errors.is_empty() {
                    errors.push(item.ident.span(), "a model has at least one layer");
                }
                return Err(Box::new((errors, item)));
            }
        }
        let tokens = |signal: &Signal| signal.tokens(&item.generics);
        let mut model = Self {
            input: input.as_ref().map_or_else(|| quote!(()), tokens),
            input_span: input.as_ref().map_or_else(Span::call_site, Signal::span),
            output: output.as_ref().map(|output| (output.span(), tokens(output))),
            lost_signal,
            element: arguments.element.unwrap_or_else(|| parse_quote!(f32)),
            device: arguments.device.unwrap_or_else(|| parse_quote!(::kerata::Cpu)),
            layers: Vec::new(),
            parts: Vec::new(),
            written_again: Vec::new(),
            unknown: Vec::new(),
            named: Vec::new(),
            outputs: Vec::new(),
            of_file: arguments.keras.is_some(),
            witness: witness::arguments(&item.generics),
            refused: Vec::new(),
            errors,
            item,
        };
        model.layers(&arguments.outputs);
        if let (Some(unused), Some(field)) = (unused, model.item.fields.iter_mut().next()) {
            // Else the compiler tells of it as well.
            let ty = infer::fill(&field.ty, &quote!(0));
            field.ty = parse_quote!(::kerata::model::NoLayer<#ty, #unused>);
            model.layers[0].ty = field.ty.clone();
        }
        Ok(model)
    }

    pub(crate) fn is_generic(&self) -> bool {
        !self.item.generics.params.is_empty()
    }

    fn layers(&mut self, outputs: &[Ident]) {
        let generic = self.is_generic();
        self.item.attrs.retain(|attribute| {
            let of_field =
                ["with", "from", "again"].into_iter().find(|name| attribute.path().is_ident(name));
            if let Some(name) = of_field {
                let message =
                    format!("`#[{name}(..)]` is for a layer: write it in front of a field");
                self.errors.push(attribute.span(), message);
            }
            of_field.is_none()
        });
        let mut fields = std::mem::replace(&mut self.item.fields, Fields::Unit);
        self.unique(&mut fields);
        let (count, told) = (fields.len(), Default::default());
        for (i, field) in fields.iter_mut().enumerate() {
            let name = field.ident.clone().unwrap_or_else(|| format_ident!("layer{i}"));
            field.attrs.retain(|attribute| {
                let message = layer::misplaced(attribute);
                if let Some(message) = message {
                    self.errors.add_once(syn::Error::new(attribute.span(), message));
                }
                message.is_none()
            });
            let spelling =
                Spelling { generics: &self.item.generics, element: &self.element, told: &told };
            if spelling::mentions(&field.ty.to_token_stream(), &self.item.ident) {
                let message = "a model cannot hold itself: a layer that is called twice is `#[again(..)]`, and a block that \
                    is repeated is a model of its own";
                self.errors.push(field.ty.span(), message);
                field.ty = parse_quote!(::kerata::Identity);
            }
            let (mut meant, named) = (field.ty.clone(), spelling::names_in(&field.ty));
            // What a file says is no slip of the user's.
            let refused = if self.of_file { None } else { spelling.check(&mut field.ty) };
            match &refused {
                Some(refused) => {
                    meant = refused.meant(&meant);
                    self.named.extend(named);
                }
                None => {
                    check_holes(&mut field.ty, generic, &mut self.errors);
                    meant.clone_from(&field.ty);
                }
            }
            let from = sources(&mut field.attrs, &mut self.errors);
            let from = from.and_then(|from| self.resolve(&from, count));
            let from = from.unwrap_or_else(|| vec![i]);
            let again = again(&mut field.attrs, &mut self.errors);
            let mut with = with(&mut field.attrs, &mut self.errors);
            if let Some((of, ty)) = self.called_again(&mut field.ty, &again, &with) {
                if let Some(refused) = refused {
                    refused.tell(&mut self.errors);
                }
                self.written_again.push(field.ty.clone());
                // It is trained as the layer is, and what leaves it has the same penalty; it has no weights or name of its.
                let with = With { name: None, options: Vec::new(), ..self.layers[of].with.clone() };
                self.layers.push(Layer { name, ty, from, with, again: Some(of) });
                continue;
            }
            self.named.extend(with.options.iter().filter_map(|(_, value)| value::of_type(value)));
            check_activity(&meant, &mut with, &mut self.errors);
            if !generic && !self.of_file && refused.is_none() {
                check_factor(&meant, &with, &mut self.errors);
            }
            let (refused, generics) = (refused.as_ref(), &self.item.generics);
            check_options(&meant, refused, generics, &mut with, &mut self.errors);
            self.layers.push(Layer { name, ty: field.ty.clone(), from, with, again: None });
        }
        self.item.fields = fields;
        if self.layers.iter().any(Layer::has_weights) {
            self.refused = derive::refuse(&mut self.item.attrs, &mut self.errors);
        }
        self.check_names();
        self.check_merges();
        self.outputs(outputs);
        self.check_use();
    }

    /// The fields that `outputs(..)` names.
    fn outputs(&mut self, outputs: &[Ident]) {
        for (i, name) in outputs.iter().enumerate() {
            let message = match self.layers.iter().position(|layer| layer.name == *name) {
                _ if outputs[..i].contains(name) => format!("`{name}` is given twice"),
                Some(field) => {
                    self.outputs.push((field, name.span()));
                    continue;
                }
                None => {
                    let fields = self.layers.iter().map(|layer| format!("`{}`", layer.name));
                    let fields = fields.collect::<Vec<_>>().join(", ");
                    format!("no field has the name `{name}`: there are {fields}")
                }
            };
            self.errors.push(name.span(), message);
        }
        match outputs {
            [one] => {
                let message =
                    "one output is the last field: `outputs(..)` names two or more".to_owned();
                self.errors.push(one.span(), message);
            }
            [.., last] if outputs.len() > 6 => {
                self.errors.push(last.span(), "a model has at most six outputs");
            }
            _ => {}
        }
        if !self.errors.is_empty() {
            self.outputs.clear();
        }
    }

    /// Names that `#[with(name = ..)]` gives: parameters and their files are told apart by them.
    fn check_names(&mut self) {
        for (i, layer) in self.layers.iter().enumerate() {
            let Some(given) = &layer.with.name else { continue };
            let name = given.value();
            let others = || self.layers.iter().enumerate().filter(|(other, _)| *other != i);
            let is_place = name.bytes().all(|byte| byte.is_ascii_digit());
            if is_place || name.contains(['.', '/']) {
                let message =
                    "the name of a layer has at least one letter, and neither `.` nor `/`";
                self.errors.push(given.span(), message);
            } else if others().any(|(other, layer)| {
                layer.text() == name && (other < i || layer.with.name.is_none())
            }) {
                self.errors.push(given.span(), format!("another layer is called `{name}` too"));
            }
        }
    }

    /// Takes fields away whose name is that of another.
    fn unique(&mut self, fields: &mut Fields) {
        let Fields::Named(fields) = fields else { return };
        let mut kept = Punctuated::new();
        for field in std::mem::take(&mut fields.named) {
            let twice = kept.iter().any(|other: &syn::Field| other.ident == field.ident);
            match &field.ident {
                Some(name) if twice => {
                    let message =
                        format!("there is a layer `{name}` already: give this one another name");
                    self.errors.push(name.span(), message);
                }
                _ => kept.push(field),
            }
        }
        fields.named = kept;
    }

    fn check_use(&mut self) {
        // What is wrong elsewhere may be why.
        if !self.errors.is_empty() {
            return;
        }
        let used = |value| {
            self.layers.iter().any(|layer| layer.from.contains(&value))
                || self.parts.iter().any(|part| part.of == value)
        };
        // Where no outputs are named, the last field is the output.
        let last = self.layers.len() - usize::from(self.outputs.is_empty());
        let is_output = |field| self.outputs.iter().any(|(output, _)| *output == field);
        for (i, layer) in self.layers.iter().enumerate().take(last) {
            if !used(i + 1) && !is_output(i) {
                let message = format!("nothing takes what `{}` gives", layer.text());
                self.errors.push(layer.name.span(), message);
            }
        }
    }
}
