//! The step of Adam over the values of a parameter.

use num_traits::Float;
use pulp::Arch;

/// What is the same for all values.
#[derive(Debug, Clone, Copy)]
pub struct Step<E> {
    /// How much of each moment stays.
    pub betas: [E; 2],
    /// What the moments are multiplied with, as they began at 0.
    pub corrections: [E; 2],
    /// The learning rate.
    pub rate: E,
    /// What is added to the root of the second moment.
    pub epsilon: E,
}

/// A number type that there is a step for.
pub trait Moved: Sized {
    /// Moves values by their gradient. With `largest` it divides by the largest second moment so far (AMSGrad).
    fn step(
        step: Step<Self>,
        values: &mut [Self],
        gradient: &[Self],
        moments: [&mut [Self]; 2],
        largest: Option<&mut [Self]>,
    );
}

macro_rules! moved {
    ($($type:ty)*) => {
        $(impl Moved for $type {
            fn step(
                step: Step<Self>,
                values: &mut [Self],
                gradient: &[Self],
                moments: [&mut [Self]; 2],
                largest: Option<&mut [Self]>,
            ) {
                run(step, values, gradient, moments, largest);
            }
        })*
    };
}
moved! { f32 f64 }

fn run<E: Float>(
    Step { betas, corrections, rate, epsilon }: Step<E>,
    values: &mut [E],
    gradient: &[E],
    [first, second]: [&mut [E]; 2],
    largest: Option<&mut [E]>,
) {
    let one = E::one();
    let change =
        move |m: E, v: E| rate * (m * corrections[0]) / ((v * corrections[1]).sqrt() + epsilon);
    // Values, as what is stored would be read again: a store and a load that both cross lines of the cache wait for each other.
    let moments = move |g: E, m: E, v: E| {
        (m * betas[0] + g * (one - betas[0]), v * betas[1] + g * g * (one - betas[1]))
    };
    match largest {
        Some(largest) => Arch::new().dispatch(move || {
            let each = values.iter_mut().zip(gradient).zip(first).zip(second).zip(largest);
            for ((((w, g), m), v), most) in each {
                let (mean, square) = moments(*g, *m, *v);
                let largest = if square > *most { square } else { *most };
                (*m, *v, *most) = (mean, square, largest);
                *w = *w - change(mean, largest);
            }
        }),
        None => Arch::new().dispatch(move || {
            for (((w, g), m), v) in values.iter_mut().zip(gradient).zip(first).zip(second) {
                let (mean, square) = moments(*g, *m, *v);
                (*m, *v) = (mean, square);
                *w = *w - change(mean, square);
            }
        }),
    }
}
