//! What the functions of Keras's calculate.

use dfdx::{
    prelude::HasShape,
    tensor::{Cpu, Merge, NoneTape, PutTape, SplitTape, TensorFromVec},
};
use serde_json::{Map, Value};

use super::{
    super::{
        custom::CustomObjects,
        einsum::Equation,
        flow::{Rows, as_rows},
        functions::FoundFunction,
        merge::by_number,
        places::{inverse, permuted, spread},
        unit::normalized,
        words::refused,
    },
    function::Function,
    numbers::{angle_slopes, back, both, each_pair, finite_slopes, flag, in_place},
    one_hot, order, parts,
    reduce::reduce,
    reshape::{axes, joined},
    table::{Kind, each},
};
use crate::{
    backend::{
        Elementwise, IntoShape, Operand, Recorder, ReluOptions, WeightCache, combine, join_rows,
        map_slices, map_values, memory::filled, running_sums, to_values,
    },
    error::{Error, OrDevice},
    fields::{AnySignal, snake_case},
};

type Options = Map<String, Value>;

/// A value and its sizes.
type Sized = (Rows, Vec<usize>);

/// Numbers that are the same in each call.
pub(super) fn constant(sizes: &[usize], values: Vec<f32>) -> Result<Rows<NoneTape>, Error> {
    Cpu::default().try_tensor_from_vec(values, as_rows(sizes)?).or_device()
}

/// The axis that a function goes along, which may be the last one.
pub(super) fn axis_of(rank: usize, options: &Options) -> Result<usize, Error> {
    match options.get("axis") {
        None | Some(Value::Null) => Ok(rank.saturating_sub(1)),
        Some(_) => match axes(options, "axis", rank)?[..] {
            [0] => Err(refused("a function along the batch is not known here")),
            [axis] => Ok(axis),
            _ => Err(refused("one axis is needed here")),
        },
    }
}

/// The axis along which values are sorted.
pub(super) fn sorted_axis(rank: usize, options: &Options) -> Result<usize, Error> {
    if options.get("axis").is_some_and(Value::is_null) || rank < 2 {
        return Err(refused("values are sorted along an axis behind the batch here"));
    }
    axis_of(rank, options)
}

/// The axes that a function goes along.
pub(super) fn axes_of(kind: &Kind, rank: usize, options: &Options) -> Result<Vec<usize>, Error> {
    if let Kind::Normalize = kind {
        if let Some(order) = options.get("order").filter(|order| order.as_f64() != Some(2.0)) {
            return Err(refused(format!("`order` {order} of a function is not known here")));
        }
        let axes = match options.get("axis") {
            None | Some(Value::Null) => vec![rank - 1],
            Some(_) => axes(options, "axis", rank)?,
        };
        if axes.contains(&0) || (1..axes.len()).any(|i| axes[..i].contains(&axes[i])) {
            return Err(refused("axes behind the batch, each once, are needed"));
        }
        return Ok(axes);
    }
    axes(options, "axis", rank)?;
    Ok(vec![axis_of(rank, options)?])
}

/// The equation of a product.
pub(super) fn equation(
    kind: &Kind,
    sizes: &[&[Option<usize>]],
    options: &Options,
) -> Result<Equation, Error> {
    if let Kind::Einsum = kind {
        let text = options.get("subscripts").and_then(Value::as_str).unwrap_or_default();
        let ranks: Vec<usize> = sizes.iter().map(|sizes| sizes.len()).collect();
        return Equation::read(text, &ranks);
    }
    match sizes {
        [a, b] => Equation::of_matrices(a, b),
        _ => Err(refused("two inputs are needed here")),
    }
}

