//! Which values Keras has taken the mask off before a call sees them: its attention does so to all that it is given. What
//! is called after it, in Keras's order, sees them without one.

use kerata_format::{Distances, distances};

use super::wiring::{Call, Source};
use crate::order::sort_places;

/// Notes in each call which of its inputs have lost their mask before it.
pub(super) fn mark(calls: &mut [Call], inputs: usize, outputs: &[Source]) {
    if calls.iter().all(|call| call.bared == 0) {
        return;
    }
    let turns = turns(calls, inputs, outputs);
    let mut bared: Vec<(Source, usize)> = Vec::new();
    for (call, &turn) in calls.iter().zip(&turns) {
        bared.extend(call.inputs[..call.bared].iter().map(|&source| (source, turn)));
    }
    for (call, turn) in calls.iter_mut().zip(turns) {
        let is_bare = |source: &Source| bared.iter().any(|(of, at)| of == source && *at < turn);
        call.bare = (0..call.inputs.len()).filter(|&i| is_bare(&call.inputs[i])).collect();
    }
}

/// When Keras runs each call: the farthest from the outputs first, and of those that are equally far in the order in which
/// it has found them. A layer is as far as the farthest of its calls.
fn turns(calls: &[Call], inputs: usize, outputs: &[Source]) -> Vec<usize> {
    let before: Vec<Vec<usize>> = calls
        .iter()
        .map(|call| {
            let sources = call.inputs.iter().chain(call.masks.iter().map(|(_, source)| source));
            sources.filter_map(|source| source.place.checked_sub(inputs)).collect()
        })
        .collect();
    let layers: Vec<usize> = calls.iter().map(|call| call.entry).collect();
    let outputs: Vec<usize> =
        outputs.iter().filter_map(|output| output.place.checked_sub(inputs)).collect();
    let Distances { mut noted, of_calls, .. } = distances(&before, &layers, &outputs);
    sort_places(&mut noted, |a, b| of_calls[b].cmp(&of_calls[a]));
    let mut turns = vec![usize::MAX; calls.len()];
    noted.into_iter().enumerate().for_each(|(turn, call)| turns[call] = turn);
    turns
}
