//! Runs the tests of all cases, and says in one table what ran and what did not.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::ExitCode,
    sync::Mutex,
};

use libtest_mimic::{Arguments, Failed, Trial};

use crate::{
    case::{Case, skipped},
    reasons::{BROADCAST, DROPPED_MASK},
    report::{Outcome, Reason, Report, Until},
    variants,
};

/// A test of one case.
pub(crate) struct Test {
    name: String,
    case: String,
    run: Box<dyn FnOnce(&Case, &mut Report) + Send>,
}

impl Test {
    pub(crate) fn new(
        name: impl Into<String>,
        case: impl Into<String>,
        run: impl FnOnce(&Case, &mut Report) + Send + 'static,
    ) -> Self {
        Self { name: name.into(), case: case.into(), run: Box::new(run) }
    }
}

/// Tests that are called as the case that they look at.
macro_rules! tests {
    ($($case:ident),* $(,)?) => {
        vec![$($crate::harness::Test::new(stringify!($case), stringify!($case), $case)),*]
    };
}
pub(crate) use tests;

/// The outcomes of the variants of one case: mostly one each.
type Outcomes = BTreeMap<String, Vec<Outcome>>;

/// What the tests reported, by case; and the cases that are not here.
#[derive(Default)]
struct Ledger {
    cases: BTreeMap<String, Outcomes>,
    absent: BTreeSet<String>,
}

static LEDGER: Mutex<Option<Ledger>> = Mutex::new(None);

fn ledger<R>(f: impl FnOnce(&mut Ledger) -> R) -> R {
    f(LEDGER.lock().unwrap().get_or_insert_default())
}

fn trial(test: Test) -> Trial {
    Trial::test(test.name, move || {
        let Some(case) = Case::find(&test.case) else {
            ledger(|ledger| ledger.absent.insert(test.case));
            return Ok(());
        };
        let mut report = Report::default();
        (test.run)(&case, &mut report);
        ledger(|ledger| {
            let outcomes = ledger.cases.entry(test.case).or_default();
            for (variant, outcome) in report.outcomes {
                outcomes.entry(variant).or_default().push(outcome);
            }
        });
        Ok(())
    })
}

/// Runs those tests that the arguments of the program ask for. If these are all, then every variant of
/// every case has to be accounted for.
pub(crate) fn main(tests: Vec<Test>) -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = tests.into_iter().map(trial).chain(of_itself());
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    let all = conclusion.num_filtered_out + conclusion.num_ignored == 0 && !arguments.list;
    if !all || conclusion.has_failed() {
        return conclusion.exit_code();
    }
    let ledger = ledger(std::mem::take);
    print!("{}", table(&ledger));
    if !ledger.absent.is_empty() {
        let absent = ledger.absent.len();
        skipped(&format!("{absent} of the reference cases are not here; set KERATA_CASES"));
    }
    let problems = problems(&ledger);
    problems.iter().for_each(|problem| eprintln!("FAILED: {problem}"));
    if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What is neither run nor listed, what is both, and what was reported but is not there.
fn problems(ledger: &Ledger) -> Vec<String> {
    let mut problems = Vec::new();
    let empty = Outcomes::new();
    for name in Case::names() {
        let case = Case::find(&name).unwrap();
        let reported = ledger.cases.get(&name).unwrap_or(&empty);
        let expected = [variants::of_types(&case), variants::of_json(&case)].concat();
        let (expected, count) = (BTreeSet::from_iter(&expected), expected.len());
        if expected.len() != count {
            problems.push(format!("{name}: two variants have one name"));
        }
        for variant in &expected {
            let outcomes = reported.get(*variant).map_or(&[][..], Vec::as_slice);
            let passed_over = outcomes.iter().filter(|o| matches!(o, Outcome::Skipped(_))).count();
            if outcomes.is_empty() {
                problems.push(format!("{name}: `{variant}` is neither run nor listed"));
            } else if passed_over > 0 && passed_over < outcomes.len() {
                problems.push(format!("{name}: `{variant}` is listed as skipped, but it runs"));
            }
        }
        for variant in reported.keys().filter(|variant| !expected.contains(variant)) {
            problems.push(format!("{name}: there is no variant `{variant}`"));
        }
    }
    problems
}

