//! The thread that alone calls MPI: it sums what the training asks for, and finds which rank is missing.

use std::{
    io::Write,
    sync::mpsc::Receiver,
    thread,
    time::{Duration, Instant},
};

use kerata::Error;
use mpi::{
    Tag,
    collective::SystemOperation,
    request,
    topology::SimpleCommunicator,
    traits::{Communicator as _, CommunicatorCollectives, Destination, Equivalence, Source},
};

use crate::rank::{Reply, Request, Values};

/// "Are you waiting too?", and the answer of a rank that is.
const ASK: Tag = 1;
const HERE: Tag = 2;

/// How long a sum is looked for at full speed. Most take less.
const SPIN: Duration = Duration::from_millis(20);
const PAUSE: Duration = Duration::from_micros(200);

/// How long a rank has to answer that it is waiting too.
const ANSWER: Duration = Duration::from_secs(2);

pub(crate) struct Service {
    pub(crate) world: SimpleCommunicator,
    pub(crate) requests: Receiver<Request>,
    pub(crate) timeout: Duration,
}

impl Service {
    /// Serves this rank until its work has ended.
    pub(crate) fn run(&self) {
        while let Ok(Request::Sum(values, reply)) = self.requests.recv() {
            let sums = match &values {
                Values::Narrow(values) => Values::Narrow(self.sum(values, &reply)),
                Values::Wide(values) => Values::Wide(self.sum(values, &reply)),
            };
            // A rank that has panicked meanwhile wants no answer.
            drop(reply.send(Ok(sums)));
        }
    }

    /// Ends the processes of all ranks.
    pub(crate) fn abort(&self, error: &Error) -> ! {
        // In one piece, as other ranks may say the same at the same time.
        let _ = std::io::stderr().write_all(format!("{error}\n").as_bytes());
        self.world.abort(1)
    }

    /// Tells this rank of a failure, so that it may keep what it has; then ends all.
    fn fail(&self, reply: &Reply, error: &Error) -> ! {
        drop(reply.send(Err(error.clone())));
        let begin = Instant::now();
        while begin.elapsed() < self.timeout
            && let Ok(Request::Sum(_, reply)) = self.requests.recv_timeout(self.timeout)
        {
            drop(reply.send(Err(error.clone())));
        }
        self.abort(error)
    }

    /// The sums over all ranks. What MPI has begun cannot be taken back, so a failure ends the program.
    fn sum<N>(&self, values: &[N], reply: &Reply) -> Vec<N>
    where
        N: Equivalence + Clone + Default,
    {
        let mut sums = vec![N::default(); values.len()];
        request::scope(|scope| {
            let sum = SystemOperation::sum();
            let mut pending =
                self.world.immediate_all_reduce_into(scope, values, &mut sums[..], sum);
            let (mut begin, mut complete) = (Instant::now(), false);
            while let Err(request) = pending.test() {
                pending = request;
                if begin.elapsed() < SPIN {
                    thread::yield_now();
                    continue;
                }
                thread::sleep(PAUSE);
                self.answer();
                if begin.elapsed() > self.timeout {
                    let error = match self.missing() {
                        Some(rank) => {
                            let message =
                                format!("it did not come within {:?} (the timeout)", self.timeout);
                            Error::Rank { rank, message }
                        }
                        // The last one has just come.
                        None if !complete => {
                            (begin, complete) = (Instant::now(), true);
                            continue;
                        }
                        None => Error::Device("all ranks wait for a sum that does not end".into()),
                    };
                    self.fail(reply, &error);
                }
            }
        });
        sums
    }

    /// Answers all ranks that have asked.
    fn answer(&self) {
        while let Some(status) = self.world.any_process().immediate_probe_with_tag(ASK) {
            let other = self.world.process_at_rank(status.source_rank());
            let _: (u8, _) = other.receive_with_tag(ASK);
            other.send_with_tag(&0_u8, HERE);
        }
    }

    /// The first rank that does not wait for the same sum, if there is one.
    fn missing(&self) -> Option<usize> {
        let mut here = vec![false; usize::try_from(self.world.size()).unwrap_or(0)];
        for (rank, here) in (0..).zip(&mut here) {
            *here = rank == self.world.rank();
            if !*here {
                self.world.process_at_rank(rank).send_with_tag(&0_u8, ASK);
            }
        }
        let begin = Instant::now();
        while here.contains(&false) && begin.elapsed() < ANSWER.min(self.timeout) {
            thread::sleep(PAUSE);
            self.answer();
            while let Some(status) = self.world.any_process().immediate_probe_with_tag(HERE) {
                let rank = status.source_rank();
                let _: (u8, _) = self.world.process_at_rank(rank).receive_with_tag(HERE);
                if let Some(here) = usize::try_from(rank).ok().and_then(|rank| here.get_mut(rank)) {
                    *here = true;
                }
            }
        }
        here.iter().position(|here| !here)
    }
}
