//! Optimisers alone, on given gradients, and schedules of the learning rate.

use dfdx::tensor::{Gradients, OwnedTape, PutTape};
use kerata::{
    Batch, Const, Cpu, Embedding, Error, Ids, MaskZero, Tensor,
    loss::MeanSquaredError,
    optim::{
        Adadelta, Adafactor, Adagrad, Adam, AdamW, Adamax, Ftrl, Lamb, LearningRate, Lion, Muon,
        Nadam, Optimizer, RMSprop, ScheduleFreeAdamW, Sgd, State,
        schedules::{
            CosineDecay, CosineDecayRestarts, ExponentialDecay, InverseTimeDecay,
            PiecewiseConstantDecay, PolynomialDecay,
        },
    },
    parameters::{Parameter, Parameters, Visitor},
    prelude::*,
};
use serde_json::Value;

use crate::{
    case::Case,
    harness::{Test, tests},
    models::FromCase,
    report::Report,
};

/// The settings of a config of Keras. All of them must be read.
struct Settings<'a>(&'a Value);

impl Settings<'_> {
    fn number(&self, key: &str) -> f64 {
        self.0[key].as_f64().unwrap_or_else(|| panic!("{key} is {}", self.0[key]))
    }

    fn maybe(&self, key: &str) -> Option<f64> {
        assert!(self.0[key].is_null() || self.0[key].is_number(), "{key}");
        self.0[key].as_f64()
    }

    fn whole(&self, key: &str) -> usize {
        self.number(key) as usize
    }

    fn count(&self, key: &str) -> Option<usize> {
        self.maybe(key).map(|number| number as usize)
    }

    fn words(&self, key: &str) -> Vec<String> {
        let words = self.0[key].as_array().unwrap().iter();
        words.map(|word| word.as_str().unwrap().to_owned()).collect()
    }

    fn flag(&self, key: &str) -> bool {
        self.0[key].as_bool().unwrap_or_else(|| panic!("{key} is {}", self.0[key]))
    }

    fn list(&self, key: &str) -> Vec<f64> {
        self.0[key].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
    }

    fn rate(&self) -> LearningRate {
        let rate = &self.0["learning_rate"];
        rate.as_f64().map_or_else(|| schedule(rate), LearningRate::from)
    }
}

fn schedule(json: &Value) -> LearningRate {
    let config = Settings(&json["config"]);
    let initial_learning_rate = config.maybe("initial_learning_rate").unwrap_or_default();
    match json["class_name"].as_str().unwrap() {
        "ExponentialDecay" => ExponentialDecay {
            initial_learning_rate,
            decay_steps: config.number("decay_steps"),
            decay_rate: config.number("decay_rate"),
            staircase: config.flag("staircase"),
        }
        .into(),
        "InverseTimeDecay" => InverseTimeDecay {
            initial_learning_rate,
            decay_steps: config.number("decay_steps"),
            decay_rate: config.number("decay_rate"),
            staircase: config.flag("staircase"),
        }
        .into(),
        "PolynomialDecay" => PolynomialDecay {
            initial_learning_rate,
            decay_steps: config.number("decay_steps"),
            end_learning_rate: config.number("end_learning_rate"),
            power: config.number("power"),
            cycle: config.flag("cycle"),
        }
        .into(),
        "PiecewiseConstantDecay" => {
            let boundaries = config.list("boundaries").into_iter().map(|step| step as usize);
            let boundaries: Vec<usize> = boundaries.collect();
            PiecewiseConstantDecay::new(boundaries, config.list("values")).into()
        }
        "CosineDecay" => CosineDecay {
            initial_learning_rate,
            decay_steps: config.number("decay_steps"),
            alpha: config.number("alpha"),
            warmup_target: config.maybe("warmup_target"),
            warmup_steps: config.number("warmup_steps"),
        }
        .into(),
        "CosineDecayRestarts" => CosineDecayRestarts {
            initial_learning_rate,
            first_decay_steps: config.number("first_decay_steps"),
            t_mul: config.number("t_mul"),
            m_mul: config.number("m_mul"),
            alpha: config.number("alpha"),
        }
        .into(),
        other => panic!("the schedule `{other}` is not known"),
    }
}

