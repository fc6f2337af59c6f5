use std::{
    ops::{Deref, DerefMut},
    sync::{Mutex, Once},
};

/// Numbers that a kernel works on. Its memory goes back to a pool when it is dropped, so that a training step
/// after the first asks the system for none.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    memory: Vec<f32>,
    len: usize,
}

/// Has the memory of tensors reused too, which is that of the allocator.
///
/// The one of glibc hands large blocks back to the system when they are freed, and the next training step waits
/// while the system clears as many again: up to three quarters of the time of a step. But it learns. Once a large
/// block was freed, blocks up to that size stay in the heap, and of the free memory at its end twice that size. So
/// one of the largest that it learns from, 32 MiB, is freed here; no page of it is touched.
pub(crate) fn keep_memory() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        drop(std::hint::black_box(Vec::<u8>::with_capacity((32 << 20) - (64 << 10))))
    });
}

/// How many numbers the pool holds at most: 256 MiB.
const BOUND: usize = 64 << 20;

struct Pool {
    free: Vec<Vec<f32>>,
    held: usize,
}

static POOL: Mutex<Pool> = Mutex::new(Pool { free: Vec::new(), held: 0 });

impl Buffer {
    /// A buffer with whatever stood in its memory before.
    pub(crate) fn uncleared(len: usize) -> Self {
        if len == 0 {
            return Self::default();
        }
        let found = POOL.lock().ok().and_then(|mut pool| {
            // The smallest that fits, if it is not much too large.
            let fits = |memory: &&(usize, usize)| memory.1 >= len && memory.1 <= 2 * len + 1024;
            let sizes: Vec<(usize, usize)> = pool.free.iter().map(Vec::len).enumerate().collect();
            let at = sizes.iter().filter(fits).min_by_key(|memory| memory.1)?.0;
            let memory = pool.free.swap_remove(at);
            pool.held -= memory.len();
            Some(memory)
        });
        Self { memory: found.unwrap_or_else(|| vec![0.0; len]), len }
    }

    /// A buffer of zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        let mut buffer = Self::uncleared(len);
        buffer.fill(0.0);
        buffer
    }
}

impl From<Buffer> for Vec<f32> {
    /// The memory leaves the pool.
    fn from(mut buffer: Buffer) -> Self {
        let mut memory = std::mem::take(&mut buffer.memory);
        memory.truncate(buffer.len);
        memory
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.memory.is_empty() {
            return;
        }
        if let Ok(mut pool) = POOL.lock()
            && pool.held + self.memory.len() <= BOUND
        {
            pool.held += self.memory.len();
            pool.free.push(std::mem::take(&mut self.memory));
        }
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.memory[..self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.memory[..self.len]
    }
}
