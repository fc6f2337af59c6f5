use serde_json::{Value, json};

use super::Regularizer;
use crate::error::Error;

/// `l1 * sum(|w|)`.
///
/// Keras: [`L1`](https://keras.io/api/layers/regularizers/#l1-class), whose default is 0.01.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct L1(pub f64);

/// `l2 * sum(w^2)`.
///
/// Keras: [`L2`](https://keras.io/api/layers/regularizers/#l2-class), whose default is 0.01.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct L2(pub f64);

/// `l1 * sum(|w|) + l2 * sum(w^2)`.
///
/// Keras: [`L1L2`](https://keras.io/api/layers/regularizers/#l1l2-class).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct L1L2 {
    /// The factor of the sum of magnitudes. Default 0.
    pub l1: f64,
    /// The factor of the sum of squares. Default 0.
    pub l2: f64,
}

impl L1L2 {
    fn check(self) -> Result<Self, Error> {
        for (name, factor) in [("l1", self.l1), ("l2", self.l2)] {
            if !(factor >= 0.0 && factor.is_finite()) {
                return Err(Error::invalid(name, factor, "it must be finite, and not negative"));
            }
        }
        Ok(self)
    }
}

impl Regularizer for L1L2 {
    fn penalty(&self, weight: &[f64], _: &[usize]) -> Result<f64, Error> {
        let Self { l1, l2 } = self.check()?;
        let sum = |of: fn(&f64) -> f64| weight.iter().map(of).sum::<f64>();
        Ok(l1 * sum(|w| w.abs()) + l2 * sum(|w| w * w))
    }

    fn add_gradient(&self, weight: &[f64], _: &[usize], gradient: &mut [f64]) -> Result<(), Error> {
        let Self { l1, l2 } = self.check()?;
        for (g, w) in gradient.iter_mut().zip(weight) {
            // At 0 the magnitude has none.
            let sign = if *w == 0.0 { 0.0 } else { w.signum() };
            *g += l1 * sign + 2.0 * l2 * w;
        }
        Ok(())
    }

    fn is_sum(&self) -> bool {
        true
    }

    fn config(&self) -> Option<Value> {
        Some(object("L1L2", json!({ "l1": self.l1, "l2": self.l2 })))
    }
}

macro_rules! one_factor {
    ($($name:ident $key:ident;)*) => {$(
        impl Regularizer for $name {
            fn penalty(&self, weight: &[f64], sizes: &[usize]) -> Result<f64, Error> {
                L1L2 { $key: self.0, ..L1L2::default() }.penalty(weight, sizes)
            }

            fn add_gradient(
                &self,
                weight: &[f64],
                sizes: &[usize],
                gradient: &mut [f64],
            ) -> Result<(), Error> {
                L1L2 { $key: self.0, ..L1L2::default() }.add_gradient(weight, sizes, gradient)
            }

            fn is_sum(&self) -> bool {
                true
            }

            fn config(&self) -> Option<Value> {
                Some(object(stringify!($name), json!({ stringify!($key): self.0 })))
            }
        }
    )*};
}
one_factor! {
    L1 l1;
    L2 l2;
}

/// An object in Keras's JSON.
pub(super) fn object(class: &str, config: Value) -> Value {
    json!({
        "module": "keras.regularizers", "class_name": class, "config": config,
        "registered_name": null,
    })
}
