//! A layer's config as its type, by the row of the layer in the table.

use serde_json::Value;

use super::{layer::Layer, types::Typed};
use crate::{
    table::{Class, Default, Kind, Known, Parameter, Setting},
    whole,
};

type Options = Vec<(&'static str, String)>;

/// The type of a layer that a signal of so many dimensions reaches.
///
/// # Errors
/// What of it has no form as a type.
pub(super) fn of(known: &Known, layer: &Layer<'_>, rank: usize) -> Result<Typed, String> {
    let (mut values, mut options) = (Vec::new(), Options::new());
    let mut inner = Options::new();
    for (place, parameter) in known.parameters.iter().enumerate() {
        let default = match parameter.default {
            None => String::new(),
            Some(Default::Text(text)) => text.to_owned(),
            Some(Default::Like(other)) => {
                values.get(other).map_or(String::new(), |(value, _): &(String, _)| value.clone())
            }
        };
        let value = match parameter.kind {
            Kind::Features => "_".to_owned(),
            Kind::Percent => percent(layer, parameter.key)?,
            Kind::Size | Kind::Count
                if parameter.default.is_some() && layer.get(parameter.key).is_none() =>
            {
                default.clone()
            }
            Kind::Size | Kind::Count if parameter.along => along(known, place, layer)?,
            Kind::Size | Kind::Count => layer.size(parameter.key)?,
            Kind::Type(Class::Layer) => {
                let within = layer.inner(parameter.key, rank.saturating_sub(1))?;
                let within = within.ok_or_else(|| format!("it has no `{}`", parameter.key))?;
                inner = within.options;
                within.name
            }
            Kind::Type(class) => word(class, parameter, layer, &default)?,
        };
        values.push((value, default));
    }
    setting(&Setting::All(known.settings), layer, rank, &mut options)?;
    let values: Vec<_> = values.iter().map(|(v, default)| (v.clone(), default.as_str())).collect();
    let name = Typed::with(known.name, &values).name;
    Ok(Typed { name, options: [inner, options].concat() })
}

/// A parameter that is a type.
fn word(
    class: Class,
    parameter: &Parameter,
    layer: &Layer<'_>,
    default: &str,
) -> Result<String, String> {
    if let Some([yes, no]) = class.flags() {
        let on = layer.flag(parameter.key, default == yes)?;
        return Ok(if on { yes } else { no }.to_owned());
    }
    match class {
        Class::Activation => Ok(layer.activation()?.0),
        Class::Padding => layer.padding(&["valid", "same", "causal"]),
        Class::ImagePadding => layer.padding(&["valid", "same"]),
        Class::Grouping => match layer.get(parameter.key).map(|_| layer.size(parameter.key)) {
            None => Ok(default.to_owned()),
            Some(groups) => Ok(match groups?.as_str() {
                "1" => default.to_owned(),
                groups => format!("Groups<{groups}>"),
            }),
        },
        Class::Shape => shape(layer, parameter.key),
        _ => Ok(default.to_owned()),
    }
}

/// The parameter at a place, which is that of an axis, or of all axes if no other has its key.
fn along(known: &Known, place: usize, layer: &Layer<'_>) -> Result<String, String> {
    let Parameter { key, kind, usual, .. } = known.parameters[place];
    let axes = known.class.trim_end_matches("Transpose").trim_end_matches('D');
    let axes = axes.chars().last().and_then(|axes| axes.to_digit(10)).unwrap_or(1) as usize;
    let is_other = |other: &&Parameter| other.along && other.key == key;
    let count = known.parameters.iter().filter(is_other).count();
    let nth = known.parameters[..place].iter().filter(is_other).count();
    if layer.get(key).is_none() {
        let usual = usual.map(|usual| usual.to_string());
        return usual.ok_or_else(|| format!("{}, and not {axes} sizes", layer.says(key)));
    }
    match kind {
        Kind::Count => {
            let pairs = layer.pairs(key, axes)?;
            let differ = pairs.iter().any(|[before, after]| before != after);
            if count == axes && differ {
                let why = "and not as much on either side of an axis";
                return Err(format!("{}, {why}", layer.says(key)));
            }
            Ok(pairs[nth % axes][nth / axes].to_string())
        }
        _ if count < axes => layer.same_sizes(key, axes),
        _ => Ok(layer.sizes(key, axes, None)?[nth].clone()),
    }
}

fn percent(layer: &Layer<'_>, key: &'static str) -> Result<String, String> {
    let exact = layer.number(key, 0.0)? * 100.0;
    let percent = exact.round();
    match (exact - percent).abs() <= 1e-9 && (0.0..100.0).contains(&percent) {
        true => Ok(percent.to_string()),
        false => Err(format!("its rate is {exact} percent, and no whole number below 100")),
    }
}

fn shape(layer: &Layer<'_>, key: &'static str) -> Result<String, String> {
    let list = layer.get(key).and_then(Value::as_array);
    let sizes: Option<Vec<_>> = list.and_then(|list| list.iter().map(whole).collect());
    let sizes = sizes.filter(|sizes| !sizes.is_empty() && !sizes.contains(&0));
    let sizes = sizes.ok_or_else(|| format!("{}, and not all known sizes", layer.says(key)))?;
    let sizes: Vec<String> = sizes.iter().map(|size| format!("Const<{size}>")).collect();
    let end = if sizes.len() == 1 { "," } else { "" };
    Ok(format!("({}{end})", sizes.join(", ")))
}

/// What a config says beside the parameters: the options that are not as usual.
fn setting(
    setting: &Setting,
    layer: &Layer<'_>,
    rank: usize,
    options: &mut Options,
) -> Result<(), String> {
    match *setting {
        Setting::Number(key, usual) => layer.number_option(key, usual, options),
        Setting::Flag(key, usual) => layer.flag_option(key, usual, options),
        Setting::Function(key, usual) => layer.function_option(key, usual, options),
        Setting::False(key) => layer.only(key, false),
        Setting::Null(key) => layer.only(key, Value::Null),
        Setting::Ignored(keys) => {
            layer.ignore(keys);
            Ok(())
        }
        Setting::LastAxis => layer.last_axis(rank),
        Setting::ChannelsLast => layer.channels_last(),
        Setting::Choice(key, of, words) => {
            let said = layer.text(key, "")?;
            let found = words.iter().find(|[word, _]| *word == said || said.is_empty());
            let found = found.ok_or_else(|| format!("{}, which has no type", layer.says(key)))?;
            if found != &words[0] {
                options.push((key, format!("kerata::{of}::{}", found[1])));
            }
            Ok(())
        }
        Setting::Factor(key) => factor(layer, key, "", options),
        Setting::Range(key, usual) => range(layer, key, usual, options),
        Setting::OwnFactor(key) => factor(layer, key, "kerata::WidthFactor::Own", options),
        Setting::All(all) => {
            all.iter().try_for_each(|one| self::setting(one, layer, rank, options))
        }
    }
}

/// Two numbers, if they are not as usual.
fn range(
    layer: &Layer<'_>,
    key: &'static str,
    usual: [f64; 2],
    options: &mut Options,
) -> Result<(), String> {
    let Some(said) = layer.get(key) else { return Ok(()) };
    let ends = said.as_array().map(|ends| ends.iter().map(Value::as_f64).collect::<Vec<_>>());
    match ends.as_deref() {
        Some(&[Some(lower), Some(upper)]) if [lower, upper] == usual => Ok(()),
        Some(&[Some(lower), Some(upper)]) => {
            options.push((key, format!("kerata::ValueRange::between({lower:?}, {upper:?})")));
            Ok(())
        }
        _ => Err(format!("{}, and not two numbers", layer.says(key))),
    }
}

/// A number for both directions, or the two ends.
fn factor(
    layer: &Layer<'_>,
    key: &'static str,
    around: &str,
    options: &mut Options,
) -> Result<(), String> {
    let Some(said) = layer.get(key) else { return Ok(()) };
    let ends = match said {
        Value::Array(ends) => ends.iter().map(Value::as_f64).collect(),
        one => one.as_f64().map(|end| vec![-end.abs(), end.abs()]),
    };
    let value = match ends.as_deref() {
        Some([lower, upper]) if -lower == *upper && *upper >= 0.0 => {
            format!("kerata::Factor::of({upper:?})")
        }
        Some([lower, upper]) => format!("kerata::Factor::between({lower:?}, {upper:?})"),
        _ => return Err(format!("{}, and neither a number nor two", layer.says(key))),
    };
    options.push((key, if around.is_empty() { value } else { format!("{around}({value})") }));
    Ok(())
}
