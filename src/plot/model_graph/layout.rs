//! Where the boxes and the edges of a graph go, level by level.

use crate::order::sort_places;

/// What stands on a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    /// The box of a node.
    Node(usize),
    /// What is written on an edge.
    Label(usize),
    /// An edge on its way past the boxes of a level.
    Pass(usize),
}

/// An item at its place.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    pub(super) item: Item,
    /// How much room it needs, across.
    pub(super) width: f64,
    /// Its middle, from the left.
    pub(super) x: f64,
    above: Vec<usize>,
    below: Vec<usize>,
}

/// How much room is kept between items.
const GAP: f64 = 18.0;
/// How often the levels are sorted and placed by their neighbours, down and up.
const SWEEPS: usize = 12;

/// The levels of a graph, from the top: nodes on the even ones, and what is written on the edges between. Each edge is one of
/// `edges`, from a node to one after it; `nodes` and `labels` are how wide these are.
pub(super) fn levels(nodes: &[f64], edges: &[(usize, usize)], labels: &[f64]) -> Vec<Vec<Placed>> {
    let ranks = ranks(nodes.len(), edges);
    let last = ranks.iter().max().map_or(0, |last| 2 * last);
    let mut levels: Vec<Vec<Placed>> = vec![Vec::new(); last + 1];
    let mut push = |level: usize, item, width| {
        let (above, below) = (Vec::new(), Vec::new());
        levels[level].push(Placed { item, width, x: 0.0, above, below });
        levels[level].len() - 1
    };
    let places: Vec<usize> =
        (0..nodes.len()).map(|i| push(2 * ranks[i], Item::Node(i), nodes[i])).collect();
    let mut links = Vec::new();
    for (edge, &(from, to)) in edges.iter().enumerate() {
        let (first, end) = (2 * ranks[from] + 1, 2 * ranks[to]);
        let mut before = places[from];
        for level in first..end {
            let (item, width) = match level == first {
                true => (Item::Label(edge), labels[edge]),
                false => (Item::Pass(edge), 2.0),
            };
            let here = push(level, item, width);
            links.push((level, before, here));
            before = here;
        }
        links.push((end, before, places[to]));
    }
    for (level, above, here) in links {
        levels[level][here].above.push(above);
        levels[level - 1][above].below.push(here);
    }
    sort(&mut levels);
    place(&mut levels);
    levels
}

/// How many nodes are at most above each. What nothing leads to stands right above what it leads to.
fn ranks(nodes: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut ranks = vec![0; nodes];
    // By the node that they lead to, so that what leads to a node is known before it is gone on from.
    let mut sorted = edges.to_vec();
    sorted.sort_by_key(|(_, to)| *to);
    for &(from, to) in &sorted {
        ranks[to] = ranks[to].max(ranks[from] + 1);
    }
    for node in 0..nodes {
        let begins = edges.iter().all(|(_, to)| *to != node);
        let next = edges.iter().filter(|(from, _)| *from == node).map(|(_, to)| ranks[*to]).min();
        if let (true, Some(next)) = (begins, next) {
            ranks[node] = next - 1;
        }
    }
    ranks
}

/// Puts the items of a level into the order of the middles of their neighbours, so that few edges cross.
fn sort(levels: &mut [Vec<Placed>]) {
    let mut best = (crossings(levels), levels.to_vec());
    for sweep in 0..SWEEPS {
        let down = sweep % 2 == 0;
        let order: Vec<usize> =
            if down { (1..levels.len()).collect() } else { (0..levels.len() - 1).rev().collect() };
        for level in order {
            let middle = |(i, placed): (usize, &Placed)| {
                let neighbours = if down { &placed.above } else { &placed.below };
                let sum: usize = neighbours.iter().sum();
                if neighbours.is_empty() { i as f64 } else { sum as f64 / neighbours.len() as f64 }
            };
            let keys: Vec<f64> = levels[level].iter().enumerate().map(middle).collect();
            let mut order: Vec<usize> = (0..keys.len()).collect();
            sort_places(&mut order, |a, b| keys[a].total_cmp(&keys[b]));
            reorder(levels, level, &order);
        }
        let crossings = crossings(levels);
        if crossings < best.0 {
            best = (crossings, levels.to_vec());
        }
    }
    levels.clone_from_slice(&best.1);
}

/// Puts the items of a level into another order, `order[new]` being the old place.
fn reorder(levels: &mut [Vec<Placed>], level: usize, order: &[usize]) {
    let mut place = vec![0; order.len()];
    order.iter().enumerate().for_each(|(new, &old)| place[old] = new);
    levels[level] = order.iter().map(|&old| levels[level][old].clone()).collect();
    let renamed = |list: &mut Vec<usize>| list.iter_mut().for_each(|i| *i = place[*i]);
    if level > 0 {
        levels[level - 1].iter_mut().for_each(|placed| renamed(&mut placed.below));
    }
    if let Some(next) = levels.get_mut(level + 1) {
        next.iter_mut().for_each(|placed| renamed(&mut placed.above));
    }
}

