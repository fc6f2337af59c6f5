use dfdx::shapes::Dtype;
use kerata_kernels::{adam, curves::Curved, multiply::Multiplied};
use rand::distributions::uniform::SampleUniform;

/// The number type of a model: `f32` or `f64`.
pub trait Element:
    Dtype + num_traits::Float + SampleUniform + adam::Moved + Curved + Multiplied + std::fmt::Display
{
    /// The nearest number of this type.
    fn of(value: f64) -> Self {
        num_traits::NumCast::from(value).unwrap_or_else(Self::nan)
    }

    /// The nearest number of this type, or `None` where a finite value is beyond its range.
    ///
    /// ```
    /// use kerata::Element;
    ///
    /// assert_eq!(f32::checked(0.5), Some(0.5));
    /// assert_eq!(f32::checked(1e300), None);
    /// assert_eq!(f64::checked(1e300), Some(1e300));
    /// assert_eq!(f32::checked(f64::INFINITY), Some(f32::INFINITY));
    /// ```
    fn checked(value: f64) -> Option<Self> {
        let element = Self::of(value);
        (element.is_finite() || !value.is_finite()).then_some(element)
    }

    /// The number as an `f64`.
    fn as_f64(self) -> f64 {
        num_traits::ToPrimitive::to_f64(&self).unwrap_or(f64::NAN)
    }
}

impl Element for f32 {}
impl Element for f64 {}
