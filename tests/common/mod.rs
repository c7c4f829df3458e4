//! What several test programs share.

use oxitables::testing;
use std::{
    env, fs, io,
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        process::CommandExt,
    },
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

/// An ordinary user on every system.
pub const NOBODY: u32 = 65534;

/// Whether this is root, in whichever user namespace.
pub fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

/// A copy of this test program that any user may run, wherever the target directory is.
pub struct Copy(PathBuf);

impl Copy {
    pub fn new() -> io::Result<Self> {
        let program = env::current_exe()?;
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        static COPIES: AtomicU32 = AtomicU32::new(0);
        let n = COPIES.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("oxitables-{name}-{}-{n}", std::process::id()));
        fs::create_dir(&folder)?;
        let copy = Self(folder);
        fs::copy(&program, copy.0.join("tests"))?;
        for path in [copy.0.clone(), copy.0.join("tests")] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
        }
        Ok(copy)
    }

    /// Runs it as an ordinary user.
    pub fn as_nobody(&self) -> Command {
        let mut command = Command::new(self.0.join("tests"));
        command.current_dir("/").env_remove("OXITABLES_REQUIRE_KERNEL").uid(NOBODY).gid(NOBODY);
        command
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs tests of this program as an ordinary user and returns what they say, or skips the calling one.
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

/// Runs all tests of this program once more, except those about ordinary users.
pub fn all_of_this_as_an_ordinary_user() {
    // Else all of this just did.
    if is_root()
        && let Some(said) = as_nobody(&["--skip", "ordinary_user"])
        && let Some(line) = said.lines().find(|line| line.starts_with("SKIPPED ") && line.contains("no sandbox"))
    {
        testing::skip(&format!("as an ordinary user: {line}"));
    }
}
