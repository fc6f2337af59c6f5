//! What Keras 3.15.1 answers, from the cases of models of branches.

use dfdx::tensor::TensorFromVec;
use kerata::{
    Cpu, Error, Mask, Masked, MultiHeadAttention, Tensor,
    parameters::{Build, Parameter, Parameters, Visitor},
    prelude::*,
    shape::Const,
};

use crate::case::Case;

type Steps<const F: usize> = Tensor<(usize, usize, Const<F>), f32, Cpu>;

fn case() -> Case {
    Case::graph("heads")
}

/// A layer with the weights of one of the case.
fn layer<L: Build + Parameters>(case: &Case, name: &str, options: impl FnOnce(&mut L)) -> L {
    struct Load<'a>(&'a Case, &'a str, usize);
    impl Visitor<f32, Cpu> for Load<'_> {
        fn visit(&mut self, parameter: Parameter<'_, f32, Cpu>) -> Result<(), Error> {
            let name = format!("weight.{}.{}", self.1, self.2);
            assert_eq!(self.0.shape(&name), parameter.sizes(), "{name}");
            parameter.tensor.assign(&self.0.floats(&name))?;
            self.2 += 1;
            Ok(())
        }
    }

    let mut layer = L::build(&Cpu::default()).unwrap();
    options(&mut layer);
    let mut load = Load(case, name, 0);
    layer.visit(&mut load).unwrap();
    let stored =
        case.group("weight").iter().filter(|one| one.starts_with(&format!("{name}."))).count();
    assert_eq!(load.2, stored, "{name}");
    layer
}

fn input<const F: usize>(case: &Case, name: &str) -> Steps<F> {
    let sizes = case.shape(name);
    Cpu::default().tensor_from_vec(case.floats(name), (sizes[0], sizes[1], Const))
}

/// Holds what leaves at real steps against an output.
fn close<const F: usize>(case: &Case, output: &str, y: &Steps<F>, mask: Option<&Mask>) {
    let (found, expected) = (y.as_vec(), case.floats(output));
    assert_eq!(found.len(), expected.len(), "{output}");
    for (i, (a, b)) in found.iter().zip(&expected).enumerate() {
        let real = mask.is_none_or(|mask| mask.as_slice()[i / F]);
        assert!(!real || (a - b).abs() <= 1e-5 * (1.0 + b.abs()), "{output}: {i} is {a}, not {b}");
    }
}

#[test]
fn plain_inputs() {
    let case = case();
    let (x, y) = (input::<4>(&case, "input.0"), input::<4>(&case, "input.1"));
    let one: MultiHeadAttention<4, 1, 2> = layer(&case, "one", |_| {});
    close(&case, "output.0", &one.forward(x.clone()).unwrap(), None);
    let wide: MultiHeadAttention<4, 3, 2, 4> =
        layer(&case, "wide", |wide: &mut MultiHeadAttention<4, 3, 2, 4>| wide.dropout = 0.5);
    close(&case, "output.1", &wide.forward((x.clone(), y.clone())).unwrap(), None);
    let plain = |plain: &mut MultiHeadAttention<4, 2, 3, 3, 3>| {
        plain.use_bias = false;
        plain.use_causal_mask = true;
    };
    let plain: MultiHeadAttention<4, 2, 3, 3, 3> = layer(&case, "plain", plain);
    close(&case, "output.2", &plain.forward((x.clone(), y.clone(), y.clone())).unwrap(), None);
    let shared: MultiHeadAttention<4, 2, 3> = layer(&case, "shared", |_| {});
    let z = shared.forward((shared.forward((x, y.clone())).unwrap(), y)).unwrap();
    close(&case, "output.9", &z, None);
}

#[test]
fn masked_inputs() {
    let case = case();
    let (x, y) = (input::<4>(&case, "input.0"), input::<4>(&case, "input.1"));
    let ids = case.ids("input.3");
    let mask = Mask::from_ids(&ids, 2, 5).unwrap();
    let embedded = |name: &str| {
        let table = case.floats(&format!("weight.{name}.0"));
        let rows = ids.iter().flat_map(|&id| table[id * 4..][..4].to_vec()).collect();
        let rows: Steps<4> = Cpu::default().tensor_from_vec(rows, (2, 5, Const));
        Masked::new(rows, mask.clone()).unwrap()
    };
    let hidden: MultiHeadAttention<4, 2, 3> = layer(&case, "hidden", |_| {});
    let after: MultiHeadAttention<4, 2, 3> = layer(&case, "after", |_| {});
    let only: MultiHeadAttention<4, 2, 3> = layer(&case, "only", |_| {});
    // Keras has taken the mask off what `after` has seen before.
    let bare = embedded("embed").into_parts().0;
    close(&case, "output.6", &hidden.forward(bare).unwrap(), None);
    let (a, masked) = after.forward((embedded("embed"), y.clone())).unwrap().into_parts();
    assert_eq!(
        (masked.as_slice(), case.flags("mask.7")),
        (mask.as_slice(), mask.as_slice().to_vec())
    );
    close(&case, "output.7", &a, Some(&mask));
    // With a dropout Keras gives zeros where nothing is seen, as here: it agrees at the padding too.
    let zeros: MultiHeadAttention<4, 2, 3> = layer(&case, "zeros", |_| {});
    let (a, _) = zeros.forward((embedded("other"), y.clone())).unwrap().into_parts();
    close(&case, "output.8", &a, None);
    // Of the second sample nothing is seen.
    let a = only.forward((y, Masked::new(x, mask).unwrap())).unwrap();
    let rows = Mask::from_lengths(&[3, 0], 3).unwrap();
    close(&case, "output.13", &a, Some(&rows));
}
