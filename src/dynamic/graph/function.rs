//! Functions of Keras's in a model of branches: `x + y`, or what makes the mask of a layer.

use dfdx::{
    prelude::HasShape,
    tensor::{Cpu, PutTape, SplitTape, TensorFromVec},
};
use serde_json::Value;

use super::{
    super::{
        DynamicLayer,
        flow::{Flow, Flows, Numbers, Rows, as_rows},
        merge::{Merging, common, merged},
        op::{Op, Pass},
        places::stretched,
        words::refused,
    },
    nodes::{Argument, CallArguments, Reference},
};
use crate::{
    backend::{map_values, to_values},
    error::{Error, OrDevice},
    fields::{AnySignal, Config},
};

/// What is calculated of numbers.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Of two values.
    Two(Merging),
    Quotient,
    /// Of each number.
    Each(fn(f32) -> f32, fn(f32, f32) -> f32),
    /// 1 where two values differ, else 0; the other way around; or where the first is less.
    Differ(fn(f32, f32) -> bool),
    /// 1 where one along the last axis is not 0.
    Any,
}

const KINDS: [(&str, Kind); 18] = [
    ("Absolute", Kind::Each(f32::abs, |x, _| if x > 0.0 { 1.0 } else { -1.0 })),
    ("Add", Kind::Two(Merging::Sum)),
    ("Any", Kind::Any),
    ("Divide", Kind::Quotient),
    ("Equal", Kind::Differ(|a, b| a == b)),
    ("Exp", Kind::Each(f32::exp, |_, y| y)),
    ("Greater", Kind::Differ(|a, b| a > b)),
    ("Less", Kind::Differ(|a, b| a < b)),
    ("Log", Kind::Each(f32::ln, |x, _| x.recip())),
    ("Maximum", Kind::Two(Merging::Largest)),
    ("Minimum", Kind::Two(Merging::Smallest)),
    ("Multiply", Kind::Two(Merging::Product)),
    ("Negative", Kind::Each(|x| -x, |_, _| -1.0)),
    ("NotEqual", Kind::Differ(|a, b| a != b)),
    ("Sqrt", Kind::Each(f32::sqrt, |_, y| 0.5 / y)),
    ("Square", Kind::Each(|x| x * x, |x, _| 2.0 * x)),
    ("Subtract", Kind::Two(Merging::Difference)),
    ("TrueDivide", Kind::Quotient),
];

/// Keras's name of the number type that a function gives.
pub(super) fn dtype(class: &str) -> &'static str {
    match class {
        "Any" | "Equal" | "Greater" | "Less" | "NotEqual" => "bool",
        _ => "float32",
    }
}

/// A function, with the numbers that stand in the place of tensors.
#[derive(Debug, Clone)]
pub(super) struct Function {
    kind: Kind,
    /// `None` for a tensor.
    operands: Vec<Option<f32>>,
    /// Whether an axis that is gone over stays, with the size 1.
    keepdims: bool,
}

impl Function {
    pub(super) fn layer(
        config: Config,
        calls: &[CallArguments<Reference>],
    ) -> Result<DynamicLayer, Error> {
        let class = config.class_name.as_str();
        let Some((_, kind)) = KINDS.iter().find(|(name, _)| *name == class) else {
            let known = KINDS.iter().map(|(name, _)| (*name).to_owned()).collect();
            return Err(Error::Unknown { what: "the function", name: config.class_name, known });
        };
        let [call] = calls else {
            return Err(refused(format!("it is called {} times, and not once", calls.len())));
        };
        let mut operands = Vec::new();
        let named = |key: &str| ["x", "x1", "x2"].contains(&key);
        let given = call.kwargs.iter().filter(|(key, _)| named(key)).map(|(_, one)| one);
        for argument in call.args.iter().chain(given) {
            operands.push(match argument {
                Argument::Tensor(_) => None,
                Argument::Plain(value) if value.is_number() => value.as_f64().map(|n| n as f32),
                _ => return Err(refused("a function of tensors and numbers is needed")),
            });
        }
        let mut options = config.config.clone();
        for (key, one) in call.kwargs.iter().filter(|(key, _)| !named(key)) {
            match one {
                Argument::Plain(value) => drop(options.insert(key.clone(), value.clone())),
                _ => return Err(refused(format!("`{key}` of a function is no tensor"))),
            }
        }
        let mut keepdims = false;
        for (key, value) in &options {
            match (key.as_str(), value) {
                ("name" | "trainable" | "dtype", _) | (_, Value::Null) => {}
                ("axis", value) if value.as_i64() == Some(-1) => {}
                ("axis", Value::Array(axes)) if axes.iter().all(|axis| axis.as_i64() == Some(-1)) => {}
                ("keepdims", Value::Bool(keep)) => keepdims = *keep,
                _ => return Err(refused(format!("`{key}` of a function can only be {}", usual(key)))),
            }
        }
        let count = match kind {
            Kind::Two(_) | Kind::Quotient | Kind::Differ(_) => 2,
            Kind::Each(..) | Kind::Any => 1,
        };
        if operands.len() != count || operands.iter().all(Option::is_some) {
            return Err(refused(format!("a function of {count} values is needed")));
        }
        Ok(DynamicLayer::of(config, Box::new(Self { kind: *kind, operands, keepdims })))
    }

