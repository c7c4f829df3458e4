//! Tests once more, as an ordinary user.

use crate::common::{Copy, is_root};
use oxitables::testing;

/// Runs tests of this program as an ordinary user and returns what they say, or skips the calling
/// one.
pub fn as_nobody(arguments: &[&str]) -> Option<String> {
    let copy = Copy::new().unwrap();
    match copy.as_nobody().args(arguments).output() {
        Ok(output) => {
            let said =
                format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert!(output.status.success(), "as an ordinary user: {said}");
            Some(said)
        }
        Err(error) => {
            testing::skip(&format!("cannot become an ordinary user: {error}: run as root outside of a user namespace"));
            None
        }
    }
}

/// Runs something as an ordinary user: an ignored test, by its name, whose function it is.
#[allow(dead_code)]
pub fn this_as_an_ordinary_user(name: &str, test: fn()) {
    if is_root() {
        as_nobody(&["--exact", name, "--ignored", "--nocapture"]);
    } else {
        test();
    }
}

/// Runs all tests of this program once more, except those about ordinary users.
#[allow(dead_code)] // Not for programs without the standard harness.
pub fn all_of_this_as_an_ordinary_user() {
    // Else all of this just did.
    if is_root()
        && let Some(said) = as_nobody(&["--skip", "ordinary_user"])
        && let Some(line) = said.lines().find(|line| line.starts_with("SKIPPED ") && line.contains("no sandbox"))
    {
        testing::skip(&format!("as an ordinary user: {line}"));
    }
}
