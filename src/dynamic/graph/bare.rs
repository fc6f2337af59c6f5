//! Which values Keras has taken the mask off before a call sees them: its attention does so to all that it is given. What
//! is called after it, in Keras's order, sees them without one.

use super::wiring::{Call, Source};

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
    // Each behind all that it needs.
    let (mut order, mut met) = (Vec::new(), vec![false; calls.len()]);
    for output in outputs {
        let mut open: Vec<(usize, usize)> = Vec::new();
        let first = output.place.checked_sub(inputs);
        let mut next = first;
        loop {
            if let Some(call) = next.take().filter(|&call| !std::mem::replace(&mut met[call], true))
            {
                open.push((call, 0));
            }
            let Some((call, at)) = open.last_mut() else { break };
            match before[*call].get(*at) {
                Some(&needed) => {
                    *at += 1;
                    next = Some(needed);
                }
                None => {
                    order.push(*call);
                    open.pop();
                }
            }
        }
    }
    let entries = calls.iter().map(|call| call.entry + 1).max().unwrap_or(0);
    let (mut of_calls, mut of_layers) = (vec![None; calls.len()], vec![0; entries]);
    let mut found = Vec::new();
    for &call in order.iter().rev() {
        let far: usize = of_calls[call].unwrap_or_else(|| {
            found.push(call);
            0
        });
        let far = far.max(of_layers[calls[call].entry]);
        of_layers[calls[call].entry] = far;
        of_calls[call] = Some(far);
        for &needed in &before[call] {
            let other = of_calls[needed].unwrap_or_else(|| {
                found.push(needed);
                0
            });
            of_calls[needed] = Some(other.max(far + 1));
        }
    }
    found.sort_by_key(|&call| std::cmp::Reverse(of_calls[call]));
    let mut turns = vec![usize::MAX; calls.len()];
    found.into_iter().enumerate().for_each(|(turn, call)| turns[call] = turn);
    turns
}
