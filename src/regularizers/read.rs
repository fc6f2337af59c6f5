//! Regularizers and constraints from Keras's JSON.

use serde_json::{Map, Value};

use super::{
    Axes, Constraint, L1, L1L2, L2, MaxNorm, MinMaxNorm, NonNeg, OrthogonalMode,
    OrthogonalRegularizer, Regularizer, UnitNorm,
};
use crate::error::Error;

/// What a config says of a regularizer or constraint: a class, and its settings.
struct Said<'a> {
    class: &'a str,
    settings: Option<&'a Map<String, Value>>,
}

impl<'a> Said<'a> {
    /// `"l2"`, or an object of Keras 2 or 3.
    fn of(value: &'a Value) -> Option<Self> {
        match value {
            Value::String(class) => Some(Self { class, settings: None }),
            Value::Object(map) => {
                let class = map.get("class_name").and_then(Value::as_str)?;
                Some(Self { class, settings: map.get("config").and_then(Value::as_object) })
            }
            _ => None,
        }
    }

    /// A number, or its default.
    fn number(&self, key: &str, default: f64) -> Option<f64> {
        match self.settings.and_then(|settings| settings.get(key)) {
            None => Some(default),
            Some(value) => value.as_f64(),
        }
    }

    fn axis(&self) -> Option<SaidAxes> {
        let axis = |value: &Value| isize::try_from(value.as_i64()?).ok();
        Some(match self.settings.and_then(|settings| settings.get("axis")) {
            None => SaidAxes::One(0),
            Some(Value::Array(list)) => {
                SaidAxes::List(list.iter().map(axis).collect::<Option<_>>()?)
            }
            Some(value) => SaidAxes::One(axis(value)?),
        })
    }
}

/// Axes as a config writes them.
#[derive(Debug)]
enum SaidAxes {
    One(isize),
    List(Vec<isize>),
}

impl Axes for SaidAxes {
    fn as_slice(&self) -> &[isize] {
        match self {
            Self::One(axis) => axis.as_slice(),
            Self::List(axes) => axes,
        }
    }

    fn config(&self) -> Value {
        match self {
            Self::One(axis) => axis.config(),
            Self::List(axes) => axes.config(),
        }
    }
}

/// The regularizer of Keras's that a config says; one that is not known is an error where its penalty is asked for.
pub(crate) fn regularizer(value: &Value) -> Box<dyn Regularizer> {
    known_regularizer(value).unwrap_or_else(|| Box::new(NotKeras::of(value, "regularizer")))
}

fn known_regularizer(value: &Value) -> Option<Box<dyn Regularizer>> {
    let said = Said::of(value)?;
    Some(match said.class {
        "L1" | "l1" => Box::new(L1(said.number("l1", 0.01)?)),
        "L2" | "l2" => Box::new(L2(said.number("l2", 0.01)?)),
        "L1L2" | "l1_l2" => {
            Box::new(L1L2 { l1: said.number("l1", 0.0)?, l2: said.number("l2", 0.0)? })
        }
        "OrthogonalRegularizer" | "orthogonal_regularizer" => {
            let mode = said.settings.and_then(|settings| settings.get("mode"));
            let mode = match mode.map(Value::as_str) {
                None | Some(Some("rows")) => OrthogonalMode::Rows,
                Some(Some("columns")) => OrthogonalMode::Columns,
                _ => return None,
            };
            Box::new(OrthogonalRegularizer { factor: said.number("factor", 0.01)?, mode })
        }
        _ => return None,
    })
}

/// The constraint of Keras's that a config says; one that is not known is an error where it is to be applied.
pub(crate) fn constraint(value: &Value) -> Box<dyn Constraint> {
    known_constraint(value).unwrap_or_else(|| Box::new(NotKeras::of(value, "constraint")))
}

fn known_constraint(value: &Value) -> Option<Box<dyn Constraint>> {
    let said = Said::of(value)?;
    Some(match said.class {
        "NonNeg" | "non_neg" => Box::new(NonNeg),
        "MaxNorm" | "max_norm" => {
            Box::new(MaxNorm { max_value: said.number("max_value", 2.0)?, axis: said.axis()? })
        }
        "UnitNorm" | "unit_norm" => Box::new(UnitNorm { axis: said.axis()? }),
        "MinMaxNorm" | "min_max_norm" => Box::new(MinMaxNorm {
            min_value: said.number("min_value", 0.0)?,
            max_value: said.number("max_value", 1.0)?,
            rate: said.number("rate", 1.0)?,
            axis: said.axis()?,
        }),
        _ => return None,
    })
}

/// What is none of Keras's, or has settings that are not there.
#[derive(Debug)]
struct NotKeras {
    what: &'static str,
    value: String,
}

impl NotKeras {
    fn of(value: &Value, what: &'static str) -> Self {
        let mut value = value.to_string();
        if let Some((at, _)) = value.char_indices().nth(120) {
            value.truncate(at);
            value.push_str("..");
        }
        Self { what, value }
    }

    fn refused(&self) -> Error {
        let expected =
            "training needs one of Keras's; freeze the layer, or leave it out of the config";
        Error::invalid(self.what, &self.value, expected)
    }
}

impl Regularizer for NotKeras {
    fn penalty(&self, _: &[f64], _: &[usize]) -> Result<f64, Error> {
        Err(self.refused())
    }

    fn add_gradient(&self, _: &[f64], _: &[usize], _: &mut [f64]) -> Result<(), Error> {
        Err(self.refused())
    }
}

impl Constraint for NotKeras {
    fn apply(&self, _: &mut [f64], _: &[usize]) -> Result<(), Error> {
        Err(self.refused())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let regularizers: [&dyn Regularizer; 4] = [
            &L1(0.5),
            &L2(0.25),
            &L1L2 { l1: 0.1, l2: 0.2 },
            &OrthogonalRegularizer { factor: 0.3, mode: OrthogonalMode::Columns },
        ];
        for one in regularizers {
            let written = one.config().unwrap();
            assert_eq!(regularizer(&written).config(), Some(written));
        }
        let constraints: [&dyn Constraint; 6] = [
            &NonNeg,
            &MaxNorm { max_value: 3.0, axis: 1 },
            &UnitNorm { axis: -1 },
            &UnitNorm { axis: [0] },
            &MaxNorm { max_value: 3.0, axis: vec![0, 1, 2] },
            &MinMaxNorm { min_value: 0.1, max_value: 0.9, rate: 0.5, axis: 1 },
        ];
        for one in constraints {
            let written = one.config().unwrap();
            assert_eq!(constraint(&written).config(), Some(written));
        }
    }

    #[test]
    fn words_have_the_defaults_of_keras_and_others_are_refused_in_training() {
        assert_eq!(regularizer(&json!("l2")).config(), L2(0.01).config());
        assert_eq!(constraint(&json!("MaxNorm")).config(), MaxNorm::default().config());
        let mine = json!({"class_name": "Mine", "config": {}});
        let refused = regularizer(&mine).penalty(&[1.0], &[1]).unwrap_err().to_string();
        assert!(refused.contains("Mine"), "{refused}");
        for axis in [json!([0, 1]), json!([0, -1]), json!(-2), json!("0"), json!([0.5])] {
            let said = json!({"class_name": "UnitNorm", "config": {"axis": axis}});
            let refused = constraint(&said).apply(&mut [1.0], &[1]);
            assert!(matches!(refused, Err(Error::Invalid { .. })), "{said}");
        }
    }
}
