//! Keras's functions by their class.

use std::f64::consts::{LN_2, LN_10, PI};

use super::{
    super::{
        functions::{FoundFunction, GATE},
        merge::Merging,
    },
    arrange::Arrangement,
    blocks::Blocks,
    numbers::*,
    reduce::Reduction,
    reshape::Reshaping,
    triangle::Triangle,
};
use crate::{
    backend::{ActivationFunction, Places},
    fields::snake_case,
};

/// What is done with values.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// Two numbers become one.
    Two(Merging),
    /// 1 where it is so for two numbers, else 0.
    Compare(Both),
    /// A function of two numbers, and the way of a gradient back.
    Pair(Both, Back),
    /// One of two numbers.
    Where,
    /// A function of each number, in its place, and the way of a gradient back through it.
    Each(fn(&mut [f32]), fn(Places<'_>)),
    /// Nothing below and above two numbers.
    Clip,
    Activation(FoundFunction),
    /// One number everywhere.
    Fill(Option<f32>),
    /// As it is.
    Same,
    /// As it is, without a gradient.
    Stopped,
    /// By which all are 1 long together.
    Normalize,
    Reduce(Reduction),
    /// What has been added up until there.
    RunningSum,
    /// One behind the other.
    Join,
    /// One behind the other, along an axis more.
    Stack,
    /// Parts, each of them an output.
    Split,
    /// Those at each place of an axis, each of them an output.
    Unstack,
    Reshape(Reshaping),
    Arrange(Arrangement),
    /// A one among zeros.
    OneHot,
    Triangle(Triangle),
    Blocks(Blocks),
    /// Each row along an axis in order.
    Sort,
    /// Where the values in order stand.
    Order,
    /// The largest values, and where they stand.
    Top,
    /// Images of another size.
    Resize,
    /// The products of matrices.
    Matrices,
    /// Products by an equation.
    Einsum,
}

impl Kind {
    /// How many values it takes; `None` for a list.
    pub(super) fn arity(&self) -> Option<usize> {
        match self {
            Self::Join | Self::Stack | Self::Einsum => None,
            Self::Where => Some(3),
            Self::Two(_) | Self::Compare(_) | Self::Pair(..) | Self::Matrices => Some(2),
            _ => Some(1),
        }
    }

    /// Whether numbers may stand for values.
    pub(super) fn takes_numbers(&self) -> bool {
        self.arity().is_some_and(|arity| arity > 1)
    }

    /// The names of what is said behind the values, in their order.
    pub(super) fn options(&self) -> &'static [&'static str] {
        match self {
            Self::Reduce(Reduction::Norm) => &["ord", "axis", "keepdims"],
            Self::Reduce(_) => &["axis", "keepdims"],
            Self::Join | Self::Stack | Self::RunningSum | Self::Activation(_) => &["axis"],
            Self::Sort | Self::Order => &["axis"],
            Self::Top => &["k", "sorted"],
            Self::Resize => &[
                "size",
                "interpolation",
                "antialias",
                "crop_to_aspect_ratio",
                "pad_to_aspect_ratio",
                "fill_mode",
                "fill_value",
                "data_format",
            ],
            Self::Split => &["indices_or_sections", "axis"],
            Self::Unstack => &["num", "axis"],
            Self::Reshape(Reshaping::Expand | Reshaping::Squeeze) => &["axis"],
            Self::Reshape(Reshaping::Sizes) => &["newshape", "shape"],
            Self::Reshape(Reshaping::Order) => &["axes"],
            Self::Reshape(Reshaping::Swap) => &["axis1", "axis2"],
            Self::Reshape(Reshaping::Move) => &["source", "destination"],
            Self::Reshape(Reshaping::Items) => &["key", "items"],
            Self::Arrange(arrangement) => arrangement.options(),
            Self::Fill(None) => &["fill_value", "dtype"],
            Self::Same | Self::Fill(_) => &["dtype"],
            Self::Clip => &["x_min", "x_max"],
            Self::Normalize => &["axis", "order", "epsilon"],
            Self::Einsum => &["subscripts"],
            Self::OneHot => &["num_classes", "axis", "dtype"],
            Self::Triangle(_) => &["k"],
            Self::Blocks(_) => &["block_size", "data_format"],
            _ => &[],
        }
    }
}

