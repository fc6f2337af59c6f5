//! Connectionist temporal classification: sequences of labels without a label for each step.

use dfdx::{
    prelude::{HasShape, ReshapeTo, TryAdd},
    shapes::Const,
    tensor::{NoneTape, PutTape, SplitTape, Tape, Tensor},
};

use super::{Loss, Prediction, PredictionRows};
use crate::{
    backend::{Backend, Element, memory::filled, to_values, zeros_after},
    error::{Error, OrDevice},
    shape::Dim,
    signal::{Ids, Masked, NO_LABEL, Signal},
};

/// Connectionist temporal classification ([Graves et al. 2006](https://www.cs.toronto.edu/~graves/icml_2006.pdf)): what is heard or read
/// in a sequence of steps, where nothing says which label is at which step. It is `-ln` of the probability of all ways to say the labels
/// of a sample in order, each for one or more steps, with blanks in between: the blank is class 0, and must be between two equal
/// labels.
///
/// The prediction are logits of a vector for each step. Of a masked one the steps that the mask leaves out are as if they were not there.
/// The labels are padded by 0 at their end. There is one loss for each sample, which its weight is of.
///
/// Labels that no way leads to in so few steps have a loss of about 100,000, as in Keras, and no useful gradient.
///
/// Keras: [`CTC`](https://keras.io/api/losses/), which knows no mask: its `ops.ctc_loss` has lengths.
///
/// # Shapes
/// - prediction `(Batch, Length, Classes)`, masked or not
/// - target `Ids<(Batch, Labels)>`, `Labels` being whatever is long enough
///
/// # Errors
/// [`Error::LabelOutOfRange`] for a label that is no class, [`Error::Invalid`] for a label behind a 0, [`Error::Mismatch`] for labels of
/// another number of samples, and for weights of each step.
///
/// ```
/// use kerata::{*, prelude::*, loss::Ctc};
///
/// let dev = Cpu::default();
/// // Three steps of a blank and two classes, all equally probable.
/// let logits = dev.tensor([[[0.0_f32; 3]; 3]]);
/// let labels = dev.tensor([[1_usize, 2]]);
/// // 112, 122, 12_, 1_2 and _12 say it, of the 27 sequences that there are.
/// let loss = Ctc.compute(logits, labels)?;
/// assert!((loss.array() + (5.0_f32 / 27.0).ln()).abs() < 1e-6);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ctc;

/// Labels of a sequence that [`Ctc`] takes for the prediction `P`: any number of them for each sample.
#[diagnostic::on_unimplemented(
    message = "the labels `{Self}` are none for `Ctc` and the prediction `{P}`",
    label = "labels and prediction do not fit",
    note = "`Ctc` takes logits `(Batch, Length, Classes)`, masked or not, and labels `Ids<(Batch, Labels)>`, padded by 0, which is the blank"
)]
pub trait LabelSequence<P: Prediction>: Signal {
    /// The labels of each sample behind one another, and how many samples and labels of each there are.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn sequences<E: Element, D: Backend<E>>(
        y: &Self::Data<E, D, NoneTape>,
    ) -> Result<(Vec<usize>, [usize; 2]), Error>;
}

macro_rules! label_sequences {
    ($prediction:ty) => {
        #[diagnostic::do_not_recommend]
        impl<B: Dim, C: Dim, L: Dim, N: Dim, const V: usize> LabelSequence<$prediction>
            for Ids<(C, N)>
        where
            $prediction: Prediction,
        {
            fn sequences<E: Element, D: Backend<E>>(
                y: &Tensor<(C, N), usize, D>,
            ) -> Result<(Vec<usize>, [usize; 2]), Error> {
                let (samples, labels) = *y.shape();
                Ok((to_values(y)?, [samples.size(), labels.size()]))
            }
        }
    };
}
label_sequences!((B, L, Const<V>));
label_sequences!(Masked<(B, L, Const<V>)>);

