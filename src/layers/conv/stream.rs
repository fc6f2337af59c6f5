use super::{Conv1d, UseBias};
use crate::{
    backend::{ActivationKind, Backend, Element, IntoShape},
    error::Error,
    layer::Layer,
    layers::{Activation, dense::ProductStepper},
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

/// A causal convolution, and room for what its window sees.
pub struct Conv1dStepper<E> {
    product: ProductStepper<E>,
    windows: Vec<E>,
}

// With `Causal` a window sees no later steps, and with a stride of 1 there is an output at each step.
#[diagnostic::do_not_recommend]
impl<In, const I: usize, const O: usize, const K: usize, A, const DILATION: usize, U, E, D>
    Streamable<In, E, D> for Conv1d<I, O, K, A, Causal, 1, DILATION, U, E, D>
where
    In: UnmaskedSteps<Features: Is<I>, Length: Slide<K, 1, DILATION, Causal>> + StepValues,
    A: Activation,
    U: UseBias,
    E: Element,
    D: Backend<E>,
{
    type State = Ring<E>;
    type Stepper = Conv1dStepper<E>;

    fn begin(&self, rows: usize) -> Result<(Conv1dStepper<E>, Ring<E>), Error> {
        const { <Self as Layer<In, E, D>>::FAULT.tell() };
        let kernel = self.kernel.clone().into_shape(&(K * I, O))?;
        let bias = self.bias.clone().into_shape(&(O,))?;
        let product = D::step_product(&kernel, U::USE_BIAS.then_some(&bias), A::FUSED)?;
        let length = (K - 1) * DILATION;
        let stepper = Conv1dStepper {
            product: ProductStepper { product, values: room(rows, O)? },
            windows: room(rows, K * I)?,
        };
        let past = room(rows, elements(&[length, I])?)?;
        Ok((stepper, Ring { past, oldest: 0, length, next: room(rows, I)? }))
    }

    fn step<'a>(
        Conv1dStepper { product, windows }: &'a mut Conv1dStepper<E>,
        ring: &mut Ring<E>,
        x: In::StepData<'a, E>,
    ) -> Result<&'a [E], Error> {
        let (x, _) = In::unpack(x);
        for (row, window) in windows.chunks_exact_mut((K * I).max(1)).enumerate() {
            let (before, now) = window.split_at_mut((K - 1) * I);
            for (tap, to) in before.chunks_exact_mut(I.max(1)).enumerate() {
                to.copy_from_slice(ring.ago(row, (K - 1 - tap) * DILATION, I));
            }
            now.copy_from_slice(&x[row * I..(row + 1) * I]);
        }
        ring.next.copy_from_slice(x);
        product.product.product(windows, &mut product.values);
        if A::FUSED == ActivationKind::Nothing {
            A::in_place::<E, D>(&mut product.values, O)?;
        }
        Ok(&product.values)
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
