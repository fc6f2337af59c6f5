//! The loss is weighted by the mask and by sample weights: on [[1, 2, 0, 0]] it is the mean over the first
//! two steps only. The weights and the first two numbers are those of Keras 3.15; the others follow.

use kerata::{
    Cpu, Dense, Embedding, Error, MaskZero, TimeDistributed, Unmask,
    loss::MeanSquaredError,
    prelude::*,
    reduce::{PerSample, PerStep},
};

const EMBEDDINGS: [[f32; 5]; 5] = [
    [-0.1457962, 0.067124, -0.0311729, 0.0315505, 0.0160018],
    [0.1689656, 0.0308649, -0.1011017, -0.0052448, 0.106214],
    [-0.0296208, -0.0238657, -0.001435, 0.0271937, 0.0348896],
    [0.1625438, 0.0232721, -0.000574, -0.0144724, -0.1630493],
    [-0.0791025, -0.0708574, 0.0033775, 0.0171783, 0.0217693],
];
const KERNEL: [[f32; 3]; 5] = [
    [-0.097803, 0.0450281, -0.0209114],
    [0.0211647, 0.0107343, 0.1133456],
    [0.0207048, -0.0678211, -0.0035183],
    [0.0712505, -0.0198702, -0.0160096],
    [-0.0009626, 0.0182421, 0.0234047],
];
const BIAS: [f32; 3] = [-0.0607484, 0.0279683, -0.0129887];

fn main() -> Result<(), Error> {
    let dev = Cpu::default();
    let embedding = Embedding::<5, 5, MaskZero>::from_embeddings(dev.tensor(EMBEDDINGS));
    let mut dense = TimeDistributed::<Dense<5, 3>>::build(&dev)?;
    dense.layer.kernel = dev.tensor(KERNEL);
    dense.layer.bias = dev.tensor(BIAS);

    let ids = dev.tensor([[1_usize, 2, 0, 0]]);
    let target =
        dev.tensor([[[0.0, 1.0, 2.0], [3.0, 4.0, 5.0], [6.0, 7.0, 8.0], [9.0, 10.0, 11.0]]]);
    let prediction = dense.forward(embedding.forward(ids)?)?;

    let show = |what: &str, loss: f32, expected: f32| {
        println!("{what:<44} {loss:>10.5}   expected {expected:>10.5}");
        assert!((loss - expected).abs() < 1e-4, "{what}: {loss} is not {expected}");
    };
    let masked = MeanSquaredError.compute(prediction.clone(), target.clone())?.array();
    show("under the mask: the mean of steps 1 and 2", masked, 9.206_079);

    // With `Unmask` every step counts, the padding too.
    let unmasked = Unmask.forward(prediction.clone())?;
    let loss = MeanSquaredError.compute(unmasked, target.clone())?.array();
    show("without it: the mean of all four", loss, 42.235_214);

    // Weights multiply the losses and never stand in the denominator.
    let weights = PerSample(vec![0.5]);
    let loss =
        MeanSquaredError.compute_weighted(prediction.clone(), target.clone(), &weights)?.array();
    show("the sample weighted by 0.5", loss, 9.206_079 * 0.5);

    let weights = PerStep::from(vec![[2.0, 0.0, 7.0, 7.0]]);
    let loss = MeanSquaredError.compute_weighted(prediction, target, &weights)?.array();
    show("step 1 twice, step 2 not, padding as ever not", loss, 2.0 * 1.653_053_3 / 2.0);
    Ok(())
}
