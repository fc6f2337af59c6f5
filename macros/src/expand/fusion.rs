//! Layers that do at once what the layers behind them do; see `src/fusion.rs`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Type;

use super::{Wired, calls};
use crate::{check::Model, spelling};

/// How many layers behind one it may do: a normalisation and an activation.
const MOST: usize = 2;

/// How a layer stands to those that it may do, or that may do it.
pub(super) struct Behind {
    /// How many layers behind it it may do.
    count: usize,
}

/// Whether the layers of a model can be asked at all: by way of their checks.
fn asks(model: &Model) -> bool {
    model.errors.is_empty() && model.witness.is_some()
}

/// Whether the type of a field may be one of some layers of the crate: it is, or it has another name.
fn may_be(model: &Model, i: usize, names: &[&str]) -> bool {
    let Type::Path(path) = &model.holder(i).ty else { return false };
    path.path.segments.last().is_some_and(|last| {
        names.iter().any(|name| last.ident == name) || !spelling::is_layer(&path.path)
    })
}

/// Whether a layer may do that of the next field: nothing else takes what it gives, or looks at it.
fn does_next(model: &Model, i: usize, training: bool) -> bool {
    let Some(next) = model.layers.get(i + 1) else { return false };
    let frozen = |i: usize| model.holder(i).with.frozen;
    next.from == [i + 1]
        && calls::uses(model, 0).filter(|&value| value == i + 1).count() == 1
        && !super::rules::is_active(&model.layers[i])
        && !(training && (frozen(i) || frozen(i + 1)))
        && model.layers[i].again.is_none()
        && next.again.is_none()
        && may_be(model, i + 1, &["BatchNorm", "Relu", "Tanh", "Sigmoid"])
}

/// How many layers behind one it may do.
fn count(model: &Model, i: usize, training: bool) -> usize {
    if !may_be(model, i, &["Add", "BatchNorm", "Conv2d"]) {
        return 0;
    }
    (i..i + MOST).take_while(|&i| does_next(model, i, training)).count()
}

/// How a layer stands to others, if it may do others or others may do it.
pub(super) fn behind(model: &Model, i: usize, training: bool) -> Option<Behind> {
    if !asks(model) {
        return None;
    }
    let before =
        (i.saturating_sub(MOST)..i).any(|front| front + count(model, front, training) >= i);
    let count = count(model, i, training);
    (before || count > 0).then_some(Behind { count })
}

/// The number of layers that are done already, from call to call, if it is asked for.
pub(super) fn ahead(model: &Model, training: bool) -> TokenStream {
    let any = (0..model.layers.len()).any(|i| behind(model, i, training).is_some());
    if any { quote!(let mut ahead = 0;) } else { TokenStream::new() }
}

impl Behind {
    /// What the layer does of those behind it.
    pub(super) fn fused(
        &self,
        model: &Model,
        wired: &[Wired],
        i: usize,
        training: bool,
    ) -> TokenStream {
        if self.count == 0 {
            return quote!(::core::default::Default::default());
        }
        let layer = &wired[i].through.layer;
        let others = (i + 1..=i + self.count).map(|i| {
            let (layer, name) = (&wired[i].through.layer, &model.layers[i].name);
            quote!(&& #layer::fuse::<KerataTape>(&self.#name, &mut fused, #training)?)
        });
        quote!({
            let mut fused = #layer::fusing();
            let _ = fused.fuses() #(#others)*;
            fused
        })
    }
}
