use super::{Conv1d, Grouping, in_group};
use crate::{
    backend::{ActivationKind, Backend, Element, StepProduct, to_values},
    error::{Error, OrDevice},
    layer::Layer,
    layers::Activation,
    memory::elements,
    shape::{Causal, Slide},
    signal::{Is, StepValues, UnmaskedSteps},
    stream::{StateVisitor, Streamable, room},
};

/// The inputs that a causal window still needs, in a ring: for each row of the batch `length` steps of some features.
#[derive(Debug, Clone)]
pub struct Ring<E> {
    past: Vec<E>,
    /// The place of the oldest step.
    oldest: usize,
    length: usize,
    /// The step that comes next.
    next: Vec<E>,
}

impl<E: Element> Ring<E> {
    /// The steps of each row with the oldest one first.
    fn in_order(&mut self, features: usize) {
        for row in self.past.chunks_exact_mut((self.length * features).max(1)) {
            row.rotate_left(self.oldest * features);
        }
        self.oldest = 0;
    }

    /// The input of a row so many steps ago, of the steps that are kept.
    fn ago(&self, row: usize, steps: usize, features: usize) -> &[E] {
        let step = (self.oldest + self.length - steps) % self.length;
        &self.past[(row * self.length + step) * features..][..features]
    }
}

/// A causal convolution: its groups, and room for what a window sees of each and for what they give.
pub struct Conv1dStepper<E> {
    groups: Vec<Box<dyn StepProduct<E>>>,
    windows: Vec<E>,
    results: Vec<E>,
    values: Vec<E>,
}

/// The columns of a group in a matrix.
fn columns<E: Element>(matrix: &[E], width: usize, group: usize, each: usize) -> Vec<E> {
    let rows = matrix.chunks_exact(width.max(1));
    rows.flat_map(|row| &row[group * each..][..each]).copied().collect()
}

// With `Causal` a window sees no later steps, and with a stride of 1 there is an output at each step.
#[diagnostic::do_not_recommend]
impl<In, const I: usize, const O: usize, const K: usize, A, const DILATION: usize, G, E, D>
    Streamable<In, E, D> for Conv1d<I, O, K, A, Causal, 1, DILATION, G, E, D>
where
    In: UnmaskedSteps<Features: Is<I>, Length: Slide<K, 1, DILATION, Causal>> + StepValues,
    A: Activation,
    G: Grouping,
    E: Element,
    D: Backend<E>,
{
    type State = Ring<E>;
    type Stepper = Conv1dStepper<E>;

    fn begin(&self, rows: usize) -> Result<(Conv1dStepper<E>, Ring<E>), Error> {
        const { <Self as Layer<In, E, D>>::FAULT.tell() };
        let (channels, filters) = (in_group(I, G::GROUPS), in_group(O, G::GROUPS));
        let (dev, kernel) = (self.bias.device(), to_values(&self.kernel)?);
        let bias = to_values(&self.bias)?;
        let product = |group: usize| {
            let kernel = columns(&kernel, O, group, filters);
            let kernel = dev.try_tensor_from_vec(kernel, (K * channels, filters)).or_device()?;
            let bias = columns(&bias, O, group, filters);
            let bias = dev.try_tensor_from_vec(bias, (filters,)).or_device()?;
            D::step_product(&kernel, self.use_bias.then_some(&bias), A::FUSED)
        };
        let length = (K - 1) * DILATION;
        let stepper = Conv1dStepper {
            groups: (0..G::GROUPS).map(product).collect::<Result<_, Error>>()?,
            windows: room(rows, K * channels)?,
            results: room(rows, filters)?,
            values: room(rows, O)?,
        };
        let past = room(rows, elements(&[length, I])?)?;
        Ok((stepper, Ring { past, oldest: 0, length, next: room(rows, I)? }))
    }

    fn step<'a>(
        Conv1dStepper { groups, windows, results, values }: &'a mut Conv1dStepper<E>,
        ring: &mut Ring<E>,
        x: In::StepData<'a, E>,
    ) -> Result<&'a [E], Error> {
        let (x, _) = In::unpack(x);
        let (channels, filters) = (in_group(I, G::GROUPS), in_group(O, G::GROUPS));
        for (group, product) in groups.iter_mut().enumerate() {
            for (row, window) in windows.chunks_exact_mut((K * channels).max(1)).enumerate() {
                for (tap, to) in window.chunks_exact_mut(channels.max(1)).enumerate() {
                    let step = match K - 1 - tap {
                        0 => &x[row * I..(row + 1) * I],
                        before => ring.ago(row, before * DILATION, I),
                    };
                    to.copy_from_slice(&step[group * channels..][..channels]);
                }
            }
            product.product(windows, results)?;
            let results = results.chunks_exact(filters.max(1));
            for (to, from) in values.chunks_exact_mut(O.max(1)).zip(results) {
                to[group * filters..][..filters].copy_from_slice(from);
            }
        }
        ring.next.copy_from_slice(x);
        if A::FUSED == ActivationKind::Nothing {
            A::in_place::<E, D>(values, O)?;
        }
        Ok(values)
    }

    fn commit(ring: &mut Ring<E>) {
        if ring.length == 0 {
            return;
        }
        for (row, next) in ring.next.chunks_exact(I.max(1)).enumerate() {
            ring.past[(row * ring.length + ring.oldest) * I..][..I].copy_from_slice(next);
        }
        ring.oldest = (ring.oldest + 1) % ring.length;
    }

    fn visit_state<V: StateVisitor<E>>(ring: &mut Ring<E>, visitor: &mut V) -> Result<(), Error> {
        ring.in_order(I);
        visitor.values("inputs", &mut ring.past)
    }
}
