//! A layer of one's own, whole: two weights, an option, a rule for the mask, Keras's config, training. And with it an
//! activation, a loss and a metric of one's own. Nothing but `kerata` is in `Cargo.toml`.
//!
//! Each text has one word that decides, among words that say nothing. The layer learns to look at that word.

use kerata::{
    Activation, Backend, Batch, Const, Cpu, Dense, Element, Embedding, Error, Ids, Layer, MaskZero,
    Tensor,
    data::InMemory,
    layer,
    loss::{Loss, Prediction, PredictionRows, Target},
    metric::Metric,
    model,
    optim::Adam,
    prelude::*,
    reduce::Mean,
    signal::Steps,
    tensor::{
        Axis, BroadcastTo, HasShape, NoneTape, OrDevice, Rank2, Shape, SumTo, Tape, fill_padding,
    },
    tensor::{TryAdd, TryDiv, TryMatMul, TryMul, TrySub},
    train::{Fit, Trainer},
};

/// The mean of the steps, weighted by `softmax(tanh(x . kernel) . query / temperature)`. Padding has no weight, and
/// behind this layer there is no mask.
#[layer(class = "AttentionPool", input = (Batch, Length, F), infer, keys(units: size(U)))]
struct AttentionPool<const F: usize, const U: usize> {
    #[weight(init = glorot_uniform)]
    kernel: Tensor<Rank2<F, U>, f32, Cpu>,
    #[weight(init = glorot_uniform)]
    query: Tensor<Rank2<U, 1>, f32, Cpu>,
    #[option(default = 1.0, range = 0.01..=100.0)]
    temperature: f32,
}

impl<S: Steps<Features = Const<F>>, const F: usize, const U: usize> Layer<S>
    for AttentionPool<F, U>
{
    type Out = (S::Batch, Const<F>);

    fn call<T: Tape<f32, Cpu>>(
        &self,
        x: S::Data<f32, Cpu, T>,
    ) -> Result<Tensor<Self::Out, f32, Cpu, T>, Error> {
        let ((x, mask), kernel, query) =
            (S::split(x), self.kernel.retaped::<T>(), self.query.retaped::<T>());
        let scores = x.retaped::<T>().try_matmul(kernel)?.try_tanh()?.try_matmul(query)?;
        let scores = fill_padding(scores / self.temperature, mask.as_ref(), -1e9)?;
        let weights = scores.try_sum::<_, Axis<2>>()?.try_softmax::<Axis<1>>()?;
        let weights = weights.try_broadcast_like(x.shape())?;
        Ok(weights.try_mul(x)?.try_sum::<_, Axis<1>>()?)
    }
}

/// `x * sigmoid(x)`, on any device and in `f64` as well.
#[derive(Debug, Clone)]
struct Swish;

impl Activation for Swish {
    const NAME: &'static str = "silu";

    fn apply<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Tensor<S, E, D, T>,
    ) -> Result<Tensor<S, E, D, T>, Error> {
        x.retaped::<T>().try_sigmoid().or_device()?.try_mul(x).or_device()
    }
}

/// `log(cosh(difference))`: a square near 0, and straight lines further out.
struct LogCosh;

impl<P: Prediction, Y: Target<P>> Loss<P, Y> for LogCosh {
    fn name(&self) -> &'static str {
        "log_cosh"
    }

    fn per_position<T: Tape<f32, Cpu>>(
        &self,
        prediction: PredictionRows<f32, Cpu, T>,
        target: &Y::Data<f32, Cpu, NoneTape>,
    ) -> Result<Tensor<(usize,), f32, Cpu, T>, Error> {
        let x = prediction.try_sub(Y::rows(target)?)?;
        let exp = x.retaped::<T>().try_exp()?;
        let cosh = exp.try_add(x.try_negate()?.try_exp()?)?.try_div(2.0)?;
        Ok(cosh.try_ln()?.try_sum::<_, Axis<1>>()?)
    }
}

/// The share of answers that are not further from the target than this.
struct Within(f32);

impl<P: Prediction, Y: Target<P>> Metric<P, Y> for Within {
    type State = Mean;

    fn name(&self) -> String {
        format!("within_{}", self.0)
    }

    fn update(
        &self,
        mean: &mut Mean,
        prediction: &Tensor<(usize, usize), f32, Cpu>,
        target: &Y::Data<f32, Cpu, NoneTape>,
        weights: &[f64],
    ) -> Result<(), Error> {
        let target = Y::rows::<f32, Cpu>(target)?.as_vec();
        let pairs = prediction.as_vec().into_iter().zip(target);
        let within = pairs.map(|(p, y)| f64::from(u8::from((p - y).abs() <= self.0)));
        mean.add(within, weights.iter().copied());
        Ok(())
    }

    fn result(&self, mean: &Mean) -> f64 {
        mean.get()
    }
}

#[model(input = Ids<(Batch, 8)>, output = (Batch, 1))]
struct Review {
    embed: Embedding<20, 8, MaskZero>,
    attention: AttentionPool<_, 16>,
    hidden: Dense<_, 8, Swish>,
    score: Dense<_, 1>,
}

/// Three to eight words: one of 1 to 6, which is the score, and words from 7 on, which say nothing.
fn text(i: usize) -> ([usize; 8], [f32; 1]) {
    let (length, at, decides) = (3 + i % 6, i * 7 % (3 + i % 6), 1 + i * 5 / 3 % 6);
    let word = |step| if step == at { decides } else { 7 + (i * 31 + step * 17) % 13 };
    let words = std::array::from_fn(|step| if step < length { word(step) } else { 0 });
    (words, [decides as f32 / 3.0 - 1.0])
}

fn main() -> Result<(), Error> {
    println!("{}\n", Review::summary());
    let data = |range: std::ops::Range<usize>| {
        let (texts, scores) = range.map(text).unzip::<_, _, Vec<_>, Vec<_>>();
        InMemory::new(texts, scores)
    };
    let model = Review::build(&Cpu::seed_from_u64(0))?;
    let mut trainer = Trainer::new(model, LogCosh, Adam::new(0.01))?.metric(Within(0.1));
    let before = trainer.evaluate(&data(600..800)?, 32)?;
    trainer.fit(&data(0..600)?, &Fit { progress: false, ..Fit::epochs(20) })?;
    let after = trainer.evaluate(&data(600..800)?, 32)?;
    println!("on texts never seen, before: {before:?}\n                     after:  {after:?}\n");
    assert!(after[1].1 > 0.95 && before[1].1 < 0.5);

    // More padding changes nothing: the mask counts.
    let mut layer = trainer.model.attention.clone();
    let embedded = trainer.model.embed.forward(Cpu::default().tensor([[3_usize, 9, 12]]))?;
    let padded = trainer.model.embed.forward(Cpu::default().tensor([[3_usize, 9, 12, 0, 0]]))?;
    assert_eq!(layer.forward(embedded)?.array(), layer.forward(padded)?.array());

    // What Keras's JSON says of the layer, with all initializers; and back.
    layer.temperature = 0.5;
    let json = layer.to_json();
    println!("{json}\n");
    assert_eq!(AttentionPool::<8, 16>::from_json(&json)?.temperature, 0.5);
    let wrong = json.replace("0.5", "-2.0").replace("\"units\":16", "\"units\":4");
    println!("{}", layer.check_json(&wrong).unwrap_err());
    Ok(())
}
