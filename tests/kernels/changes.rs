//! Inference sees how weights have changed.

use super::*;

/// The same of layers that get ready in more than one way: of one row of a wide LSTM the units are on threads, and a
/// convolution is ready for images of one size.
#[test]
fn inference_sees_changes_whichever_way_it_is_done() -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(3);
    let text = dev.tensor_from_vec(vec![0.5; 4000], (1, 40, Const::<100>));
    let images = [5, 7]
        .map(|size| dev.tensor_from_vec(vec![0.5; size * size * 16], (1, size, size, Const::<16>)));
    let mut lstm = Lstm::<100, 100>::build(&dev)?;
    let mut conv = Conv2d::<16, 17, 3>::build(&dev)?;
    let check = |lstm: &Lstm<100, 100>, conv: &Conv2d<16, 17, 3>| {
        for _ in 0..2 {
            let (kept, fresh) = (lstm.forward(text.clone())?, lstm.clone().forward(text.clone())?);
            assert_eq!(kept.as_vec(), fresh.as_vec());
            for image in images.clone() {
                let (kept, fresh) = (conv.forward(image.clone())?, conv.clone().forward(image)?);
                assert_eq!(kept.as_vec(), fresh.as_vec());
            }
        }
        let image = images[0].clone();
        Ok::<_, Error>([lstm.forward(text.clone())?.as_vec(), conv.forward(image)?.as_vec()])
    };
    let mut seen = vec![check(&lstm, &conv)?];
    lstm.recurrent_kernel[[3, 5]] = 2.0;
    conv.kernel[[1, 1, 2, 3]] = 5.0;
    seen.push(check(&lstm, &conv)?);
    lstm.bias[[7]] = 2.0;
    conv.kernel.copy_from(&[0.25; 9 * 16 * 17]);
    seen.push(check(&lstm, &conv)?);
    for (before, after) in seen.iter().zip(&seen[1..]) {
        assert!(before[0] != after[0] && before[1] != after[1], "a change is not seen");
    }
    Ok(())
}

/// The state may be the input too, and the same tensor twice.
#[test]
fn one_tensor_in_several_places() {
    same!(tensor((3_usize, Const::<4>), 1),
    Lstm<4, 4, Sequences>, Lstm<4, 4, Sequences, f64>,
    |l, x| {
        let (h, tape) = x.split_tape();
        let state = LstmState { h: h.clone(), c: h.clone() };
        let x = h.put_tape(tape);
        let x = dfdx::prelude::ReshapeTo::reshape_like(x, &(3_usize, Const::<1>, Const::<4>));
        l.forward_with_state(x, None, Some(state)).unwrap().0
    });
}

/// What is kept of the weights for inference never outlives them, however they change.
#[test]
fn inference_sees_every_change_of_the_weights() -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(3);
    let x = dev.tensor_from_vec((0..40).map(|i| i as f32 / 40.0).collect(), (2, 5, Const::<4>));
    let ids = dev.tensor_from_vec((0..40_usize).map(|i| i % 9).collect(), (4, 10));
    let mut lstm = Lstm::<4, 4, Sequences>::build(&dev)?;
    let mut dense = Dense::<4, 4>::build(&dev)?;
    let mut table = Embedding::<9, 3>::build(&dev)?;
    let mut bag = EmbeddingBag::<9, 3>::build(&dev)?;
    let vectors = dev.tensor_from_vec((0..12).map(|i| i as f32).collect(), (3, Const::<4>));
    // A clone has nothing kept.
    type Layers<'a> =
        (&'a Lstm<4, 4, Sequences>, &'a Dense<4, 4>, &'a Embedding<9, 3>, &'a EmbeddingBag<9, 3>);
    let check = |(lstm, dense, table, bag): Layers<'_>| {
        for _ in 0..2 {
            assert_eq!(
                lstm.forward(x.clone())?.as_vec(),
                lstm.clone().forward(x.clone())?.as_vec()
            );
            let (kept, fresh) =
                (dense.forward(vectors.clone())?, dense.clone().forward(vectors.clone())?);
            assert_eq!(kept.as_vec(), fresh.as_vec());
            let (kept, fresh) = (table.forward(ids.clone())?, table.clone().forward(ids.clone())?);
            assert_eq!(kept.as_vec(), fresh.as_vec());
            let (kept, fresh) = (bag.forward(ids.clone())?, bag.clone().forward(ids.clone())?);
            assert_eq!(kept.as_vec(), fresh.as_vec());
        }
        Ok::<_, Error>(dense.forward(vectors.clone())?.as_vec())
    };
    let mut seen = vec![check((&lstm, &dense, &table, &bag))?];

    // Written to in place.
    dense.kernel[[1, 2]] += 1.0;
    lstm.bias[[3]] = 2.0;
    table.embeddings[[2, 0]] = 5.0;
    bag.embeddings[[2, 0]] = 5.0;
    seen.push(check((&lstm, &dense, &table, &bag))?);
    dense.kernel.copy_from(&[0.5; 16]);
    lstm.recurrent_kernel.copy_from(&[0.25; 64]);
    dense.kernel[[0, 3]] = 7.0;
    seen.push(check((&lstm, &dense, &table, &bag))?);
    // The same memory, in another order.
    dense.kernel = dense.kernel.clone().permute::<_, Axes2<1, 0>>();
    seen.push(check((&lstm, &dense, &table, &bag))?);
    // Put in place of others.
    dense.bias = dev.tensor([1.0, 2.0, 3.0, 4.0]);
    table.embeddings = dev.ones();
    bag.embeddings = dev.ones();
    seen.push(check((&lstm, &dense, &table, &bag))?);
    // Trained.
    let y = dense.forward_mut(vectors.clone().put_tape(OwnedTape::default()))?;
    let mut gradients = y.square().mean::<_, Axes2<0, 1>>().backward();
    State::default().step(&Adam::default(), &mut dense, &mut gradients)?;
    seen.push(check((&lstm, &dense, &table, &bag))?);
    for (i, y) in seen.iter().enumerate() {
        assert!(!seen[..i].contains(y), "change {i} is not seen");
    }
    Ok(())
}
