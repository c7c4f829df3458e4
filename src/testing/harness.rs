//! Tests: run in a sandbox where one can be made, skipped loudly where not.

use std::{
    env,
    io::{self, Write},
    panic::Location,
    path::PathBuf,
    process::{ExitCode, Termination},
    thread,
};

use super::{Sandbox, SandboxError, rerun};

/// Skipping becomes failing when this is set to 1.
const REQUIRE: &str = "OXITABLES_REQUIRE_KERNEL";

/// Runs a test in a sandbox, as whichever user, or skips it [loudly](skip).
///
/// Works under `cargo test`, where the kernel would let no unprivileged test make a sandbox because
/// the harness has several threads: there the test is run again, alone, in a process of its own
/// which has entered a user namespace. So call this first thing in the test, before anything that
/// costs time or starts threads. A test that is run again prints its output through the first one,
/// and fails with it.
///
/// The body may return whatever `main` may: nothing, or a `Result` whose error fails the test.
///
/// # Panics
///
/// As the body does; when it returns an error; and, with `OXITABLES_REQUIRE_KERNEL=1` in the
/// environment, when no sandbox can be made here.
///
/// ```
/// use oxitables::testing;
///
/// // #[test]
/// fn hosts_have_loopback() {
///     testing::isolated(|lab| {
///         let host = lab.host("client")?;
///         assert_eq!(host.index("lo")?, 1);
///         Ok::<_, testing::SandboxError>(())
///     });
/// }
/// # hosts_have_loopback();
/// ```
#[track_caller]
pub fn isolated<T: Termination>(body: impl FnOnce(&Sandbox) -> T) {
    if rerun::is_on_its_way() {
        return cannot(&rerun::go_on());
    }
    match Sandbox::new() {
        Ok(lab) => {
            rerun::begin();
            assert_success(body(&lab).report());
            rerun::end();
        }
        Err(SandboxError::ManyThreads) if !rerun::has_arrived() => match test_name() {
            Some(test) => {
                if let Err(error) = rerun::start(&test) {
                    cannot(&error);
                }
            }
            None => cannot(&SandboxError::ManyThreads),
        },
        Err(error) => cannot(&error),
    }
}

/// Runs a test inside one fresh network namespace, with its loopback interface up: [`isolated`] for
/// a test that needs a kernel and no network.
///
/// # Panics
///
/// As [`isolated`] does.
///
/// ```
/// oxitables::testing::in_namespace(|| {
///     // Nobody listens on any port here, and any port is free.
///     std::net::TcpListener::bind("127.0.0.1:22").unwrap();
/// });
/// ```
#[track_caller]
pub fn in_namespace<T: Termination>(body: impl FnOnce() -> T + Send) {
    isolated(|lab| -> Result<(), SandboxError> {
        let host = lab.host("host")?;
        assert_success(host.run(|| body().report()));
        Ok(())
    });
}

/// Says that a test is skipped and why, in a line that no test harness swallows; the caller then
/// returns.
///
/// The line reads `SKIPPED <test> (<file>:<line>): <why>` and goes straight to standard error.
/// `why` should say what to do about it.
///
/// # Panics
///
/// With `OXITABLES_REQUIRE_KERNEL=1` in the environment: there a test that cannot run has failed.
/// Set it in CI.
///
/// ```
/// # if std::env::var_os("OXITABLES_REQUIRE_KERNEL").is_none() {
/// # let there_is_no_bridge = true;
/// if there_is_no_bridge {
///     oxitables::testing::skip("bridges cannot be made here: modprobe bridge");
///     return;
/// }
/// # }
/// ```
#[track_caller]
pub fn skip(why: &str) {
    if env::var_os(REQUIRE).is_some_and(|value| value == "1") {
        panic!("{} ({REQUIRE}=1 forbids to skip)", skipped(why));
    }
    skip_anyway(why);
}

/// As [`skip`], and no failure with `OXITABLES_REQUIRE_KERNEL=1` either: for what a kernel of this
/// age cannot do, which nobody can set up.
///
/// ```
/// # let kernel_is_old = true;
/// if kernel_is_old {
///     oxitables::testing::skip_anyway("catch-all elements came with 5.13");
///     return;
/// }
/// ```
#[track_caller]
pub fn skip_anyway(why: &str) {
    // In one piece, lest the lines of parallel tests mingle; and not eprintln!, which the harness
    // captures.
    let _ = io::stderr().write_all(format!("{SKIPPED}{}\n", skipped(why)).as_bytes());
}

/// Which test is skipped, where and why.
#[track_caller]
fn skipped(why: &str) -> String {
    let test = test_name().unwrap_or_else(|| "this test".into());
    let caller = Location::caller();
    format!("{test} ({}:{}): {why}", caller.file(), caller.line())
}

/// How the line of a skipped test begins.
pub(super) const SKIPPED: &str = "SKIPPED ";

/// Finds an outside program, or skips the test [loudly](skip) and returns `None`.
///
/// Searches `PATH`, and the places for the administrator's programs, which the `PATH` of an
/// ordinary user may lack.
///
/// # Panics
///
/// With `OXITABLES_REQUIRE_KERNEL=1` in the environment, when there is no such program.
///
/// ```
/// # if std::env::var_os("OXITABLES_REQUIRE_KERNEL").is_none() {
/// use oxitables::testing;
/// use std::process::Command;
///
/// let Some(nft) = testing::program("nft") else { return };
/// testing::in_namespace(|| {
///     assert!(Command::new(nft).args(["list", "ruleset"]).output().unwrap().stdout.is_empty());
/// });
/// # }
/// ```
#[track_caller]
pub fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    let found = env::split_paths(&path).chain(more).map(|folder| folder.join(name)).find(|file| file.is_file());
    if found.is_none() {
        let package = match name {
            "nft" => "nftables",
            "ip" => "iproute2",
            "iptables-nft" => "iptables",
            name => name,
        };
        skip(&format!("{name} is not installed: apt-get install {package}"));
    }
    found
}

/// The name of the running test, which the harness gives to its thread.
fn test_name() -> Option<String> {
    rerun::test().or_else(|| thread::current().name().filter(|name| *name != "main").map(String::from))
}

#[track_caller]
fn cannot(error: &SandboxError) {
    skip(&format!("no sandbox can be made here: {error}"));
    rerun::end();
}

#[track_caller]
fn assert_success(code: ExitCode) {
    assert!(code == ExitCode::SUCCESS, "the test returned an error, which is shown above");
}
