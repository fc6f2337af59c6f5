//! The errors of ranks, as `cargo check` shows them: the programs of `ui-tests/fail` by trybuild. (All
//! programs are looked at in `tests/ui.rs`, which is quicker.)

use std::{io::Write, process::Command};

/// The compiler of the `.stderr` files.
const PINNED: &str = "rustc 1.95.0";

#[test]
fn shape_errors() {
    let version = Command::new("rustc").arg("--version").output().unwrap().stdout;
    if !String::from_utf8(version).unwrap().starts_with(PINNED) {
        return writeln!(std::io::stderr(), "SKIPPED: the messages are those of {PINNED}").unwrap();
    }
    let tests = trybuild::TestCases::new();
    tests.compile_fail("ui-tests/fail/rank/*.rs");
}
