//! Runs targets on hostile files, on stable Rust: `loop TARGET SECONDS [FOLDER..]`, or `loop all SECONDS`.
//!
//! The work is done by a second process, so that an abort, a stack overflow and an endless loop are found too.
//! What is found is saved in `fuzz/artifacts/TARGET`; `loop TARGET FILE` runs one file again.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    sync::{
        LazyLock, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use kerata_fuzz::{TARGETS, Target, memory, mutate};

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

/// How long one file may take.
const TIME: Duration = Duration::from_secs(10);
/// After so many files that are not worth a second look a target is left.
const ENOUGH: usize = 20;
/// The seed of the random numbers; otherwise it is the time.
const SEED: &str = "KERATA_FUZZ_SEED";
/// Says to this program that it is the second process, with the seed of its random numbers.
const WORKER: &str = "KERATA_FUZZ_WORKER";
/// Says to the second process where it writes what it is about to read.
const CURRENT: &str = "KERATA_FUZZ_CURRENT";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, seconds, folders @ ..] = arguments.as_slice() else {
        eprintln!("usage: loop TARGET|all SECONDS|FILE [FOLDER..]");
        TARGETS.iter().for_each(|target| eprintln!("  {}", target.name));
        return ExitCode::FAILURE;
    };
    let targets: Vec<&Target> =
        TARGETS.iter().filter(|target| name == "all" || target.name == name).collect();
    if targets.is_empty() {
        eprintln!("there is no target `{name}`");
        return ExitCode::FAILURE;
    }
    let Ok(seconds) = seconds.parse() else {
        targets.iter().for_each(|target| once(target, &std::fs::read(seconds).unwrap()));
        return ExitCode::SUCCESS;
    };
    let time = Duration::from_secs(seconds);
    if let Ok(seed) = std::env::var(WORKER) {
        return work(targets[0], time, folders, seed.parse().unwrap());
    }
    // All targets run, whatever others find; as many at a time as there are cores.
    let (found, waiting) = (AtomicUsize::new(0), Mutex::new(targets.into_iter()));
    let next = || waiting.lock().unwrap().next();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, Into::into) {
            scope.spawn(|| {
                while let Some(target) = next() {
                    found.fetch_add(watch(target, time, folders), Ordering::Relaxed);
                }
            });
        }
    });
    if found.into_inner() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn artifacts(target: &Target) -> PathBuf {
    root().join("artifacts").join(target.name)
}

/// Runs the second process as often as it dies, until the time is over. Gives how many files were found.
fn watch(target: &Target, time: Duration, folders: &[String]) -> usize {
    let folder = artifacts(target);
    std::fs::create_dir_all(&folder).unwrap();
    let current = kerata_fuzz::scratch(&format!("{}-{}.current", std::process::id(), target.name));
    let before = count(&folder);
    let end = Instant::now() + time;
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let mut seed = std::env::var(SEED).map_or_else(|_| now(), |seed| seed.parse().unwrap());
    while Instant::now() < end && count(&folder) < before + ENOUGH {
        let left = (end - Instant::now()).as_secs().max(1);
        let mut worker = Command::new(std::env::current_exe().unwrap())
            .args([target.name, &left.to_string()])
            .args(folders)
            .env(WORKER, seed.to_string())
            .env(CURRENT, &current)
            .spawn()
            .unwrap();
        let status = loop {
            if let Some(status) = worker.try_wait().unwrap() {
                break Some(status);
            }
            if age(&current) > TIME {
                worker.kill().unwrap();
                worker.wait().unwrap();
                break None;
            }
            std::thread::sleep(Duration::from_millis(100));
        };
        if status.is_some_and(|status| status.success()) {
            break;
        }
        let what = if status.is_none() { "slow" } else { "abort" };
        let to = folder.join(format!("{what}-{seed:x}"));
        std::fs::copy(&current, &to).unwrap();
        eprintln!("{}: {what}: {}", target.name, to.display());
        seed = seed.wrapping_add(1);
    }
    let _ = std::fs::remove_file(&current);
    let found = count(&folder) - before;
    println!("{}: {found} files found", target.name);
    found
}

/// How many files were found.
fn count(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

/// How long ago a file was written.
fn age(path: &Path) -> Duration {
    let written = std::fs::metadata(path).and_then(|file| file.modified());
    written.ok().and_then(|at| at.elapsed().ok()).unwrap_or_default()
}

/// Where the last panic was, and what it said.
static PANIC: LazyLock<Mutex<String>> = LazyLock::new(Mutex::default);

/// The second process: files until the time is over.
fn work(target: &Target, time: Duration, folders: &[String], seed: u64) -> ExitCode {
    let seeds = seeds(target, folders);
    let current = PathBuf::from(std::env::var_os(CURRENT).unwrap());
    let mut random = mutate::Random(seed);
    let mut known = HashSet::new();
    let (begin, mut files) = (Instant::now(), 0_u64);
    while begin.elapsed() < time && known.len() < ENOUGH {
        // The seeds themselves come first.
        let data = match seeds.get(files as usize) {
            Some(seed) => seed.clone(),
            None => mutate::mutated(&seeds, &mut random),
        };
        files += 1;
        std::fs::write(&current, &data).unwrap();
        if let Some(problem) = problem(target, &data) {
            // One file for each place.
            let place = problem.lines().next().unwrap_or_default().to_owned();
            if known.insert(place) {
                let to = artifacts(target).join(format!("problem-{seed:x}-{}", known.len()));
                std::fs::write(&to, &data).unwrap();
                eprintln!("{}: {problem}\n  {}", target.name, to.display());
            }
        }
    }
    println!("{}: {files} files in {} s", target.name, begin.elapsed().as_secs());
    ExitCode::SUCCESS
}

/// What is wrong with how a target takes a file: a panic, or too much memory.
fn problem(target: &Target, data: &[u8]) -> Option<String> {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(|info| *PANIC.lock().unwrap() = info.to_string()));
    let used = memory::start();
    let result = std::panic::catch_unwind(|| (target.run)(data));
    std::panic::set_hook(usual);
    if result.is_err() {
        let said = PANIC.lock().unwrap();
        // The place comes first, without the number of the thread.
        return Some(said.split_once(" at ").map_or(said.as_str(), |(_, place)| place).to_owned());
    }
    let (peak, allowed) = (memory::peak(used), target.base + target.factor * data.len());
    (peak > allowed)
        .then(|| format!("too much memory\n{peak} bytes for {}, {allowed} are allowed", data.len()))
}

/// Runs one file, with panics as they are.
fn once(target: &Target, data: &[u8]) {
    let (used, begin) = (memory::start(), Instant::now());
    (target.run)(data);
    let (peak, time) = (memory::peak(used), begin.elapsed());
    println!("{}: {} bytes, {peak} of memory, {time:?}", target.name, data.len());
}

/// The files of the corpus, and of other folders.
fn seeds(target: &Target, folders: &[String]) -> Vec<Vec<u8>> {
    let corpus = root().join("corpus").join(target.name);
    let folders = std::iter::once(corpus).chain(folders.iter().map(PathBuf::from));
    let files = folders.flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let files = files.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let mut files: Vec<PathBuf> = files.collect();
    files.sort();
    let seeds: Vec<Vec<u8>> = files.iter().map(|path| std::fs::read(path).unwrap()).collect();
    assert!(!seeds.is_empty(), "{}: the corpus is empty", target.name);
    seeds
}