/// Something that is run with an optimiser.
trait Run {
    fn run(&self, optimizer: impl Optimizer);
}

/// Runs with the optimiser of a config.
fn with_optimizer(class: &str, config: &Value, run: &impl Run) {
    let config = Settings(config);
    assert!(config.maybe("loss_scale_factor").is_none());
    /// The options that all have, and those of one.
    macro_rules! optimizer {
        ($class:ident { $($field:ident: $how:ident),* }) => {
            $class {
                $($field: config.$how(stringify!($field)),)*
                weight_decay: config.maybe("weight_decay"),
                clipnorm: config.maybe("clipnorm"),
                clipvalue: config.maybe("clipvalue"),
                global_clipnorm: config.maybe("global_clipnorm"),
                use_ema: config.flag("use_ema"),
                ema_momentum: config.number("ema_momentum"),
                ema_overwrite_frequency: config.count("ema_overwrite_frequency"),
                gradient_accumulation_steps: config.count("gradient_accumulation_steps"),
                ..$class::new(config.rate())
            }
        };
    }
    let adam =
        || optimizer!(Adam { beta_1: number, beta_2: number, epsilon: number, amsgrad: flag });
    match class {
        "SGD" => run.run(optimizer!(Sgd { momentum: number, nesterov: flag })),
        "Adam" => run.run(adam()),
        "AdamW" => run.run(AdamW(adam())),
        "Adadelta" => run.run(optimizer!(Adadelta { rho: number, epsilon: number })),
        "Adafactor" => run.run(optimizer!(Adafactor {
            beta_2_decay: number,
            epsilon_1: number,
            epsilon_2: number,
            clip_threshold: number,
            relative_step: flag
        })),
        "Adagrad" => {
            run.run(optimizer!(Adagrad { initial_accumulator_value: number, epsilon: number }));
        }
        "Adamax" => {
            run.run(optimizer!(Adamax { beta_1: number, beta_2: number, epsilon: number }));
        }
        "Nadam" => run.run(optimizer!(Nadam { beta_1: number, beta_2: number, epsilon: number })),
        "Lamb" => run.run(optimizer!(Lamb { beta_1: number, beta_2: number, epsilon: number })),
        "Lion" => run.run(optimizer!(Lion { beta_1: number, beta_2: number })),
        "RMSprop" => run.run(optimizer!(RMSprop {
            rho: number,
            momentum: number,
            epsilon: number,
            centered: flag
        })),
        "Ftrl" => run.run(optimizer!(Ftrl {
            learning_rate_power: number,
            initial_accumulator_value: number,
            l1_regularization_strength: number,
            l2_regularization_strength: number,
            l2_shrinkage_regularization_strength: number,
            beta: number
        })),
        "Muon" => run.run(optimizer!(Muon {
            adam_beta_1: number,
            adam_beta_2: number,
            adam_weight_decay: maybe,
            epsilon: number,
            adam_lr_ratio: number,
            exclude_layers: words,
            exclude_embeddings: flag,
            momentum: number,
            nesterov: flag,
            ns_steps: whole,
            muon_a: number,
            muon_b: number,
            muon_c: number,
            rms_rate: maybe
        })),
        "ScheduleFreeAdamW" => run.run(optimizer!(ScheduleFreeAdamW {
            beta_1: number,
            beta_2: number,
            epsilon: number,
            warmup_steps: whole
        })),
        other => panic!("the optimiser `{other}` is not known"),
    }
}

/// The two variables of the optimiser cases, a matrix and a vector.
#[derive(Clone)]
struct Variables(Tensor<(usize, usize), f32, Cpu>, Tensor<(usize,), f32, Cpu>);

impl Parameters for Variables {
    fn visit(&mut self, visitor: &mut dyn Visitor<f32, Cpu>) -> Result<(), Error> {
        visitor.visit(Parameter::new("a", true, &mut self.0))?;
        visitor.visit(Parameter::new("b", true, &mut self.1))
    }
}

struct Sequence<'a> {
    case: &'a Case,
    name: &'a str,
}

