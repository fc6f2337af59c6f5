use std::sync::{
    OnceLock,
    atomic::{AtomicBool, Ordering},
};

use crate::{
    backend::{Backend, Element},
    error::Error,
    train::{Callback, Logs, Training},
};

/// Ends the training cleanly at Ctrl-C, with the feature `ctrlc`: after the step that is being made, the epoch is validated and
/// stands in the history, what was learnt stays, and `fit` returns. A second Ctrl-C ends the program at once, and so does
/// the first where no training has this callback.
///
/// A checkpoint that is written afterwards goes on with the next epoch.
///
/// ```
/// use kerata::callbacks::StopOnCtrlC;
///
/// let stop = StopOnCtrlC::new()?;
/// # Ok::<(), kerata::Error>(())
/// ```
#[derive(Debug)]
pub struct StopOnCtrlC(());

/// Whether a training would listen.
static LISTENS: AtomicBool = AtomicBool::new(false);
/// Whether Ctrl-C was pressed since.
static PRESSED: AtomicBool = AtomicBool::new(false);

/// What a shell expects of a program that Ctrl-C has ended.
const INTERRUPTED: i32 = 130;

fn pressed() {
    if !LISTENS.load(Ordering::SeqCst) || PRESSED.swap(true, Ordering::SeqCst) {
        std::process::exit(INTERRUPTED);
    }
}

impl StopOnCtrlC {
    /// Listens from the beginning of each training to its end.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the program has another handler of Ctrl-C.
    pub fn new() -> Result<Self, Error> {
        static HANDLER: OnceLock<Result<(), String>> = OnceLock::new();
        let set = HANDLER.get_or_init(|| ctrlc::set_handler(pressed).map_err(|e| e.to_string()));
        match set {
            Ok(()) => Ok(Self(())),
            Err(error) => {
                let expected = "it could not be set";
                Err(Error::invalid("the handler of Ctrl-C", error, expected))
            }
        }
    }
}

#[diagnostic::do_not_recommend]
impl<M, E: Element, D: Backend<E>> Callback<M, E, D> for StopOnCtrlC {
    fn reads_model_in_batches(&self) -> bool {
        false
    }

    fn on_train_begin(&mut self, _: &mut Training<'_, M, E, D>) -> Result<(), Error> {
        PRESSED.store(false, Ordering::SeqCst);
        LISTENS.store(true, Ordering::SeqCst);
        Ok(())
    }

    fn on_train_batch_end(
        &mut self,
        training: &mut Training<'_, M, E, D>,
        _: usize,
        _: &Logs,
    ) -> Result<(), Error> {
        if PRESSED.load(Ordering::SeqCst) {
            training.interrupt();
        }
        Ok(())
    }

    fn on_train_end(&mut self, _: &mut Training<'_, M, E, D>) -> Result<(), Error> {
        LISTENS.store(false, Ordering::SeqCst);
        Ok(())
    }
}
