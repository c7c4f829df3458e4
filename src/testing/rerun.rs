//! How an unprivileged test gets into a user namespace although its harness has several threads.
//!
//! The kernel lets only a single-threaded process enter one, and nothing safe runs between fork and
//! exec. So the test's own program is started again for this one test, in such a way that no thread
//! can be started: `RUST_MIN_STACK` asks for a stack that no address space holds. The standard
//! harness then runs the test on its main thread; it does so since Rust 1.67, for systems that are
//! short of threads. There the test arrives [on its way](is_on_its_way), enters the namespace, and
//! replaces its process by the same program once more, now with stacks of the usual size. It
//! [has arrived](has_arrived): the harness may have as many threads as it likes, all of them are in
//! the namespace and privileged.
//!
//! Should a harness behave otherwise, no harm is done: the test finds that it cannot enter, and is
//! skipped loudly.

use std::{
    env,
    io::{self, Write},
    os::unix::process::CommandExt,
    process::{Command, Output},
};

use super::{SandboxError, enter_user_namespace, harness::SKIPPED};

/// The name of the test that is run again.
const TEST: &str = "OXITABLES_SANDBOX_TEST";
/// Set as long as the process has not entered the namespace; holds what `RUST_MIN_STACK` was.
const ON_ITS_WAY: &str = "OXITABLES_SANDBOX_MIN_STACK";
const MIN_STACK: &str = "RUST_MIN_STACK";
/// More than any address space has. musl refuses to even remember anything greater.
const IMPOSSIBLE_STACK: usize = usize::MAX / 4 + 1;

/// What a test that was run again writes to standard error before and after its body, as proof that
/// it ran: a harness which found no test to run would succeed, too.
const BEGIN: &str = "oxitables sandbox: begin";
const END: &str = "oxitables sandbox: end";

/// The name of the test, when this process was started to run it again.
pub(super) fn test() -> Option<String> {
    env::var(TEST).ok()
}

/// Whether this process has yet to enter the user namespace.
pub(super) fn is_on_its_way() -> bool {
    env::var_os(ON_ITS_WAY).is_some()
}

/// Whether this process was started to run one test again and needs no further step.
pub(super) fn has_arrived() -> bool {
    env::var_os(TEST).is_some()
}

pub(super) fn begin() {
    mark(BEGIN);
}

pub(super) fn end() {
    mark(END);
}

fn mark(line: &str) {
    if has_arrived() {
        let _ = io::stderr().write_all(format!("\n{line}\n").as_bytes());
    }
}

/// Runs the calling test again, in a process of its own and a user namespace; panics if it fails
/// there.
#[track_caller]
pub(super) fn start(test: &str) -> Result<(), SandboxError> {
    let output = env::current_exe()
        .and_then(|program| {
            Command::new(program)
                .args([test, "--exact", "--include-ignored", "--test-threads=1", "--nocapture"])
                .env(TEST, test)
                .env(ON_ITS_WAY, env::var_os(MIN_STACK).unwrap_or_default())
                .env(MIN_STACK, IMPOSSIBLE_STACK.to_string())
                .output()
        })
        .map_err(|error| SandboxError::system(format!("run {test} again in a user namespace"), error))?;
    report(test, &output)
}

#[track_caller]
fn report(test: &str, output: &Output) -> Result<(), SandboxError> {
    let errors = String::from_utf8_lossy(&output.stderr);
    let (mut began, mut ended, mut shown) = (false, false, String::from_utf8_lossy(&output.stdout).into_owned());
    for line in errors.lines() {
        match line {
            BEGIN => began = true,
            END => ended = true,
            // Past the harness, as if it had been said here.
            line if line.starts_with(SKIPPED) => drop(io::stderr().write_all(format!("{line}\n").as_bytes())),
            line => shown.extend([line, "\n"]),
        }
    }
    match (output.status.success(), began, ended) {
        // Captured by the harness as the output of this test.
        (true, _, true) => print!("{shown}"),
        // The body panicked and the harness is content: so it should panic, also here.
        (true, true, false) => panic!("{test} panicked in its user namespace:\n{shown}"),
        (true, false, false) => {
            let cause = io::Error::other("the harness ran no test of this name");
            return Err(SandboxError::system(format!("run {test} again in a user namespace"), cause));
        }
        (false, ..) => panic!("{test} failed in its user namespace ({}):\n{shown}", output.status),
    }
    Ok(())
}

/// Enters the user namespace and starts this program over; returns only if that fails.
pub(super) fn go_on() -> SandboxError {
    if let Err(error) = enter_user_namespace() {
        return error;
    }
    let program = match env::current_exe() {
        Ok(program) => program,
        Err(error) => return SandboxError::system("find this program", error),
    };
    let mut command = Command::new(program);
    command.args(env::args_os().skip(1)).env_remove(MIN_STACK).env_remove(ON_ITS_WAY);
    if let Some(usual) = env::var_os(ON_ITS_WAY).filter(|stack| !stack.is_empty()) {
        command.env(MIN_STACK, usual);
    }
    SandboxError::system("start this program over in its user namespace", command.exec())
}
