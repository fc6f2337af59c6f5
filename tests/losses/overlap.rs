//! Losses of sets that overlap, over axes.

use dfdx::{
    prelude::Backward,
    tensor::{OwnedTape, PutTape, TensorFromVec},
};
use kerata::{
    Batch, Const, Cpu, Error, Mask, Masked, Tensor,
    loss::{Dice, Loss, Reduction, Tversky},
    prelude::*,
    reduce::PerSample,
};
use serde_json::Value;

use super::{cases, close, floats};

type Images = (Batch, Const<3>, Const<2>, Const<2>);

fn check_overlap(case: &Value, p: Tensor<Images, f32, Cpu>, loss: impl Loss<Images, Images>) {
    let y =
        Cpu::default().tensor_from_vec(floats(&cases()["overlap"]["y"]), (2, Const, Const, Const));
    let name = format!("{} over {}", case["loss"], case["axis"]);
    let found = loss.compute(p.clone().put_tape(OwnedTape::default()), y.clone()).unwrap();
    close(&name, &[found.array()], &[case["value"].as_f64().unwrap() as f32]);
    let gradient = found.backward().get_or_alloc_mut(&p).unwrap().to_vec();
    close(&name, &gradient, &floats(&case["grad"]));
    if let Some(weighted) = case["weighted"].as_f64() {
        let found = loss.compute_weighted(p, y, &PerSample(vec![0.5, 2.0])).unwrap();
        close(&name, &[found.array()], &[weighted as f32]);
    }
}

#[test]
fn overlap_by_axes() {
    let cases = cases();
    let all = &cases["overlap"];
    let p = Cpu::default().tensor_from_vec(floats(&all["p"]), (2, Const, Const, Const));
    for case in all["cases"].as_array().unwrap() {
        let axis = case["axis"].as_array();
        let axis: Option<Vec<isize>> =
            axis.map(|axis| axis.iter().map(|axis| axis.as_i64().unwrap() as isize).collect());
        match case["loss"].as_str().unwrap() {
            "dice" => {
                check_overlap(case, p.clone(), Dice { axis: axis.clone() });
                // What wraps a loss changes no group.
                let wrapped = Dice { axis }.with_loss_weight(1.0);
                let wrapped = wrapped.reduced_by(Reduction::SumOverBatchSize);
                check_overlap(case, p.clone(), wrapped);
            }
            name => {
                assert_eq!(name, "tversky");
                check_overlap(case, p.clone(), Tversky { alpha: 0.3, beta: 0.9, axis });
            }
        }
    }
}

/// Padding is in no sum: neither what is predicted there, nor the target.
#[test]
fn overlap_under_a_mask() -> Result<(), Error> {
    let dev = Cpu::default();
    let loss = |p: [f32; 3], y: [f32; 3], lengths, axis: Option<Vec<isize>>| {
        let p = dev.tensor([p.map(|p| [p])]).put_tape(OwnedTape::default());
        let x = Masked::new(p, Mask::from_lengths(lengths, 3)?)?;
        Dice { axis }.compute(x, dev.tensor([y.map(|y| [y])]))
    };
    for axis in [None, Some(vec![1, 2]), Some(vec![-1])] {
        let clean = loss([0.2, 0.9, 0.0], [0.0, 1.0, 0.0], &[2], axis.clone())?;
        let padded = loss([0.2, 0.9, f32::NAN], [0.0, 1.0, 1.0], &[2], axis.clone())?;
        assert_eq!(clean.array(), padded.array());
        let nothing = loss([f32::NAN; 3], [1.0; 3], &[0], axis)?;
        assert_eq!(nothing.array(), 0.0);
        nothing.backward();
    }
    let expected = 1.0 - 2.0 * 0.9 / (1.0 + 1.1);
    close("all", &[loss([0.2, 0.9, 7.0], [0.0, 1.0, 1.0], &[2], None)?.array()], &[expected]);
    Ok(())
}

#[test]
fn overlap_of_what_makes_no_sense() {
    let dev = Cpu::default();
    let y = || dev.tensor([[1.0_f32, 0.0, 0.0]]);
    for axis in [vec![2], vec![-3], vec![1, -1]] {
        let error = Dice::over(axis.clone()).compute(y(), y()).unwrap_err().to_string();
        assert!(error.contains("axis"), "{axis:?}: {error}");
    }
    let error = Tversky { alpha: -1.0, ..Tversky::default() }.compute(y(), y()).unwrap_err();
    assert!(error.to_string().contains("alpha"), "{error}");
    let none = || dev.tensor_from_vec(Vec::<f32>::new(), (0, Const::<3>));
    assert_eq!(Dice::default().compute(none(), none()).unwrap().array(), 0.0);
}
