/// A call of a layer that the model has in another field: one set of weights, used more than once.
///
/// `#[again(field)]` says which layer it is, and `#[from(..)]` what reaches it this time. This is what Keras's functional API
/// does where a layer is called twice, and how it is read out of a file and written. The field itself holds nothing. Penalties on
/// what leaves the layer count for each call; statistics move in each.
///
/// Where both calls stand side by side, [`Shared`](crate::Shared) is another way to say it.
///
/// Keras: [shared layers](https://keras.io/guides/functional_api/#shared-layers).
///
/// ```
/// use kerata::{Again, Batch, Cpu, Dense, Error, Inputs, Relu, Subtract, model, prelude::*};
///
/// #[model(input = Inputs<((Batch, 3), (Batch, 3))>, output = (Batch, 4))]
/// struct Siamese {
///     #[from(input.0)]
///     tower: Dense<_, 4, Relu>,
///     #[again(tower)]
///     #[from(input.1)]
///     other: Again,
///     #[from(tower, other)]
///     difference: Subtract,
/// }
///
/// let model = Siamese::build(&Cpu::seed_from_u64(0))?;
/// let x = vec![[1.0_f32, -2.0, 3.0]];
/// assert_eq!(model.predict(&(x.clone(), x), 1)?.as_vec(), [0.0; 4]);
/// assert_eq!(Siamese::PARAMS, 3 * 4 + 4);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Again;