/// That nothing can be passed over unnoticed.
fn of_itself() -> Vec<Trial> {
    fn unlisted_variants_are_problems() -> Result<(), Failed> {
        let mut ledger = Ledger::default();
        let told = |ledger: &Ledger, what: &str| problems(ledger).iter().any(|p| p == what);
        assert!(told(&ledger, "optimizer_sequences: `adam` is neither run nor listed"));
        let outcomes = ledger.cases.entry("optimizer_sequences".to_owned()).or_default();
        outcomes.insert("adam".to_owned(), vec![Outcome::Typed, Outcome::Skipped(&BROADCAST)]);
        outcomes.insert("adams".to_owned(), vec![Outcome::Dynamic]);
        assert!(told(&ledger, "optimizer_sequences: `adam` is listed as skipped, but it runs"));
        assert!(told(&ledger, "optimizer_sequences: there is no variant `adams`"));
        Ok(())
    }

    fn stale_reasons_are_failures() -> Result<(), Failed> {
        static STALE: Reason = Reason {
            text: "there is no Dense yet",
            until: Until::Declared { folder: "src/layers", item: "struct Dense" },
        };
        let fails = |f: fn()| std::panic::catch_unwind(f).is_err();
        assert!(fails(|| Report::default().skipped("all", &STALE)));
        assert!(fails(|| Report::default().refused("all", Ok(()), &DROPPED_MASK)));
        assert!(fails(|| Report::default().skipped("all", &DROPPED_MASK)));
        assert!(fails(|| Report::default().elsewhere("activations", "all", "tests/words/main.rs")));
        Ok(())
    }

    vec![
        Trial::test("unlisted_variants_are_problems", unlisted_variants_are_problems),
        Trial::test("stale_reasons_are_failures", stale_reasons_are_failures),
    ]
}

/// How many variants of each kind of case ran, and how; then each reason with what it keeps from running.
fn table(ledger: &Ledger) -> String {
    #[derive(Default)]
    struct Row {
        cases: usize,
        counts: [usize; 4],
    }
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    let mut total = Row::default();
    let mut reasons: BTreeMap<&str, (usize, BTreeSet<&str>)> = BTreeMap::new();
    for (name, outcomes) in &ledger.cases {
        let kind = Case::find(name).unwrap().json["kind"].as_str().unwrap().to_owned();
        let row = rows.entry(kind).or_default();
        row.cases += 1;
        total.cases += 1;
        for outcome in outcomes.values().filter_map(|outcomes| outcomes.first()) {
            let column = match outcome {
                Outcome::Typed => 0,
                Outcome::Dynamic => 1,
                Outcome::Elsewhere(_) => 2,
                Outcome::Skipped(reason) => {
                    let (count, cases) = reasons.entry(reason.text).or_default();
                    *count += 1;
                    cases.insert(name);
                    3
                }
            };
            row.counts[column] += 1;
            total.counts[column] += 1;
        }
    }
    let line = |kind: &str, row: &Row| {
        let [typed, dynamic, elsewhere, skipped] = row.counts;
        let cases = row.cases;
        format!("{kind:<22}{cases:>7}{typed:>9}{dynamic:>9}{elsewhere:>11}{skipped:>9}\n")
    };
    let mut table = format!(
        "variants of the cases of {}:\n{:<22}{:>7}{:>9}{:>9}{:>11}{:>9}\n",
        crate::case::KERAS,
        "kind",
        "cases",
        "typed",
        "dynamic",
        "elsewhere",
        "skipped"
    );
    rows.iter().for_each(|(kind, row)| table += &line(kind, row));
    table += &line("all", &total);
    for (reason, (count, cases)) in reasons {
        let names: Vec<&str> = cases.into_iter().collect();
        table += &format!("skipped {count}: {reason}\n    in {}\n", names.join(", "));
    }
    table + "\n"
}
