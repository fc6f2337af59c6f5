//! What is allocated: nothing by a step of a stream (so it starts no thread either: that allocates), and little more than a file
//! and its model by reading one.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use kerata::{
    Add, Batch, BatchNorm, Causal, Concatenate, Conv1d, Cpu, Dense, Dropout, Embedding, Error,
    Flatten, Gelu, Gru, Ids, LayerNorm, Length, Lstm, MaskZero, MultiHeadAttention, Multiply,
    PositionEmbedding, Relu, ResetBefore, Sequences, SimpleRnn, Softmax, StackedRnn,
    TimeDistributed, Unmask, config::CustomObjects, keras, model, prelude::*,
};

/// The allocator of the system, which counts what this thread asks of it.
struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
    /// How many bytes there are, and the most there have been.
    static BYTES: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count_bytes(more: isize) {
    BYTES.set(BYTES.get() + more);
    PEAK.set(PEAK.get().max(BYTES.get()));
}

// SAFETY: it hands on to the allocator of the system.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        count_bytes(layout.size() as isize);
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        count_bytes(size as isize - layout.size() as isize);
        // SAFETY: the caller's.
        unsafe { System.realloc(at, layout, size) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count_bytes(-(layout.size() as isize));
        // SAFETY: the caller's.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[model(input = Ids<(Batch, Length)>, output = (Batch, 30))]
struct Everything {
    embed: Embedding<30, 20, MaskZero>,
    first: Lstm<_, 64, Sequences>,
    drop: Dropout<50>,
    second: Gru<_, 64, Sequences>,
    #[from(first, second)]
    sum: Add,
    #[from(sum, first)]
    product: Multiply,
    #[from(sum, product)]
    both: Concatenate<_>,
    norm: LayerNorm<_>,
    batch: BatchNorm<_>,
    each: TimeDistributed<Dense<_, 16, Relu>>,
    before: Gru<_, 16, Sequences, ResetBefore>,
    unmask: Unmask,
    conv: Conv1d<_, 8, 3, Relu, Causal, 1, 2>,
    gelu: Gelu,
    last: StackedRnn<(Gru<_, 8, Sequences>, SimpleRnn<8, 12>)>,
    head: Dense<_, 30, Softmax>,
}

#[model(input = (Batch, Length, 3), output = (Batch, 2), element = f64)]
struct Double {
    lstm: Lstm<_, 8, Sequences, f64>,
    gru: Gru<_, 8, kerata::LastState, kerata::ResetAfter, f64>,
    head: Dense<_, 2, Softmax, f64>,
}

#[model(input = Ids<(Batch, 16)>, output = (Batch, 16, 8))]
struct Causal16 {
    embed: Embedding<30, 8>,
    places: PositionEmbedding<_, 40>,
    #[from(embed, places)]
    sum: Add,
    #[with(use_causal_mask = true)]
    attention: MultiHeadAttention<_, 2, 4>,
}

fn counted<R>(run: impl FnOnce() -> R) -> (usize, R) {
    let before = COUNT.get();
    let result = run();
    (COUNT.get() - before, result)
}

#[test]
fn a_step_allocates_nothing() -> Result<(), Error> {
    assert!(counted(|| vec![1_u8]).0 > 0, "the allocator counts");
    for rows in [1, 3, 40] {
        let mut stream = Everything::build(&Cpu::seed_from_u64(0))?.stream(rows)?;
        let ids: Vec<usize> = (0..rows).map(|row| row % 30).collect();
        // The very first step too.
        for _ in 0..3 {
            let (count, result) = counted(|| stream.step(&ids).map(|y| y[0][0]));
            assert!(result?.is_finite());
            assert_eq!(count, 0, "{rows} rows");
        }
        let (count, ()) = counted(|| stream.reset());
        assert_eq!(count, 0);
        let (count, result) = counted(|| stream.reset_row(0));
        assert_eq!((count, result), (0, Ok(())));
    }
    // As many steps as the type says of an attention, or 64; then its room doubles.
    let mut stream = Causal16::build(&Cpu::seed_from_u64(0))?.stream(2)?;
    let steps =
        (0..33).map(|step| (step, counted(|| stream.step(&[step % 30; 2]).map(|y| y[0][0]))));
    let grown: Vec<usize> =
        steps.filter(|(_, (count, _))| *count > 0).map(|(step, _)| step).collect();
    assert_eq!(grown, [16, 32]);
    let (count, ()) = counted(|| stream.reset());
    assert_eq!(count, 0);
    let mut stream = Double::build(&Cpu::seed_from_u64(0))?.stream(2)?;
    let (count, result) = counted(|| stream.step(&[[1.0; 3]; 2]).map(|y| y[1][1]));
    assert!(result?.is_finite());
    assert_eq!(count, 0);
    Ok(())
}

/// The file itself, the model as it is made, of which no page is used before its values come, and these.
#[test]
fn reading_a_keras_file_takes_three_times_its_size() -> Result<(), Error> {
    #[model(input = Ids<(Batch, 2)>, output = (Batch, 200))]
    struct Table {
        table: Embedding<30_000, 100>,
        flat: Flatten<_>,
    }
    let name = format!("kerata-allocations-{}.keras", std::process::id());
    let path = std::env::temp_dir().join(name);
    Table::build(&Cpu::default())?.save_keras(&path)?;
    let size = std::fs::metadata(&path).unwrap().len() as isize;
    let before = BYTES.get();
    PEAK.set(before);
    let model = keras::load(&path, &CustomObjects::new());
    let taken = PEAK.get() - before;
    std::fs::remove_file(path).unwrap();
    assert_eq!(model?.params(), 3_000_000);
    assert!(taken > size && taken < size * 7 / 2, "{taken} bytes for a file of {size}");
    Ok(())
}