/// How often edges cross.
fn crossings(levels: &[Vec<Placed>]) -> usize {
    let mut count = 0;
    for level in levels {
        let links: Vec<(usize, usize)> = level
            .iter()
            .enumerate()
            .flat_map(|(here, placed)| placed.above.iter().map(move |&above| (here, above)))
            .collect();
        for (i, a) in links.iter().enumerate() {
            count += links[..i].iter().filter(|b| b.0 < a.0 && b.1 > a.1).count();
        }
    }
    count
}

/// Places each item as near to the middle of its neighbours as the others leave it.
fn place(levels: &mut [Vec<Placed>]) {
    for level in levels.iter_mut() {
        let wanted = vec![0.0; level.len()];
        spread(level, &wanted);
    }
    for sweep in 0..2 * SWEEPS {
        let down = sweep % 2 == 0;
        for step in 0..levels.len() {
            let level = if down { step } else { levels.len() - 1 - step };
            let mean = |neighbours: &[usize], level: Option<&Vec<Placed>>| -> Option<f64> {
                let level = level.filter(|_| !neighbours.is_empty())?;
                let sum: f64 = neighbours.iter().map(|&i| level[i].x).sum();
                Some(sum / neighbours.len() as f64)
            };
            let wanted: Vec<f64> = levels[level]
                .iter()
                .map(|placed| {
                    let above = level.checked_sub(1).and_then(|above| levels.get(above));
                    let above = mean(&placed.above, above);
                    let below = mean(&placed.below, levels.get(level + 1));
                    let (first, second) = if down { (above, below) } else { (below, above) };
                    first.or(second).unwrap_or(placed.x)
                })
                .collect();
            spread(&mut levels[level], &wanted);
        }
    }
    let left = |placed: &Placed| placed.x - placed.width / 2.0;
    let first = levels.iter().flatten().map(left).fold(f64::INFINITY, f64::min);
    levels.iter_mut().flatten().for_each(|placed| placed.x -= first);
}

/// Places the items of a level in their order and apart, with the smallest sum of squares of what they are off the wanted places:
/// neighbours that would lie on each other become a block, which stands at the mean of what its items want.
fn spread(level: &mut [Placed], wanted: &[f64]) {
    let mut offsets = Vec::with_capacity(level.len());
    let mut offset = 0.0;
    for (i, placed) in level.iter().enumerate() {
        if i > 0 {
            offset += (level[i - 1].width + placed.width) / 2.0 + GAP;
        }
        offsets.push(offset);
    }
    let mut blocks: Vec<Block> = Vec::new();
    for (placed, (wanted, offset)) in level.iter().zip(wanted.iter().zip(&offsets)) {
        // An edge that only passes is to be straight.
        let weight = if matches!(placed.item, Item::Pass(_)) { 4.0 } else { 1.0 };
        let mut block = Block { sum: weight * (wanted - offset), weight, items: 1 };
        while let Some(before) = blocks.pop_if(|before| before.mean() > block.mean()) {
            block.sum += before.sum;
            block.weight += before.weight;
            block.items += before.items;
        }
        blocks.push(block);
    }
    let starts = blocks.iter().flat_map(|block| std::iter::repeat_n(block.mean(), block.items));
    for ((placed, start), offset) in level.iter_mut().zip(starts).zip(offsets) {
        placed.x = start + offset;
    }
}

/// Items that stand side by side.
struct Block {
    sum: f64,
    weight: f64,
    items: usize,
}

impl Block {
    fn mean(&self) -> f64 {
        self.sum / self.weight
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The order of a level, by the middles of what stands there.
    fn middles(level: &[Placed]) -> Vec<f64> {
        level.iter().map(|placed| placed.x).collect()
    }

    #[test]
    fn nothing_lies_on_its_neighbour_and_chains_are_straight() {
        let chain = levels(&[100.0, 60.0, 80.0], &[(0, 1), (1, 2)], &[40.0, 120.0]);
        assert_eq!(chain.len(), 5);
        assert!(chain.iter().all(|level| (level[0].x - 60.0).abs() < 1e-6), "{chain:?}");
        // A residual connection, past two nodes.
        let branches = levels(&[90.0; 4], &[(0, 1), (1, 2), (2, 3), (0, 3)], &[70.0; 4]);
        assert_eq!(branches.iter().map(Vec::len).collect::<Vec<_>>(), [1, 2, 2, 2, 2, 2, 1]);
        for level in &branches {
            for pair in level.windows(2) {
                let apart = (pair[0].width + pair[1].width) / 2.0 + GAP;
                assert!(pair[1].x - pair[0].x >= apart - 1e-6, "{branches:?}");
            }
        }
    }

    #[test]
    fn edges_that_need_not_cross_do_not() {
        // Two chains, whose nodes are said in an order that crosses.
        let edges = [(0, 3), (1, 2), (2, 4), (3, 5)];
        let apart = levels(&[50.0; 6], &edges, &[10.0; 4]);
        assert_eq!(crossings(&apart), 0);
        assert!(middles(&apart[2]).is_sorted());
    }

    #[test]
    fn an_input_stands_above_what_takes_it() {
        // Node 1 has nothing before it and is only used by node 3.
        assert_eq!(ranks(4, &[(0, 2), (2, 3), (1, 3)]), [0, 1, 1, 2]);
    }
}
