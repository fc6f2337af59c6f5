//! Samples that are larger than the stack: threads of Rust, and of its tests, have 2 MiB.

use dfdx::{tensor::OwnedTape, tensor_ops::SumTo};
use kerata::{
    Batch, Const, Cpu, Embedding, Tensor,
    data::{
        Dataset, InMemory, Order, Ragged, Samples, Side, Vocabulary, from_one_hot,
        from_one_hot_padded, one_hot, one_hot_padded, pad_sequences,
    },
    prelude::*,
    reduce::PerStep,
};

fn in_a_small_stack(test: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(2 << 20).spawn(test).unwrap().join().unwrap();
}

/// All that a dataset does with its samples.
fn goes_through<X: Samples<Selected: PartialEq<X>> + Clone>(samples: X) {
    let rows: Vec<usize> = (0..samples.count()).collect();
    assert!(samples.select(&rows).unwrap() == samples.clone());
    let data = InMemory::new(samples, rows).unwrap();
    let (first, last) = data.split(0.5).unwrap();
    assert_eq!((first.len(), last.len()), (1, 1));
    let order = Order { shuffle: Some(3), ..Order::sequential(1) };
    assert_eq!(data.batches::<f32, Cpu>(order, &Cpu::default()).filter(Result::is_ok).count(), 2);
}

#[test]
fn one_hot_rows_are_on_the_heap() {
    in_a_small_stack(|| {
        // 12 MB each.
        let ids = [[1, 9_999], [0, 2]];
        let ids: Vec<[usize; 300]> =
            pad_sequences(&ids.map(|ids| ids.to_vec()), 7, Side::Post, Side::Post);
        let rows = one_hot::<10_000, 300>(&ids).unwrap();
        assert_eq!((rows[0][1][9_999], rows[1][299][7], rows[1][299][8]), (1.0, 1.0, 0.0));
        assert!(from_one_hot(&rows).unwrap() == ids);
        goes_through(rows);
        let rows = one_hot_padded::<10_000, 300>(&ids).unwrap();
        assert_eq!((rows[0][1][9_998], rows[1][0][0]), (1.0, 0.0));
        assert!(from_one_hot_padded(&rows).unwrap() == ids);
    });
}

#[test]
fn padded_rows_are_on_the_heap() {
    in_a_small_stack(|| {
        let rows: Vec<[usize; 1_500_000]> =
            pad_sequences(&[vec![1, 2], vec![3]], 0, Side::Pre, Side::Pre);
        assert_eq!((rows[0][1_499_998..].to_vec(), rows[1][0]), (vec![1, 2], 0));
        goes_through(rows);
        let rows: Vec<[f32; 3_000_000]> =
            pad_sequences(&[vec![1.0], vec![3.0]], 0.5, Side::Post, Side::Post);
        assert_eq!((rows[0][0], rows[1][2_999_999]), (1.0, 0.5));
        let weights = PerStep::from(rows.clone());
        assert_eq!(weights, PerStep::new(rows.as_flattened().to_vec(), 3_000_000).unwrap());
        goes_through(rows);
        let rows: Vec<[f64; 1_500_000]> =
            pad_sequences(&[vec![1.0], vec![3.0]], 0.5, Side::Post, Side::Post);
        goes_through(rows);
        let letters = Vocabulary::characters().list(["a", "b"]).unwrap();
        let rows = letters.encode_padded::<1_500_000>(["ab", "b"]).unwrap();
        assert_eq!(rows[1][..2], [2, 0]);
        goes_through(Ragged(vec![vec![1; 1_500_000], vec![2]]));
    });
}

#[test]
fn images_are_on_the_heap() {
    in_a_small_stack(|| {
        // 10 MB each.
        let values = vec![0.5_f32; 2 * 900 * 960 * 3];
        let (pixels, _) = values.as_chunks::<3>();
        let (lines, _) = pixels.as_chunks::<960>();
        let (images, _) = lines.as_chunks::<900>();
        goes_through(images.to_vec());
    });
}

#[test]
fn rows_of_no_elements_are_rows() {
    assert_eq!(one_hot::<0, 2>(&[]).unwrap().len(), 0);
    assert_eq!(one_hot_padded::<0, 2>(&[[0, 0]; 3]).unwrap().len(), 3);
    assert_eq!(one_hot::<3, 0>(&[[], []]).unwrap().len(), 2);
    assert_eq!(from_one_hot::<3, 0>(&[[], []]).unwrap().len(), 2);
    let rows = [vec![1], vec![], vec![2, 3]];
    assert_eq!(pad_sequences::<0, _>(&rows, 0, Side::Pre, Side::Pre), [[0; 0]; 3]);
    assert_eq!(pad_sequences::<2, u8>(&[], 0, Side::Pre, Side::Pre), Vec::<[u8; 2]>::new());
}

#[test]
fn rows_of_an_embedding_are_on_the_heap() {
    in_a_small_stack(|| {
        let dev = Cpu::seed_from_u64(0);
        let table = Embedding::<2, 1_000_000>::build(&dev).unwrap();
        let ids: Tensor<(Batch, Const<8>), usize, Cpu> =
            dev.tensor_from_vec(vec![0, 1, 1, 0, 0, 0, 1, 0], (1, Const));
        let y = table.forward(ids.clone()).unwrap();
        assert_eq!(y[[0, 2, 999_999]], table.embeddings[[1, 999_999]]);
        assert_eq!(y[[0, 7, 0]], table.embeddings[[0, 0]]);
        type Words = kerata::Ids<(Batch, Const<8>)>;
        let y = kerata::Layer::<Words>::call::<OwnedTape<f32, Cpu>>(&table, ids.leaky_trace());
        let gradients = y.unwrap().sum::<dfdx::shapes::Rank0, _>().backward();
        let of_table = gradients.get(&table.embeddings);
        assert_eq!((of_table[[0, 5]], of_table[[1, 999_999]]), (5.0, 3.0));
    });
}