const QUOTIENT: Kind = Kind::Pair(both!(|a, b| a / b), back!(quotient_slopes));

/// A function of each value and its derivative, from the argument and the result: compiled into the loops.
macro_rules! each {
    ($function:expr, $slope:expr) => {
        Kind::Each(|values| in_place(values, $function), |places| places.add($slope))
    };
    ($curve:ident) => {
        Kind::Each(
            |values| $crate::backend::Pointwise::$curve.apply(values),
            |places| places.along($crate::backend::Pointwise::$curve),
        )
    };
}
pub(super) use each;

const NO_SLOPE: fn(f32, f32) -> f32 = |_, _| 0.0;
const NO_SLOPES: Back = |_, _, d| d.fill(0.0);

pub(super) const KINDS: &[(&str, Kind)] = &[
    ("Absolute", each!(f32::abs, |x, _| sign(x))),
    ("Add", Kind::Two(Merging::Sum)),
    ("All", Kind::Reduce(Reduction::All)),
    ("Amax", Kind::Reduce(Reduction::Largest)),
    ("Amin", Kind::Reduce(Reduction::Smallest)),
    ("Any", Kind::Reduce(Reduction::Any)),
    ("Arccos", each!(f32::acos, |x, _| -arc_slope(x))),
    (
        "Arccosh",
        each!(|x| f64::from(x).acosh() as f32, |x, _| ((x - 1.0) * (x + 1.0)).sqrt().recip()),
    ),
    ("Arcsin", each!(f32::asin, |x, _| arc_slope(x))),
    (
        "Arcsinh",
        each!(|x| f64::from(x).asinh() as f32, |x, _| f64::from(x).hypot(1.0).recip() as f32),
    ),
    ("Arctan", each!(f32::atan, |x, _| (1.0 + f64::from(x).powi(2)).recip() as f32)),
    ("Arctan2", Kind::Pair(both!(f32::atan2), back!(angle_slopes))),
    ("Arctanh", each!(f32::atanh, |x, _| ((1.0 - x) * (1.0 + x)).recip())),
    ("Argmax", Kind::Reduce(Reduction::PlaceOfLargest)),
    ("Argmin", Kind::Reduce(Reduction::PlaceOfSmallest)),
    ("Argsort", Kind::Order),
    ("Average", Kind::Reduce(Reduction::Mean)),
    ("Cast", Kind::Same),
    ("Cbrt", each!(f32::cbrt, |_, y| (3.0 * y * y).recip())),
    ("Ceil", each!(f32::ceil, NO_SLOPE)),
    ("Clip", Kind::Clip),
    ("Concatenate", Kind::Join),
    ("ConvertToTensor", Kind::Same),
    ("Copy", Kind::Same),
    ("Cos", each!(f32::cos, |x, _| -x.sin())),
    ("Cosh", each!(f32::cosh, |x, _| x.sinh())),
    ("CountNonzero", Kind::Reduce(Reduction::Count)),
    ("Cumsum", Kind::RunningSum),
    ("Deg2rad", each!(f32::to_radians, |_, _| (PI / 180.0) as f32)),
    ("DepthToSpace", Kind::Blocks(Blocks::FromChannels)),
    ("Divide", QUOTIENT),
    (
        "DivideNoNan",
        Kind::Pair(
            both!(|a, b| if b == 0.0 { 0.0 } else { a / b }),
            back!(|a, b| if b == 0.0 { [0.0; 2] } else { quotient_slopes(a, b) }),
        ),
    ),
    ("Einsum", Kind::Einsum),
    ("Equal", Kind::Compare(both!(|a, b| flag(a == b)))),
    ("Erf", each!(OfErf)),
    ("Exp", each!(OfExponential)),
    ("Exp2", each!(f32::exp2, |_, y| y * LN_2 as f32)),
    ("ExpandDims", Kind::Reshape(Reshaping::Expand)),
    ("Expm1", each!(f32::exp_m1, |x, _| x.exp())),
    ("Fabs", each!(f32::abs, |x, _| sign(x))),
    ("Flip", Kind::Arrange(Arrangement::Flip)),
    ("Floor", each!(f32::floor, NO_SLOPE)),
    ("FloorDivide", Kind::Pair(both!(whole_quotient), NO_SLOPES)),
    (
        "Fmax",
        Kind::Pair(both!(f32::max), back!(|a: f32, b: f32| taken(a > b || b.is_nan(), a == b))),
    ),
    (
        "Fmin",
        Kind::Pair(both!(f32::min), back!(|a: f32, b: f32| taken(a < b || b.is_nan(), a == b))),
    ),
    ("FullLike", Kind::Fill(None)),
    ("GetItem", Kind::Reshape(Reshaping::Items)),
    ("Greater", Kind::Compare(both!(|a, b| flag(a > b)))),
    ("GreaterEqual", Kind::Compare(both!(|a, b| flag(a >= b)))),
    (
        "Heaviside",
        Kind::Pair(
            both!(|x, half| {
                if x == 0.0 { half } else { flag(x > 0.0) + if x.is_nan() { x } else { 0.0 } }
            }),
            NO_SLOPES,
        ),
    ),
    ("Hypot", Kind::Pair(both!(f32::hypot), back!(hypot_slopes))),
    ("Isfinite", each!(|x| flag(x.is_finite()), NO_SLOPE)),
    ("Isinf", each!(|x| flag(x.is_infinite()), NO_SLOPE)),
    ("Isnan", each!(|x| flag(x.is_nan()), NO_SLOPE)),
    ("Isneginf", each!(|x| flag(x == f32::NEG_INFINITY), NO_SLOPE)),
    ("Isposinf", each!(|x| flag(x == f32::INFINITY), NO_SLOPE)),
    ("Less", Kind::Compare(both!(|a, b| flag(a < b)))),
    ("LessEqual", Kind::Compare(both!(|a, b| flag(a <= b)))),
    ("Log", each!(OfLogarithm)),
    ("Log10", each!(f32::log10, |x, _| (f64::from(x) * LN_10).recip() as f32)),
    ("Log1p", each!(OfLogarithmOfMore)),
    ("Log2", each!(f32::log2, |x, _| (f64::from(x) * LN_2).recip() as f32)),
    (
        "Logaddexp",
        Kind::Pair(
            both!(|a, b| log_add_exp(a, b, 1.0)),
            back!(|a, b| log_add_exp_slopes(a, b, 1.0)),
        ),
    ),
    (
        "Logaddexp2",
        Kind::Pair(
            both!(|a, b| log_add_exp(a, b, LN_2)),
            back!(|a, b| log_add_exp_slopes(a, b, LN_2)),
        ),
    ),
    ("LogicalAnd", Kind::Compare(both!(|a, b| flag(a != 0.0 && b != 0.0)))),
    ("LogicalNot", each!(|x| flag(x == 0.0), NO_SLOPE)),
    ("LogicalOr", Kind::Compare(both!(|a, b| flag(a != 0.0 || b != 0.0)))),
    ("LogicalXor", Kind::Compare(both!(|a, b| flag((a != 0.0) != (b != 0.0))))),
    ("Logsumexp", Kind::Reduce(Reduction::LogSumExp)),
    ("Matmul", Kind::Matrices),
    ("Max", Kind::Reduce(Reduction::Largest)),
    ("Maximum", Kind::Two(Merging::Largest)),
    ("Mean", Kind::Reduce(Reduction::Mean)),
    ("Min", Kind::Reduce(Reduction::Smallest)),
    ("Minimum", Kind::Two(Merging::Smallest)),
    ("Mod", Kind::Pair(both!(modulo), back!(|a, b| [1.0, -whole_quotient(a, b)]))),
    ("Moveaxis", Kind::Reshape(Reshaping::Move)),
    ("Multiply", Kind::Two(Merging::Product)),
    ("Negative", each!(|x| -x, |_, _| -1.0)),
    ("Norm", Kind::Reduce(Reduction::Norm)),
    ("Normalize", Kind::Normalize),
    ("NotEqual", Kind::Compare(both!(|a, b| flag(a != b)))),
    ("OneHot", Kind::OneHot),
    ("OnesLike", Kind::Fill(Some(1.0))),
    ("Pad", Kind::Arrange(Arrangement::Pad)),
    ("Power", Kind::Pair(both!(power), back!(power_slopes))),
    ("Prod", Kind::Reduce(Reduction::Product)),
    ("Rad2deg", each!(f32::to_degrees, |_, _| (180.0 / PI) as f32)),
    ("Reciprocal", each!(f32::recip, |_, y| -y * y)),
    ("Repeat", Kind::Arrange(Arrangement::Repeat)),
    ("Reshape", Kind::Reshape(Reshaping::Sizes)),
    ("Resize", Kind::Resize),
    ("Roll", Kind::Arrange(Arrangement::Roll)),
    ("Round", each!(rounded, NO_SLOPE)),
    ("Rsqrt", each!(|x| x.sqrt().recip(), |x, y| -0.5 * y / x)),
    ("Sign", each!(sign, NO_SLOPE)),
    ("Sin", each!(f32::sin, |x, _| x.cos())),
    ("Sinc", each!(sinc, sinc_slope)),
    ("Sinh", each!(f32::sinh, |x, _| x.cosh())),
    ("Sort", Kind::Sort),
    ("SpaceToDepth", Kind::Blocks(Blocks::ToChannels)),
    ("Split", Kind::Split),
    ("Sqrt", each!(f32::sqrt, |_, y| 0.5 / y)),
    ("Square", each!(|x| x * x, |x, _| 2.0 * x)),
    ("Squeeze", Kind::Reshape(Reshaping::Squeeze)),
    ("Stack", Kind::Stack),
    ("Std", Kind::Reduce(Reduction::Deviation)),
    ("StopGradient", Kind::Stopped),
    ("Subtract", Kind::Two(Merging::Difference)),
    ("Sum", Kind::Reduce(Reduction::Sum)),
    ("Swapaxes", Kind::Reshape(Reshaping::Swap)),
    ("Take", Kind::Arrange(Arrangement::Take)),
    ("Tan", each!(f32::tan, |_, y| 1.0 + y * y)),
    ("Tile", Kind::Arrange(Arrangement::Tile)),
    ("TopK", Kind::Top),
    ("Transpose", Kind::Reshape(Reshaping::Order)),
    ("Tril", Kind::Triangle(Triangle::Lower)),
    ("Triu", Kind::Triangle(Triangle::Upper)),
    ("TrueDivide", QUOTIENT),
    ("Trunc", each!(f32::trunc, NO_SLOPE)),
    ("Unstack", Kind::Unstack),
    ("Var", Kind::Reduce(Reduction::Variance)),
    ("Where", Kind::Where),
    ("ZerosLike", Kind::Fill(Some(0.0))),
];

