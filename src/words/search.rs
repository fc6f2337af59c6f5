use std::{cmp::Ordering, collections::BinaryHeap};

use super::WordVectors;
use crate::{backend::scan, error::Error};

/// How many products are compared at once.
const CHUNK: usize = 32;

/// Words with their similarity, the most similar first.
pub type Nearest<'a> = Vec<(&'a str, f32)>;

impl WordVectors {
    /// The cosine of the angle between the vectors of two words.
    ///
    /// # Errors
    /// [`Error::UnknownWord`].
    pub fn similarity(&self, a: &str, b: &str) -> Result<f32, Error> {
        let (a, b) = (self.id(a)?, self.id(b)?);
        let dot: f64 =
            self.unit(a).zip(self.unit(b)).map(|(x, y)| f64::from(x) * f64::from(y)).sum();
        Ok(dot.clamp(-1.0, 1.0) as f32)
    }

    /// The similarities of all pairs of some words: row `i`, column `j` is that of the words `i` and `j`.
    ///
    /// # Errors
    /// [`Error::UnknownWord`].
    ///
    /// ```
    /// use kerata::words::WordVectors;
    ///
    /// let vectors = WordVectors::read("up 0 1\ndown 0 -2\nleft -1 0".as_bytes())?;
    /// let rows = vectors.similarities(&["up", "down", "left"])?;
    /// assert_eq!(rows, [[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);
    /// # Ok::<(), kerata::Error>(())
    /// ```
    pub fn similarities(&self, words: &[&str]) -> Result<Vec<Vec<f32>>, Error> {
        words.iter().map(|a| words.iter().map(|b| self.similarity(a, b)).collect()).collect()
    }

