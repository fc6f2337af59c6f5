//! Numbers as the buckets that they fall into: Keras's `Discretization`.

use serde_json::Value;

use super::{
    categories::Categories,
    flow::{Flow, Numbers},
    op::OneToOne,
    options::Options,
    words::{self, refused},
};
use crate::{
    backend::{memory::filled, parallel, to_values},
    error::Error,
    fields::{AnySignal, SignalKind},
};

/// How many values are a job.
const JOB: usize = 8 << 10;

/// The number of the bucket for each value, counted from 0, or vectors of these.
#[derive(Debug, Clone)]
pub(crate) struct Buckets {
    /// Where each bucket but the first begins, in order.
    boundaries: Vec<f32>,
    vectors: Option<Categories>,
}

impl Buckets {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let value = options.value("bin_boundaries");
        let number = |one: &Value| one.as_f64().map(|one| one as f32).filter(|one| !one.is_nan());
        let boundaries: Option<Vec<f32>> =
            value.as_array().and_then(|list| list.iter().map(number).collect());
        let needed = || {
            let expected =
                "numbers in order are needed: those that were given, or that `adapt` found";
            options.misfit("bin_boundaries", expected, value)
        };
        let boundaries = boundaries.filter(|list| list.is_sorted()).ok_or_else(needed)?;
        let mode = options.config.config.get("output_mode").and_then(Value::as_str);
        let vectors = match mode {
            Some("int") => None,
            _ => Some(Categories::of(boundaries.len() + 1, options)?),
        };
        Ok(Self { boundaries, vectors })
    }

    fn bucket(&self, value: f32) -> usize {
        // What is no number is sorted behind all.
        self.boundaries.partition_point(|&boundary| value.is_nan() || boundary <= value)
    }
}

impl OneToOne for Buckets {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        words::numbers(arrives)?;
        let Some(vectors) = &self.vectors else {
            return Ok(AnySignal { kind: SignalKind::Tokens, sizes: arrives.sizes.clone() });
        };
        if arrives.rank() > 2 {
            let needed = "one vector per sample is needed to encode the buckets of its values";
            return Err(refused(format!("{needed}, but `{arrives}` arrives")));
        }
        Ok(AnySignal::numbers(vectors.sizes(arrives.sizes.clone())))
    }

    /// No gradient goes through it.
    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        let (x, tape) = x.split_tape();
        let Numbers { x, sizes, .. } = x.numbers()?;
        let (values, mut ids) = (to_values(&x)?, filled(&sizes, 0)?);
        let jobs = ids.chunks_mut(JOB).zip(values.chunks(JOB)).collect();
        parallel(jobs, |(ids, values): (&mut [usize], &[f32])| {
            ids.iter_mut().zip(values).for_each(|(id, &value)| *id = self.bucket(value));
        });
        match &self.vectors {
            Some(vectors) => vectors.encoded(sizes, &ids, tape),
            None => Ok(Flow::Tokens { sizes, ids, tape }),
        }
    }
}
