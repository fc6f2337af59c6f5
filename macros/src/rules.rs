//! Regularizers and constraints that are written as in Keras: `kernel_regularizer = l2(0.01)`, `"l2"`, `L2(l2=0.01)`.

use proc_macro2::Span;
use quote::ToTokens;
use syn::{Expr, ExprLit, Lit, Path, spanned::Spanned};

use crate::{literal::number, spelling::text};

/// How a rule is written.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// `NonNeg`.
    Bare,
    /// `L2(0.01)`.
    Factor,
    /// With fields that have names, or by `default`.
    Fields(&'static str),
}

struct Rule {
    name: &'static str,
    is_constraint: bool,
    form: Form,
}

const fn rule(name: &'static str, is_constraint: bool, form: Form) -> Rule {
    Rule { name, is_constraint, form }
}

const RULES: [Rule; 8] = [
    rule("L1", false, Form::Factor),
    rule("L2", false, Form::Factor),
    rule("L1L2", false, Form::Fields("L1L2 { l1: 0.01, l2: 0.01 }")),
    rule("OrthogonalRegularizer", false, Form::Fields("OrthogonalRegularizer::default()")),
    rule("NonNeg", true, Form::Bare),
    rule("MaxNorm", true, Form::Fields("MaxNorm::new(2.0)")),
    rule("UnitNorm", true, Form::Fields("UnitNorm::default()")),
    rule("MinMaxNorm", true, Form::Fields("MinMaxNorm::default()")),
];

/// What is wrong with the value of `kernel_regularizer` and the like, and where.
pub(crate) fn mistake(key: &str, value: &Expr) -> Option<(Span, String)> {
    let (weight, is_constraint) = match key.strip_suffix("_regularizer") {
        Some(weight) => (weight, false),
        None => (key.strip_suffix("_constraint")?, true),
    };
    if let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = value {
        let named = RULES.iter().find(|rule| plain(rule.name) == plain(&text.value()));
        let (what, example) = match is_constraint {
            false => ("a regularizer", "L2(0.01)".to_owned()),
            true => ("a constraint", "MaxNorm::new(2.0)".to_owned()),
        };
        let example = named
            .filter(|rule| rule.is_constraint == is_constraint)
            .map_or(example, |rule| rule.line(None));
        return Some((text.span(), format!("{what} is no string: write `{key} = {example}`")));
    }
    let path = path(value)?;
    let rule = RULES.iter().find(|rule| path.segments.iter().any(|part| part.ident == rule.name));
    if let Some(Rule { name, .. }) = rule.filter(|rule| rule.is_constraint != is_constraint) {
        let (is, belongs) = match is_constraint {
            true => ("regularizer", "constraint"),
            false => ("constraint", "regularizer"),
        };
        let span = path.segments.iter().find(|part| part.ident == name)?.ident.span();
        let text = format!("`{name}` is a {is}, no {belongs}: write `{weight}_{is} = {name}..`");
        return Some((span, text));
    }
    // One of the user's own goes by its path, `self::l2`.
    let name = path.get_ident()?.to_string();
    let rule = RULES.iter().find(|rule| plain(rule.name) == plain(&name))?;
    if rule.is_constraint != is_constraint {
        return None;
    }
    if name == rule.name && rule.is_written(value) {
        let (Form::Factor, Expr::Call(call)) = (rule.form, value) else { return None };
        let factor = &call.args[0];
        let negative = number(factor).is_some_and(|factor| factor < 0.0);
        let message = format!("a factor is at least 0: write `{key} = {name}(0.01)`");
        return negative.then(|| (factor.span(), message));
    }
    let line = rule.line(Some(value));
    let message = format!(
        "`{}` is spelled otherwise: write `{key} = {line}`",
        text(value).replace(" (", "(")
    );
    Some((value.span(), message))
}

impl Rule {
    /// Whether a value that begins with its name can be right.
    fn is_written(&self, value: &Expr) -> bool {
        match (self.form, value) {
            (Form::Bare, Expr::Path(_)) | (Form::Fields(_), Expr::Struct(_)) => true,
            (Form::Factor, Expr::Call(call)) => {
                call.args.len() == 1 && !matches!(call.args[0], Expr::Assign(_))
            }
            _ => false,
        }
    }

    /// The line to copy, with the factor that is written.
    fn line(&self, value: Option<&Expr>) -> String {
        let given = match value {
            Some(Expr::Call(call)) => call.args.first(),
            _ => None,
        };
        let given = given.map(|given| match given {
            Expr::Assign(given) => given.right.to_token_stream().to_string(),
            given => given.to_token_stream().to_string(),
        });
        match self.form {
            Form::Bare => self.name.to_owned(),
            Form::Factor => format!("{}({})", self.name, given.as_deref().unwrap_or("0.01")),
            Form::Fields(line) => line.to_owned(),
        }
    }
}

/// The path that a value begins with.
fn path(value: &Expr) -> Option<&Path> {
    match value {
        Expr::Call(call) => match &*call.func {
            Expr::Path(path) => Some(&path.path),
            _ => None,
        },
        Expr::Path(path) => Some(&path.path),
        Expr::Struct(value) => Some(&value.path),
        _ => None,
    }
}

/// `l1l2` for `l1_l2` and `L1L2`.
fn plain(name: &str) -> String {
    name.replace('_', "").to_lowercase()
}
