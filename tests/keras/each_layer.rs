//! The outputs of the layers within a model, one by one.

use dfdx::tensor::NoneTape;
use kerata::{Cpu, Layer, signal::Signal};

use crate::{case::Case, models::Comparable};

/// A tuple of layers that can be looked into.
pub(crate) trait EachLayer<In: Signal> {
    /// Holds output and mask of each layer against the case, where it has them.
    fn check_layers(&self, case: &Case, x: In::Data<f32, Cpu, NoneTape>);
}

/// Holds the output of the layer `L` against the case. The case has no output of its own for the last
/// layer: that is the output of the model.
fn check<L, S: Comparable>(case: &Case, layer: usize, data: &S::Data<f32, Cpu, NoneTape>) {
    let Some(tensor) = case.of_layer("out", layer) else { return };
    case.assert_tensor("forward", tensor, &S::values(data));
    let keras = case.of_layer("mask", layer).map(|mask| case.flags(mask));
    // `Unmask` stands within the layer whose mask it drops; the layer of Keras that drops it comes later.
    if !std::any::type_name::<L>().contains("Unmask") {
        assert_eq!(S::mask(data), keras, "{}: the mask of layer {layer}", case.name);
    }
}

macro_rules! each_layer {
    ($first:ident $($before:ident $layer:ident $i:tt)*) => {
        impl<In, $first, $($layer),*> EachLayer<In> for ($first, $($layer,)*)
        where
            In: Signal,
            $first: Layer<In, Out: Comparable>,
            $($layer: Layer<$before::Out, Out: Comparable>,)*
        {
            fn check_layers(&self, case: &Case, x: In::Data<f32, Cpu, NoneTape>) {
                let x = self.0.call(x).unwrap();
                check::<$first, $first::Out>(case, 0, &x);
                $(
                    let x = self.$i.call(x).unwrap();
                    check::<$layer, $layer::Out>(case, $i, &x);
                )*
                drop(x);
            }
        }
    };
}
each_layer!(L0);
each_layer!(L0 L0 L1 1);
each_layer!(L0 L0 L1 1 L1 L2 2);
each_layer!(L0 L0 L1 1 L1 L2 2 L2 L3 3);
each_layer!(L0 L0 L1 1 L1 L2 2 L2 L3 3 L3 L4 4);
each_layer!(L0 L0 L1 1 L1 L2 2 L2 L3 3 L3 L4 4 L4 L5 5);
each_layer!(L0 L0 L1 1 L1 L2 2 L2 L3 3 L3 L4 4 L4 L5 5 L5 L6 6);
