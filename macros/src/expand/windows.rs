//! Layers whose windows slide along sizes that no type calculates with; see `src/model/windows.rs`.

use proc_macro2::{Literal, TokenStream};
use quote::{quote, quote_spanned};
use syn::{PathSegment, Type, spanned::Spanned};

use super::Wired;
use crate::check::{Layer, Model};

/// How such a layer is called.
pub(super) struct Windows {
    /// What reaches it, as it takes it.
    pub(super) opened: TokenStream,
    /// The check that its functions are called through.
    pub(super) checked: TokenStream,
}

/// Whether the type of a field has such windows.
pub(super) fn has(layer: &Layer) -> bool {
    let Type::Path(path) = &layer.ty else { return false };
    let has = |last: &PathSegment| crate::spelling::has_windows(&last.ident);
    layer.is_ours() && path.path.segments.last().is_some_and(has)
}

/// Whether a field is one. A constant cannot depend on generic parameters, so in a generic struct none is.
fn is_windowed(model: &Model, i: usize) -> bool {
    model.errors.is_empty() && !model.is_generic() && has(&model.layers[i])
}

/// How a field is called, if it is one.
pub(super) fn of(model: &Model, i: usize, ty: &Type, input: &TokenStream) -> Option<Windows> {
    if !is_windowed(model, i) {
        return None;
    }
    let span = model.layers[i].ty.span();
    let opened = sized(model, i, "OPENED", input);
    let inner = inner(model, i, ty, &opened);
    let closed = sized(model, i, "CLOSED", &inner);
    let checked = model.checked(i + 1, "CHECK", span);
    let checked = quote_spanned!(span => ::kerata::model::Between<#opened, #closed, #checked>);
    Some(Windows { opened, checked })
}

/// What the layer itself gives.
fn inner(model: &Model, i: usize, ty: &Type, opened: &TokenStream) -> TokenStream {
    let (span, element, device) = (model.layers[i].ty.span(), &model.element, &model.device);
    let checked = model.checked(i + 1, "CHECK", span);
    quote_spanned! {span =>
        <#checked as ::kerata::model::Next<#ty, #opened, #element, #device>>::Out
    }
}

/// A signal with the sizes that one of the codes says.
fn sized(model: &Model, i: usize, code: &str, signal: &TokenStream) -> TokenStream {
    let (this, number) = (model.this(), Literal::usize_unsuffixed(i + 1));
    let code = quote::format_ident!("{code}");
    let code = quote!(<#this as ::kerata::model::Windows<#number>>::#code);
    let dims = super::checks::dims(&code);
    quote! {
        <::kerata::model::Sized<{ #code.kind }, #dims, #signal> as ::kerata::model::Continues>::Signal
    }
}

/// The codes of all of them.
pub(super) fn codes(model: &Model, wired: &[Wired]) -> TokenStream {
    let this = model.this();
    let codes = wired.iter().enumerate().filter(|(i, _)| is_windowed(model, *i));
    let codes = codes.map(|(i, Wired { ty, input, taken, .. })| {
        let (span, number) = (model.layers[i].ty.span(), Literal::usize_unsuffixed(i + 1));
        let inner = inner(model, i, ty, taken);
        quote_spanned! {span =>
            #[doc(hidden)]
            impl ::kerata::model::Windows<#number> for #this {
                const OPENED: ::kerata::model::Code = {
                    #[allow(unused_imports)]
                    use ::kerata::model::NotCoded as _;
                    ::kerata::model::opened::<#ty>(::kerata::model::Coding::<#input>::CODE)
                };
                const CLOSED: ::kerata::model::Code = {
                    #[allow(unused_imports)]
                    use ::kerata::model::NotCoded as _;
                    ::kerata::model::closed::<#ty>(
                        ::kerata::model::Coding::<#input>::CODE,
                        ::kerata::model::Coding::<#inner>::CODE,
                    )
                };
            }
        }
    });
    codes.collect()
}