/// Calculates a function, which gives these sizes.
pub(super) fn apply(
    function: &Function,
    mut values: Vec<Sized>,
    sizes: &[usize],
) -> Result<Rows, Error> {
    let (kind, options) = (&function.kind, &function.options);
    match kind {
        Kind::Two(_) | Kind::Compare(_) | Kind::Pair(..) | Kind::Where => {
            let each = values.into_iter().map(|(x, own)| spread(x, own, sizes));
            return of_each(kind, each.collect::<Result<_, _>>()?, as_rows(sizes)?);
        }
        Kind::Join | Kind::Stack => {
            let known = values.iter().map(|(_, sizes)| {
                AnySignal::numbers(sizes.iter().copied().map(Some).collect::<Vec<_>>())
            });
            let known: Vec<AnySignal> = known.collect();
            let axis = match kind {
                Kind::Join => joined(&known, options)?.0,
                _ => parts::stacked(&known, options)?.0,
            };
            let mut rows = Vec::new();
            for (x, own) in values {
                let outer: usize = own[..axis].iter().product();
                rows.push(x.into_shape(&(outer, own[axis..].iter().product()))?);
            }
            return join_rows(rows)?.into_shape(&as_rows(sizes)?);
        }
        Kind::Matrices | Kind::Einsum => {
            let known: Vec<Vec<Option<usize>>> =
                values.iter().map(|(_, own)| own.iter().copied().map(Some).collect()).collect();
            let known: Vec<&[Option<usize>]> = known.iter().map(Vec::as_slice).collect();
            let equation = equation(kind, &known, options)?;
            return equation.apply(values, &WeightCache::default());
        }
        _ => {}
    }
    let (x, own) = values.pop().ok_or(Error::Empty("the list of inputs"))?;
    match kind {
        Kind::Each(function, back) => map_slices(x, *function, *back),
        Kind::Clip => {
            let number = |key: &str, usual: f32| match options.get(key) {
                None | Some(Value::Null) => Ok(usual),
                Some(value) => {
                    let wrong = || refused(format!("`{key}` {value} of a function is no number"));
                    value.as_f64().map(|value| value as f32).ok_or_else(wrong)
                }
            };
            let (least, most) =
                (number("x_min", f32::NEG_INFINITY)?, number("x_max", f32::INFINITY)?);
            // NaN is no more than anything, and stays.
            let clipped = move |x: f32| {
                let x = if x < least { least } else { x };
                if x > most { most } else { x }
            };
            let slope = move |x: f32, _| f32::from(u8::from(x > least && x < most));
            map_values(x, clipped, slope)
        }
        Kind::Activation(activation) => {
            let axis = axis_of(own.len(), options)?;
            along(x, &own, axis, |x| activation.apply(x))
        }
        Kind::Fill(value) => {
            let said = options.get("fill_value").and_then(Value::as_f64).map(|value| value as f32);
            let wrong = || refused("one number is needed to fill with");
            let value = value.or(said).ok_or_else(wrong)?;
            let (_, tape) = x.split_tape();
            let y = Cpu::default().try_tensor_from_vec(filled(sizes, value)?, as_rows(sizes)?);
            Ok(y.or_device()?.put_tape(tape))
        }
        Kind::Stopped => {
            let (x, tape) = x.split_tape();
            let y = Cpu::default().try_tensor_from_vec(to_values(&x)?, *x.shape()).or_device()?;
            Ok(y.put_tape(tape))
        }
        Kind::Normalize => {
            let epsilon = options.get("epsilon").and_then(Value::as_f64).unwrap_or(1e-7);
            let axes = axes_of(kind, own.len(), options)?;
            normalized(x, &own, &axes, (1.0 / epsilon) as f32)
        }
        Kind::RunningSum => {
            let axis = axis_of(own.len(), options)?;
            along(x, &own, axis, running_sums)
        }
        Kind::Sort => along(x, &own, sorted_axis(own.len(), options)?, order::sorted),
        Kind::Order => along(x, &own, sorted_axis(own.len(), options)?, order::order),
        Kind::Reduce(reduction) => Ok(reduce(*reduction, x, &own, options)?.0),
        Kind::OneHot => one_hot::apply(x, &own, sizes, options),
        Kind::Triangle(triangle) => triangle.apply(x, &own, options),
        Kind::Blocks(blocks) => blocks.apply(x, &own, sizes, options),
        Kind::Reshape(reshaping) => {
            reshaping.apply(x, own, options)?.0.into_shape(&as_rows(sizes)?)
        }
        Kind::Arrange(arrangement) => Ok(arrangement.apply(x, &own, options)?.0),
        _ => Ok(x),
    }
}

/// The angles of points, in the order of `atan2`.
pub(in crate::dynamic) fn angles(y: Rows, x: Rows) -> Result<Rows, Error> {
    let (shape, points) = (*y.shape(), [y, x].map(Operand::plain));
    combine(points, shape, both!(f32::atan2), back!(angle_slopes))
}

