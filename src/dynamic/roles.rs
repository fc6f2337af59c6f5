//! What reaches an attention of several heads, and which keys its queries see by that.

use std::sync::Arc;

use dfdx::tensor::NoneTape;

use super::{axes::Axes, flow::Numbers, said::Said, scores::Seen, words::refused};
use crate::{
    backend::{Visible, to_values},
    error::Error,
};

/// What a call may name.
pub(super) const VALUES: [&str; 4] = ["query", "value", "key", "attention_mask"];

/// What reaches an attention of several heads.
#[derive(Debug, Clone)]
pub(super) struct Roles<V> {
    pub(super) query: V,
    pub(super) value: V,
    pub(super) key: Option<V>,
    pub(super) mask: Option<V>,
}

impl<V> Roles<V> {
    /// What is what of what arrives. Where no call says it, the first ones are there.
    pub(super) fn of(said: &Said, list: Vec<V>) -> Result<Self, Error> {
        let found = list.len();
        let names = match said.values.as_slice() {
            [] => &VALUES[..found.min(VALUES.len())],
            said => said,
        };
        let mut all = VALUES.map(|_| None);
        for (name, one) in names.iter().zip(list) {
            if let Some(at) = VALUES.iter().position(|value| value == name) {
                all[at] = Some(one);
            }
        }
        match all {
            [Some(query), Some(value), key, mask] if names.len() == found => {
                Ok(Self { query, value, key, mask })
            }
            _ => Err(refused(format!(
                "a query and a value are needed here, and perhaps a key, but {found} inputs arrive"
            ))),
        }
    }
}

impl Roles<Numbers<NoneTape>> {
    /// Which keys each query sees, for scores of these sizes.
    pub(super) fn visible(
        &self,
        sizes: &[usize],
        axes: &Axes,
        causal: bool,
        window: Option<usize>,
    ) -> Result<Visible, Error> {
        let of_keys = [Some(&self.value), self.key.as_ref()].into_iter().flatten();
        let mut of_keys = of_keys.filter_map(|one| one.mask.as_ref());
        if axes.rank == 3 && window.is_none() && self.mask.is_none() {
            let keys = match (of_keys.next(), of_keys.next()) {
                (Some(value), Some(key)) => Some(value.and(key)?),
                (one, _) => one.cloned(),
            };
            return Ok(Visible { queries: self.query.mask.clone(), keys, causal, flags: None });
        }
        let mut seen: Vec<Seen> = self.query.mask.iter().map(Seen::of_queries).collect();
        seen.extend(of_keys.map(Seen::of_keys));
        let (queries, keys) = (self.query.sizes[1], self.value.sizes[1]);
        if causal {
            seen.push(Seen::causal(queries, keys)?);
        }
        if let Some(window) = window {
            seen.push(Seen::by_places(queries, keys, |query, key| query.abs_diff(key) < window)?);
        }
        if let Some(mask) = &self.mask {
            let keep = to_values(&mask.x)?.into_iter().map(|flag| flag != 0.0).collect();
            seen.push(Seen::new(mask.sizes.clone(), keep));
        }
        let mut seen = seen.into_iter();
        let Some(first) = seen.next() else { return Ok(Visible::default()) };
        let all = seen.try_fold(first, Seen::and)?;
        let flags = all.over(sizes, 2 * axes.along.len())?;
        Ok(Visible { flags: Some(Arc::new(flags)), ..Visible::default() })
    }
}
