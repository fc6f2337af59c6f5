//! Whatever a layer asks for that is not there ends in an error, and leaves the model as the last complete step did.
//!
//! The allocator of this program keeps account of what is large, and refuses what would exceed a limit. Each case runs once without
//! one, which shows where its use of memory rises, and then once below each rise, each time in a process of its own: memory that a
//! kernel has had before is kept for the next, and what aborts is seen from outside.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    process::{Command, Output},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
};

use dfdx::{
    prelude::{SumTo, TryMul},
    tensor::{OwnedTape, PutTape, Tensor, TensorFromVec},
};
use kerata::{
    Batch, Const, Conv2d, Cpu, Dense, Error, Flatten,
    config::{Config, CustomObjects, DynamicLayer, DynamicValue, layer_from_config},
    loss::MeanSquaredError,
    model::Sequential,
    optim::{Adam, State},
    prelude::*,
};
use serde_json::{Value, json};

/// What is smaller is not counted: names, lists of layers, messages.
const LARGE: usize = 4 << 10;

/// What is asked for once, whether it is there or not, so that the system keeps memory.
const PROBE: usize = 31 << 20;

struct Limited;

static COUNTS: AtomicBool = AtomicBool::new(false);
static LIVE: AtomicUsize = AtomicUsize::new(0);
static LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);
/// Where the use of memory has risen above all before.
static RISES: [AtomicUsize; 256] = [const { AtomicUsize::new(0) }; 256];
static COUNT: AtomicUsize = AtomicUsize::new(0);

fn is_refused(size: usize) -> bool {
    if size < LARGE {
        return false;
    }
    let live = LIVE.load(Relaxed) + size;
    if COUNTS.load(Relaxed) {
        if live > LIMIT.load(Relaxed) {
            return true;
        }
        let count = COUNT.load(Relaxed);
        let top = count.checked_sub(1).map_or(0, |last| RISES[last].load(Relaxed));
        if size < PROBE && live > top && count < RISES.len() {
            RISES[count].store(live, Relaxed);
            COUNT.store(count + 1, Relaxed);
        }
    }
    LIVE.fetch_add(size, Relaxed);
    false
}

fn returned(size: usize) {
    if size >= LARGE {
        LIVE.fetch_sub(size, Relaxed);
    }
}

