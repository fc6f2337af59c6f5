//! A model gives the numbers of its layers called one by one, though it has some do at once what those behind them do.

use dfdx::{
    prelude::{Backward, HasShape, SumTo},
    shapes::Rank0,
    tensor::{Gradients, NoneTape, OwnedTape, PutTape, SplitTape, Tape, TensorFromVec},
};
use kerata::{
    Add, Average, Backend, Batch, BatchNorm, Conv2d, Cpu, Element, Error, GlobalAveragePooling1d,
    GlobalAveragePooling2d, Groups, Linear, Mask, Masked, OneGroup, Relu, Same, Sigmoid, Tanh,
    Tensor, Valid, model,
    model::Sequential,
    parameters::{Parameter, Parameters, Visitor},
    prelude::*,
    shape::{Const, Shape},
};
use proptest::prelude::*;

/// Values between -2 and 2.
fn values<E: Element>(seed: u64, n: usize) -> Vec<E> {
    let mix = |i: usize| {
        let x = (i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ seed;
        (x ^ (x >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 40
    };
    (0..n).map(|i| E::of(mix(i) as f64 / f64::from(1 << 22) - 2.0)).collect()
}

/// Draws all weights; a variance is at least 0.
struct Draw(u64);

impl<E: Element> Visitor<E, Cpu> for Draw
where
    Cpu: Backend<E>,
{
    fn visit(&mut self, parameter: Parameter<'_, E, Cpu>) -> Result<(), Error> {
        self.0 += 1;
        let mut drawn: Vec<E> = values(self.0, parameter.tensor.len());
        if parameter.name == "moving_variance" {
            drawn.iter_mut().for_each(|x| *x = *x * *x);
        }
        parameter.tensor.assign(&drawn)?;
        Ok(())
    }
}

/// The weights, and behind them their gradients.
struct Take<'a, E: Element>(Option<&'a mut Gradients<E, Cpu>>, Vec<f64>)
where
    Cpu: Backend<E>;

impl<E: Element> Visitor<E, Cpu> for Take<'_, E>
where
    Cpu: Backend<E>,
{
    fn visit(&mut self, parameter: Parameter<'_, E, Cpu>) -> Result<(), Error> {
        self.1.extend(parameter.tensor.to_vec()?.into_iter().map(Element::as_f64));
        if let Some(gradients) = self.0.as_deref_mut().filter(|_| parameter.trainable) {
            let gradient = parameter.tensor.gradient(gradients)?;
            self.1.extend(gradient.into_iter().map(Element::as_f64));
        }
        Ok(())
    }
}

fn near(what: &str, found: &[f64], right: &[f64]) {
    assert_eq!(found.len(), right.len(), "{what}");
    let scale = right.iter().fold(1e-3, |most: f64, x| most.max(x.abs()));
    for (i, (found, right)) in found.iter().zip(right).enumerate() {
        assert!((found - right).abs() <= 1e-6 * scale, "{what} at {i}: {found}, not {right}");
    }
}

fn widened<E: Element, S: Shape, T>(x: &Tensor<S, E, Cpu, T>) -> Vec<f64>
where
    Cpu: Backend<E>,
{
    // dfdx cannot list nothing.
    let values = if x.shape().num_elements() > 0 { x.as_vec() } else { Vec::new() };
    values.into_iter().map(Element::as_f64).collect()
}

type Pictures = (Batch, Const<9>, Const<8>, Const<3>);

macro_rules! models {
    ($($module:ident: $E:ident;)*) => {$(
        mod $module {
            use super::*;

            type Conv<const I: usize, const O: usize> =
                Conv2d<I, O, 3, 3, Linear, Same, 1, 1, OneGroup, $E>;

            #[model(input = (Batch, 9, 8, 3), output = (Batch, 4), element = $E)]
            pub(super) struct Net {
                #[with(use_bias = false)]
                stem: Conv<3, 18>,
                pub(super) norm0: BatchNorm<_, $E>,
                relu0: Relu,
                #[with(use_bias = false)]
                conv1: Conv<18, 17>,
                norm1: BatchNorm<_, $E>,
                tanh1: Tanh,
                #[with(use_bias = false)]
                conv2: Conv<17, 18>,
                norm2: BatchNorm<_, $E>,
                #[from(relu0, norm2)]
                sum: Add,
                relu2: Relu,
                // Used twice, so nothing is done ahead.
                norm3: BatchNorm<_, $E>,
                relu3: Relu,
                #[from(norm3, relu3)]
                mean: Average,
                biased: Conv2d<_, 6, 2, 3, Linear, Valid, 2, 1, Groups<3>, $E>,
                relu4: Relu,
                norm4: BatchNorm<_, $E>,
                curved: Conv2d<_, 4, 1, 1, Sigmoid, Valid, 1, 1, OneGroup, $E>,
                norm5: BatchNorm<_, $E>,
                sigmoid5: Sigmoid,
                pool: GlobalAveragePooling2d,
            }

            /// The layers one by one, in either pass.
            macro_rules! one_by_one {
                ($net:ident, $pass:ident, $x:ident, $T:ty) => {{
                    let x = $net.relu0.$pass($net.norm0.$pass($net.stem.$pass($x)?)?)?;
                    let (kept, tape) = x.split_tape();
                    let x = kept.clone().put_tape(tape);
                    let x = $net.tanh1.$pass($net.norm1.$pass($net.conv1.$pass(x)?)?)?;
                    let x = $net.norm2.$pass($net.conv2.$pass(x)?)?;
                    let x = $net.sum.$pass((kept.put_tape(<$T>::default()), x))?;
                    let (kept, tape) = $net.norm3.$pass($net.relu2.$pass(x)?)?.split_tape();
                    let x = $net.relu3.$pass(kept.clone().put_tape(tape))?;
                    let x = $net.mean.$pass((kept.put_tape(<$T>::default()), x))?;
                    let x = $net.norm4.$pass($net.relu4.$pass($net.biased.$pass(x)?)?)?;
                    let x = $net.sigmoid5.$pass($net.norm5.$pass($net.curved.$pass(x)?)?)?;
                    $net.pool.$pass(x)
                }};
            }

            pub(super) fn infers<T: Tape<$E, Cpu>>(
                net: &Net,
                x: Tensor<Pictures, $E, Cpu, T>,
            ) -> Result<Tensor<(Batch, Const<4>), $E, Cpu, T>, Error> {
                one_by_one!(net, forward, x, T)
            }

            pub(super) fn trains<T: Tape<$E, Cpu>>(
                net: &mut Net,
                x: Tensor<Pictures, $E, Cpu, T>,
            ) -> Result<Tensor<(Batch, Const<4>), $E, Cpu, T>, Error> {
                one_by_one!(net, forward_mut, x, T)
            }

            pub(super) fn compare(seed: u64, batch: usize) -> Result<(), Error> {
                let dev = Cpu::seed_from_u64(seed);
                let mut net = Net::build(&dev)?;
                net.visit(&mut Draw(seed))?;
                let x = dev.tensor_from_vec(
                    values::<$E>(seed, batch * 9 * 8 * 3),
                    (batch, Const, Const, Const),
                );
                let found = net.forward(x.clone())?;
                near("inference", &widened(&found), &widened(&infers::<NoneTape>(&net, x.clone())?));

                if batch == 0 {
                    let (found, right) = (net.forward_mut(x.clone())?, trains(&mut net, x)?);
                    near("training on nothing", &widened(&found), &widened(&right));
                    return Ok(());
                }

                // With a tape, a normalisation in inference has gradients.
                let all = |net: &mut Net, y: Tensor<(Batch, Const<4>), $E, Cpu, OwnedTape<$E, Cpu>>| {
                    let mut all = widened(&y);
                    let mut gradients = y.square().sum::<Rank0, _>().backward();
                    gradients.try_alloc_for(&x).unwrap();
                    all.extend(widened(&gradients.get(&x)));
                    let mut take = Take(Some(&mut gradients), all);
                    net.visit(&mut take)?;
                    Ok::<_, Error>(take.1)
                };
                let mut other = net.clone();
                let y = net.forward(x.clone().put_tape(OwnedTape::default()))?;
                let right = infers(&other, x.clone().put_tape(OwnedTape::default()))?;
                near("inference with a tape", &all(&mut net, y)?, &all(&mut other, right)?);

                let y = net.forward_mut(x.clone().put_tape(OwnedTape::default()))?;
                let right = trains(&mut other, x.clone().put_tape(OwnedTape::default()))?;
                near("training", &all(&mut net, y)?, &all(&mut other, right)?);
                // Inference behind a training step.
                let (found, right) = (net.forward(x.clone())?, infers(&other, x.clone())?);
                near("inference again", &widened(&found), &widened(&right));
                Ok(())
            }
        }
    )*};
}
models! {
    single: f32;
    double: f64;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_model_gives_what_its_layers_give(seed: u64, batch in 0_usize..4) {
        single::compare(seed, batch).unwrap();
        double::compare(seed, batch).unwrap();
    }

    /// Sequences under a mask, and a model without a name.
    #[test]
    fn a_masked_model_does_too(seed: u64, lengths in prop::collection::vec(0_usize..6, 0..4)) {
        masked(seed, &lengths).unwrap();
    }
}

#[model(input = Masked<(Batch, 5, 3)>, output = (Batch, 3))]
struct Steps {
    norm: BatchNorm<_>,
    relu: Relu,
    again: BatchNorm<_>,
    #[from(relu, again)]
    sum: Add,
    tanh: Tanh,
    mean: GlobalAveragePooling1d,
}

fn masked(seed: u64, lengths: &[usize]) -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(seed);
    let mut net = Steps::build(&dev)?;
    net.visit(&mut Draw(seed))?;
    let x = dev.tensor_from_vec(values(seed, lengths.len() * 15), (lengths.len(), Const, Const));
    let x = Masked::new(x, Mask::from_lengths(lengths, 5)?)?;
    let relu = net.relu.forward(net.norm.forward(x.clone())?)?;
    let again = net.again.forward(relu.clone())?;
    let right = net.mean.forward(net.tanh.forward(net.sum.forward((relu, again))?)?)?;
    near("inference", &widened(&net.forward(x.clone())?), &widened(&right));

    let mut other = net.clone();
    let relu = other.relu.forward_mut(other.norm.forward_mut(x.clone())?)?;
    let again = other.again.forward_mut(relu.clone())?;
    let sum = other.sum.forward_mut((relu, again))?;
    let right = other.mean.forward_mut(other.tanh.forward_mut(sum)?)?;
    near("training", &widened(&net.forward_mut(x.clone())?), &widened(&right));
    for model in [&mut net, &mut other] {
        model.visit(&mut Draw(seed))?;
    }

    type Chain = Sequential<
        Masked<(Batch, Const<5>, Const<3>)>,
        (BatchNorm<3>, Relu, GlobalAveragePooling1d),
    >;
    let mut chain = Chain::build(&dev)?;
    chain.visit(&mut Draw(seed))?;
    let (norm, relu, mean) = &chain.layers;
    let right = mean.forward(relu.forward(norm.forward(x.clone())?)?)?;
    near("a chain", &widened(&chain.forward(x)?), &widened(&right));
    Ok(())
}

/// A statistic that is not finite, or weights that do not fit, are told as the layer itself tells them.
#[test]
fn a_bad_option_is_told() -> Result<(), Error> {
    let mut net = single::Net::build(&Cpu::default())?;
    net.norm0.epsilon = -1.0;
    let x = Cpu::default().tensor_from_vec(vec![0.0; 9 * 8 * 3], (1, Const, Const, Const));
    let error = net.forward(x).unwrap_err().to_string();
    assert!(error.contains("epsilon") && error.contains("-1"), "{error}");
    Ok(())
}