impl Run for Sequence<'_> {
    fn run(&self, optimizer: impl Optimizer) {
        let Self { case, name } = self;
        let ([_, columns], [_]) =
            (case.shape("variable.0.initial"), case.shape("variable.1.initial"))
        else {
            panic!("other ranks");
        };
        let dev = Cpu::default();
        let values = [0, 1].map(|i| case.floats(&format!("variable.{i}.initial")));
        let [a, b] = values.each_ref().map(Vec::len);
        let [first, second] = values;
        let mut variables = Variables(
            dev.tensor_from_vec(first, (a / columns, *columns)),
            dev.tensor_from_vec(second, (b,)),
        );
        let mut state = State::default();
        for step in 0..case.json["steps"].as_u64().unwrap() as usize {
            let mut gradients = Gradients::leaky();
            let gradient = |i: usize| case.floats(&format!("grad.{step}.{i}"));
            gradients.get_or_alloc_mut(&variables.0).unwrap().copy_from_slice(&gradient(0));
            gradients.get_or_alloc_mut(&variables.1).unwrap().copy_from_slice(&gradient(1));
            state.step(&optimizer, &mut variables, &mut gradients).unwrap();
            for (i, found) in [variables.0.as_vec(), variables.1.as_vec()].iter().enumerate() {
                let tensor = format!("{name}.variable.{i}");
                let expected = &case.floats(&tensor)[step * found.len()..(step + 1) * found.len()];
                let what = format!("{tensor} after step {step}");
                case.assert_close("train", &what, found, expected);
            }
        }
    }
}

fn sequences(case: &Case, report: &mut Report) {
    for (name, optimizer) in case.json["optimizers"].as_object().unwrap() {
        let class = optimizer["class_name"].as_str().unwrap();
        with_optimizer(class, &optimizer["full_config"], &Sequence { case, name });
        report.typed(name);
    }
}

struct DuplicateIds<'a> {
    case: &'a Case,
    name: &'a str,
}

impl Run for DuplicateIds<'_> {
    fn run(&self, optimizer: impl Optimizer) {
        let Self { case, name } = self;
        let table =
            Cpu::default().tensor_from_vec(case.floats("0.embedding.embeddings"), (Const, Const));
        let mut model = (Embedding::<5, 2, MaskZero>::from_embeddings(table),);
        let mut state = State::default();
        for step in 0..3 {
            let input: Tensor<(Batch, Const<3>), usize, Cpu> =
                <Ids<(Batch, Const<3>)>>::read(case, "input");
            let output = model.forward_mut(input.put_tape(OwnedTape::default())).unwrap();
            let target: Tensor<(Batch, Const<3>, Const<2>), f32, Cpu> =
                <(Batch, Const<3>, Const<2>)>::read(case, "target");
            let loss = MeanSquaredError.compute(output, target).unwrap();
            state.step(&optimizer, &mut model, &mut loss.backward()).unwrap();
            let tensor = format!("expected.{name}");
            let expected = &case.floats(&tensor)[step * 10..(step + 1) * 10];
            case.assert_close("train", &tensor, &model.0.embeddings.as_vec(), expected);
        }
    }
}

/// The gradients of a row are summed over its occurrences before the optimiser squares them.
fn optimizer_duplicate_ids(case: &Case, report: &mut Report) {
    for (name, optimizer) in case.json["optimizers"].as_object().unwrap() {
        let class = optimizer["class_name"].as_str().unwrap();
        with_optimizer(class, &optimizer["full_config"], &DuplicateIds { case, name });
        report.typed(name);
    }
}

fn schedules(case: &Case, report: &mut Report) {
    for (name, json) in case.json["schedules"].as_object().unwrap() {
        let rate = schedule(json);
        rate.check().unwrap();
        let expected = case.floats(name);
        let found: Vec<f32> =
            (0..expected.len()).map(|step| rate.at(step).unwrap() as f32).collect();
        case.assert_tensor("train", name, &found);
        report.typed(name);
    }
}

pub(crate) fn tests() -> Vec<Test> {
    let mut all = tests![optimizer_duplicate_ids];
    let newest = ["optimizer_newest_wide", "optimizer_newest_tall"];
    for name in ["optimizer_sequences", "optimizer_more"].into_iter().chain(newest) {
        all.push(Test::new(name, name, sequences));
    }
    for name in ["learning_rate_schedules", "learning_rate_schedules_more"] {
        all.push(Test::new(name, name, schedules));
    }
    all
}
