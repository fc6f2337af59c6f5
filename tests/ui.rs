//! Programs that must not compile, and what the compiler says about them.
//!
//! Each program is compiled once, against the crate as the tests have built it. `messages` holds on any compiler: it
//! looks for the lines that the `//~` comments of a program name, in a message that is short. `exact` compares the
//! whole message, on the one compiler that the `.stderr` files were written by; with `KERATA_BLESS=1` it writes them.

use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use kerata::{
    config::{CustomObjects, DynamicLayer},
    keras,
};

/// The compiler of the `.stderr` files.
const PINNED: &str = "rustc 1.95.0";
/// How long the message of one mistake may be, in lines; a case may allow itself more with `//~lines N`.
const LINES: usize = 12;
/// What no message may show.
const INSIDES: [&str; 3] = ["UInt<", "UTerm", "PrivateSub"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The programs in a folder, by their paths from the root of the crate.
fn programs(folder: &str) -> Vec<PathBuf> {
    let mut programs = Vec::new();
    for entry in std::fs::read_dir(root().join(folder)).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            programs.push(path.strip_prefix(root()).unwrap().to_owned());
        }
    }
    programs.sort();
    programs
}

fn cases() -> Vec<PathBuf> {
    let mut cases = Vec::new();
    for cause in std::fs::read_dir(root().join("ui-tests/fail")).unwrap() {
        let cause = cause.unwrap().file_name();
        cases.extend(programs(&format!("ui-tests/fail/{}", cause.to_str().unwrap())));
    }
    cases.sort();
    assert!(cases.len() >= 30, "only {} cases", cases.len());
    cases
}

fn rustc() -> Command {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into()));
    rustc.current_dir(root()).stdin(Stdio::null());
    rustc
}

fn pinned() -> bool {
    let version = rustc().arg("--version").output().unwrap().stdout;
    String::from_utf8(version).unwrap().starts_with(PINNED)
}

/// The library of the crate as the tests and examples use it, which cargo has built already.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        // Any example will do: cargo tells what it depends on.
        let build = ["build", "--offline", "--example", "flatten", "--message-format=json"];
        let output = Command::new(env!("CARGO")).args(build).current_dir(root()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = String::from_utf8(output.stdout).unwrap();
        let artifacts = lines.lines().map(|line| serde_json::from_str(line).unwrap());
        let files = artifacts
            .filter(|line: &serde_json::Value| {
                line["target"]["name"] == "kerata" && line["target"]["kind"][0] == "lib"
            })
            .flat_map(|line| line["filenames"].as_array().cloned().unwrap_or_default());
        let mut files = files.filter_map(|file| Some(PathBuf::from(file.as_str()?)));
        files.find(|file| file.extension().is_some_and(|e| e == "rlib")).expect("no library")
    })
}

/// Compiles a program into a folder: what the compiler says if it refuses.
fn compile(program: &Path, folder: &Path) -> Result<(), String> {
    let library = library();
    let output = rustc()
        .args(["--edition=2024", "--crate-type=bin", "--diagnostic-width=140"])
        .arg("--extern")
        .arg(format!("kerata={}", library.display()))
        .arg("-L")
        .arg(format!("dependency={}", library.parent().unwrap().display()))
        .arg("--out-dir")
        .arg(folder)
        .arg(program)
        .output()
        .unwrap();
    match output.status.success() {
        true => Ok(()),
        false => Err(tidied(program, &String::from_utf8(output.stderr).unwrap())),
    }
}

/// Does something with each program, one thread per processor.
fn each<R: Send>(programs: &[PathBuf], job: impl Fn(&Path) -> R + Sync) -> BTreeMap<PathBuf, R> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(program) = programs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = job(program);
                    done.lock().unwrap().insert(program.clone(), result);
                }
            });
        }
    });
    done.into_inner().unwrap()
}

/// A folder for what is compiled.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ui").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// What the compiler says about each case, which is compiled once for all tests; nothing where it compiles.
fn said() -> &'static BTreeMap<PathBuf, String> {
    static SAID: OnceLock<BTreeMap<PathBuf, String>> = OnceLock::new();
    SAID.get_or_init(|| {
        let folder = folder("fail");
        each(&cases(), |case| compile(case, &folder).err().unwrap_or_default())
    })
}

/// The message without what changes by itself: where the folders are, and the lines of files that are not the case.
fn tidied(case: &Path, message: &str) -> String {
    let library = format!("{}/", root().display());
    // The summary, and in which file the whole of a long type is.
    let other = [
        "error: aborting due to",
        "For more information about",
        "Some errors have detailed",
        "= note: the full name for the type",
        "= note: consider using `--verbose`",
    ];
    let (mut tidied, mut elsewhere) = (String::new(), false);
    for line in message.lines() {
        if other.iter().any(|start| line.trim_start().starts_with(start)) {
            continue;
        }
        let mut line = line.replace(&library, "");
        let place = ["--> ", "::: "].iter().find_map(|arrow| Some(line.find(arrow)? + arrow.len()));
        if let Some(place) = place {
            elsewhere = !line[place..].starts_with(case.to_str().unwrap());
            if elsewhere {
                line.replace_range(place.., &file(&line[place..]));
            }
        } else if elsewhere {
            let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            line.replace_range(..digits, &" ".repeat(digits));
        }
        if let Some((and, _)) = line.split_once("and ").filter(|_| line.ends_with(" others")) {
            line = format!("{and}and $N others");
        }
        tidied += line.trim_end();
        tidied.push('\n');
    }
    format!("{}\n", tidied.trim_end())
}

