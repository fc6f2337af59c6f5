//! Functions of Keras's in a model of branches: `x + y`, `x[:, -1]`, or what makes the mask of a layer.

use dfdx::{
    prelude::HasShape,
    tensor::{Cpu, PutTape, SplitTape, TensorFromVec},
};
use serde_json::{Map, Value};

use super::{
    super::{
        DynamicLayer,
        custom::CustomObjects,
        flow::{Flow, Flows, Numbers, Rows, as_rows},
        functions::FoundFunction,
        merge::{Merging, common, merged},
        op::{Op, Pass, one},
        places::stretched,
        words::refused,
    },
    nodes::{Argument, CallArguments, Reference},
    reshape::{Reshaping, joined, reduced},
};
use crate::{
    backend::{IntoShape, map_values, memory::filled, to_values},
    error::{Error, OrDevice},
    fields::{AnySignal, Config, snake_case},
};

/// What is done with values.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// Two numbers become one.
    Two(Merging),
    Quotient,
    /// 1 where it is so for two numbers, else 0.
    Compare(fn(f32, f32) -> bool),
    /// A function of each number, and its derivative.
    Each(fn(f32) -> f32, fn(f32, f32) -> f32),
    Activation(FoundFunction),
    /// One number everywhere.
    Fill(f32),
    /// As it is.
    Same,
    Reduce(Reduction),
    /// One behind the other.
    Join,
    Reshape(Reshaping),
}

/// What becomes of the numbers along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reduction {
    Sum,
    Mean,
    Largest,
    Smallest,
    /// 1 if one of them is not 0.
    Any,
    /// 1 if none of them is 0.
    All,
}

/// The functions by their class.
const KINDS: [(&str, Kind); 38] = [
    ("Absolute", Kind::Each(f32::abs, |x, _| if x > 0.0 { 1.0 } else { -1.0 })),
    ("Add", Kind::Two(Merging::Sum)),
    ("All", Kind::Reduce(Reduction::All)),
    ("Any", Kind::Reduce(Reduction::Any)),
    ("Cast", Kind::Same),
    ("Concatenate", Kind::Join),
    ("ConvertToTensor", Kind::Same),
    ("Divide", Kind::Quotient),
    ("Equal", Kind::Compare(|a, b| a == b)),
    ("Exp", Kind::Each(f32::exp, |_, y| y)),
    ("ExpandDims", Kind::Reshape(Reshaping::Expand)),
    ("GetItem", Kind::Reshape(Reshaping::Items)),
    ("Greater", Kind::Compare(|a, b| a > b)),
    ("GreaterEqual", Kind::Compare(|a, b| a >= b)),
    ("Less", Kind::Compare(|a, b| a < b)),
    ("LessEqual", Kind::Compare(|a, b| a <= b)),
    ("Log", Kind::Each(f32::ln, |x, _| x.recip())),
    ("LogicalAnd", Kind::Compare(|a, b| a != 0.0 && b != 0.0)),
    ("LogicalNot", Kind::Each(|x| if x == 0.0 { 1.0 } else { 0.0 }, |_, _| 0.0)),
    ("LogicalOr", Kind::Compare(|a, b| a != 0.0 || b != 0.0)),
    ("Max", Kind::Reduce(Reduction::Largest)),
    ("Maximum", Kind::Two(Merging::Largest)),
    ("Mean", Kind::Reduce(Reduction::Mean)),
    ("Min", Kind::Reduce(Reduction::Smallest)),
    ("Minimum", Kind::Two(Merging::Smallest)),
    ("Multiply", Kind::Two(Merging::Product)),
    ("Negative", Kind::Each(|x| -x, |_, _| -1.0)),
    ("NotEqual", Kind::Compare(|a, b| a != b)),
    ("OnesLike", Kind::Fill(1.0)),
    ("Reshape", Kind::Reshape(Reshaping::Sizes)),
    ("Sqrt", Kind::Each(f32::sqrt, |_, y| 0.5 / y)),
    ("Square", Kind::Each(|x| x * x, |x, _| 2.0 * x)),
    ("Squeeze", Kind::Reshape(Reshaping::Squeeze)),
    ("Subtract", Kind::Two(Merging::Difference)),
    ("Sum", Kind::Reduce(Reduction::Sum)),
    ("Transpose", Kind::Reshape(Reshaping::Order)),
    ("TrueDivide", Kind::Quotient),
    ("ZerosLike", Kind::Fill(0.0)),
];

/// Whether there is a function of this class.
pub(super) fn is_known(class: &str) -> bool {
    KINDS.iter().any(|(name, _)| *name == class)
}