/// Whether there is a function of this class.
pub(super) fn is_known(class: &str) -> bool {
    let name = snake_case(class);
    KINDS.iter().any(|(name, _)| *name == class)
        || name == GATE
        || ActivationFunction::named(&name).is_some()
}

/// Where Keras keeps a function.
pub(super) fn module(class: &str) -> &'static str {
    match class {
        "Cast" | "StopGradient" | "Unstack" => "keras.src.ops.core",
        "Erf" | "Logsumexp" | "Rsqrt" | "TopK" => "keras.src.ops.math",
        "Resize" => "keras.src.ops.image",
        "Norm" => "keras.src.ops.linalg",
        "Tanh" => "keras.src.ops.numpy",
        "DepthToSpace" | "Normalize" | "OneHot" | "SpaceToDepth" => "keras.src.ops.nn",
        _ if KINDS.iter().any(|(name, _)| *name == class) => "keras.src.ops.numpy",
        _ => "keras.src.ops.nn",
    }
}

/// Keras's name of the number type that a function gives.
pub(super) fn dtype(class: &str) -> &'static str {
    match class {
        "All" | "Any" | "Equal" | "Greater" | "GreaterEqual" | "NotEqual" => "bool",
        "Argmax" | "Argmin" | "Argsort" | "CountNonzero" => "int32",
        _ if ["Logical", "Less", "Is"].iter().any(|start| class.starts_with(start)) => "bool",
        _ => "float32",
    }
}
