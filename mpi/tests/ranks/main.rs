//! Ranks that are processes: this program starts itself under `mpirun`.

mod scenes;

use std::{
    collections::BTreeMap,
    path::Path,
    process::{Command, ExitCode, Output},
    time::{Duration, Instant},
};

use libtest_mimic::{Arguments, Failed, Trial};

/// Which scene a process is to play.
const SCENE: &str = "KERATA_MPI_SCENE";
/// A folder for its files.
const FOLDER: &str = "KERATA_MPI_FOLDER";

fn main() -> ExitCode {
    if let Ok(scene) = std::env::var(SCENE) {
        scenes::play(&scene);
        return ExitCode::SUCCESS;
    }
    let arguments = Arguments::from_args();
    let missing = Command::new("mpirun").arg("--version").output().is_err();
    if missing {
        println!("\nSKIPPED: there is no `mpirun`, so no ranks are started\n");
        return ExitCode::SUCCESS;
    }
    let trials = vec![
        Trial::test("sums_are_the_same_bits_on_all_ranks", sums),
        Trial::test("any_number_of_ranks_learns_what_one_process_does", histories),
        Trial::test("a_rank_that_fails_ends_the_job_and_is_named", failing),
        Trial::test("a_rank_that_panics_ends_the_job_and_is_named", panicking),
        Trial::test("a_rank_that_hangs_is_named_after_the_timeout", hanging),
        Trial::test("a_rank_that_is_stopped_is_named_after_the_timeout", stopped),
        Trial::test("a_training_goes_on_after_a_rank_was_killed", killed),
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// This program, as so many ranks.
fn ranks(size: usize, scene: &str, folder: &Path) -> Output {
    let mut command = Command::new("mpirun");
    command.args(["-n", &size.to_string()]).arg(std::env::current_exe().unwrap());
    command.env(SCENE, scene).env(FOLDER, folder);
    // More ranks than cores, in a container, as its only user.
    command.env("OMPI_MCA_rmaps_base_oversubscribe", "1");
    command.env("OMPI_MCA_btl_vader_single_copy_mechanism", "none");
    command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    command.output().unwrap()
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// What the ranks have printed, if all has gone well.
fn printed(size: usize, scene: &str, folder: &Path) -> String {
    let output = ranks(size, scene, folder);
    let (printed, errors) = texts(&output);
    assert!(output.status.success(), "{scene} on {size} ranks: {printed}{errors}");
    printed
}

fn folder(name: &str) -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("kerata-mpi-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn sums() -> Result<(), Failed> {
    for size in 1..=4 {
        let printed = printed(size, "sums", Path::new("."));
        let lines: Vec<&str> = printed.lines().collect();
        assert_eq!(lines.len(), size, "{printed}");
        assert!(lines.iter().all(|line| *line == lines[0]), "{printed}");
    }
    Ok(())
}

/// The columns of a history, as `scenes` prints them.
fn columns(printed: &str) -> BTreeMap<String, Vec<f64>> {
    let column = |line: &str| {
        let (name, values) = line.split_once(": ")?;
        Some((name.to_owned(), values.split(' ').map(|value| value.parse().unwrap()).collect()))
    };
    printed.lines().filter_map(column).collect()
}

fn assert_close(one: &str, many: &str) {
    let (one, many) = (columns(one), columns(many));
    assert!(!one.is_empty() && one.keys().eq(many.keys()), "{one:?} {many:?}");
    for (name, one) in one {
        assert_eq!(one.len(), many[&name].len(), "{name}");
        for (a, b) in one.iter().zip(&many[&name]) {
            assert!((a - b).abs() <= 1e-5 * a.abs().max(0.1), "{name}: {a} and {b}");
        }
    }
}

fn histories() -> Result<(), Failed> {
    let folder = folder("histories");
    let alone = printed(1, "alone", &folder);
    for size in 1..=4 {
        assert_close(&alone, &printed(size, "train", &folder));
    }
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

/// Runs what is to fail, and gives the standard error.
fn failure(scene: &str) -> String {
    let begin = Instant::now();
    let output = ranks(3, scene, Path::new("."));
    let (_, errors) = texts(&output);
    assert!(!output.status.success(), "{errors}");
    assert!(begin.elapsed() < Duration::from_secs(60));
    errors
}

fn failing() -> Result<(), Failed> {
    let errors = failure("fail");
    assert!(errors.contains("rank 2 failed: the disk is empty"), "{errors}");
    Ok(())
}

fn panicking() -> Result<(), Failed> {
    let errors = failure("panic");
    assert!(errors.contains("rank 1 failed: it panicked: the machine is gone"), "{errors}");
    Ok(())
}

fn hanging() -> Result<(), Failed> {
    lost("hang")
}

fn stopped() -> Result<(), Failed> {
    lost("stop")
}

/// Checks that rank 1 is named, and no other, where nothing is heard of it any more.
fn lost(scene: &str) -> Result<(), Failed> {
    let errors = failure(scene);
    let right = "rank 1 failed: it did not come within 2s (the timeout)";
    assert!(errors.contains(right), "{errors}");
    assert!(!errors.contains("rank 0 failed") && !errors.contains("rank 2 failed"), "{errors}");
    Ok(())
}

fn killed() -> Result<(), Failed> {
    let undisturbed = folder("undisturbed");
    let alone = printed(1, "alone", &undisturbed);
    for size in [1, 2, 3, 4] {
        let folder = folder(&format!("killed-{size}"));
        let output = ranks(3, "killed", &folder);
        let (printed_before, errors) = texts(&output);
        assert!(!output.status.success() && printed_before.is_empty(), "{printed_before}");
        assert!(errors.contains("rank 2") && errors.contains("signal 9"), "{errors}");
        let resumed = printed(size, "resume", &folder);
        // It was killed in the middle of that.
        assert_eq!(columns(&resumed)["resumed in epoch"], [1.0]);
        let history: Vec<&str> =
            resumed.lines().filter(|line| !line.starts_with("resumed")).collect();
        assert_close(&alone, &history.join("\n"));
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::remove_dir_all(undisturbed)?;
    Ok(())
}
