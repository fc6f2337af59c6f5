//! What is done to rows, and to the values in them.

use super::*;

use dfdx::prelude::ReshapeTo;
use kerata::{
    AdditiveAttention, GroupNorm, Normalization, PRelu, PRelu1d, PRelu2d, Rescaling,
    backend::{NormWeights, Scale},
};

#[test]
fn softmax_and_its_logarithm() {
    for width in [1, 3, 37, 300] {
        same!(tensor((9_usize, width), 1), Relu, Relu, |_: &Relu, x| Cpu::log_softmax(x).unwrap());
        same!(tensor((9_usize, width), 1), Relu, Relu, |_: &Relu, x| Cpu::softmax(x).unwrap());
    }
    for sizes in [(3_usize, 5_usize, 70_usize), (1, 40, 3), (2, 1, 17)] {
        same!(tensor(sizes, 1), Relu, Relu, |_: &Relu, x| Cpu::softmax_along(x).unwrap());
    }
}

/// What the largest is sure of keeps its digits.
#[test]
fn logarithm_of_a_sure_class() {
    let x = Cpu::default().tensor_from_vec(vec![30.0_f32, 0.0, -1.0], (1_usize, 3_usize));
    let y = Cpu::log_softmax(x).unwrap().as_vec();
    assert!((f64::from(y[0]) / -1.280_014e-13 - 1.0).abs() < 1e-5, "{y:?}");
    let nan = |x: Vec<f32>| {
        let n = x.len();
        let x = Cpu::default().tensor_from_vec(x, (1_usize, n));
        [Cpu::log_softmax(x.clone()).unwrap(), Cpu::softmax(x).unwrap()]
            .iter()
            .all(|y| y.as_vec().iter().all(|y| y.is_nan()))
    };
    assert!(nan(vec![1.0, f32::NAN, 2.0]) && nan(vec![1.0, f32::INFINITY]));
    assert!(nan(vec![f32::NEG_INFINITY; 40]));
}

#[test]
fn rows_of_length_one() {
    for width in [1, 5, 64] {
        same!(tensor((9_usize, width), 1), Relu, Relu, |_: &Relu, x| {
            Cpu::of_length_one(x, Element::of(1e12)).unwrap()
        });
        same!(tensor((9_usize, width), 1), Relu, Relu, |_: &Relu, x| {
            Cpu::of_length_one(x, Element::of(0.5)).unwrap()
        });
    }
    let of = |x: Vec<f32>| {
        let n = x.len();
        let x = Cpu::default().tensor_from_vec(x, (1_usize, n));
        Cpu::of_length_one(x, 1e12).unwrap().as_vec()
    };
    assert_eq!(of(vec![0.0, 0.0]), [0.0, 0.0]);
    let huge = of(vec![3e30, -4e30]);
    assert!((huge[0] - 0.6).abs() < 1e-6 && (huge[1] + 0.8).abs() < 1e-6, "{huge:?}");
}

#[test]
fn groups_of_channels() {
    for (n, held) in [(5_usize, 1_usize), (3, 70), (1, 9)] {
        same!(tensor((n, held, Const::<12>), 1), GroupNorm<12, 3>, GroupNorm<12, 3, f64>, |l, x| {
            l.forward(x).unwrap()
        });
        same!(tensor((n, held, Const::<12>), 1), GroupNorm<12, 1>, GroupNorm<12, 1, f64>, |l, x| {
            l.forward(x).unwrap()
        });
    }
    same!(tensor((3_usize, 9_usize, Const::<300>), 1), GroupNorm<300, 300>,
        GroupNorm<300, 300, f64>, |l, x| l.forward(x).unwrap());
    same!(tensor((40_usize, 33_usize, Const::<5>), 1), GroupNorm<5, 5>,
        GroupNorm<5, 5, f64>, |l, x| l.forward(x).unwrap());
    let dev = Cpu::default();
    let ones = || dev.tensor_from_vec(vec![1.0_f32; 4], (4,));
    let x = dev.tensor_from_vec(vec![0.0; 8], (1_usize, 2_usize, 4_usize));
    for groups in [0, 3] {
        let weights = NormWeights { gamma: ones(), beta: ones(), epsilon: 1e-3 };
        assert!(Cpu::group_norm(x.clone(), weights, groups).is_err());
    }
}

