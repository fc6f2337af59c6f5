//! What travels between layers, as far as the type of a layer depends on it.

use serde_json::Value;

use crate::{Config, attends, table::destroys_masks};

/// How many dimensions a signal has, and whether it is masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flow {
    pub(crate) rank: usize,
    pub(crate) padded: bool,
}

/// What leaves a layer that is no model.
pub(crate) fn leaves(config: &Config, reach: &[Flow]) -> Flow {
    let class = config.class_name.as_str();
    let rank = reach.iter().map(|one| one.rank).max().unwrap_or(2);
    let padded = !reach.is_empty() && reach.iter().all(|one| one.padded);
    let flag = |key: &str| config.config.get(key) == Some(&Value::Bool(true));
    let inner = |rank: usize| {
        let inner = config.config.get("layer").cloned().and_then(|inner| Config::read(inner).ok());
        inner.map(|inner| leaves(&inner, &[Flow { rank, padded }]))
    };
    match class {
        "Embedding" => Flow { rank: rank + 1, padded: flag("mask_zero") },
        "LSTM" | "GRU" | "RNN" | "SimpleRNN" => match flag("return_sequences") {
            true => Flow { rank: 3, padded },
            false => Flow { rank: 2, padded: false },
        },
        "Bidirectional" => inner(rank).unwrap_or(Flow { rank, padded }),
        "TimeDistributed" => {
            let step = inner(rank.saturating_sub(1)).map_or(rank, |step| step.rank + 1);
            Flow { rank: step, padded }
        }
        "Masking" => Flow { rank, padded: true },
        "Dot" => {
            let all: usize = reach.iter().map(|one| one.rank).sum();
            Flow { rank: all.saturating_sub(3).max(2), padded: false }
        }
        "Flatten" => Flow { rank: 2, padded: false },
        "RepeatVector" => Flow { rank: 3, padded: false },
        "Reshape" => {
            let sizes = config.config.get("target_shape").and_then(Value::as_array);
            Flow { rank: 1 + sizes.map_or(0, Vec::len), padded: false }
        }
        // The mask of the query.
        _ if attends(class) => reach.first().copied().unwrap_or(Flow { rank, padded }),
        _ if class.starts_with("Global") => Flow { rank: 2, padded: false },
        _ if destroys_masks(class) => Flow { rank, padded: false },
        _ => Flow { rank, padded },
    }
}
