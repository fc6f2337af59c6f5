//! What does `Flatten` do with (24, 24, 32)? It gives 18432, row-major, channels last: the number at row `h`,
//! column `w` and channel `c` lands at `(h * 24 + w) * 32 + c`. The type says so.

use kerata::{
    Batch, Const, Conv2d, Cpu, Dense, Error, Flatten, MaxPool2d, Relu, Softmax, Tensor, model,
    prelude::*,
};

/// Two convolutions and a pool in front, as one meets it in practice. No size is written twice: `_` is what
/// reaches the layer, and `Flatten<18431>` would not compile: "24 * 24 * 32 = 18432, not 18431".
#[model(input = (Batch, 52, 52, 1), output = (Batch, 10))]
struct Network {
    conv1: Conv2d<_, 32, 3, 3, Relu>,
    conv2: Conv2d<_, 32, 3, 3, Relu>,
    pool: MaxPool2d<2>,
    flatten: Flatten<_>,
    head: Dense<_, 10, Softmax>,
}

fn main() -> Result<(), Error> {
    println!("{}\n", Network::summary());
    let network = Network::build(&Cpu::seed_from_u64(0))?;
    // The compiler knows the size: this assignment is checked by it.
    let _: &Dense<18_432, 10, Softmax> = &network.head;
    assert_eq!(Network::summary().rows[3].output, "(Batch, 18432)");

    // Each number says where it is: row, column and channel.
    let number = |h: usize, w: usize, c: usize| (h * 10_000 + w * 100 + c) as f32;
    let mut image = vec![[[0.0_f32; 32]; 24]; 24];
    for (h, row) in image.iter_mut().enumerate() {
        for (w, pixel) in row.iter_mut().enumerate() {
            *pixel = std::array::from_fn(|c| number(h, w, c));
        }
    }
    let numbers = image.as_flattened().as_flattened().to_vec();
    type Image = (Batch, Const<24>, Const<24>, Const<32>);
    let image: Tensor<Image, f32, Cpu> =
        Cpu::default().tensor_from_vec(numbers, (1, Const, Const, Const));
    let flat: Tensor<(Batch, Const<18_432>), f32, Cpu> = Flatten.forward(image)?;
    let flat = flat.as_vec();
    assert_eq!(flat.len(), 18_432);

    println!("row column channel -> place");
    for (h, w, c) in [(0, 0, 0), (0, 0, 1), (0, 0, 31), (0, 1, 0), (1, 0, 0), (23, 23, 31)] {
        let place = (h * 24 + w) * 32 + c;
        println!("{h:>3} {w:>6} {c:>7} -> {place:>5}");
        assert_eq!(flat[place], number(h, w, c));
    }
    Ok(())
}
