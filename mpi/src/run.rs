use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
    time::Duration,
};

use kerata::{
    Error,
    distributed::{STACK, failed, panicked},
};
use mpi::{Threading, topology::SimpleCommunicator, traits::Communicator as _};

use crate::{MpiRank, rank::Request, service::Service};

/// The processes of an MPI program: `mpirun -n 4 target/release/train`. A program that is started without `mpirun` is rank 0
/// of 1.
///
/// ```
/// use kerata::distributed::Communicator;
/// use kerata_mpi::Mpi;
///
/// let sum = Mpi::new().run(|rank| {
///     let mut values = [1.0, rank.rank() as f32];
///     rank.sum(&mut values)?;
///     Ok(values)
/// })?;
/// assert_eq!(sum, [1.0, 0.0]);
/// # Ok::<(), kerata::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Mpi {
    timeout: Duration,
}

impl Default for Mpi {
    fn default() -> Self {
        Self::new()
    }
}

impl Mpi {
    /// The processes of this program.
    pub fn new() -> Self {
        Self { timeout: Duration::from_secs(600) }
    }

    /// How long the ranks wait for one of them, before they end with an error that names it. Default 10 minutes.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout }
    }

    /// Initialises MPI, runs the work of this rank on a thread of its own, and gives its result.
    ///
    /// A rank whose work fails, panics or is waited for in vain ends the processes of *all* ranks, with exit status 1 and its
    /// message on the standard error: MPI has no other way, and `mpirun` would wait for ever. So on several ranks `run` gives no
    /// error of the work; on one, it does.
    ///
    /// # Errors
    /// Those of the work, on one rank; [`Error::Device`] where MPI has been initialised before, cannot be used from a program with
    /// threads, or there is no thread to be had.
    pub fn run<R: Send>(
        &self,
        work: impl FnOnce(MpiRank) -> Result<R, Error> + Send,
    ) -> Result<R, Error> {
        let device = |message: &str| Error::Device(message.into());
        let Some((universe, threading)) = mpi::initialize_with_threading(Threading::Funneled)
        else {
            return Err(device("MPI is initialised once a program, by one `run`"));
        };
        if threading < Threading::Funneled {
            return Err(device("this MPI cannot be used from a program that has threads"));
        }
        let world = universe.world();
        let (rank, size) = place(&world);
        let (comm, end, requests) = MpiRank::new(rank, size);
        let service = Service { world, requests, timeout: self.timeout };
        let result = thread::scope(|scope| {
            let run = move || {
                let result = catch_unwind(AssertUnwindSafe(|| work(comm)));
                drop(end.send(Request::End));
                result
            };
            let builder = thread::Builder::new().name(format!("rank {rank}")).stack_size(STACK);
            let thread = builder
                .spawn_scoped(scope, run)
                .map_err(|error| device(&format!("there is no thread for it: {error}")))?;
            service.run();
            thread.join().and_then(|result| result).map_err(|panic| panicked(rank, &*panic))?
        });
        match result {
            Err(error) if size > 1 => service.abort(&failed(rank, error)),
            result => result,
        }
    }
}

fn place(world: &SimpleCommunicator) -> (usize, usize) {
    let positive = |number| usize::try_from(number).unwrap_or(0);
    (positive(world.rank()), positive(world.size()))
}