#[diagnostic::do_not_recommend]
impl<P, Y, E, D> Loss<P, Y, E, D> for Ctc
where
    P: Prediction,
    Y: LabelSequence<P>,
    E: Element,
    D: Backend<E>,
{
    fn name(&self) -> &'static str {
        "ctc"
    }

    fn per_position<T: Tape<E, D>>(
        &self,
        prediction: PredictionRows<E, D, T>,
        target: &Y::Data<E, D, NoneTape>,
    ) -> Result<Tensor<(usize,), E, D, T>, Error> {
        // The rows alone do not say which step they are of; the labels say how many samples there are.
        let (positions, (_, [samples, _])) = (prediction.shape().0, Y::sequences::<E, D>(target)?);
        if samples == 0 || !positions.is_multiple_of(samples) {
            let steps = "as many for each sample";
            return Err(Error::mismatch("the steps of all samples", steps, positions));
        }
        let sizes = [samples, positions / samples];
        Loss::<P, Y, E, D>::per_batch(self, prediction, target, &sizes, None)
    }

    fn per_batch<T: Tape<E, D>>(
        &self,
        prediction: PredictionRows<E, D, T>,
        target: &Y::Data<E, D, NoneTape>,
        sizes: &[usize],
        keep: Option<&[bool]>,
    ) -> Result<Tensor<(usize,), E, D, T>, Error> {
        let (labels, [samples, wide]) = Y::sequences::<E, D>(target)?;
        let (batch, length) = (sizes[0], sizes[1..].iter().product::<usize>());
        if samples != batch {
            return Err(Error::mismatch("the samples of the labels", batch, samples));
        }
        let classes = prediction.shape().1;
        let labels = (0..batch)
            .map(|sample| said(&labels[sample * wide..(sample + 1) * wide], sample, classes))
            .collect::<Result<Vec<&[usize]>, Error>>()?;
        if batch == 0 {
            return zeros_after(prediction, &(batch,));
        }
        let dev = prediction.device().clone();
        let (x, tape) = prediction.split_tape();
        let values = to_values(&x)?;
        let mut losses = filled(&[batch], E::zero())?;
        let mut slopes = filled(&[batch, length, classes], E::zero())?;
        let mut alignment = Alignment::default();
        for (row, labels) in labels.into_iter().enumerate() {
            let steps = (row * length..(row + 1) * length).filter(|&at| keep.is_none_or(|k| k[at]));
            let steps: Vec<usize> = steps.collect();
            let logits = steps.iter().map(|at| &values[at * classes..(at + 1) * classes]);
            losses[row] = E::of(alignment.loss(logits, classes, labels)?);
            if T::OWNS_TAPE {
                let gradient = alignment.gradient(labels)?;
                for (at, of_step) in steps.into_iter().zip(gradient.chunks_exact(classes)) {
                    let to = &mut slopes[at * classes..(at + 1) * classes];
                    to.iter_mut().zip(of_step).for_each(|(to, slope)| *to = E::of(*slope));
                }
            }
        }
        let x = x.put_tape(tape);
        if length * classes == 0 {
            let losses = dev.try_tensor_from_vec(losses, (batch,)).or_device()?;
            return zeros_after(x, &(batch,))?.try_add(losses).or_device();
        }
        let x = x.try_reshape_like(&(batch, length * classes)).or_device()?;
        D::with_slopes(x, losses, slopes)
    }

    fn one_per_sample(&self) -> bool {
        true
    }
}

/// The labels of a sample without their padding.
fn said(labels: &[usize], sample: usize, classes: usize) -> Result<&[usize], Error> {
    // A `Ragged` has none behind its labels.
    let pads = |label: &usize| [0, NO_LABEL].contains(label);
    let count = labels.iter().position(pads).unwrap_or(labels.len());
    let (said, padding) = labels.split_at(count);
    if let Some(at) = padding.iter().position(|label| !pads(label)) {
        let value = format!("{} of sample {sample}, behind a 0", labels[count + at]);
        return Err(Error::invalid("a label", value, "0 is the blank, and pads at the end only"));
    }
    match said.iter().position(|label| *label >= classes) {
        Some(at) => {
            let (label, position) = (said[at], sample * labels.len() + at);
            Err(Error::LabelOutOfRange { label, classes, position })
        }
        None => Ok(said),
    }
}

/// What stands for the logarithm of 0, as in Keras.
const NOTHING: f64 = -1e5;

/// The forward pass of one sample, in logarithms: after each step, the probability of having said the first `n` labels with a blank
/// behind them, `blank[n]`, and without one, `label[n - 1]`.
#[derive(Debug, Default)]
struct Alignment {
    /// The softmax of each step, and its logarithm.
    logs: Vec<f64>,
    classes: usize,
    /// A row before the first step and one behind each, of `labels + 1` and `labels` values.
    blank: Vec<f64>,
    label: Vec<f64>,
}

