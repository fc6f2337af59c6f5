//! Programs that must not compile, and what the compiler says about them.
//!
//! Two tests look at the same programs. `messages` holds on any compiler: it compiles each program and looks
//! for the lines that its `//~` comments name, in a message that is short. `exact` compares the whole
//! message, on the one compiler that the `.stderr` files were written by.

use std::{
    collections::HashMap,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

/// The compiler of the `.stderr` files.
const PINNED: &str = "rustc 1.95.0";
/// How long the message of one mistake may be, in lines; a case may allow itself more with `//~lines N`.
const LINES: usize = 12;
/// What no message may show.
const INSIDES: [&str; 3] = ["UInt<", "UTerm", "PrivateSub"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn cases() -> Vec<PathBuf> {
    let mut cases = Vec::new();
    for cause in std::fs::read_dir(root().join("ui-tests/fail")).unwrap() {
        for case in std::fs::read_dir(cause.unwrap().path()).unwrap() {
            let case = case.unwrap().path();
            if case.extension().is_some_and(|extension| extension == "rs") {
                cases.push(case);
            }
        }
    }
    cases.sort();
    assert!(cases.len() >= 30, "only {} cases", cases.len());
    cases
}

fn pinned() -> bool {
    let version = Command::new("rustc").arg("--version").output().unwrap().stdout;
    String::from_utf8(version).unwrap().starts_with(PINNED)
}

/// What the compiler says about each case. On the pinned compiler that is what `exact` compares with.
fn said(cases: &[PathBuf]) -> HashMap<PathBuf, String> {
    if pinned() && std::env::var_os("KERATA_COMPILE_UI").is_none() {
        let read = |case: &PathBuf| std::fs::read_to_string(case.with_extension("stderr")).unwrap();
        return cases.iter().map(|case| (case.clone(), read(case))).collect();
    }
    let project = root().join("target/ui-messages");
    std::fs::create_dir_all(project.join("src")).unwrap();
    let mut manifest = format!(
        "[package]\nname = \"ui-messages\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [workspace]\n\n[dependencies]\nkerata = {{ path = {:?} }}\n",
        root()
    );
    for (i, case) in cases.iter().enumerate() {
        manifest += &format!("\n[[bin]]\nname = \"case{i}\"\npath = {case:?}\n");
    }
    std::fs::write(project.join("Cargo.toml"), manifest).unwrap();
    std::fs::copy(root().join("Cargo.lock"), project.join("Cargo.lock")).unwrap();
    let check = ["check", "--offline", "--bins", "--keep-going", "--message-format=json"];
    let output = Command::new(env!("CARGO")).args(check).current_dir(&project).output().unwrap();
    let mut said: HashMap<PathBuf, String> = HashMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        if let (Some(case), Some(text), Some("error")) = (
            line["target"]["src_path"].as_str(),
            line["message"]["rendered"].as_str(),
            line["message"]["level"].as_str(),
        ) && !text.starts_with("error: aborting")
        {
            said.entry(case.into()).or_default().push_str(text);
        }
    }
    said
}

/// Each message names what the `//~` comments of the program name, and stays short.
#[test]
fn messages() {
    let cases = cases();
    let said = said(&cases);
    for case in cases {
        let source = std::fs::read_to_string(&case).unwrap();
        let expected: Vec<&str> =
            source.lines().filter_map(|line| line.strip_prefix("//~ ")).collect();
        assert!(!expected.is_empty(), "{}: no `//~` line", case.display());
        let message = said.get(&case).unwrap_or_else(|| panic!("{} compiles", case.display()));
        let lines = source.lines().find_map(|line| line.strip_prefix("//~lines "));
        let lines = lines.map_or(LINES, |lines| lines.parse().unwrap());
        check_message(&case, message, &expected, lines);
    }
}

fn check_message(case: &Path, message: &str, expected: &[&str], allowed: usize) {
    let name = case.display();
    for line in expected {
        assert!(message.contains(line), "{name}: `{line}` is not in\n{message}");
    }
    for insides in INSIDES {
        assert!(!message.contains(insides), "{name}: shows `{insides}`\n{message}");
    }
    let errors = message.matches("\nerror").count() + usize::from(message.starts_with("error"));
    let allowed = errors.max(1) * allowed;
    // Where a type is long, the compiler says in two lines more in which file the whole of it is.
    let long = ["= note: the full name for the type", "= note: consider using `--verbose`"];
    let counts = |line: &&str| {
        let line = line.trim();
        !line.is_empty() && !long.iter().any(|note| line.starts_with(note))
    };
    let lines = message.lines().filter(counts).count();
    assert!(lines <= allowed, "{name}: {lines} lines for {errors} errors\n{message}");
    if case.parent().is_some_and(|cause| !cause.ends_with("model")) {
        assert_eq!(errors, 1, "{name}: one mistake, {errors} errors\n{message}");
    }
}

#[test]
fn exact() {
    let tests = trybuild::TestCases::new();
    tests.pass("ui-tests/pass/*.rs");
    if pinned() {
        tests.compile_fail("ui-tests/fail/*/*.rs");
    } else {
        writeln!(std::io::stderr(), "SKIPPED: the exact messages are those of {PINNED}").unwrap();
    }
}