/// Keras's name of the number type that a function gives.
pub(super) fn dtype(class: &str) -> &'static str {
    let flags = class.starts_with("Logical") || class.starts_with("Less");
    match class {
        "All" | "Any" | "Equal" | "Greater" | "GreaterEqual" | "NotEqual" => "bool",
        _ if flags => "bool",
        _ => "float32",
    }
}

/// A function, with the numbers that stand for tensors.
#[derive(Debug, Clone)]
pub(in crate::dynamic) struct Function {
    kind: Kind,
    /// `None` for a tensor.
    operands: Vec<Option<f32>>,
    /// What is said by name: `axis`, and so on.
    options: Map<String, Value>,
}

/// The options that do not matter, and those that some function reads.
const NAMES: [&str; 10] =
    ["axes", "axis", "dtype", "items", "keepdims", "key", "name", "newshape", "trainable", "shape"];

/// The names of arguments that are values.
const VALUES: [&str; 4] = ["x", "x1", "x2", "xs"];

/// Makes a function.
pub(in crate::dynamic) type MakeFunction =
    fn(Config, &[CallArguments<Reference>], &CustomObjects) -> Result<DynamicLayer, Error>;

impl Function {
    #[cfg_attr(not(any(debug_assertions, feature = "keras")), inline)]
    pub(in crate::dynamic) fn layer(
        mut config: Config,
        calls: &[CallArguments<Reference>],
        custom: &CustomObjects,
    ) -> Result<DynamicLayer, Error> {
        config.module.get_or_insert_with(|| "keras.src.ops.numpy".to_owned());
        let class = config.class_name.as_str();
        let known = KINDS.iter().find(|(name, _)| *name == class).map(|(_, kind)| kind.clone());
        let kind = match known {
            Some(kind) => kind,
            None => match custom.function(&snake_case(class)) {
                Ok(function) => Kind::Activation(function),
                Err(_) => {
                    let known = KINDS.iter().map(|(name, _)| (*name).to_owned()).collect();
                    let name = config.class_name;
                    return Err(Error::Unknown { what: "the function", name, known });
                }
            },
        };
        let [call] = calls else {
            return Err(refused(format!("it is called {} times, and not once", calls.len())));
        };
        let (mut operands, mut options) = (Vec::new(), config.config.clone());
        let mut behind = Vec::new();
        let named = call.kwargs.iter().filter(|(key, _)| VALUES.contains(&key.as_str()));
        for argument in call.args.iter().chain(named.map(|(_, one)| one)) {
            let tensors = argument.tensors().len();
            match argument {
                Argument::List(_) if tensors > 0 => operands.extend(vec![None; tensors]),
                Argument::Tensor(_) => operands.push(None),
                Argument::Plain(Value::Number(number))
                    if operands.len() < 2 && kind.is_of_two() =>
                {
                    operands.push(number.as_f64().map(|n| n as f32));
                }
                other => behind.push(other.to_json(&|_| Value::Null)),
            }
        }
        // What stands behind the values has no name there.
        for (key, value) in kind.positions().iter().zip(behind.drain(..)) {
            options.insert((*key).to_owned(), value);
        }
        for (key, one) in call.kwargs.iter().filter(|(key, _)| !VALUES.contains(&key.as_str())) {
            if !one.tensors().is_empty() {
                return Err(refused(format!("`{key}` of a function is no tensor here")));
            }
            options.insert(key.clone(), one.to_json(&|_| Value::Null));
        }
        let other = |(key, value): &(&String, &Value)| {
            !NAMES.contains(&key.as_str()) && !value.is_null() && **value != Value::Bool(false)
        };
        if let Some((key, _)) = options.iter().find(other) {
            return Err(refused(format!("`{key}` of a function is not known here")));
        }
        let tensors = operands.iter().filter(|one| one.is_none()).count();
        let fits = match kind {
            Kind::Join => tensors > 0 && tensors == operands.len(),
            _ if kind.is_of_two() => tensors > 0 && operands.len() == 2,
            _ => tensors == 1 && operands.len() == 1,
        };
        if !fits {
            return Err(refused("a function of other values is needed"));
        }
        Ok(DynamicLayer::of(config, Box::new(Self { kind, operands, options })))
    }

    /// The operands of two values, of one shape.
    fn two<T: Pass>(&self, x: Flows<T>) -> Result<(Rows<T>, Rows<T>, Vec<usize>), Error> {
        let signals: Vec<AnySignal> = x.iter().map(Flow::signal).collect();
        let sizes: Vec<usize> = common(&signals)?.into_iter().map(|n| n.unwrap_or(0)).collect();
        let mut tensors = x.into_iter();
        let mut next = |constant: Option<f32>| match constant {
            Some(value) => constant_rows(value, &sizes),
            None => {
                let x = tensors.next().ok_or(Error::Empty("the list of inputs"))?;
                stretched(x.numbers()?, &sizes)
            }
        };
        let a = next(self.operands.first().copied().flatten())?;
        let b = next(self.operands.get(1).copied().flatten())?;
        Ok((a, b, sizes))
    }
}

