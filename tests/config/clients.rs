//! The configs of real files: each becomes a dynamic model, or is refused for a reason that is listed.

use std::{
    io::{Read, Write},
    path::{Path, PathBuf},
};

use kerata::config::{Config, CustomObjects, layer_from_config};

use crate::case::skipped;

/// What is refused: a part of the name of the file, and of the message.
const REFUSED: [(&str, &str); 1] = [("CuDNN", "the layer `CuDNNLSTM` is not known")];

/// All files below a folder.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// The `config.json` of an archive.
fn member(bytes: &[u8]) -> Option<String> {
    let archive = rawzip::ZipArchive::from_slice(bytes).ok()?;
    for entry in archive.entries() {
        let entry = entry.ok()?;
        let (method, size) = (entry.compression_method(), entry.uncompressed_size_hint());
        if entry.file_path().as_bytes() != b"config.json" || size > 1 << 24 {
            continue;
        }
        let data = archive.get_entry(entry.wayfinder()).ok()?;
        let mut text = String::new();
        match method {
            rawzip::CompressionMethod::STORE => {
                text.push_str(std::str::from_utf8(data.data()).ok()?);
            }
            _ => drop(
                flate2::read::DeflateDecoder::new(data.data()).read_to_string(&mut text).ok()?,
            ),
        }
        return Some(text);
    }
    None
}

#[test]
fn configs_of_real_files_become_models() {
    let shared = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/clients");
    let root = std::env::var_os("KERATA_CLIENTS").map_or_else(shared, PathBuf::from);
    let mut all = Vec::new();
    files(&root, &mut all);
    if let Some(more) = std::env::var_os("KERATA_CONFIGS") {
        files(Path::new(&more), &mut all);
    }
    if all.is_empty() {
        return skipped("the configs of real files are not here; set KERATA_CLIENTS");
    }
    all.sort();
    let (mut built, mut table, mut failed) = (0, String::new(), Vec::new());
    for path in all {
        let name = path.display().to_string();
        let text = match path.extension().and_then(|extension| extension.to_str()) {
            Some("keras") => member(&std::fs::read(&path).unwrap()),
            Some("json") if !name.ends_with("case.json") => std::fs::read_to_string(&path).ok(),
            _ => None,
        };
        // RTNeural's own JSON, and others that are no configs.
        let Some(config) =
            text.filter(|text| text.contains("class_name")).map(|t| t.parse::<Config>())
        else {
            continue;
        };
        match config
            .and_then(|config| layer_from_config(&config, &CustomObjects::new().masks_as_keras()))
        {
            Ok(model) => {
                built += 1;
                // What it writes is read again.
                layer_from_config(&model.config(), &CustomObjects::new().masks_as_keras()).unwrap();
            }
            Err(error) => {
                let error = error.to_string();
                let first = error.lines().next().unwrap_or_default().to_owned();
                let first: String = first.chars().take(160).collect();
                table.push_str(&format!("  {name}: {first}\n"));
                if !REFUSED.iter().any(|(_, message)| error.contains(message)) {
                    failed.push(format!("{name}: {error}"));
                }
            }
        }
    }
    if !table.is_empty() {
        let _ = write!(std::io::stderr(), "REFUSED configs of real files:\n{table}");
    }
    assert!(built > 10, "only {built} models");
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
