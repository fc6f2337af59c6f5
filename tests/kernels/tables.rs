//! Embeddings, and bags of them.

use super::*;

#[test]
fn embedding() {
    // One by one, all at once, and on threads.
    let ids: Vec<usize> = (0..30_000).map(|i| i * 7 % 40).collect();
    for n in [2, 60, 30_000] {
        let ids = Cpu::default().tensor_from_vec(ids[..n].to_vec(), (n / 2, 2_usize));
        same!(tensor((1_usize,), 1),
            Embedding<40, 5, MaskZero>, Embedding<40, 5, MaskZero, f64>,
            |l, x| l.forward(ids.clone().put_tape(x.split_tape().1)).unwrap().into_parts().0);
    }
}

#[test]
fn embedding_bag() {
    // Many of one word, some of those next to it, and padding.
    let ids: Vec<usize> = (0..60).map(|i| (i * 7 % 40) * (i % 3) / 2).collect();
    let ids = |batch: usize, length: usize| {
        Cpu::default().tensor_from_vec(ids[..batch * length].to_vec(), (batch, length))
    };
    // One by one, and all at once; more columns than a vector has, and fewer.
    bags!(ids(2, 1), 40, 5);
    bags!(ids(20, 3), 40, 5);
    bags!(ids(3, 20), 40, 37);
}
