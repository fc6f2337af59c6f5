//! What the README and the guide quote is what the compiler says.

use std::{fs, path::Path};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All messages of the programs that must not compile.
fn messages(folder: &Path, found: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            messages(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "stderr") {
            found.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn quoted_messages_are_those_of_the_compiler() {
    let mut known = String::new();
    messages(&root().join("ui-tests/fail"), &mut known);
    let (mut quoted, mut wrong) = (0, Vec::new());
    for page in ["README.md", "docs/guide/reading-errors.md"] {
        let text = fs::read_to_string(root().join(page)).unwrap();
        for block in text.split("```text\n").skip(1) {
            let lines = block.split("```").next().unwrap().lines().map(str::trim_start);
            for line in lines.filter(|line| line.starts_with("error") || line.starts_with("= note"))
            {
                quoted += 1;
                // What is left out at the end of a line is marked by two dots.
                if !known.contains(line.trim_end_matches("..")) {
                    wrong.push(format!("{page}: {line}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "no compiler says:\n{}", wrong.join("\n"));
    assert!(quoted >= 15, "only {quoted} lines were found");
}

/// The names that a page gives to files of the repository, which a reader of the documentation does not have.
fn files(page: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(page)).unwrap();
    assert!(!text.contains(".md)") && !text.contains(".rs)"), "{page}: a link without a name");
    let name = |line: &str| {
        let (name, to) = line.strip_prefix('[')?.split_once("]: ")?;
        (!to.starts_with("https:")).then(|| name.to_owned())
    };
    text.lines().filter_map(name).collect()
}

#[test]
fn links_to_files_lead_elsewhere_in_the_documentation() {
    let mut missing = Vec::new();
    let mut look = |page: &str, source: &str| {
        let source = fs::read_to_string(root().join(source)).unwrap();
        // The pages of the guide are listed with their files.
        let known = |name: &String| {
            [format!("[{name}]: "), format!(" \"{name}\"\n")]
                .iter()
                .any(|said| source.contains(said))
        };
        missing.extend(
            files(page)
                .into_iter()
                .filter(|name| !known(name))
                .map(|name| format!("{page}: [{name}]")),
        );
    };
    look("README.md", "src/lib.rs");
    for page in fs::read_dir(root().join("docs/guide")).unwrap() {
        let name = page.unwrap().file_name().into_string().unwrap();
        look(&format!("docs/guide/{name}"), "src/guide.rs");
    }
    assert!(missing.is_empty(), "{missing:?}");
}
