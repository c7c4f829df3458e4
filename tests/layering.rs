//! Imports run downwards only: each layer may use those below it, and the table here is the whole
//! truth.

use std::{collections::BTreeSet, fs, path::Path};

/// A layer and what it may use; `error` is one too, between what it describes and what makes it.
const LAYERS: &[(&str, &[&str])] = &[
    ("wire", &[]),
    ("data", &["wire"]),
    // What this machine says of itself.
    ("host", &["data"]),
    ("expr", &["wire", "data"]),
    ("model", &["wire", "data", "expr"]),
    ("batch", &["wire", "data", "expr", "model"]),
    // nft's language: pure data, of which the passes below speak.
    ("lang", &["wire", "data", "expr", "model"]),
    // A tree becomes registers, and a batch takes them.
    ("compile", &["wire", "data", "expr", "model", "batch", "lang"]),
    // Registers become a tree.
    ("lift", &["data", "expr", "model", "lang"]),
    // A tree becomes text; the rules of a listing are lifted first.
    ("print", &["data", "host", "expr", "model", "lang", "lift"]),
    // The typed builders.
    ("set", &["wire", "data", "expr", "model", "batch", "lang", "compile"]),
    ("rule", &["wire", "data", "expr", "model", "batch", "lang", "compile", "print", "set"]),
    // A document is applied: that takes a batch and a client. Plans are printed.
    ("text", &["data", "expr", "model", "batch", "error", "lang", "compile", "lift", "print", "client", "reconcile"]),
    // Failures name the verb that failed.
    ("error", &["wire", "data", "model", "batch"]),
    ("proto", &["wire", "data", "expr", "model", "batch", "error"]),
    // Other libraries' batches: their bytes become ours, what is wrong with them is told as of our
    // own.
    ("interop", &["wire", "data", "model", "batch", "error"]),
    // Numbers of the families, which the tree has names for.
    ("reconcile", &["wire", "data", "expr", "model", "batch", "error", "lang"]),
    (
        "client",
        &["wire", "data", "host", "expr", "model", "lang", "set", "rule", "batch", "error", "proto", "reconcile"],
    ),
    // `*` is the front door. That it is the public interface only is what tests/recipes.rs shows.
    ("recipes", &["*", "data", "model", "rule", "set", "batch", "error", "client", "expr", "proto", "route", "sysctl"]),
    // Files below /proc/sys.
    ("sysctl", &["error"]),
    // A socket and its acknowledgements.
    ("rtnetlink", &[]),
    ("route", &["data", "error", "rtnetlink"]),
    // Depends on nothing else but the system: what tests the library must not stand on it.
    ("testing", &["rtnetlink"]),
    ("uapi", &["wire", "data", "expr", "model"]),
];

/// Names that the front door lends: `crate::Batch` is `crate::batch::Batch`.
fn home(name: &str, lent: &[(String, String)]) -> String {
    lent.iter().find(|(item, _)| item == name).map_or(name, |(_, module)| module).to_owned()
}

/// What `pub use module::{A, B};` lends.
fn lent_by(lib: &str) -> Vec<(String, String)> {
    let mut lent = Vec::new();
    for statement in lib.split("pub use ").skip(1).filter_map(|rest| rest.split(';').next()) {
        if let Some((module, items)) = statement.split_once("::") {
            let items = items.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|item| !item.is_empty());
            lent.extend(items.map(|item| (item.to_owned(), module.to_owned())));
        }
    }
    lent
}

/// The first steps of all `crate::` paths in a source: modules, and items that the front door
/// lends.
fn uses(source: &str) -> BTreeSet<String> {
    // Comments may speak of what is above.
    let code: String =
        source.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    let mut found = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        let Some(list) = rest.strip_prefix('{') else {
            found.insert(word(rest));
            continue;
        };
        // Commas of the outermost braces part the entries.
        let (mut depth, mut start) = (0, true);
        for (at, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => start = true,
                c if start && !c.is_whitespace() => {
                    found.insert(word(&list[at..]));
                    start = false;
                }
                _ => {}
            }
        }
    }
    found
}

fn word(text: &str) -> String {
    if text.starts_with('*') {
        return "*".into();
    }
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn sources(at: &Path, each: &mut dyn FnMut(&Path, &str)) {
    if at.is_dir() {
        for entry in fs::read_dir(at).unwrap() {
            sources(&entry.unwrap().path(), each);
        }
    } else if at.extension().is_some_and(|ext| ext == "rs") {
        each(at, &fs::read_to_string(at).unwrap());
    }
}

#[test]
fn imports_run_downwards_only() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let lent = lent_by(&fs::read_to_string(src.join("lib.rs")).unwrap());
    let mut upward = Vec::new();
    let mut checked = 0;
    for entry in fs::read_dir(&src).unwrap() {
        let path = entry.unwrap().path();
        let layer = path.file_stem().unwrap().to_string_lossy().into_owned();
        if layer == "lib" {
            continue;
        }
        let (_, allowed) = LAYERS.iter().find(|(name, _)| *name == layer).unwrap_or_else(|| panic!("{layer}: no row"));
        sources(&path, &mut |file, source| {
            checked += 1;
            for name in uses(source).iter().map(|name| home(name, &lent)) {
                // Tests may use what they like.
                let free = file.with_extension("").components().any(|part| part.as_os_str() == "tests");
                if name != layer && !free && !allowed.contains(&name.as_str()) {
                    upward.push(format!("{} uses {name}", file.strip_prefix(&src).unwrap().display()));
                }
            }
        });
    }
    assert!(checked > 20, "{checked} files");
    assert!(upward.is_empty(), "not allowed by the table: {upward:#?}");
}

#[test]
fn paths_are_found_in_every_form() {
    let source = "use crate::{\n    Batch,\n    data::{Name, hook::Hook},\n    wire::Text,\n};\n// crate::comment\ncrate::expr::Expr";
    assert_eq!(uses(source).into_iter().collect::<Vec<_>>(), ["Batch", "data", "expr", "wire"]);
    let lent = lent_by("pub use batch::Batch;\npub use client::{Client, Committed};");
    assert_eq!((home("Batch", &lent), home("Committed", &lent)), ("batch".into(), "client".into()));
}