#[test]
fn slopes_of_their_own() {
    same!(tensor((9_usize, Const::<7>), 1), PRelu<7>, PRelu<7, f64>, |l, x| l.forward(x).unwrap());
    same!(tensor((9_usize, Const::<7>), 1), PRelu<1>, PRelu<1, f64>, |l, x| l.forward(x).unwrap());
    same!(tensor((9_usize, Const::<4>, Const::<7>), 1), PRelu1d<7, 4>, PRelu1d<7, 4, f64>,
        |l, x| l.forward(x).unwrap());
    same!(tensor((9_usize, Const::<4>, Const::<7>), 1), PRelu1d<1, 4>, PRelu1d<1, 4, f64>,
        |l, x| l.forward(x).unwrap());
    let images = (3_usize, Const::<9>, Const::<8>, Const::<5>);
    same!(tensor(images, 1), PRelu2d<5>, PRelu2d<5, 1, 1, f64>, |l, x| l.forward(x).unwrap());
    same!(tensor(images, 1), PRelu2d<1, 1, 8>, PRelu2d<1, 1, 8, f64>, |l, x| l.forward(x).unwrap());
    same!(tensor(images, 1), PRelu2d<5, 9, 8>, PRelu2d<5, 9, 8, f64>, |l, x| l.forward(x).unwrap());
}

#[test]
fn keys_that_fit_by_a_sum() {
    for length in [1_usize, 5, 40] {
        same!(tensor((3_usize, length, Const::<7>), 1),
            AdditiveAttention<7>, AdditiveAttention<7, f64>, |l, x| l.forward(x).unwrap());
        let mask = Mask::from_lengths(&[length, 1, 0], length).unwrap();
        same!(tensor((3_usize, length, Const::<7>), 1),
            AdditiveAttention<7>, AdditiveAttention<7, f64>,
            |l, x| l.forward(Masked::new(x, mask.clone()).unwrap()).unwrap().into_parts().0);
    }
    same!(tensor((2_usize, 3_usize, Const::<300>), 1),
        AdditiveAttention<300>, AdditiveAttention<300, f64>, |l, x| l.forward(x).unwrap());
}

#[test]
fn factors_and_summands() {
    let options = |l: &mut Rescaling| (l.scale, l.offset) = (0.7, -0.3);
    same!(tensor((9_usize, 40_usize), 1), Rescaling, Rescaling, options, |l, x| {
        l.forward(x).unwrap()
    });
    same!(tensor((9_usize, Const::<7>), 1), Normalization<7>, Normalization<7, f64>, |l, x| {
        l.forward(x).unwrap()
    });
    for sum_first in [false, true] {
        same!(tensor((9_usize, 4_usize, 3_usize), 1), Relu, Relu, |_: &Relu, x| {
            let [factors, summands] = [2, 3]
                .map(|seed| numbers(12, seed).into_iter().map(Element::of).collect::<Vec<_>>());
            let scale = Scale { factors: &factors, summands: &summands, sum_first };
            Cpu::scaled(x, scale).unwrap()
        });
    }
    same!(tensor((90_usize, 4_usize), 1), Relu, Relu, |_: &Relu, x| {
        Cpu::clamp(x, -0.2, 0.5).unwrap()
    });
}

#[test]
fn rows_that_are_chosen() {
    let keep: Vec<bool> = (0..36).map(|i| i % 3 != 1).collect();
    same!(tensor((9_usize, 4_usize, 7_usize), 1), Relu, Relu, |_: &Relu, x| {
        Cpu::keep_rows(x, &keep, Element::of(0.5)).unwrap()
    });
    same!(tensor((9_usize, 4_usize, 7_usize), 1), Relu, Relu, |_: &Relu, x| {
        let (x, tape) = x.split_tape();
        let other = (x.clone() * 2.0).put_tape(OwnedTape::default());
        Cpu::choose_rows([x.put_tape(tape), other], &keep).unwrap()
    });
    same!(tensor((9_usize, 4_usize), 1), Relu, Relu, |_: &Relu, x| {
        let factors: Vec<_> = (0..36).map(|i| Element::of(f64::from(i % 3))).collect();
        Cpu::drop_by(x, &factors).unwrap()
    });
    for times in [1_usize, 5, 40] {
        same!(tensor((9_usize, 7_usize), 1), Relu, Relu, |_: &Relu, x| {
            Cpu::repeated(x, times).unwrap()
        });
    }
    // What is not kept does not reach the gradient, whatever it is.
    let x = Cpu::default().tensor_from_vec(vec![1.0_f32, f32::NAN, 2.0], (3_usize, 1_usize));
    let kept = Cpu::keep_rows(x.leaky_trace(), &[true, false, true], 0.0).unwrap();
    assert_eq!(kept.square().sum().backward().get(&x).as_vec(), [2.0, 0.0, 4.0]);
}

/// A row that is a weight; here that of another layer.
#[test]
fn a_row_that_is_added() {
    same!(tensor((90_usize, 7_usize), 1), PRelu<7>, PRelu<7, f64>, |l, x| {
        let row = l.alpha.clone().try_reshape_like(&(7_usize,)).unwrap();
        Cpu::add_row(x, &row).unwrap()
    });
}
