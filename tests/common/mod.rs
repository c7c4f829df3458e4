//! What several test programs share.

pub mod features;

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
        // By another process: a file that this one has open for writing, another thread's fork
        // would keep open, and what somebody has open for writing cannot be run (ETXTBSY).
        if !Command::new("cp").arg(&program).arg(copy.path()).status()?.success() {
            return Err(io::Error::other("cp cannot copy the test program"));
        }
        for path in [copy.0.clone(), copy.path()] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
        }
        Ok(copy)
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.0.join("tests")
    }

    /// Runs it as an ordinary user.
    pub fn as_nobody(&self) -> Command {
        let mut command = Command::new(self.path());
        command.current_dir("/").env_remove("OXITABLES_REQUIRE_KERNEL").uid(NOBODY).gid(NOBODY);
        command
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
