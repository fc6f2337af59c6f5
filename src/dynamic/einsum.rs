//! Products of values whose dimensions have letters: Keras's `einsum`.

use dfdx::tensor::{Cpu, SplitTape};

use super::{
    flow::{Rows, as_rows, with_tape},
    places::{all, arranged, permuted},
    words::refused,
};
use crate::{
    backend::{ActivationKind, Backend, DenseWeights, IntoShape, WeightCache, products, row_sums},
    error::Error,
};

/// The letters of the dimensions of one or two values, and of what is made of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Equation {
    pub(super) inputs: Vec<Vec<char>>,
    pub(super) output: Vec<char>,
}

/// What stands for the first dimension of an ellipsis; the others follow it.
const ELIDED: u32 = 0xE000;

/// What stands for the first dimension of one value that the other value has more of.
const ALONE: u32 = 0xE800;

impl Equation {
    /// Reads an equation for values of so many dimensions.
    pub(super) fn read(text: &str, ranks: &[usize]) -> Result<Self, Error> {
        let wrong = |why: &str| refused(format!("the equation `{text}` {why}"));
        let text = text.replace(' ', "");
        let (inputs, output) = match text.split_once("->") {
            Some((inputs, output)) => (inputs, Some(output)),
            None => (text.as_str(), None),
        };
        let inputs: Vec<&str> = inputs.split(',').collect();
        if inputs.len() != ranks.len() || inputs.len() > 2 {
            return Err(wrong(&format!("is not one of {} values", ranks.len())));
        }
        let mut most = 0;
        let each = inputs.iter().zip(ranks).map(|(letters, &rank)| {
            let named = letters.replace("...", "");
            if !named.chars().all(|c| c.is_ascii_alphabetic()) || letters.len() > named.len() + 3 {
                return Err(wrong("has other signs than letters and one `...`"));
            }
            let elided = rank.checked_sub(named.len());
            let elided = elided.filter(|&n| n == 0 || letters.contains("..."));
            let elided = elided.ok_or_else(|| {
                wrong(&format!("has other dimensions than the {rank} of a value"))
            })?;
            most = most.max(elided);
            Ok(letters_of(letters, elided))
        });
        let inputs: Vec<Vec<char>> = each.collect::<Result<_, Error>>()?;
        let output = match output {
            Some(output) => {
                let named = output.replace("...", "");
                if !named.chars().all(|c| c.is_ascii_alphabetic()) || output.len() > named.len() + 3
                {
                    return Err(wrong("has other signs than letters and one `...`"));
                }
                letters_of(output, most)
            }
            // Those of an ellipsis, and those that stand there once, in the order of the alphabet.
            None => {
                let all: Vec<char> = inputs.concat();
                let once = |c: &char| all.iter().filter(|other| *other == c).count() == 1;
                let mut named: Vec<char> =
                    all.iter().copied().filter(|c| c.is_ascii() && once(c)).collect();
                named.sort_unstable();
                letters_of("...", most).into_iter().chain(named).collect()
            }
        };
        let all = inputs.concat();
        let twice = |(i, c): (usize, &char)| output[..i].contains(c) || !all.contains(c);
        if output.iter().enumerate().any(twice) {
            return Err(wrong("gives a dimension that no value has, or one twice"));
        }
        Ok(Self { inputs, output })
    }

