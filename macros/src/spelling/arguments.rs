//! What is written between `<` and `>`.

use kerata_format::table::{Class, Kind, Parameter, known};
use quote::ToTokens;
use syn::{
    Expr, GenericArgument, GenericParam, Generics, Lit, Path, PathArguments, PathSegment, Type,
    UnOp,
};

use super::words::{Word, words};
use crate::signal::last_name;

/// One argument, as far as its tokens tell.
#[derive(Clone)]
pub(super) struct Argument {
    pub(super) text: String,
    pub(super) what: What,
    /// The name by which it was given, `units = 10`.
    pub(super) key: Option<String>,
}

#[derive(Clone)]
pub(super) enum What {
    /// `_`.
    Hole,
    /// A literal.
    Number(usize),
    /// Of a size that cannot be read, such as `{ 2 * N }`.
    Size,
    Negative,
    Float(f64),
    /// A tuple of numbers.
    Tuple(Vec<usize>),
    /// A tuple of pairs of numbers, each of what is before and behind an axis.
    Pairs(Vec<[usize; 2]>),
    /// `true` or `false`.
    Flag(bool),
    Text(Option<&'static Word>),
    /// A type of the crate that has a place of its own.
    Word(&'static Word),
    /// One that is spelled as in Keras.
    Misspelt(&'static Word),
    Type,
    /// A layer of the crate with its parameters.
    Layer,
    /// A name that may be a size or a type.
    Either,
    /// A name in small letters that is no parameter of the struct: if a size was meant, it is none that the compiler knows.
    Small,
}

/// The arguments of the last segment of a path.
pub(super) fn arguments(segment: &PathSegment, generics: &Generics) -> Vec<Argument> {
    match &segment.arguments {
        PathArguments::None => Vec::new(),
        PathArguments::AngleBracketed(given) => {
            given.args.iter().map(|argument| Argument::new(argument, generics)).collect()
        }
        PathArguments::Parenthesized(given) => {
            given.inputs.iter().map(|ty| Argument::plain(ty, of_type(ty, generics))).collect()
        }
    }
}

impl Argument {
    fn plain(tokens: &impl ToTokens, what: What) -> Self {
        Self { text: text(tokens).replace("<>", "()"), what, key: None }
    }

    /// Of `#[with(key = value)]`.
    pub(super) fn of_option(key: &syn::Ident, value: &Expr, generics: &Generics) -> Self {
        match value {
            Expr::Path(path) if path.path.is_ident("None") => {
                let meant = match key.to_string().as_str() {
                    "merge_mode" => "Separate",
                    _ => "Linear",
                };
                let what = words().find(|word| word.name == meant).map(What::Word);
                Self { text: meant.to_owned(), what: what.unwrap_or(What::Type), key: None }
            }
            Expr::Path(path) => Self::plain(path, of_path(&path.path, generics)),
            _ => Self { key: None, ..Self::named(key, of_expr(value), value) },
        }
    }

    fn named(key: &syn::Ident, what: What, value: &impl ToTokens) -> Self {
        let key = key.to_string();
        let what = match (what, by_name(&key)) {
            (What::Flag(on), Some(word)) => What::Word(flag(word.class, on).unwrap_or(word)),
            (What::Text(Some(word)), _) => What::Word(word),
            (what, _) => what,
        };
        Self { text: text(value), what, key: Some(key) }
    }

    pub(super) fn new(argument: &GenericArgument, generics: &Generics) -> Self {
        match argument {
            GenericArgument::Type(ty) => Self::plain(ty, of_type(ty, generics)),
            GenericArgument::Const(expr) => Self::plain(expr, of_expr(expr)),
            GenericArgument::AssocConst(given) => {
                Self::named(&given.ident, of_expr(&given.value), &given.value)
            }
            GenericArgument::AssocType(given) => {
                Self::named(&given.ident, of_type(&given.ty, generics), &given.ty)
            }
            other => Self::plain(other, What::Type),
        }
    }

    /// Whether it can be right for a parameter.
    pub(super) fn fits(&self, parameter: &Parameter) -> bool {
        self.key.is_none()
            && match (&self.what, parameter.kind) {
                (What::Hole, kind) => kind == Kind::Features,
                (What::Number(n), kind) => match kind {
                    Kind::Features | Kind::Size => *n > 0,
                    Kind::Count => true,
                    Kind::Percent => *n < 100,
                    Kind::Type(_) => false,
                },
                (What::Size, kind) => kind.is_size(),
                (What::Word(word), Kind::Type(class)) => word.is(class),
                (What::Word(_), _) => false,
                (What::Type | What::Small, kind) => !kind.is_size(),
                (What::Layer, kind) => kind == Kind::Type(Class::Layer),
                (What::Either, _) => true,
                _ => false,
            }
    }
}

/// Tokens as a person writes them.
pub(crate) fn text(tokens: &impl ToTokens) -> String {
    let text = tokens.to_token_stream().to_string();
    let text = text.replace(" :: ", "::").replace(" < ", "<").replace(" >", ">");
    text.replace(" ,", ",").replace(" ;", ";").replace("& ", "&").replace("- ", "-")
}

fn of_type(ty: &Type, generics: &Generics) -> What {
    match ty {
        Type::Infer(_) => What::Hole,
        Type::Path(ty) if ty.qself.is_none() => of_path(&ty.path, generics),
        _ => What::Type,
    }
}

fn of_path(path: &Path, generics: &Generics) -> What {
    let name = last_name(path);
    let called = path.segments.last().map(|last| &last.arguments);
    // `Relu()`, of which `slips` has made `Relu<>`.
    if let Some(PathArguments::AngleBracketed(given)) = called
        && given.args.is_empty()
        && let Some(word) = by_name(&name)
    {
        return What::Misspelt(word);
    }
    if called.is_some_and(|arguments| !arguments.is_none()) {
        let layer = is_ours(path) && known(&name).is_some();
        return if layer { What::Layer } else { What::Type };
    }
    let parameter = generics.params.iter().find_map(|parameter| match parameter {
        GenericParam::Const(of) if path.is_ident(&of.ident) => Some(What::Size),
        GenericParam::Type(of) if path.is_ident(&of.ident) => Some(What::Type),
        _ => None,
    });
    if let Some(parameter) = parameter {
        return parameter;
    }
    if let Some(word) = words().find(|word| word.name == name) {
        return if is_ours(path) { What::Word(word) } else { What::Either };
    }
    if is_ours(path) && known(&name).is_some_and(|layer| layer.required() > 0) {
        return What::Layer;
    }
    // A custom activation may have any name, but not one in small letters.
    let small = name.starts_with(char::is_lowercase);
    match by_name(&name) {
        Some(word)
            if path.get_ident().is_some()
                && (small || matches!(word.class, Class::Returns | Class::MaskIds)) =>
        {
            What::Misspelt(word)
        }
        _ if small && path.get_ident().is_some() => What::Small,
        _ => What::Either,
    }
}

/// PyTorch's attention has its features first, and then its heads, which share them.
pub(super) fn heads_of_torch(given: &mut [Argument]) {
    if let [features, heads] = given
        && let (What::Number(all), What::Number(count @ 1..)) = (&features.what, &heads.what)
        && all.is_multiple_of(*count)
    {
        let each = all / count;
        *features = heads.clone();
        *heads = Argument { text: each.to_string(), what: What::Number(each), key: None };
    }
}

/// Whether a path may be that of something of the crate: a bare name, or `kerata::Name`.
pub(super) fn is_ours(path: &Path) -> bool {
    let first = path.segments.first();
    path.segments.len() == 1
        || path.segments.len() == 2 && first.is_some_and(|first| first.ident == "kerata")
}

fn of_expr(expr: &Expr) -> What {
    match expr {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Int(number) => number.base10_parse().map_or(What::Size, What::Number),
            Lit::Float(number) => number.base10_parse().map_or(What::Type, What::Float),
            Lit::Str(text) => What::Text(by_name(&text.value())),
            Lit::Bool(flag) => What::Flag(flag.value),
            _ => What::Text(None),
        },
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => What::Negative,
        Expr::Paren(inner) => of_expr(&inner.expr),
        Expr::Array(syn::ExprArray { elems, .. }) | Expr::Tuple(syn::ExprTuple { elems, .. }) => {
            let of = || elems.iter().map(of_expr);
            if of().any(|of| matches!(of, What::Negative)) {
                return What::Negative;
            }
            let numbers = of().map(|of| match of {
                What::Number(number) => Some(number),
                _ => None,
            });
            let pairs = of().map(|of| match of {
                What::Tuple(pair) => pair.try_into().ok(),
                _ => None,
            });
            let numbers = numbers.collect::<Option<_>>().map(What::Tuple);
            numbers.or_else(|| pairs.collect::<Option<_>>().map(What::Pairs)).unwrap_or(What::Type)
        }
        Expr::Block(block) => match block.block.stmts.as_slice() {
            [syn::Stmt::Expr(inner @ (Expr::Unary(_) | Expr::Tuple(_) | Expr::Lit(_)), None)] => {
                of_expr(inner)
            }
            _ => What::Size,
        },
        _ => What::Size,
    }
}

fn by_name(name: &str) -> Option<&'static Word> {
    let name = name.replace('_', "").to_lowercase();
    words().find(|word| {
        let is = |other: &str| other.replace('_', "").to_lowercase() == name;
        is(word.name) || word.keras.iter().any(|keras| is(keras))
    })
}

/// What `true` or `false` is called.
pub(super) fn flag(class: Class, on: bool) -> Option<&'static Word> {
    let [yes, no] = class.flags()?;
    words().find(|word| word.name == if on { yes } else { no })
}
