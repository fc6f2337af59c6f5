use serde_json::{Map, Value, json};

/// How a parameter is filled: Keras's initialisers, as a config names them.
///
/// ```
/// use kerata::config::Initializer;
/// use serde_json::json;
///
/// let he = Initializer::parse(&json!("he_normal"))?;
/// assert_eq!(he, Initializer::parse(&json!({"class_name": "HeNormal", "config": {"seed": null}}))?);
/// assert_eq!(Initializer::GLOROT_UNIFORM.to_json()["class_name"], "GlorotUniform");
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Initializer {
    /// One number everywhere: `Zeros`, `Ones`, `Constant`.
    Constant(f64),
    /// Uniform between two numbers.
    Uniform(f64, f64),
    /// Normal with a mean and a standard deviation, cut at two of these if so said.
    Normal {
        /// The mean.
        mean: f64,
        /// The standard deviation.
        std: f64,
        /// Whether numbers further away than two standard deviations are drawn again.
        cut: bool,
    },
    /// A variance that depends on how many numbers go in and out of a kernel.
    Scaling {
        /// The variance times the fan.
        scale: f64,
        /// What the variance is divided by.
        fan: Fan,
        /// The distribution.
        shape: Spread,
    },
    /// Orthonormal rows or columns, times a gain.
    Orthogonal(f64),
    /// A gain on the diagonal of a matrix, zeros elsewhere.
    Identity(f64),
}

/// What [`Initializer::Scaling`] divides by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fan {
    /// How many numbers go in.
    In,
    /// How many go out.
    Out,
    /// The mean of both.
    Average,
}

/// The distribution of [`Initializer::Scaling`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// Uniform.
    Uniform,
    /// Normal, cut at two standard deviations.
    CutNormal,
    /// Normal.
    Normal,
}

/// Keras's classes that have no options but a seed.
const NAMED: [(&str, Initializer); 8] = [
    ("Zeros", Initializer::ZEROS),
    ("Ones", Initializer::ONES),
    ("GlorotUniform", Initializer::GLOROT_UNIFORM),
    ("GlorotNormal", Initializer::GLOROT_NORMAL),
    ("HeUniform", Initializer::HE_UNIFORM),
    ("HeNormal", Initializer::HE_NORMAL),
    ("LecunUniform", Initializer::LECUN_UNIFORM),
    ("LecunNormal", Initializer::LECUN_NORMAL),
];

fn is_given(config: &Map<String, Value>, key: &str) -> bool {
    config.get(key).is_some_and(|value| !value.is_null())
}

fn written(class: &str, config: Map<String, Value>) -> Value {
    json!({
        "module": "keras.initializers", "class_name": class, "config": config,
        "registered_name": null,
    })
}

/// A standard normal that is cut at 2 has this standard deviation.
pub(super) const CUT_STD: f64 = 0.879_625_661_034_239_8;

impl Initializer {
    /// `glorot_uniform`, the default of kernels.
    pub const GLOROT_UNIFORM: Self =
        Self::Scaling { scale: 1.0, fan: Fan::Average, shape: Spread::Uniform };
    /// `glorot_normal`.
    pub const GLOROT_NORMAL: Self =
        Self::Scaling { scale: 1.0, fan: Fan::Average, shape: Spread::CutNormal };
    /// `he_uniform`.
    pub const HE_UNIFORM: Self = Self::of_inputs(2.0, Spread::Uniform);
    /// `he_normal`.
    pub const HE_NORMAL: Self = Self::of_inputs(2.0, Spread::CutNormal);
    /// `lecun_uniform`.
    pub const LECUN_UNIFORM: Self = Self::of_inputs(1.0, Spread::Uniform);
    /// `lecun_normal`.
    pub const LECUN_NORMAL: Self = Self::of_inputs(1.0, Spread::CutNormal);
    /// `orthogonal`, the default of recurrent kernels.
    pub const ORTHOGONAL: Self = Self::Orthogonal(1.0);
    /// `zeros`, the default of biases.
    pub const ZEROS: Self = Self::Constant(0.0);
    /// `ones`, the default of scales.
    pub const ONES: Self = Self::Constant(1.0);
    /// `uniform`, the default of embeddings.
    pub const EMBEDDINGS: Self = Self::Uniform(-0.05, 0.05);

    /// Reads a name, `"glorot_uniform"`, or Keras's `{"class_name": .., "config": ..}`; `null` is Keras's choice
    /// for a parameter of which nothing is said.
    ///
    /// # Errors
    /// What was expected, in words.
    pub fn parse(value: &Value) -> Result<Self, String> {
        Self::read(value).map(|(how, _)| how)
    }

    /// Reads it, and completes it to what Keras 3 writes: of the same class and with the same seed.
    pub(crate) fn read(value: &Value) -> Result<(Self, Value), String> {
        let none = Map::new();
        let (class, config) = match value {
            Value::Null => return Ok((Self::GLOROT_UNIFORM, Value::Null)),
            Value::String(name) => (name.as_str(), &none),
            Value::Object(map) => (
                map.get("class_name").and_then(Value::as_str).unwrap_or_default(),
                map.get("config").and_then(Value::as_object).unwrap_or(&none),
            ),
            _ => ("", &none),
        };
        let (how, class) = Self::of_class(class, config)?;
        if let Some(key) = ["input_axes", "output_axes"].iter().find(|key| is_given(config, key)) {
            return Err(format!("`{key}` of the initializer can only be null"));
        }
        let mut whole = how.config_of(class);
        for (key, value) in &mut whole {
            // As it stands there: 2 is not made 2.0.
            if let Some(given) = config.get(key).filter(|v| v.is_number() || key == "seed") {
                *value = given.clone();
            }
        }
        Ok((how, written(class, whole)))
    }

