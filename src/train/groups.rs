//! Layers that are frozen, or have a learning rate of their own.

use super::Trainer;
use crate::{
    backend::{Backend, Element},
    error::Error,
    model::Model,
    signal::Signal,
};

impl<M, L, O, Y, E, D> Trainer<M, L, O, Y, E, D>
where
    M: Model<E, D>,
    Y: Signal,
    E: Element,
    D: Backend<E>,
{
    /// Freezes a layer, by the name of its field, or a parameter within it, `head.kernel`: it is as it is until it is
    /// [unfrozen](Trainer::unfreeze).
    ///
    /// What is frozen has no weight decay, no penalty and no constraint, and counts in no norm of gradients. As with Keras's `trainable = False`, a
    /// [`BatchNorm`](crate::BatchNorm) in it rests: it normalises by its moving statistics, and these stay. Dropout works as before. A checkpoint
    /// knows what is frozen.
    ///
    /// # Errors
    /// Those of [`State::freeze`](crate::optim::State::freeze): [`Error::Unknown`] lists the names that there are.
    ///
    /// ```
    /// use kerata::{*, data::InMemory, loss::MeanSquaredError, optim::Adam, prelude::*, train::{Fit, Trainer}};
    ///
    /// #[model(input = (Batch, 2), output = (Batch, 1))]
    /// struct Net {
    ///     trunk: Dense<_, 4, Relu>,
    ///     head: Dense<_, 1>,
    /// }
    ///
    /// let net = Net::build(&Cpu::seed_from_u64(0))?;
    /// let mut trainer = Trainer::new(net, MeanSquaredError, Adam::new(0.1))?;
    /// let data = InMemory::new(vec![[1.0_f32, 2.0], [3.0, -1.0]], vec![[5.0_f32], [1.0]])?;
    /// let before = trainer.model.clone();
    /// trainer.freeze("trunk")?;
    /// trainer.fit(&data, &Fit::epochs(3))?;
    /// assert_eq!(trainer.model.trunk.kernel.array(), before.trunk.kernel.array());
    /// assert_ne!(trainer.model.head.kernel.array(), before.head.kernel.array());
    ///
    /// // Then the whole, but the trunk slowly.
    /// trainer.unfreeze("trunk")?;
    /// trainer.set_learning_rate_multiplier("trunk", 0.01)?;
    /// trainer.fit(&data, &Fit::epochs(3))?;
    /// assert_ne!(trainer.model.trunk.kernel.array(), before.trunk.kernel.array());
    ///
    /// let error = trainer.freeze("trunc").unwrap_err();
    /// assert!(error.to_string().contains("did you mean `trunk`?"), "{error}");
    /// # Ok::<(), Error>(())
    /// ```
    pub fn freeze(&mut self, name: &str) -> Result<(), Error> {
        self.state.freeze(&self.model, name)
    }

    /// Freezes the moving statistics of a layer alone, as [`State::freeze_statistics`](crate::optim::State::freeze_statistics) does.
    ///
    /// # Errors
    /// Those of [`State::freeze_statistics`](crate::optim::State::freeze_statistics).
    ///
    /// ```
    /// use kerata::{*, data::InMemory, loss::MeanSquaredError, optim::Adam, prelude::*, train::{Fit, Trainer}};
    ///
    /// #[model(input = (Batch, 2), output = (Batch, 1))]
    /// struct Net {
    ///     norm: BatchNorm<_>,
    ///     head: Dense<_, 1>,
    /// }
    ///
    /// let net = Net::build(&Cpu::seed_from_u64(0))?;
    /// let mut trainer = Trainer::new(net, MeanSquaredError, Adam::new(0.1))?;
    /// let data = InMemory::new(vec![[1.0_f32, 2.0], [3.0, -1.0]], vec![[5.0_f32], [1.0]])?;
    /// trainer.freeze_statistics("norm")?;
    /// trainer.fit(&data, &Fit::epochs(3))?;
    /// assert_eq!(trainer.model.norm.moving_mean.array(), [0.0, 0.0]);
    /// assert_ne!(trainer.model.norm.gamma.array(), [1.0, 1.0]);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn freeze_statistics(&mut self, name: &str) -> Result<(), Error> {
        self.state.freeze_statistics(&self.model, name)
    }

    /// Trains again what was [frozen](Trainer::freeze), or a part of it, statistics included. The optimiser begins anew there, as in its first step.
    ///
    /// # Errors
    /// Those of [`State::unfreeze`](crate::optim::State::unfreeze).
    pub fn unfreeze(&mut self, name: &str) -> Result<(), Error> {
        self.state.unfreeze(&self.model, name)
    }

    /// Multiplies the learning rate of a layer or parameter, and with it its weight decay, by a factor: PyTorch's parameter groups.
    /// It holds, under schedules too, until another one is set, and is in checkpoints.
    ///
    /// # Errors
    /// Those of [`State::set_learning_rate_multiplier`](crate::optim::State::set_learning_rate_multiplier).
    pub fn set_learning_rate_multiplier(&mut self, name: &str, factor: f64) -> Result<(), Error> {
        self.state.set_learning_rate_multiplier(&self.model, name, factor)
    }
}
