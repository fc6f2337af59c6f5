//! The source as it is laid out: arrows between modules run one way.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The modules of the table in CONTRIBUTING.md, from the lowest up. Those of one row may use each other.
fn rows() -> Vec<Vec<String>> {
    let text = fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    let section = text.split("## How the source is laid out").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `src/"));
    rows.map(|row| {
        let places = row.trim_start_matches('|').split('|').next().unwrap();
        let names = places.split('`').filter_map(|name| name.strip_prefix("src/"));
        names.map(|name| name.trim_end_matches('/').trim_end_matches(".rs").to_owned()).collect()
    })
    .collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The module that a file belongs to: the folder in `src`, or the file itself.
fn module(path: &Path) -> String {
    let inside = path.strip_prefix(root().join("src")).unwrap();
    let first = inside.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// The modules that a source names behind `crate::`, in the code that is not a test.
fn uses(source: &str) -> BTreeSet<String> {
    let code = source.split("#[cfg(test)]\nmod tests").next().unwrap();
    let lines = code.lines().map(|line| line.split("//").next().unwrap_or_default());
    let code: String = lines.collect::<Vec<_>>().join("\n");
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let Some(list) = rest.strip_prefix('{') else {
            found.insert(word(rest));
            continue;
        };
        // The names at the top level of `crate::{a::b, c::{d, e}}`.
        let (mut depth, mut start) = (0, true);
        for (i, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => start = true,
                c if start && depth == 0 && !c.is_whitespace() => {
                    found.insert(word(&list[i..]));
                    start = false;
                }
                _ => {}
            }
        }
    }
    found
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn modules_use_only_what_is_above_them_in_the_table() {
    let rows = rows();
    let row = |name: &str| rows.iter().position(|row| row.iter().any(|module| module == name));
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    let (mut wrong, mut arrows) = (Vec::new(), 0);
    for path in files {
        let from = module(&path);
        if from == "lib" {
            continue;
        }
        let Some(here) = row(&from) else {
            wrong.push(format!("`{from}` is not in the table of CONTRIBUTING.md"));
            continue;
        };
        for to in uses(&fs::read_to_string(&path).unwrap()).into_iter().filter(|to| *to != from) {
            arrows += 1;
            if row(&to).is_none_or(|there| there > here) {
                wrong.push(format!("{} uses `{to}`, which is below it", path.display()));
            }
        }
    }
    wrong.dedup();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(arrows > 300, "only {arrows} imports were found: is the layout read rightly?");
}

#[test]
fn every_module_of_the_table_exists() {
    for name in rows().concat() {
        let (folder, file) =
            (root().join("src").join(&name), root().join(format!("src/{name}.rs")));
        assert!(folder.is_dir() || file.is_file(), "`{name}` is in the table, but not in `src`");
    }
}

#[test]
fn each_dependency_has_its_reason() {
    let manifests = ["Cargo.toml", "kernels/Cargo.toml"]
        .map(|path| fs::read_to_string(root().join(path)).unwrap());
    // Also those of one system alone.
    fn sections(manifest: &str) -> impl Iterator<Item = &str> {
        let sections = manifest.split("\n[").filter_map(|section| section.split_once("]\n"));
        let of = |name: &str| name == "dependencies" || name.ends_with(".dependencies");
        sections.filter(move |(name, _)| of(name)).map(|(_, lines)| lines)
    }
    let lines = manifests.iter().flat_map(|manifest| sections(manifest).flat_map(str::lines));
    let used: BTreeSet<&str> =
        lines.filter_map(|line| line.split_once(" = ")).map(|(name, _)| name).collect();
    let text = fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    let section = text.split("### Dependencies").nth(1).unwrap().split("\n#").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.map(|row| row.trim_start_matches('|').split('|').next().unwrap());
    let told: BTreeSet<&str> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    assert_eq!(used, told);
    assert!(used.len() > 20, "{used:?}");
}