impl Kind {
    fn is_of_two(&self) -> bool {
        matches!(self, Self::Two(_) | Self::Quotient | Self::Compare(_))
    }

    /// The names of what stands behind the values.
    fn positions(&self) -> &'static [&'static str] {
        match self {
            Self::Reduce(_) => &["axis", "keepdims"],
            Self::Join | Self::Reshape(Reshaping::Expand | Reshaping::Squeeze) => &["axis"],
            Self::Reshape(Reshaping::Sizes) => &["newshape"],
            Self::Reshape(Reshaping::Order) => &["axes"],
            Self::Reshape(Reshaping::Items) => &["key"],
            Self::Same | Self::Fill(_) => &["dtype"],
            _ => &[],
        }
    }
}

fn constant_rows<T: Pass>(value: f32, sizes: &[usize]) -> Result<Rows<T>, Error> {
    let shape = as_rows(sizes)?;
    let values = filled(&[shape.0, shape.1], value)?;
    let x = Cpu::default().try_tensor_from_vec(values, shape).or_device()?;
    Ok(x.put_tape(T::default()))
}

impl Op for Function {
    fn gives(&self, arrive: &[AnySignal]) -> Result<Vec<AnySignal>, Error> {
        let needed = self.operands.iter().filter(|one| one.is_none()).count();
        if arrive.len() != needed {
            let found = arrive.len();
            return Err(refused(format!("{needed} inputs are needed here, but {found} arrive")));
        }
        let sizes = match &self.kind {
            Kind::Reduce(_) => reduced(&arrive[0], &self.options)?.1,
            Kind::Join => joined(arrive, &self.options)?.1,
            Kind::Reshape(reshaping) => reshaping.gives(&arrive[0], &self.options)?,
            _ => common(arrive)?,
        };
        Ok(vec![AnySignal::numbers(sizes)])
    }

    fn apply<T: Pass>(&self, x: Flows<T>) -> Result<Flows<T>, Error> {
        let plain = |x: Rows<T>, sizes: Vec<usize>| Ok(vec![Flow::plain(x, sizes)?]);
        match &self.kind {
            Kind::Two(merging) => {
                let (a, b, sizes) = self.two(x)?;
                return plain(merged(*merging, a, b)?, sizes);
            }
            Kind::Quotient => {
                let (a, b, sizes) = self.two(x)?;
                let b = map_values(b, f32::recip, |_, y| -y * y)?;
                return plain(merged(Merging::Product, a, b)?, sizes);
            }
            Kind::Compare(compare) => {
                let (a, b, sizes) = self.two(x)?;
                let ((a, tape), (b, more)) = (a.split_tape(), b.split_tape());
                let values = to_values(&a)?.into_iter().zip(to_values(&b)?);
                let values = values.map(|(a, b)| f32::from(u8::from(compare(a, b)))).collect();
                let y = Cpu::default().try_tensor_from_vec(values, *a.shape()).or_device()?;
                return plain(y.put_tape(tape.merge(more)), sizes);
            }
            Kind::Join => {
                let signals: Vec<AnySignal> = x.iter().map(Flow::signal).collect();
                let (axis, sizes) = joined(&signals, &self.options)?;
                let sizes: Vec<usize> = sizes.into_iter().map(|n| n.unwrap_or(0)).collect();
                let outer: usize = sizes[..axis].iter().product();
                let mut parts = Vec::new();
                for x in x {
                    let Numbers { x, sizes, .. } = x.numbers()?;
                    parts.push(x.into_shape(&(outer, sizes[axis..].iter().product()))?);
                }
                return plain(crate::backend::join_rows(parts)?, sizes);
            }
            _ => {}
        }
        let Numbers { x, sizes, .. } = one(x)?.numbers()?;
        match &self.kind {
            Kind::Each(function, slope) => plain(map_values(x, *function, *slope)?, sizes),
            Kind::Activation(function) => plain(function.apply(x)?, sizes),
            Kind::Fill(value) => {
                let (x, tape) = x.split_tape();
                let y: Rows<T> = constant_rows(*value, &sizes)?;
                let (y, more) = y.split_tape();
                drop(x);
                plain(y.put_tape(tape.merge(more)), sizes)
            }
            Kind::Reduce(reduction) => {
                let (x, sizes) = super::reshape::reduce(*reduction, x, &sizes, &self.options)?;
                plain(x, sizes)
            }
            Kind::Reshape(reshaping) => {
                let (x, sizes) = reshaping.apply(x, sizes, &self.options)?;
                plain(x, sizes)
            }
            _ => plain(x, sizes),
        }
    }

    fn is_function(&self) -> bool {
        true
    }
}