// SAFETY: it hands on to the allocator of the system, or gives null.
unsafe impl GlobalAlloc for Limited {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_refused(layout.size()) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if is_refused(layout.size()) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if is_refused(size) {
            return std::ptr::null_mut();
        }
        returned(layout.size());
        // SAFETY: the caller's.
        unsafe { System.realloc(at, layout, size) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        returned(layout.size());
        // SAFETY: the caller's.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Limited = Limited;

/// Runs something with the account kept, or without it inside of that.
fn counting<R>(counts: bool, run: impl FnOnce() -> R) -> R {
    let before = COUNTS.swap(counts, Relaxed);
    let result = run();
    COUNTS.store(before, Relaxed);
    result
}

/// Class, options, and what arrives.
fn cases() -> Vec<(&'static str, Value, Vec<usize>)> {
    let (rows, steps, images) = (vec![20, 150], vec![6, 5, 90], vec![2, 6, 6, 48]);
    let conv = |more: Value| {
        let mut options = json!({"filters": 48, "kernel_size": 3, "padding": "same"});
        options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        options
    };
    let lstm =
        json!({"class_name": "LSTM", "config": {"units": 40, "recurrent_initializer": "zeros"}});
    vec![
        ("Dense", json!({"units": 140, "activation": "gelu"}), rows.clone()),
        ("Dense", json!({"units": 140}), vec![1, 150]),
        (
            "Dense",
            json!({"units": 60, "kernel_initializer": "orthogonal",
                "kernel_regularizer": {"class_name": "L2", "config": {"l2": 0.1}},
                "kernel_constraint": {"class_name": "MaxNorm", "config": {"max_value": 1.0, "axis": 0}},
                "activity_regularizer": {"class_name": "L2", "config": {"l2": 0.1}}}),
            rows.clone(),
        ),
        ("EinsumDense", json!({"equation": "ab,bc->ac", "output_shape": 90}), rows.clone()),
        ("BatchNormalization", json!({}), vec![4, 1500]),
        ("LayerNormalization", json!({}), vec![4, 1500]),
        ("Dropout", json!({"rate": 0.5}), rows.clone()),
        ("Activation", json!({"activation": "sparsemax"}), rows.clone()),
        ("Softmax", json!({}), rows),
        ("Conv2D", conv(json!({})), images.clone()),
        ("Conv2D", conv(json!({"strides": 2})), images.clone()),
        ("Conv2D", conv(json!({"groups": 4})), images.clone()),
        ("Conv2D", conv(json!({"groups": 48})), images.clone()),
        ("MaxPooling2D", json!({"pool_size": 3, "padding": "same"}), images.clone()),
        ("GlobalAveragePooling2D", json!({}), images.clone()),
        ("UpSampling2D", json!({"interpolation": "bilinear"}), images.clone()),
        ("ZeroPadding2D", json!({}), images),
        ("GlobalAveragePooling1D", json!({}), steps.clone()),
        (
            "GRU",
            json!({"units": 90, "reset_after": false, "recurrent_initializer": "zeros"}),
            steps.clone(),
        ),
        (
            "GRU",
            json!({"units": 90, "return_sequences": true, "recurrent_initializer": "zeros"}),
            steps.clone(),
        ),
        ("SimpleRNN", json!({"units": 90, "recurrent_initializer": "zeros"}), steps.clone()),
        ("LSTM", json!({"units": 100, "recurrent_initializer": "zeros"}), vec![1, 5, 90]),
        ("Bidirectional", json!({"layer": lstm}), steps.clone()),
        ("Permute", json!({"dims": [2, 1]}), steps.clone()),
    ]
}

fn made(class: &str, options: &Value) -> Result<DynamicLayer, Error> {
    let layer = json!({"class_name": class, "config": options});
    let layers = json!([layer, {"class_name": "Flatten", "config": {"name": "flat"}},
        {"class_name": "Dense", "config": {"name": "head", "units": 1}}]);
    let model = json!({"class_name": "Sequential", "config": {"layers": layers}});
    layer_from_config(&Config::try_from(model)?, &CustomObjects::new())
}

fn numbers(sizes: &[usize]) -> Vec<f32> {
    (0..sizes.iter().product()).map(|i| ((i * 7919 + 13) % 2003) as f32 / 2003.0 - 0.5).collect()
}

/// All weights, and what the optimiser remembers of them.
fn bits(model: &DynamicLayer, state: &State<f32, Cpu>) -> Vec<u32> {
    let weights = model.weights().flat_map(|weight| weight.values);
    let mut bits: Vec<u32> = weights.map(f32::to_bits).collect();
    state
        .clone()
        .visit_slots(model, |slot| bits.extend(slot.values.iter().map(|x| x.to_bits())))
        .unwrap();
    bits.push(state.steps() as u32);
    bits
}

type Loss = Tensor<(), f32, Cpu, OwnedTape<f32, Cpu>>;

fn pass(model: &mut DynamicLayer, sizes: &[usize], values: Vec<f32>) -> Result<Loss, Error> {
    let dev = Cpu::default();
    let tape = OwnedTape::default;
    let y = match *sizes {
        [a, b] => model.forward_mut::<(Batch, Const<1>), _>(
            dev.tensor_from_vec(values, (a, b)).put_tape(tape()),
        ),
        [a, b, c] => model.forward_mut::<(Batch, Const<1>), _>(
            dev.tensor_from_vec(values, (a, b, c)).put_tape(tape()),
        ),
        [a, b, c, d] => model.forward_mut::<(Batch, Const<1>), _>(
            dev.tensor_from_vec(values, (a, b, c, d)).put_tape(tape()),
        ),
        _ => unreachable!("{sizes:?}"),
    }?;
    MeanSquaredError.compute(y, dev.tensor_from_vec(vec![0.5; sizes[0]], (sizes[0], Const)))
}

/// Builds, runs and trains. The model is what it was before a step that fails.
fn run(class: &str, options: &Value, sizes: &[usize]) -> Result<(), Error> {
    let value = || counting(false, || DynamicValue::numbers(sizes, numbers(sizes)).unwrap());
    let mut model = made(class, options)?;
    model.run(value())?;
    model.run(value())?;
    let mut state = State::default();
    for _ in 0..2 {
        let (before, values) = counting(false, || (bits(&model, &state), numbers(sizes)));
        let step = state.attempt(&Adam::default(), &mut model, |model| pass(model, sizes, values));
        if let Err(error) = step {
            counting(false, || assert!(bits(&model, &state) == before, "after {error}"));
            return Err(error);
        }
    }
    Ok(())
}

/// How many rises of a case are tried at most.
const SOME: usize = 12;

/// What says in a process which case it is to run, and with how much memory.
const CASE: &str = "KERATA_TEST_CASE";
const BYTES: &str = "KERATA_TEST_BYTES";

/// Runs a test again in a process of its own.
fn again(test: &str, case: usize, bytes: usize) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .envs([(CASE, case.to_string()), (BYTES, bytes.to_string())])
        .envs([("RAYON_NUM_THREADS", "1"), ("RUST_BACKTRACE", "0")])
        .output()
        .unwrap()
}

/// Runs cases in processes with too little memory, and if this is such a process, the case that it is for.
fn each_case(test: &str, names: &[String], run: impl Fn(usize) -> Result<(), Error>) {
    if let Ok(case) = std::env::var(CASE) {
        let bytes: usize = std::env::var(BYTES).unwrap().parse().unwrap();
        LIMIT.store(LIVE.load(Relaxed).saturating_add(bytes), Relaxed);
        let start = LIVE.load(Relaxed);
        match counting(true, || run(case.parse().unwrap())) {
            Ok(()) => {
                let rises = RISES.iter().take(COUNT.load(Relaxed));
                let rises: Vec<usize> = rises.map(|rise| rise.load(Relaxed) - start).collect();
                println!("\nrises {rises:?}");
            }
            Err(error) => println!("\nrefused {error}"),
        }
        return;
    }
    if std::env::var("KERATA_BACKEND").is_ok_and(|name| name == "reference") {
        eprintln!("SKIPPED: dfdx copies what is shared without a look at the memory");
        return;
    }
    let mut failures = Vec::new();
    for (case, name) in names.iter().enumerate() {
        let output = again(test, case, usize::MAX / 2);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let rises = text.lines().find_map(|line| line.strip_prefix("rises "));
        let rises = rises.unwrap_or_else(|| panic!("{name} does not run: {text}"));
        let rises: Vec<usize> = serde_json::from_str(rises).unwrap();
        assert!(rises.len() > 2, "{name}: {rises:?}");
        // Some of them, for this to take no more than a few seconds.
        let step = rises.len().div_ceil(SOME);
        for rise in rises.into_iter().step_by(step) {
            let output = again(test, case, rise - 1);
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let said = text.lines().find_map(|line| line.strip_prefix("refused "));
            let is_error = said.is_some_and(|said| said.contains("emory"));
            if !output.status.success() || !(is_error || text.contains("\nrises ")) {
                let errors = String::from_utf8_lossy(&output.stderr).into_owned();
                failures.push(format!("{name}, {rise} bytes: {text} {errors}"));
            }
        }
    }
    assert!(failures.is_empty(), "{}:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn dynamic_layers() {
    let cases = cases();
    let names: Vec<String> = cases.iter().map(|case| format!("{case:?}")).collect();
    each_case("dynamic_layers", &names, |case| {
        let (class, options, sizes) = &cases[case];
        run(class, options, sizes)
    });
}

type Images = (Batch, Const<8>, Const<8>, Const<16>);
type Typed = Sequential<Images, (Conv2d<16, 32, 3>, Flatten<1152>, Dense<1152, 8>)>;

#[test]
fn a_typed_model() {
    each_case("a_typed_model", &["typed".into()], |_| {
        let dev = Cpu::default();
        let mut model = Typed::build(&dev)?;
        let x = |values| dev.tensor_from_vec(values, (2_usize, Const, Const, Const));
        let values = || counting(false, || numbers(&[2, 8, 8, 16]));
        model.forward(x(values()))?;
        let mut state = State::default();
        state.attempt(&Adam::default(), &mut model, |model| {
            let y = model.forward_mut(x(values()).put_tape(OwnedTape::default()))?;
            let y = y.try_mul(0.5_f32).map_err(|error| Error::Device(error.to_string()))?;
            Ok(y.sum())
        })?;
        Ok(())
    });
}