    /// The initialiser of a name or class, and Keras's class for it.
    fn of_class(name: &str, config: &Map<String, Value>) -> Result<(Self, &'static str), String> {
        let number = |key: &str, default: f64| match config.get(key) {
            None => Ok(default),
            Some(v) => v.as_f64().ok_or_else(|| format!("`{key}` of the initializer is a number")),
        };
        let text = |key: &str, default: &'static str| {
            config.get(key).and_then(Value::as_str).unwrap_or(default).to_owned()
        };
        let key = name.chars().take(64).filter(|&c| c != '_').collect::<String>().to_lowercase();
        let key = key.strip_suffix("initializer").unwrap_or(&key);
        if let Some((class, how)) = NAMED.iter().find(|(class, _)| class.to_lowercase() == key) {
            return Ok((*how, class));
        }
        Ok(match key {
            "zero" => (Self::ZEROS, "Zeros"),
            "one" => (Self::ONES, "Ones"),
            "constant" => (Self::Constant(number("value", 0.0)?), "Constant"),
            "randomuniform" | "uniform" => {
                let (low, high) = (number("minval", -0.05)?, number("maxval", 0.05)?);
                // The random numbers want a range that can still be widened a little.
                if !(low <= high && high - low < f64::MAX / 2.0) {
                    return Err("`minval` must be at most `maxval`, and not too far from it".into());
                }
                (Self::Uniform(low, high), "RandomUniform")
            }
            "randomnormal" | "normal" | "truncatednormal" => {
                let (mean, std) = (number("mean", 0.0)?, number("stddev", 0.05)?);
                let cut = key == "truncatednormal";
                let class = if cut { "TruncatedNormal" } else { "RandomNormal" };
                (Self::Normal { mean, std, cut }, class)
            }
            "xavieruniform" => (Self::GLOROT_UNIFORM, "GlorotUniform"),
            "xaviernormal" => (Self::GLOROT_NORMAL, "GlorotNormal"),
            "variancescaling" => {
                let fan = match text("mode", "fan_in").as_str() {
                    "fan_in" => Fan::In,
                    "fan_out" => Fan::Out,
                    "fan_avg" => Fan::Average,
                    _ => return Err("`mode` is \"fan_in\", \"fan_out\" or \"fan_avg\"".into()),
                };
                let shape = match text("distribution", "truncated_normal").as_str() {
                    "uniform" => Spread::Uniform,
                    "truncated_normal" | "normal" => Spread::CutNormal,
                    "untruncated_normal" => Spread::Normal,
                    _ => return Err("an unknown `distribution` of the initializer".into()),
                };
                let scale = number("scale", 1.0)?;
                if scale <= 0.0 {
                    return Err("the `scale` of the initializer is above 0".into());
                }
                (Self::Scaling { scale, fan, shape }, "VarianceScaling")
            }
            "orthogonal" => (Self::Orthogonal(number("gain", 1.0)?), "Orthogonal"),
            "identity" => (Self::Identity(number("gain", 1.0)?), "Identity"),
            _ => return Err("the name of an initializer of Keras is needed".into()),
        })
    }

    const fn of_inputs(scale: f64, shape: Spread) -> Self {
        Self::Scaling { scale, fan: Fan::In, shape }
    }

    /// What Keras 3 writes.
    pub fn to_json(self) -> Value {
        let named = NAMED.iter().find(|(_, how)| *how == self).map(|(class, _)| *class);
        let class = named.unwrap_or(match self {
            Self::Constant(_) => "Constant",
            Self::Uniform(..) => "RandomUniform",
            Self::Normal { cut: true, .. } => "TruncatedNormal",
            Self::Normal { .. } => "RandomNormal",
            Self::Scaling { .. } => "VarianceScaling",
            Self::Orthogonal(_) => "Orthogonal",
            Self::Identity(_) => "Identity",
        });
        written(class, self.config_of(class))
    }

    /// The keys of a class that this is.
    fn config_of(self, class: &str) -> Map<String, Value> {
        let config = match self {
            Self::Constant(value) if class == "Constant" => json!({ "value": value }),
            Self::Constant(_) | Self::Identity(1.0) => json!({}),
            Self::Uniform(minval, maxval) => {
                json!({"seed": null, "minval": minval, "maxval": maxval})
            }
            Self::Normal { mean, std, .. } => json!({"seed": null, "mean": mean, "stddev": std}),
            Self::Scaling { scale, fan, shape } if class == "VarianceScaling" => json!({
                "scale": scale,
                "mode": match fan {
                    Fan::In => "fan_in",
                    Fan::Out => "fan_out",
                    Fan::Average => "fan_avg",
                },
                "distribution": match shape {
                    Spread::Uniform => "uniform",
                    Spread::CutNormal => "truncated_normal",
                    Spread::Normal => "untruncated_normal",
                },
                "seed": null, "input_axes": null, "output_axes": null,
            }),
            Self::Scaling { .. } => json!({"seed": null, "input_axes": null, "output_axes": null}),
            Self::Orthogonal(gain) => json!({"seed": null, "gain": gain}),
            Self::Identity(gain) => json!({ "gain": gain }),
        };
        match config {
            Value::Object(config) => config,
            _ => Map::new(),
        }
    }
}