    /// The `k` words that are most similar to a word, itself and the token for unknown words left out.
    ///
    /// It reads the table once, on all threads.
    ///
    /// # Errors
    /// [`Error::UnknownWord`].
    pub fn nearest(&self, word: &str, k: usize) -> Result<Nearest<'_>, Error> {
        Ok(self.nearest_of_all(&[word], k)?.pop().unwrap_or_default())
    }

    /// [`nearest`](WordVectors::nearest) for many words at once, in one blocked product of matrices.
    ///
    /// # Errors
    /// [`Error::UnknownWord`].
    ///
    /// ```
    /// use kerata::words::WordVectors;
    ///
    /// let vectors = WordVectors::read("king 2 1\nqueen 2 -1\nman 1 2\nwoman 1 -2".as_bytes())?;
    /// let nearest = vectors.nearest_of_all(&["king", "woman"], 1)?;
    /// assert_eq!([nearest[0][0].0, nearest[1][0].0], ["man", "queen"]);
    /// assert_eq!(vectors.nearest_to(&[0.0, -1.0], 1)?[0].0, "woman");
    /// # Ok::<(), kerata::Error>(())
    /// ```
    pub fn nearest_of_all(&self, words: &[&str], k: usize) -> Result<Vec<Nearest<'_>>, Error> {
        let ids: Vec<usize> = words.iter().map(|word| self.id(word)).collect::<Result<_, _>>()?;
        let queries: Vec<f32> = ids.iter().flat_map(|&id| self.unit(id)).collect();
        let without: Vec<Vec<usize>> = ids.iter().map(|&id| vec![id]).collect();
        self.search(&queries, &without, k)
    }

    /// The `k` words whose vectors are most similar to a vector.
    ///
    /// # Errors
    /// [`Error::Mismatch`] for a vector of another width, [`Error::NonFinite`] if a number is not finite.
    pub fn nearest_to(&self, vector: &[f32], k: usize) -> Result<Nearest<'_>, Error> {
        if vector.len() != self.width {
            return Err(Error::mismatch("the width of a vector", self.width, vector.len()));
        }
        Error::check_finite("the number", vector)?;
        let query = unit(&vector.iter().map(|&x| f64::from(x)).collect::<Vec<_>>());
        Ok(self.search(&query, &[Vec::new()], k)?.pop().unwrap_or_default())
    }

    /// The `k` words that are to `c` what `b` is to `a`: those nearest to `b - a + c`, each scaled to length 1
    /// ([Mikolov et al. 2013](https://aclanthology.org/N13-1090/)). The three words themselves are left out.
    ///
    /// # Errors
    /// [`Error::UnknownWord`].
    pub fn analogy(&self, a: &str, b: &str, c: &str, k: usize) -> Result<Nearest<'_>, Error> {
        let ids = [self.id(a)?, self.id(b)?, self.id(c)?];
        let [a, b, c] = ids.map(|id| self.unit(id));
        let sum = |((a, b), c)| f64::from(b) - f64::from(a) + f64::from(c);
        let query = unit(&a.zip(b).zip(c).map(sum).collect::<Vec<_>>());
        Ok(self.search(&query, &[ids.to_vec()], k)?.pop().unwrap_or_default())
    }

    /// The nearest words to each query, vectors of length 1, without some ids.
    fn search(
        &self,
        queries: &[f32],
        without: &[Vec<usize>],
        k: usize,
    ) -> Result<Vec<Nearest<'_>>, Error> {
        let size = self.vocabulary.size();
        if k == 0 || self.width == 0 {
            return Ok(vec![Vec::new(); without.len()]);
        }
        // Padding and the unknown token are no words. Some more are kept than are asked for, to leave these out.
        let special = 1 + usize::from(self.vocabulary.unknown().is_some());
        let more = without.iter().map(Vec::len).max().unwrap_or(0);
        let kept = k.saturating_add(special + more).min(size);
        let start = || vec![Best { heap: BinaryHeap::new(), kept }; without.len()];
        let visit = |best: &mut Vec<Best>, row, query, count, dots: &[f32]| {
            let best = &mut best[query..query + count];
            let mut least: Vec<f32> = best.iter().map(Best::least).collect();
            for (i, dots) in dots.chunks_exact(count).enumerate() {
                let (id, length) = (row + i, self.lengths[row + i]);
                for (k, dots) in dots.chunks(CHUNK).enumerate() {
                    // Nearly all are not among the best: many are told so at once.
                    let least = &mut least[k * CHUNK..];
                    let close = |(dot, least): (&f32, &f32)| *dot >= least * length;
                    if !dots.iter().zip(&*least).map(close).fold(false, |a, b| a | b) {
                        continue;
                    }
                    for (j, dot) in dots.iter().enumerate() {
                        let cosine: f32 = if length > 0.0 { dot / length } else { 0.0 };
                        let best = &mut best[k * CHUNK + j];
                        best.offer(Found { similarity: cosine.clamp(-1.0, 1.0), id });
                        least[j] = best.least();
                    }
                }
            }
        };
        let parts = scan(&self.table, self.width, queries, start, visit)?;
        let mut all = vec![Vec::new(); without.len()];
        for part in parts {
            all.iter_mut().zip(part).for_each(|(all, best)| all.extend(best.heap));
        }
        let words = |(mut found, without): (Vec<Found>, &Vec<usize>)| {
            found.sort();
            let wanted = found.iter().filter(|f| f.id >= special && !without.contains(&f.id));
            let named = wanted.filter_map(|f| Some((self.vocabulary.word(f.id)?, f.similarity)));
            named.take(k).collect()
        };
        Ok(all.into_iter().zip(without).map(words).collect())
    }
}

/// A vector scaled to length 1; zeros stay zeros.
fn unit(vector: &[f64]) -> Vec<f32> {
    let length = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
    vector.iter().map(|x| if length > 0.0 { (x / length) as f32 } else { 0.0 }).collect()
}

/// A word that was found. The better one is the smaller: the more similar, then the one with the smaller id.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Found {
    similarity: f32,
    id: usize,
}

impl Eq for Found {}

impl PartialOrd for Found {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Found {
    fn cmp(&self, other: &Self) -> Ordering {
        other.similarity.total_cmp(&self.similarity).then(self.id.cmp(&other.id))
    }
}

/// The best so far, the worst of them on top.
#[derive(Debug, Clone)]
struct Best {
    heap: BinaryHeap<Found>,
    kept: usize,
}

impl Best {
    /// What is less similar than this is not among the best. It is a little low, so that rounding does no harm.
    fn least(&self) -> f32 {
        match self.heap.peek() {
            Some(worst) if self.heap.len() == self.kept => {
                worst.similarity - 1e-6 * worst.similarity.abs()
            }
            _ => f32::MIN,
        }
    }

    fn offer(&mut self, found: Found) {
        if self.heap.len() < self.kept {
            self.heap.push(found);
        } else if let Some(mut worst) = self.heap.peek_mut()
            && found < *worst
        {
            *worst = found;
        }
    }
}