/// A file with neither its line nor, where it is not of this crate, the folder and version it has on this machine.
fn file(place: &str) -> String {
    let path = place.trim_end_matches(|c: char| c.is_ascii_digit() || c == ':');
    if let Some((_, path)) = path.split_once("/registry/src/") {
        let mut parts = path.splitn(3, '/').skip(1);
        let (name, rest) = (parts.next().unwrap(), parts.next().unwrap());
        let name = name.rsplit_once('-').map_or(name, |(name, _)| name);
        return format!("$CARGO/{name}-$VERSION/{rest}");
    }
    match path.split_once("/library/") {
        Some((_, path)) => format!("$RUST/{path}"),
        None => path.to_owned(),
    }
}

/// Each message names what the `//~` comments of the program name, and stays short.
#[test]
fn messages() {
    for (case, message) in said() {
        assert!(!message.is_empty(), "{} compiles", case.display());
        let source = std::fs::read_to_string(root().join(case)).unwrap();
        let expected: Vec<&str> =
            source.lines().filter_map(|line| line.strip_prefix("//~ ")).collect();
        assert!(!expected.is_empty(), "{}: no `//~` line", case.display());
        let lines = source.lines().find_map(|line| line.strip_prefix("//~lines "));
        let lines = lines.map_or(LINES, |lines| lines.parse().unwrap());
        check_message(case, message, &expected, lines);
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
    let lines = message.lines().filter(|line| !line.trim().is_empty()).count();
    assert!(lines <= allowed, "{name}: {lines} lines for {errors} errors\n{message}");
    if case.parent().is_some_and(|cause| !cause.ends_with("model")) {
        assert_eq!(errors, 1, "{name}: one mistake, {errors} errors\n{message}");
    }
}

/// The lines as they are compared: how far they are indented depends on the largest line number.
fn compared(message: &str) -> Vec<&str> {
    let number = |c: char| c == ' ' || c.is_ascii_digit();
    message.lines().map(|line| line.trim_start_matches(number)).collect()
}

/// Each message is the one that is kept beside the program.
#[test]
fn exact() {
    if !pinned() {
        writeln!(std::io::stderr(), "SKIPPED: the exact messages are those of {PINNED}").unwrap();
        return;
    }
    let bless = std::env::var_os("KERATA_BLESS").is_some();
    let mut wrong = String::new();
    for (case, message) in said() {
        let kept = root().join(case).with_extension("stderr");
        let expected = std::fs::read_to_string(&kept).unwrap_or_default();
        if compared(message) != compared(&expected) {
            if bless {
                std::fs::write(kept, message).unwrap();
            } else {
                wrong += &format!("{}:\n{message}\nbut expected\n{expected}\n", case.display());
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Models that nobody here wrote, out of their files: one program with all that have a type.
#[test]
fn models_of_keras() {
    let set = std::env::var_os("KERATA_CLIENTS").map(PathBuf::from);
    let clients = set.unwrap_or_else(|| root().join("../shared/clients"));
    if !clients.is_dir() {
        writeln!(std::io::stderr(), "SKIPPED: most of the models of Keras are not here").unwrap();
        return;
    }
    let mut files: Vec<PathBuf> = std::fs::read_dir(clients)
        .unwrap()
        .flat_map(|case| std::fs::read_dir(case.unwrap().path()).into_iter().flatten())
        .map(|file| file.unwrap().path().canonicalize().unwrap())
        .filter(|file| !file.components().any(|part| part.as_os_str() == "hostile"))
        .collect();
    files.sort();
    let (folder, custom) = (folder("clients"), CustomObjects::new());
    let (mut program, mut body, mut models) = (String::new(), String::new(), Vec::new());
    for file in files {
        // What is no whole model of Keras is told of by the test `keras_files`.
        let Ok(model) = keras::load(&file, &custom) else { continue };
        let source = keras::rust_source(&model.config(), "Net").unwrap();
        if let Some(why) = source.lines().find(|line| line.trim_start().starts_with("//")) {
            let why = why.trim();
            writeln!(std::io::stderr(), "without a type: {}: {why}", file.display()).unwrap();
            continue;
        }
        let (i, masks) = (models.len(), model.dropped_masks());
        let to = folder.join(format!("{i}.keras"));
        program +=
            &format!("#[kerata::model(keras = {file:?}, unmask = {masks:?})]\nstruct Net{i};\n");
        body += &format!("    Net{i}::load({file:?})?.save_keras({to:?})?;\n");
        models.push((file, model, to));
    }
    let program = format!(
        "use kerata::prelude::*;\n{program}fn main() -> Result<(), kerata::Error> {{\n{body}    Ok(())\n}}\n"
    );
    let path = folder.join("clients.rs");
    std::fs::write(&path, program).unwrap();
    compile(&path, &folder).unwrap_or_else(|message| panic!("{message}"));
    let run = Command::new(folder.join("clients")).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    for (file, model, written) in &models {
        let again = keras::load(written, &custom).unwrap();
        let weights = |model: &DynamicLayer| -> Vec<_> {
            model.weights().map(|weight| (weight.sizes, weight.values)).collect()
        };
        assert_eq!(weights(&again), weights(model), "{}", file.display());
    }
    assert!(models.len() > 5, "only {} models", models.len());
}

/// Programs that must compile, and run.
#[test]
fn passing() {
    let folder = folder("pass");
    let programs = programs("ui-tests/pass");
    assert!(!programs.is_empty());
    for (program, result) in each(&programs, |program| {
        compile(program, &folder)?;
        let file = folder.join(program.file_stem().unwrap());
        let output = Command::new(file).output().map_err(|error| error.to_string())?;
        let said = || String::from_utf8_lossy(&output.stderr).into_owned();
        output.status.success().then_some(()).ok_or_else(said)
    }) {
        assert_eq!(result, Ok(()), "{}", program.display());
    }
}
