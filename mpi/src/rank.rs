use std::{
    fmt,
    sync::{
        Mutex, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
};

use kerata::{Error, distributed::Communicator};

/// Values to be summed over all ranks, or the sums.
pub(crate) enum Values {
    Narrow(Vec<f32>),
    Wide(Vec<f64>),
}

/// Where the sums go.
pub(crate) type Reply = Sender<Result<Values, Error>>;

/// What the thread hears that alone calls MPI.
pub(crate) enum Request {
    Sum(Values, Reply),
    /// The work is done, though its result may still hold the rank.
    End,
}

/// A process of an MPI program, as a rank of a training.
///
/// All ranks get the same bits, as those of one sum come to all, or are the sum of the same two parts.
pub struct MpiRank {
    rank: usize,
    size: usize,
    requests: Mutex<Sender<Request>>,
}

impl fmt::Debug for MpiRank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rank {} of {}", self.rank, self.size)
    }
}

impl MpiRank {
    pub(crate) fn new(rank: usize, size: usize) -> (Self, Sender<Request>, Receiver<Request>) {
        let (requests, receiver) = channel();
        (Self { rank, size, requests: Mutex::new(requests.clone()) }, requests, receiver)
    }

    fn sums(&self, values: Values) -> Result<Values, Error> {
        let gone = || Error::Device("MPI has ended".into());
        let (reply, answer) = channel();
        // Held until the answer is there: MPI wants the sums of all ranks in one order.
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.send(Request::Sum(values, reply)).map_err(|_| gone())?;
        answer.recv().map_err(|_| gone())?
    }
}

impl Communicator for MpiRank {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn sum(&self, values: &mut [f32]) -> Result<(), Error> {
        if let Values::Narrow(sums) = self.sums(Values::Narrow(values.to_vec()))? {
            values.copy_from_slice(&sums);
        }
        Ok(())
    }

    fn sum_f64(&self, values: &mut [f64]) -> Result<(), Error> {
        if let Values::Wide(sums) = self.sums(Values::Wide(values.to_vec()))? {
            values.copy_from_slice(&sums);
        }
        Ok(())
    }
}