impl Alignment {
    /// The loss.
    fn loss<'a, E: Element>(
        &mut self,
        logits: impl ExactSizeIterator<Item = &'a [E]>,
        classes: usize,
        labels: &[usize],
    ) -> Result<f64, Error> {
        let (steps, n) = (logits.len(), labels.len());
        self.classes = classes;
        self.logs = filled(&[steps, classes], 0.0)?;
        self.blank = filled(&[steps + 1, n + 1], NOTHING)?;
        self.label = filled(&[steps + 1, n], NOTHING)?;
        self.blank[0] = 0.0;
        for (step, logits) in logits.enumerate() {
            let logs = &mut self.logs[step * classes..(step + 1) * classes];
            log_softmax(logits, logs);
            let (before, blank) = self.blank.split_at_mut((step + 1) * (n + 1));
            let before = &before[step * (n + 1)..];
            let (said, label) = self.label.split_at_mut((step + 1) * n);
            let said = &said[step * n..];
            for i in 0..=n {
                let stay = i.checked_sub(1).map(|last| {
                    let again = repeats(labels, last);
                    said[last] + if again { 0.0 } else { NOTHING }
                });
                let from = arriving(before, said, labels, i);
                let stayed = from + logs[0];
                blank[i] = stay.map_or(stayed, |stay| log_add(stayed, stay + logs[0]));
                if i < n {
                    let log = logs[labels[i]];
                    label[i] = log_add(from + log, said[i] + log);
                }
            }
        }
        Ok(-self.last(labels))
    }

    /// The logarithm of the probability of having said all.
    fn last(&self, labels: &[usize]) -> f64 {
        let n = labels.len();
        let steps = self.blank.len() / (n + 1) - 1;
        let blank = self.blank[steps * (n + 1) + n];
        if n == 0 { blank } else { log_add(blank, self.label[steps * n + n - 1]) }
    }

    /// The derivative of the loss for each logit.
    fn gradient(&self, labels: &[usize]) -> Result<Vec<f64>, Error> {
        let (n, classes) = (labels.len(), self.classes);
        let steps = self.blank.len() / (n + 1) - 1;
        let mut gradient = filled(&[steps, classes], 0.0)?;
        let (mut of_blank, mut of_label) = (filled(&[n + 1], 0.0)?, filled(&[n], 0.0)?);
        if n == 0 {
            of_blank[0] = -1.0;
        } else {
            let (blank, label) = (self.blank[steps * (n + 1) + n], self.label[steps * n + n - 1]);
            let share = share(blank, label);
            (of_blank[n], of_label[n - 1]) = (-share, share - 1.0);
        }
        for step in (0..steps).rev() {
            let logs = &self.logs[step * classes..(step + 1) * classes];
            let slopes = &mut gradient[step * classes..(step + 1) * classes];
            let before = &self.blank[step * (n + 1)..(step + 1) * (n + 1)];
            let said = &self.label[step * n..(step + 1) * n];
            let (mut to_blank, mut to_label) = (filled(&[n + 1], 0.0)?, filled(&[n], 0.0)?);
            for i in 0..=n {
                let from = arriving(before, said, labels, i);
                let mut of_from = 0.0;
                slopes[0] += of_blank[i];
                match i.checked_sub(1) {
                    None => of_from += of_blank[i],
                    Some(last) => {
                        let stay = said[last] + if repeats(labels, last) { 0.0 } else { NOTHING };
                        let share = share(from, stay);
                        of_from += of_blank[i] * share;
                        to_label[last] += of_blank[i] * (1.0 - share);
                    }
                }
                if i < n {
                    let share = share(from, said[i]);
                    slopes[labels[i]] += of_label[i];
                    of_from += of_label[i] * share;
                    to_label[i] += of_label[i] * (1.0 - share);
                }
                match i.checked_sub(1) {
                    None => to_blank[i] += of_from,
                    Some(last) => {
                        let step = said[last] + if repeats(labels, last) { NOTHING } else { 0.0 };
                        let share = share(before[i], step);
                        to_blank[i] += of_from * share;
                        to_label[last] += of_from * (1.0 - share);
                    }
                }
            }
            (of_blank, of_label) = (to_blank, to_label);
            // Through the softmax.
            let sum: f64 = slopes.iter().sum();
            slopes.iter_mut().zip(logs).for_each(|(slope, log)| *slope -= sum * log.exp());
        }
        Ok(gradient)
    }
}

/// Whether the label behind this one is the same.
fn repeats(labels: &[usize], at: usize) -> bool {
    labels.get(at + 1) == Some(&labels[at])
}

/// The probability of being ready for label `i`: with a blank behind the one before, or without one if that is another.
fn arriving(blank: &[f64], label: &[f64], labels: &[usize], i: usize) -> f64 {
    match i.checked_sub(1) {
        None => blank[0],
        Some(last) => {
            let again = repeats(labels, last);
            log_add(blank[i], label[last] + if again { NOTHING } else { 0.0 })
        }
    }
}

/// `ln(exp(a) + exp(b))`.
fn log_add(a: f64, b: f64) -> f64 {
    let most = a.max(b);
    if a.is_nan() || b.is_nan() {
        return f64::NAN;
    }
    // Of two impossible ways the difference is NaN.
    if most.is_infinite() { most } else { most + (-(a - b).abs()).exp().ln_1p() }
}

/// What of the slope of [`log_add`] is that of `a`.
fn share(a: f64, b: f64) -> f64 {
    // Nothing comes to two ways that are both impossible, and that is not to become NaN.
    if a == b { 0.5 } else { 1.0 / (1.0 + (b - a).exp()) }
}

fn log_softmax<E: Element>(logits: &[E], logs: &mut [f64]) {
    logs.iter_mut().zip(logits).for_each(|(log, x)| *log = x.as_f64());
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let rest: f64 = logs.iter().map(|log| (log - most).exp()).sum();
    logs.iter_mut().for_each(|log| *log -= most + rest.ln());
}