    /// The products of matrices of these sizes; what stands in front of them goes along, or is stretched.
    pub(super) fn of_matrices(a: &[Option<usize>], b: &[Option<usize>]) -> Result<Self, Error> {
        let most = a.len().max(b.len());
        if a.len() < 2 || b.len() < 2 {
            return Err(refused("matrices are needed here, of two dimensions and more"));
        }
        let front = |sizes: &[Option<usize>], other: &[Option<usize>], alone: u32| {
            let letter = |(i, &size): (usize, &Option<usize>)| {
                let from_behind = sizes.len() - i;
                let beside = other.len().checked_sub(from_behind).map(|at| other[at]);
                // Of one value, which the other side has more of, the sum is that value.
                let stretched = size == Some(1) && beside.is_some_and(|size| size != Some(1));
                let first = if stretched { alone } else { ELIDED };
                char::from_u32(first + (most - from_behind) as u32)
            };
            sizes[..sizes.len() - 2].iter().enumerate().filter_map(letter).collect::<Vec<char>>()
        };
        let (mut of_a, mut of_b) = (front(a, b, ALONE), front(b, a, ALONE + 0x100));
        let given = (ELIDED..).take(most - 2).filter_map(char::from_u32);
        let output = given.chain(['i', 'k']).collect();
        of_a.extend(['i', 'j']);
        of_b.extend(['j', 'k']);
        Ok(Self { inputs: vec![of_a, of_b], output })
    }

    /// The size of each letter.
    pub(super) fn sizes(
        &self,
        of: &[&[Option<usize>]],
    ) -> Result<Vec<(char, Option<usize>)>, Error> {
        let mut known: Vec<(char, Option<usize>)> = Vec::new();
        for (letters, sizes) in self.inputs.iter().zip(of) {
            for (&letter, &size) in letters.iter().zip(*sizes) {
                match known.iter_mut().find(|(other, _)| *other == letter) {
                    None => known.push((letter, size)),
                    Some((_, found)) => match (*found, size) {
                        (Some(a), Some(b)) if a != b => {
                            let name = if letter.is_ascii() { letter } else { '.' };
                            return Err(refused(format!(
                                "`{name}` of an equation is {a} and {b} values long"
                            )));
                        }
                        (found_size, size) => *found = found_size.or(size),
                    },
                }
            }
        }
        Ok(known)
    }

    /// The sizes of what is made of these.
    pub(super) fn gives(&self, of: &[&[Option<usize>]]) -> Result<Vec<Option<usize>>, Error> {
        let known = self.sizes(of)?;
        Ok(self.output.iter().map(|&letter| size(&known, letter).flatten()).collect())
    }

    /// The values that are made of some.
    pub(super) fn apply(
        &self,
        values: Vec<(Rows, Vec<usize>)>,
        cache: &WeightCache,
    ) -> Result<Rows, Error> {
        let mut parts = Vec::new();
        for (i, ((x, sizes), letters)) in values.into_iter().zip(&self.inputs).enumerate() {
            let elsewhere = |letter: &char| {
                let others = self.inputs.iter().enumerate().filter(|(other, _)| *other != i);
                self.output.contains(letter) || others.into_iter().any(|(_, o)| o.contains(letter))
            };
            let part = diagonal(Part { x, sizes, letters: letters.clone() })?;
            parts.push(summed(part, elsewhere)?);
        }
        let last = parts.pop().ok_or(Error::Empty("the list of inputs"))?;
        let whole = match parts.pop() {
            Some(first) => product(first, last, &self.output, cache)?,
            None => last,
        };
        Ok(whole.ordered(&self.output)?.x)
    }
}

/// The size of a letter.
pub(super) fn size<S: Copy>(known: &[(char, S)], letter: char) -> Option<S> {
    known.iter().find(|(other, _)| *other == letter).map(|(_, size)| *size)
}

/// The letters of a value, of which so many dimensions have none.
fn letters_of(text: &str, elided: usize) -> Vec<char> {
    let (before, behind) = text.split_once("...").unwrap_or((text, ""));
    let more = if text.contains("...") { elided } else { 0 };
    let more = (ELIDED..).take(more).filter_map(char::from_u32);
    before.chars().chain(more).chain(behind.chars()).collect()
}

/// Values whose dimensions have letters.
struct Part {
    x: Rows,
    sizes: Vec<usize>,
    letters: Vec<char>,
}

impl Part {
    /// The same with its dimensions in this order.
    fn ordered(self, letters: &[char]) -> Result<Self, Error> {
        let place = |letter: &char| self.letters.iter().position(|other| other == letter);
        let order: Vec<usize> = letters.iter().filter_map(place).collect();
        let (x, sizes) = permuted(self.x, &self.sizes, &order)?;
        Ok(Self { x, sizes, letters: letters.to_vec() })
    }

