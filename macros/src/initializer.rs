//! Keras's initializers.

use proc_macro2::{Ident, Literal, Span};
use syn::{Expr, Member, Path, parse_quote, parse_quote_spanned, spanned::Spanned};

use crate::{
    literal::number,
    names::{listed, unknown},
};

/// The names of those that need no arguments, and the constants of `Initializer` for them. The first ones have a function in `init::named`.
const INITIALIZERS: [(&str, &str); 10] = [
    ("zeros", "ZEROS"),
    ("ones", "ONES"),
    ("uniform", "EMBEDDINGS"),
    ("orthogonal", "ORTHOGONAL"),
    ("glorot_uniform", "GLOROT_UNIFORM"),
    ("glorot_normal", "GLOROT_NORMAL"),
    ("he_uniform", "HE_UNIFORM"),
    ("he_normal", "HE_NORMAL"),
    ("lecun_uniform", "LECUN_UNIFORM"),
    ("lecun_normal", "LECUN_NORMAL"),
];

/// Those with arguments, with Keras's names and defaults of these.
const WITH_ARGUMENTS: [(&str, &[(&str, f64)]); 6] = [
    ("RandomNormal", &[("mean", 0.0), ("stddev", 0.05)]),
    ("TruncatedNormal", &[("mean", 0.0), ("stddev", 0.05)]),
    ("RandomUniform", &[("minval", -0.05), ("maxval", 0.05)]),
    ("Constant", &[("value", 0.0)]),
    ("Orthogonal", &[("gain", 1.0)]),
    ("Identity", &[("gain", 1.0)]),
];

/// The arguments of one that has some.
fn arguments(name: &Ident) -> Option<&'static [(&'static str, f64)]> {
    WITH_ARGUMENTS.iter().find(|(known, _)| name == known).map(|(_, arguments)| *arguments)
}

/// How one that has arguments is written, with Keras's defaults.
pub(crate) fn with_arguments(name: &Ident) -> Option<String> {
    Some(written(name, arguments(name)?))
}

fn written(name: &Ident, arguments: &[(&str, f64)]) -> String {
    let all: Vec<String> =
        arguments.iter().map(|(key, value)| format!("{key}: {value:?}")).collect();
    format!("{name} {{ {} }}", all.join(", "))
}

/// The value of one with arguments, as `RandomNormal { stddev: 0.02 }` or `Constant(0.5)`; else what is wrong. `None` for other expressions.
pub(crate) fn with_values(value: &Expr, ty: &Path) -> Option<Result<Expr, String>> {
    let (name, given): (_, Vec<(Option<String>, &Expr)>) = match value {
        Expr::Struct(of) if of.rest.is_none() => {
            let key = |member: &Member| match member {
                Member::Named(name) => name.to_string(),
                Member::Unnamed(index) => index.index.to_string(),
            };
            let given = of.fields.iter().map(|field| (Some(key(&field.member)), &field.expr));
            (of.path.get_ident()?, given.collect())
        }
        Expr::Call(call) => {
            let Expr::Path(path) = &*call.func else { return None };
            (path.path.get_ident()?, call.args.iter().map(|value| (None, value)).collect())
        }
        Expr::Path(path) => (path.path.get_ident()?, Vec::new()),
        _ => return None,
    };
    let known = arguments(name)?;
    let mut values: Vec<Expr> = known.iter().map(|(_, value)| float(*value, name.span())).collect();
    let count = given.len();
    for (place, (key, value)) in given.into_iter().enumerate() {
        let place = match &key {
            // One of several may be any of them.
            None if count != known.len() => {
                // The last is how far the values are spread.
                let mut example = known.to_vec();
                match (&mut example[..], number(value)) {
                    ([.., (_, last)], Some(number)) if count == 1 => *last = number,
                    _ => {}
                }
                let example = written(name, &example);
                return Some(Err(format!("say which argument it is: write `{example}`")));
            }
            None => place,
            Some(key) if key == "seed" => {
                let message = "the seed is that of the device, `Cpu::seed_from_u64(1)`".to_owned();
                return Some(Err(message));
            }
            Some(key) => match known.iter().position(|(known, _)| known == key) {
                Some(place) => place,
                None => {
                    let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
                    let message =
                        format!("`{name}` has no `{key}`: its arguments are {}", listed(&names));
                    return Some(Err(message));
                }
            },
        };
        values[place] = match number(value) {
            Some(number) => float(number, value.span()),
            None => value.clone(),
        };
    }
    let [first, last] = [&values[0], &values[values.len() - 1]];
    Some(Ok(match name.to_string().as_str() {
        "RandomNormal" => parse_quote!(#ty::Normal { mean: #first, std: #last, cut: false }),
        "TruncatedNormal" => parse_quote!(#ty::Normal { mean: #first, std: #last, cut: true }),
        "RandomUniform" => parse_quote!(#ty::Uniform(#first, #last)),
        _ => parse_quote!(#ty::#name(#first)),
    }))
}

/// A whole number is one of these, too.
fn float(value: f64, span: Span) -> Expr {
    let literal = Literal::f64_unsuffixed(value.abs());
    match value.is_sign_negative() {
        true => parse_quote_spanned!(span => -#literal),
        false => parse_quote_spanned!(span => #literal),
    }
}

/// The constant for a name, `he_normal` or `HeNormal`; else what is wrong.
pub(crate) fn constant(name: &Ident) -> Result<Ident, String> {
    let plain = |name: &str| name.replace('_', "").to_lowercase();
    let given = name.to_string();
    match INITIALIZERS.iter().find(|(known, _)| plain(known) == plain(&given)) {
        Some((_, constant)) => Ok(Ident::new(constant, Span::call_site())),
        None => {
            let known = INITIALIZERS.map(|(name, _)| name);
            Err(unknown("initializer", &given, &known, "kerata::config::Initializer"))
        }
    }
}

/// The function in `init::named` for a constant, if it has one.
pub(crate) fn function(constant: &Ident) -> Option<Ident> {
    let named = &INITIALIZERS[..5];
    let (name, _) = named.iter().find(|(_, known)| constant == known)?;
    Some(Ident::new(name, Span::call_site()))
}
