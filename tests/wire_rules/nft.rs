//! The nft program, one of perhaps several versions.

use super::otherwise::Version;
use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Lines, or rules, that are submitted at once.
pub const CHUNK: usize = 200;

/// An nft and its version.
pub struct Nft {
    program: PathBuf,
    pub version: Version,
}

impl Nft {
    pub fn at(program: &Path) -> Self {
        let said = Command::new(program).arg("--version").output().unwrap().stdout;
        let said = String::from_utf8(said).unwrap();
        // nftables v1.0.6 (Lester Gooch #5)
        let number = said.split_whitespace().nth(1).unwrap_or_default().trim_start_matches('v');
        let mut numbers = number.split('.').map(|n| n.parse().unwrap_or_else(|_| panic!("version {said}")));
        Self { program: program.to_owned(), version: std::array::from_fn(|_| numbers.next().unwrap_or(0)) }
    }

    /// Loads a script, all of it or nothing.
    pub fn load(&self, script: &str) -> Result<(), String> {
        let mut child =
            Command::new(&self.program).args(["-f", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // It may have given up on the first lines.
        let _ = child.stdin.take().unwrap().write_all(script.as_bytes());
        let output = child.wait_with_output().unwrap();
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }

    /// Loads those lines of a script that it takes; the others, by number, and what it says to
    /// them.
    pub fn load_most(&self, lines: &[String]) -> BTreeMap<usize, String> {
        let mut refused = BTreeMap::new();
        // An ordinary user's socket does not take all of them at once.
        for (n, lines) in lines.chunks(CHUNK).enumerate() {
            refused.extend(self.load_chunk(lines).into_iter().map(|(line, said)| (n * CHUNK + line, said)));
        }
        refused
    }

    fn load_chunk(&self, lines: &[String]) -> BTreeMap<usize, String> {
        let mut refused = BTreeMap::new();
        loop {
            let kept = lines.iter().enumerate();
            let kept = kept.map(|(i, line)| if refused.contains_key(&i) { "" } else { line });
            let script = kept.collect::<Vec<_>>().join("\n") + "\n";
            let Err(said) = self.load(&script) else { return refused };
            // It names the lines of the first few errors: /dev/stdin:7:23-25: Error: ...
            let before = refused.len();
            for error in said.lines().filter(|line| line.contains(": Error: ")) {
                let line = error.split(':').nth(1).and_then(|n| n.parse::<usize>().ok());
                let line = line.unwrap_or_else(|| panic!("nft blames no line: {error}")) - 1;
                assert!(!error.contains("junk"), "nft is lost after: {}\n{error}", lines[line - 1]);
                refused.insert(line, error.to_owned());
                // What it says after one of these may come of it.
                if error.contains("syntax error") {
                    break;
                }
            }
            assert!(refused.len() > before, "nft: {said}");
        }
    }

    /// The ruleset as it lists it, by the first line of each chain and set.
    pub fn listing(&self) -> BTreeMap<String, String> {
        let output = Command::new(&self.program).args(["-s", "list", "ruleset"]).output().unwrap();
        assert!(output.status.success(), "nft cannot list what is there: {}", String::from_utf8_lossy(&output.stderr));
        let listing = String::from_utf8(output.stdout).unwrap();
        let mut parts = BTreeMap::<String, String>::new();
        let mut at = String::new();
        for line in listing.lines() {
            if line.starts_with('\t') && !line.starts_with("\t\t") && line.ends_with('{') {
                at = line.trim_matches(['\t', ' ', '{']).to_owned();
            }
            let part = parts.entry(at.clone()).or_default();
            part.push_str(line);
            part.push('\n');
        }
        parts
    }
}