    /// How many values there are along some dimensions.
    fn count(&self, letters: &[char]) -> usize {
        let sizes = self.letters.iter().zip(&self.sizes);
        sizes.filter(|(letter, _)| letters.contains(letter)).map(|(_, size)| size).product()
    }
}

/// Of dimensions with one letter, the values whose places are the same.
fn diagonal(part: Part) -> Result<Part, Error> {
    let Part { x, sizes, letters } = part;
    let mut once: Vec<char> = Vec::new();
    let mut along = Vec::new();
    for (along_one, &letter) in all(&sizes).into_iter().zip(&letters) {
        match once.iter().position(|&other| other == letter) {
            None => {
                once.push(letter);
                along.push(along_one);
            }
            Some(at) => along[at].go_with(&along_one),
        }
    }
    if once.len() == letters.len() {
        return Ok(Part { x, sizes, letters });
    }
    let (x, sizes) = arranged(x, along)?;
    Ok(Part { x, sizes, letters: once })
}

/// The sums along the dimensions that are not needed elsewhere.
fn summed(part: Part, needed: impl Fn(&char) -> bool) -> Result<Part, Error> {
    let (keep, rest): (Vec<char>, Vec<char>) =
        part.letters.iter().copied().partition(|letter| needed(letter));
    if rest.is_empty() {
        return Ok(part);
    }
    let (rows, along) = (part.count(&keep), part.count(&rest));
    let order: Vec<char> = keep.iter().chain(&rest).copied().collect();
    let part = part.ordered(&order)?;
    let sizes = part.sizes[..keep.len()].to_vec();
    let x = row_sums(part.x.into_shape(&(rows, along))?)?.into_shape(&as_rows(&sizes)?)?;
    Ok(Part { x, sizes, letters: keep })
}

/// Two values multiplied, and summed along the dimensions that both have and that are not given.
fn product(a: Part, b: Part, output: &[char], cache: &WeightCache) -> Result<Part, Error> {
    let both = |letter: &&char| b.letters.contains(letter);
    let shared: Vec<char> = a.letters.iter().filter(both).copied().collect();
    let (each, along): (Vec<char>, Vec<char>) =
        shared.iter().partition(|letter| output.contains(letter));
    let alone = |part: &Part| -> Vec<char> {
        part.letters.iter().filter(|letter| !shared.contains(letter)).copied().collect()
    };
    let (of_a, of_b) = (alone(&a), alone(&b));
    let (batch, inner) = (a.count(&each), a.count(&along));
    let (rows, columns) = (a.count(&of_a), b.count(&of_b));
    let letters = [&each[..], &of_a, &of_b].concat();
    let a = a.ordered(&[&each[..], &of_a, &along].concat())?;
    let mut sizes = a.sizes[..each.len() + of_a.len()].to_vec();
    let x = if each.is_empty() && inner > 0 && rows * columns > 0 {
        let b = b.ordered(&[&along[..], &of_b].concat())?;
        sizes.extend(&b.sizes[along.len()..]);
        let (kernel, more) = b.x.into_shape(&(inner, columns))?.split_tape();
        let x = with_tape(a.x.into_shape(&(rows, inner))?, more);
        let weights = DenseWeights { kernel, bias: None, cache };
        Cpu::dense(x, weights, ActivationKind::Nothing)?
    } else {
        let b = b.ordered(&[&each[..], &of_b, &along].concat())?;
        sizes.extend(&b.sizes[each.len()..each.len() + of_b.len()]);
        let a = a.x.into_shape(&(batch, rows, inner))?;
        let x = products(a, b.x.into_shape(&(batch, columns, inner))?, false)?;
        x.into_shape(&(batch * rows, columns))?
    };
    Ok(Part { x: x.into_shape(&as_rows(&sizes)?)?, sizes, letters })
}
