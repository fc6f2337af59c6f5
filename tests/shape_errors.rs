//! The errors of ranks, as `cargo check` shows them: the programs of `ui-tests/fail/rank` by trybuild. (All
//! programs are looked at in `tests/ui.rs`, which is quicker.)
//!
//! trybuild has cargo check all dependencies in a folder of its own, and twice, as it changes the compiler's flags in
//! between. So the cargo that it calls is this program, which leaves the flags away and hands the rest to cargo, in the
//! folder of all other builds: most of the dependencies are there.

use std::{
    env,
    ffi::OsStr,
    path::Path,
    process::{Command, ExitCode},
};

use libtest_mimic::{Arguments, Trial};

/// The compiler of the `.stderr` files.
const PINNED: &str = "rustc 1.95.0";
/// Where cargo is, for a process that has `CARGO` name this program.
const REAL: &str = "KERATA_REAL_CARGO";

fn main() -> ExitCode {
    match env::var_os(REAL) {
        None => {
            let tests = vec![Trial::test("shape_errors", || Ok(shape_errors()?))];
            libtest_mimic::run(&Arguments::from_args(), tests).exit_code()
        }
        // trybuild calls cargo with arguments.
        Some(_) if env::args_os().len() == 1 => {
            trybuild::TestCases::new().compile_fail("ui-tests/fail/rank/*.rs");
            ExitCode::SUCCESS
        }
        Some(cargo) => as_cargo(&cargo),
    }
}

/// Has trybuild look at the programs, in a process that finds this program where it looks for cargo.
fn shape_errors() -> Result<(), String> {
    let version = Command::new("rustc").arg("--version").output().unwrap().stdout;
    if !String::from_utf8(version).unwrap().starts_with(PINNED) {
        eprintln!("SKIPPED: the messages are those of {PINNED}");
        return Ok(());
    }
    let this = env::current_exe().unwrap();
    let mut command = Command::new(&this);
    command.env("CARGO", &this).env(REAL, env::var_os("CARGO").unwrap_or("cargo".into()));
    let output = command.output().unwrap();
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// Runs cargo as it was called, but for the flags, the target and the folder.
fn as_cargo(cargo: &OsStr) -> ExitCode {
    let mut command = Command::new(cargo);
    command.env("CARGO", cargo).env_remove(REAL);
    if let Some(folder) = env::var_os("CARGO_TARGET_DIR") {
        let folder = Path::new(&folder);
        let own = folder.ends_with("tests/trybuild");
        command
            .env("CARGO_TARGET_DIR", if own { folder.ancestors().nth(2).unwrap() } else { folder });
    }
    let mut arguments = env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--target" {
            arguments.next();
        } else if !argument.to_string_lossy().starts_with("--config=") {
            command.arg(argument);
        }
    }
    match command.status().unwrap().success() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
