//! Convolutions and pools.

use super::*;

#[test]
fn convolutions() {
    same!(tensor((3, Const::<9>, Const::<8>, Const::<3>), 1),
        Conv2d<3, 5, 3, 2>, Conv2d<3, 5, 3, 2, Linear, Valid, 1, 1, OneGroup, f64>,
        |l, x| l.forward(x).unwrap());
    same!(tensor((5, Const::<9>, Const::<8>, Const::<3>), 1),
        Conv2d<3, 4, 4, 3, Tanh, Same, 2>, Conv2d<3, 4, 4, 3, Tanh, Same, 2, 1, OneGroup, f64>,
        |l, x| l.forward(x).unwrap());
    same!(tensor((2, Const::<9>, Const::<8>, Const::<3>), 1),
        Conv2d<3, 4, 2, 2, Linear, Valid, 1, 3>,
        Conv2d<3, 4, 2, 2, Linear, Valid, 1, 3, OneGroup, f64>,
        |l| l.use_bias = false,
        |l, x| l.forward(x).unwrap());
    // One after the other in memory: a window of one pixel; and so many images that they are shared.
    same!(tensor((64, Const::<9>, Const::<8>, Const::<12>), 1),
        Conv2d<12, 8, 1, 1, Relu, Valid, 1, 1>,
        Conv2d<12, 8, 1, 1, Relu, Valid, 1, 1, OneGroup, f64>,
        |l| l.use_bias = false,
        |l, x| l.forward(x).unwrap());
    same!(tensor((33, Const::<9>, Const::<8>, Const::<6>), 1),
        Conv2d<6, 20, 3, 3, Relu, Same>, Conv2d<6, 20, 3, 3, Relu, Same, 1, 1, OneGroup, f64>,
        |l, x| l.forward(x).unwrap());
    // 3 by 3 with as many channels as minimal filtering takes.
    same!(tensor((33, Const::<9>, Const::<8>, Const::<18>), 1),
        Conv2d<18, 20, 3, 3, Relu, Same>, Conv2d<18, 20, 3, 3, Relu, Same, 1, 1, OneGroup, f64>,
        |l, x| l.forward(x).unwrap());
    same!(tensor((40, Const::<7>, Const::<10>, Const::<16>), 1),
        Conv2d<16, 33, 3, 3, Linear, Valid, 1, 1>,
        Conv2d<16, 33, 3, 3, Linear, Valid, 1, 1, OneGroup, f64>,
        |l| l.use_bias = false,
        |l, x| l.forward(x).unwrap());
    // In groups, small ones and some with as many channels as minimal filtering takes.
    same!(tensor((5, Const::<9>, Const::<8>, Const::<12>), 1),
        Conv2d<12, 8, 3, 2, Relu, Same, 2, 1, Groups<4>>,
        Conv2d<12, 8, 3, 2, Relu, Same, 2, 1, Groups<4>, f64>,
        |l, x| l.forward(x).unwrap());
    same!(tensor((3, Const::<9>, Const::<8>, Const::<36>), 1),
        Conv2d<36, 34, 3, 3, Tanh, Same, 1, 1, Groups<2>>,
        Conv2d<36, 34, 3, 3, Tanh, Same, 1, 1, Groups<2>, f64>,
        |l| l.use_bias = false,
        |l, x| l.forward(x).unwrap());
    same!(tensor((4, Const::<11>, Const::<6>), 1),
        Conv1d<6, 12, 3, Linear, Valid, 1, 2, Groups<6>>,
        Conv1d<6, 12, 3, Linear, Valid, 1, 2, Groups<6>, f64>,
        |l, x| l.forward(x).unwrap());
    same!(tensor((4, Const::<11>, Const::<3>), 1),
        Conv1d<3, 4, 3, Relu, Same, 2>, Conv1d<3, 4, 3, Relu, Same, 2, 1, OneGroup, f64>,
        |l, x| l.forward(x).unwrap());
}

#[test]
fn pools() {
    same!(
        tensor((3, Const::<9>, Const::<8>, Const::<5>), 1),
        MaxPool2d<2>,
        MaxPool2d<2>,
        |l, x| l.forward(x).unwrap()
    );
    same!(tensor((3, Const::<9>, Const::<8>, Const::<5>), 1),
        MaxPool2d<3, 3, 2, 1, Same>, MaxPool2d<3, 3, 2, 1, Same>, |l, x| l.forward(x).unwrap());
    same!(tensor((80, Const::<19>, Const::<18>, Const::<17>), 1),
        MaxPool2d<3, 3, 2, 1>, MaxPool2d<3, 3, 2, 1>, |l, x| l.forward(x).unwrap());
    same!(tensor((80, Const::<19>, Const::<18>, Const::<17>), 1),
        AvgPool2d<3, 3, 2, 1>, AvgPool2d<3, 3, 2, 1>, |l, x| l.forward(x).unwrap());
    same!(tensor((3, Const::<9>, Const::<8>, Const::<5>), 1),
        AvgPool2d<3, 2, 2, 1, Same>, AvgPool2d<3, 2, 2, 1, Same>, |l, x| l.forward(x).unwrap());
}

/// Of equal numbers the first is the maximum, and it alone gets the gradient.
#[test]
fn pools_of_equals() {
    fn gradient<E: Element>() -> Vec<f64>
    where
        Cpu: Backend<E>,
    {
        let x: Tensor<(usize, Const<2>, Const<4>, Const<1>), E, Cpu> =
            Cpu::default().tensor_from_vec(vec![E::one(); 8], (1, Const, Const, Const));
        let y = MaxPool2d::<2>::default().forward(x.clone().put_tape(OwnedTape::default()));
        let gradients = y.unwrap().sum().backward();
        gradients.get(&x).as_vec().into_iter().map(Element::as_f64).collect()
    }
    let first = [1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    assert_eq!(gradient::<f32>(), first);
    assert_eq!(gradient::<f64>(), first);
}

/// A window of nothing but -inf still knows its first pixel, and of several NaN the first is the maximum.
#[test]
fn pools_of_no_numbers() {
    fn gradient<E: Element>(hole: f64) -> Vec<f64>
    where
        Cpu: Backend<E>,
    {
        let mut numbers = numbers(4 * 5, 3);
        [6, 13, 14, 18, 19].iter().for_each(|&pixel: &usize| numbers[pixel] = hole);
        let numbers = numbers.into_iter().map(E::of).collect();
        let x: Tensor<(usize, Const<4>, Const<5>, Const<1>), E, Cpu> =
            Cpu::default().tensor_from_vec(numbers, (1, Const, Const, Const));
        let pool = MaxPool2d::<3, 3, 1, 1, Same>::default();
        let y = pool.forward(x.clone().put_tape(OwnedTape::default())).unwrap();
        let weights = tensor(*y.shape(), 9);
        let gradients = y.try_mul(weights).unwrap().sum().backward();
        gradients.get(&x).as_vec().into_iter().map(Element::as_f64).collect()
    }
    for hole in [f64::NEG_INFINITY, f64::NAN] {
        let (single, double) = (gradient::<f32>(hole), gradient::<f64>(hole));
        assert!(
            single.iter().zip(&double).all(|(a, b)| (a - b).abs() < 1e-6),
            "{single:?} {double:?}"
        );
        let all: f64 = double.iter().sum();
        let given: f64 = numbers(4 * 5, 9).iter().sum();
        assert!((all - given).abs() < 1e-9, "{all} of {given} arrive");
    }
}
