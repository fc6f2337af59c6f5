//! Memory for values: of a pool, and written in parts.

use std::{
    mem::MaybeUninit,
    ops::{Deref, DerefMut},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::memory::{NoMemory, one_more, reserved, zeros};

/// Values that a kernel works on. Its memory goes back to a pool when it is dropped, so that a training step
/// after the first asks the system for none.
#[derive(Debug, Default)]
pub struct Buffer {
    memory: Vec<f32>,
    len: usize,
}

/// Has the memory of tensors reused too, which is that of the allocator.
///
/// The one of glibc hands large blocks back to the system when they are freed, and what is free at the end of its heap, and
/// the next training step waits while the system clears as many again: up to three quarters of the time of a step.
pub fn keep_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]
    {
        /// The largest block that it can be told to take from its heap.
        const BLOCK: i32 = 32 << 20;
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(|| {
            // SAFETY: it takes two numbers, and sets when the allocator hands memory back to the system, under its lock. What it
            // hands out, and to whom, stays as it is.
            unsafe {
                libc::mallopt(libc::M_MMAP_THRESHOLD, BLOCK);
                libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
            }
        });
    }
}

/// How many values the pool holds at most: 256 MiB.
const BOUND: usize = 64 << 20;

struct Pool {
    free: Vec<Vec<f32>>,
    held: usize,
}

static POOL: Mutex<Pool> = Mutex::new(Pool { free: Vec::new(), held: 0 });

impl Buffer {
    /// A buffer with whatever stood in its memory before.
    pub fn uncleared(len: usize) -> Result<Self, NoMemory> {
        if len == 0 {
            return Ok(Self::default());
        }
        let found = POOL.lock().ok().and_then(|mut pool| {
            // The smallest that fits, if it is not much too large.
            let fits = |memory: &(usize, usize)| {
                memory.1 >= len && memory.1 / 2 <= len.saturating_add(512)
            };
            let sizes = pool.free.iter().map(Vec::len).enumerate();
            let at = sizes.filter(fits).min_by_key(|memory| memory.1)?.0;
            let memory = pool.free.swap_remove(at);
            pool.held -= memory.len();
            Some(memory)
        });
        let memory = match found {
            Some(memory) => memory,
            None => zeros(len)?,
        };
        Ok(Self { memory, len })
    }

    /// A buffer of zeros.
    pub fn zeros(len: usize) -> Result<Self, NoMemory> {
        let mut buffer = Self::uncleared(len)?;
        buffer.fill(0.0);
        Ok(buffer)
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
            && one_more(&mut pool.free).is_ok()
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

/// A `Vec` that jobs write, each a part of it: so that each clears its memory where and when it needs it, and not one
/// thread that of all.
#[derive(Debug)]
pub struct Unwritten<T> {
    memory: Vec<T>,
    len: usize,
    written: AtomicUsize,
}

impl<T: Copy + Default> Unwritten<T> {
    /// Room for so many.
    pub fn new(len: usize) -> Result<Self, NoMemory> {
        Ok(Self { memory: reserved(len)?, len, written: AtomicUsize::new(0) })
    }

    /// The parts, of a size each and the last one of what is left.
    pub fn parts(&mut self, size: usize) -> impl Iterator<Item = Part<'_, T>> {
        *self.written.get_mut() = 0;
        let memory = &mut self.memory.spare_capacity_mut()[..self.len];
        memory.chunks_mut(size.max(1)).map(|rest| Part { rest, count: 0, written: &self.written })
    }

    /// The `Vec`.
    ///
    /// # Panics
    /// If a part was not taken to its end.
    pub fn finish(mut self) -> Vec<T> {
        assert_eq!(*self.written.get_mut(), self.len, "all of it is written");
        // SAFETY: there is room for so many, and each was written: since `parts` was called last, the parts have
        // counted as many, no two parts have the same memory, and a part writes nothing twice.
        unsafe { self.memory.set_len(self.len) };
        self.memory
    }
}

/// A part of an [`Unwritten`].
#[derive(Debug)]
pub struct Part<'a, T> {
    rest: &'a mut [MaybeUninit<T>],
    /// How many of this part are written.
    count: usize,
    written: &'a AtomicUsize,
}

impl<T> Drop for Part<'_, T> {
    fn drop(&mut self) {
        self.written.fetch_add(self.count, Ordering::Relaxed);
    }
}

impl<'a, T: Copy + Default> Part<'a, T> {
    /// The next so many, or as many as there are, cleared.
    pub fn cleared(&mut self, count: usize) -> &'a mut [T] {
        let rest = std::mem::take(&mut self.rest);
        let (next, rest) = rest.split_at_mut(count.min(rest.len()));
        self.rest = rest;
        next.iter_mut().for_each(|item| {
            item.write(T::default());
        });
        self.count += next.len();
        // SAFETY: all of them were written just now.
        unsafe { next.assume_init_mut() }
    }

    /// Writes the next row, if there is room for it.
    pub fn copy(&mut self, row: &[T]) {
        if let Some((next, rest)) = std::mem::take(&mut self.rest).split_at_mut_checked(row.len()) {
            next.write_copy_of_slice(row);
            (self.rest, self.count) = (rest, self.count + row.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Unwritten;

    #[test]
    fn parts_are_the_whole() {
        let mut values = Unwritten::<f32>::new(7).unwrap();
        for (i, mut part) in values.parts(3).enumerate() {
            part.cleared(1).fill(i as f32);
            assert_eq!(part.cleared(9), [0.0, 0.0].split_at(2 - 2 * (i / 2)).0);
        }
        assert_eq!(values.finish(), [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 2.0]);
        assert!(Unwritten::<f32>::new(0).unwrap().finish().is_empty());
        let mut rows = Unwritten::new(6).unwrap();
        for mut part in rows.parts(4) {
            part.copy(&[1, 2]);
            // The last part has no place for it.
            part.copy(&[3, 4]);
        }
        assert_eq!(rows.finish(), [1, 2, 3, 4, 1, 2]);
    }

    #[test]
    #[should_panic(expected = "all of it is written")]
    fn what_is_not_written_is_not_given() {
        let mut values = Unwritten::<f32>::new(4).unwrap();
        // The first half twice.
        (0..2).for_each(|_| values.parts(2).next().unwrap().cleared(2).fill(1.0));
        values.finish();
    }
}
