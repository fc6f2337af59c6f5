use std::{
    any::Any,
    fmt,
    sync::{Arc, Mutex},
};

use crate::error::Error;

/// What a device has made of the weights of a layer, kept for the next call as long as they stay what they
/// are: read, or packed for a kernel. A layer holds one and hands it to its operation.
///
/// Only inference keeps anything: training changes the weights at every step. A clone starts empty.
///
/// ```
/// use kerata::{Cpu, Dense, Error, prelude::*};
///
/// let (dev, x) = (Cpu::seed_from_u64(0), Cpu::default().tensor([[1.0_f32, 2.0]]));
/// let mut dense = Dense::<2, 1>::build(&dev)?;
/// let before = dense.forward(x.clone())?.array();
/// assert_eq!(dense.forward(x.clone())?.array(), before);
/// // Weights that change are seen.
/// dense.bias = dev.tensor([1.0]);
/// assert_eq!(dense.forward(x)?.array(), [[before[0][0] + 1.0]]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Default)]
pub struct WeightCache(Mutex<Option<Arc<dyn Any + Send + Sync>>>);

impl WeightCache {
    /// What is kept, if it `fits` the weights, else what `make` makes of them. It is kept if `keep` says so.
    pub(crate) fn get<K: Send + Sync + 'static>(
        &self,
        keep: bool,
        fits: impl FnOnce(&K) -> bool,
        make: impl FnOnce() -> Result<K, Error>,
    ) -> Result<Arc<K>, Error> {
        // A thread that panicked while it held the lock has left what was there.
        let lock = || self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !keep {
            *lock() = None;
            return Ok(Arc::new(make()?));
        }
        let kept = lock().clone().and_then(|kept| kept.downcast::<K>().ok());
        if let Some(kept) = kept.filter(|kept| fits(kept)) {
            return Ok(kept);
        }
        let made = Arc::new(make()?);
        *lock() = Some(made.clone());
        Ok(made)
    }
}

impl Clone for WeightCache {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl fmt::Debug for WeightCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WeightCache")
    }
}