/// A function of values that stand at the same places.
fn of_each(kind: &Kind, operands: Vec<Operand>, shape: (usize, usize)) -> Result<Rows, Error> {
    let missing = |_| Error::Empty("the list of inputs");
    if let Kind::Where = kind {
        let operands: [Operand; 3] = operands.try_into().map_err(missing)?;
        let chosen = |[condition, a, b]: [&[f32]; 3], y: &mut [f32]| {
            let values = condition.iter().zip(a.iter().zip(b));
            for (y, (&condition, (&a, &b))) in y.iter_mut().zip(values) {
                *y = if condition == 0.0 { b } else { a };
            }
        };
        return combine(operands, shape, chosen, |i, [condition, ..], d| {
            for (d, &condition) in d.iter_mut().zip(condition) {
                let taken = if condition == 0.0 { 2 } else { 1 };
                *d = if i == taken { *d } else { 0.0 };
            }
        });
    }
    let operands: [Operand; 2] = operands.try_into().map_err(missing)?;
    match kind {
        Kind::Compare(compare) => {
            let mut tape = Recorder::default();
            let operands = operands.map(|Operand { x, arrangement }| {
                let (x, more) = x.split_tape();
                tape = std::mem::take(&mut tape).merge(more);
                Operand { x: x.put_tape(Recorder::off()), arrangement }
            });
            // There is no gradient.
            let (y, _) = combine(operands, shape, *compare, |_, _, _| {})?.split_tape();
            Ok(y.put_tape(tape))
        }
        Kind::Pair(function, back) => combine(operands, shape, *function, *back),
        Kind::Two(merging) => by_number(*merging, operands, shape, 1.0),
        _ => Err(Error::Empty("the list of inputs")),
    }
}

/// Applies a function of rows along an axis.
fn along(
    x: Rows,
    sizes: &[usize],
    axis: usize,
    function: impl FnOnce(Rows) -> Result<Rows, Error>,
) -> Result<Rows, Error> {
    let others = (0..sizes.len()).filter(|other| *other != axis);
    let order: Vec<usize> = others.chain([axis]).collect();
    let (x, mut moved) = permuted(x, sizes, &order)?;
    let y = function(x)?;
    if let Some(last) = moved.last_mut() {
        *last = y.shape().1;
    }
    Ok(permuted(y, &moved, &inverse(&order))?.0)
}

impl Kind {
    /// A change of the number type, which may change the numbers.
    pub(super) fn cast(self, class: &str, options: &mut Options) -> Self {
        if class == "Round" && options.get("decimals") == Some(&Value::from(0)) {
            options.remove("decimals");
        }
        let dtype = options.get("dtype").and_then(Value::as_str).unwrap_or_default();
        match dtype {
            _ if class != "Cast" => self,
            "bool" => each!(|x| flag(x != 0.0), |_, _| 0.0),
            _ if dtype.contains("int") => each!(f32::trunc, |_, _| 0.0),
            _ => self,
        }
    }

    /// An activation by the class of its function, with what is said of it.
    pub(super) fn activation(
        class: &str,
        options: &mut Options,
        custom: &CustomObjects,
    ) -> Result<Self, Error> {
        let Ok(function) = custom.function(&snake_case(class)) else {
            let known = super::table::KINDS.iter().map(|(name, _)| (*name).to_owned()).collect();
            return Err(Error::Unknown { what: "the function", name: class.to_owned(), known });
        };
        let mut said = |key: &str| options.remove(key).and_then(|value| value.as_f64());
        let own = match class {
            "LeakyRelu" => said("negative_slope").map(|negative_slope| {
                ReluOptions { negative_slope, ..ReluOptions::default() }.into()
            }),
            "Elu" => said("alpha").map(Elementwise::OfElu),
            "Celu" | "HardShrink" | "SoftShrink" | "Squareplus" => {
                let (key, usual) = match class {
                    "Celu" => ("alpha", 1.0),
                    "Squareplus" => ("b", 4.0),
                    _ => ("threshold", 0.5),
                };
                if let Some(other) = said(key).filter(|&value| value != usual) {
                    return Err(refused(format!(
                        "`{key}` {other} of a function is not known here"
                    )));
                }
                None
            }
            "Gelu" if options.remove("approximate") == Some(Value::Bool(true)) => {
                return Ok(each!(OfGeluByTanh));
            }
            _ => None,
        };
        Ok(Self::Activation(FoundFunction { options: own, ..function }))
    }

    /// Whether it multiplies matrices, whose dimensions are not stretched.
    pub(super) fn is_of_matrices(&self) -> bool {
        matches!(self, Self::Matrices)
    }
}