    /// The operands of two values, of one shape.
    fn two<T: Pass>(&self, x: Flows<T>) -> Result<(Rows<T>, Rows<T>, Vec<usize>), Error> {
        let signals: Vec<AnySignal> = x.iter().map(Flow::signal).collect();
        let sizes: Vec<usize> = common(&signals)?.into_iter().map(|n| n.unwrap_or(0)).collect();
        let mut tensors = x.into_iter();
        let mut next = |constant: Option<f32>| match constant {
            Some(value) => {
                let shape = as_rows(&sizes)?;
                let values = crate::backend::memory::filled(&[shape.0, shape.1], value)?;
                let x = Cpu::default().try_tensor_from_vec(values, shape).or_device()?;
                Ok(x.put_tape(T::default()))
            }
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

fn usual(key: &str) -> &'static str {
    match key {
        "axis" => "-1",
        "keepdims" => "true or false",
        _ => "null",
    }
}

impl Op for Function {
    fn gives(&self, arrive: &[AnySignal]) -> Result<Vec<AnySignal>, Error> {
        let needed = self.operands.iter().filter(|one| one.is_none()).count();
        if arrive.len() != needed {
            return Err(refused(format!("{needed} inputs are needed here, but {} arrive", arrive.len())));
        }
        let mut sizes = common(arrive)?;
        if let Kind::Any = self.kind {
            match sizes.last_mut() {
                Some(last) if self.keepdims => *last = Some(1),
                _ => drop(sizes.pop()),
            }
        }
        Ok(vec![AnySignal::numbers(sizes)])
    }

    fn apply<T: Pass>(&self, x: Flows<T>) -> Result<Flows<T>, Error> {
        let plain = |x: Rows<T>, sizes: Vec<usize>| Ok(vec![Flow::plain(x, sizes)?]);
        match self.kind {
            Kind::Two(merging) => {
                let (a, b, sizes) = self.two(x)?;
                plain(merged(merging, a, b)?, sizes)
            }
            Kind::Quotient => {
                let (a, b, sizes) = self.two(x)?;
                let b = map_values(b, f32::recip, |_, y| -y * y)?;
                plain(merged(Merging::Product, a, b)?, sizes)
            }
            Kind::Each(function, slope) => {
                let Numbers { x, sizes, .. } = super::super::op::one(x)?.numbers()?;
                plain(map_values(x, function, slope)?, sizes)
            }
            Kind::Differ(differ) => {
                let (a, b, sizes) = self.two(x)?;
                let ((a, tape), (b, more)) = (a.split_tape(), b.split_tape());
                let values = to_values(&a)?.into_iter().zip(to_values(&b)?);
                let values = values.map(|(a, b)| f32::from(u8::from(differ(a, b)))).collect();
                let y = Cpu::default().try_tensor_from_vec(values, *a.shape()).or_device()?;
                plain(y.put_tape(tape.merge(more)), sizes)
            }
            Kind::Any => {
                let Numbers { x, mut sizes, .. } = super::super::op::one(x)?.numbers()?;
                let (x, tape) = x.split_tape();
                let width = x.shape().1.max(1);
                let values = to_values(&x)?;
                let any = values.chunks(width).map(|row| row.iter().any(|&value| value != 0.0));
                let values = any.map(|any| f32::from(u8::from(any))).collect();
                match sizes.last_mut() {
                    Some(last) if self.keepdims => *last = 1,
                    _ => drop(sizes.pop()),
                }
                let y = Cpu::default().try_tensor_from_vec(values, as_rows(&sizes)?).or_device()?;
                plain(y.put_tape(tape), sizes)
            }
        }
    }

    fn is_function(&self) -> bool {
        true
    }
}
