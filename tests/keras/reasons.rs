//! Why variants are passed over; and the cases whose typed side is passed over as a whole.

use crate::{
    case::Case,
    harness::Test,
    report::{
        Reason, Report,
        Until::{self, Accepted, Declared, Never},
    },
    variants,
};

const fn reason(text: &'static str, until: Until) -> Reason {
    Reason { text, until }
}

const fn no_layer(text: &'static str, item: &'static str) -> Reason {
    reason(text, Declared { folder: "src/layers", item })
}

pub(crate) const GIVEN_DROPOUT: Reason =
    no_layer("recurrent layers have no dropout of their own yet", "recurrent_dropout");
pub(crate) const SOFTMAX_MASK: Reason =
    reason("a mask has one flag per step, Keras's Softmax takes one per element", Never);

pub(crate) const HUBER: Reason =
    reason("there is no Huber loss yet", Declared { folder: "src/loss", item: "struct Huber" });
pub(crate) const REDUCTION: Reason = reason(
    "a loss has only the reduction `sum_over_batch_size` yet",
    Declared { folder: "src/loss", item: "enum Reduction" },
);
pub(crate) const BROADCAST: Reason = reason(
    "weights of samples are counted once per step here; Keras counts them once per sample there",
    Never,
);
pub(crate) const TOP_K: Reason = reason(
    "there is no top-k accuracy yet",
    Declared { folder: "src/metric", item: "struct SparseTopKCategoricalAccuracy" },
);
pub(crate) const ACCURACY: Reason = reason(
    "there is no accuracy of labels against labels yet",
    Declared { folder: "src/metric", item: "struct Accuracy" },
);

pub(crate) const ACTIVATION: Reason = reason("the activation does not exist yet", Accepted);
pub(crate) const NOISE_SHAPE: Reason = reason("Dropout has no `noise_shape` yet", Accepted);
pub(crate) const RETURN_STATE: Reason =
    reason("layers from a config do not take or return states yet", Accepted);
pub(crate) const FORMAT: Reason = reason("HDF5 and `.keras` files are not read yet", Accepted);
pub(crate) const DROPPED_MASK: Reason =
    reason("Keras drops the mask in silence; here that is refused", Accepted);
pub(crate) const NEGATIVE_ID: Reason =
    reason("ids are unsigned: Keras counts negative ones from the end", Never);

/// Cases of which no typed layer runs anything.
const LISTED: [(&Reason, &[&str]); 1] = [(&HUBER, &["loss_huber"])];

fn list(case: &Case, report: &mut Report, reason: &'static Reason) {
    for variant in variants::of_types(case) {
        report.skipped(variant, reason);
    }
}

pub(crate) fn tests() -> Vec<Test> {
    let cases = LISTED.iter().flat_map(|&(reason, cases)| cases.iter().map(move |c| (reason, *c)));
    let test = |(reason, case): (&'static Reason, &'static str)| {
        let run = move |case: &Case, report: &mut Report| list(case, report, reason);
        Test::new(format!("listed_{case}"), case, run)
    };
    cases.map(test).collect()
}
