//! The second process, as the first sees it.

use super::{Undone, VARIABLE, failed};
use crate::{
    client::Socket,
    error::{Error, Result},
    model::Generation,
};
use std::{
    io::{self, BufRead, BufReader, ErrorKind, Write},
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream, process::CommandExt, process::ExitStatusExt},
    },
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

const STARTING: &str = "starting a process to undo what is not confirmed";
const PREPARING: &str = "having a second process prepare to undo the changes";
/// How often it is looked whether the second process still lives, while it is silent. Another that
/// has inherited its end of the line (a fork) would keep the line open.
const LOOK: Duration = Duration::from_millis(100);

/// The second process, and the line to it.
#[derive(Debug)]
pub(super) struct Watchdog {
    child: Child,
    line: BufReader<UnixStream>,
    /// The process that started it: what that one forks has no business here.
    starter: u32,
    /// Bytes of the largest undo that it has tried.
    rehearsed: usize,
    ended: bool,
}

impl Watchdog {
    /// Starts it with a line to this process for its input, and for its output with a netlink
    /// socket that this process has opened: the kernel allows it through that what this process may
    /// do.
    pub(super) fn start() -> Result<Self> {
        let (ours, theirs) = UnixStream::pair().map_err(failed(STARTING))?;
        ours.set_read_timeout(Some(LOOK)).map_err(failed(STARTING))?;
        // The link leads to the program even where that was deleted or replaced.
        let mut command = Command::new("/proc/self/exe");
        command.arg0("oxitables-watchdog").env(VARIABLE, "1");
        command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::from(Socket::open()?.into_fd()));
        // What ends the group of this process shall not end that one.
        let child = command.process_group(0).spawn().map_err(failed(STARTING))?;
        Ok(Self { child, line: BufReader::new(ours), starter: std::process::id(), rehearsed: 0, ended: false })
    }

    /// Has it read what there is: returns of which generation that is, and the batch that would
    /// make it again.
    pub(super) fn snapshot(&mut self, orders: &str) -> Result<(Generation, Vec<u8>)> {
        let answer = self.ask(orders)?;
        let mut numbers = answer.split(' ').filter_map(|word| word.parse::<u32>().ok());
        let (Some(generation), Some(len)) = (numbers.next(), numbers.next()) else {
            return Err(Self::confused(&answer));
        };
        let undo = self.bytes(len as usize).map_err(failed(PREPARING))?;
        Ok((Generation(generation), undo))
    }

    /// Has it try, without changing anything, what would undo the changes. Not once more if
    /// somebody else was faster and it has become no larger: that would be an occasion to be faster
    /// again.
    pub(super) fn rehearse(&mut self, undo: &[u8]) -> Result<()> {
        if undo.len() <= self.rehearsed {
            return Ok(());
        }
        self.rehearsed = undo.len();
        match self.ask("rehearse\n")?.as_str() {
            "ready" => Ok(()),
            answer => Err(Self::confused(answer)),
        }
    }

    fn ask(&mut self, orders: &str) -> Result<String> {
        // Where it is gone, reading tells.
        let _ = self.line.get_mut().write_all(orders.as_bytes());
        let Some(answer) = self.answer() else { return Err(failed(PREPARING)(io::Error::other(self.fate()))) };
        let Some(why) = answer.strip_prefix("failed ") else { return Ok(answer) };
        self.ended = true;
        let _ = self.child.wait();
        Err(failed(PREPARING)(io::Error::other(why.to_owned())))
    }

    fn confused(answer: &str) -> Error {
        failed(PREPARING)(io::Error::other(format!("it said {answer:?}")))
    }

    /// What became of it, when it was not ready.
    fn fate(&mut self) -> String {
        self.ended = true;
        let killed = |status: ExitStatus| status.signal().is_some();
        match self.child.wait() {
            Ok(status) if killed(status) => format!("it was killed before it was ready ({status}); try again"),
            Ok(status) => format!(
                "it ended before it was ready ({status}); does main call confirm::init() before all else, so that nothing else ends or answers it?"
            ),
            Err(_) => "it ended before it was ready".into(),
        }
    }

    /// Tells it that the changes are made. If it is gone by now, that will show when it is to end.
    pub(super) fn made(&mut self) {
        let _ = self.line.get_mut().write_all(b"made\n");
    }

    /// Lets it end, undoing what waits unless that is done with. `None` if nothing waited.
    pub(super) fn end(&mut self, done: bool) -> Result<Option<Undone>> {
        if std::mem::replace(&mut self.ended, true) {
            return Ok(None);
        }
        let _ = self.line.get_mut().write_all(if done { b"done\n" } else { b"undo\n" });
        let answer = self.answer().unwrap_or_default();
        let _ = self.child.wait();
        let why = match answer.as_str() {
            "undone" => return Ok(Some(Undone)),
            "nothing" => return Ok(None),
            "" if done => return Ok(None),
            "" => {
                "the second process is gone; if there is a table oxitables_pending_…, the changes are still made, and confirm::mend undoes them"
            }
            answer => answer.strip_prefix("failed ").unwrap_or(answer),
        };
        Err(failed(super::UNDOING)(io::Error::other(why.to_owned())))
    }

    /// The next line that it says; `None` if it is gone.
    fn answer(&mut self) -> Option<String> {
        let mut line = Vec::new();
        loop {
            self.wait().ok()?;
            let said = self.line.buffer();
            let end = said.iter().position(|byte| *byte == b'\n');
            let len = end.map_or(said.len(), |end| end + 1);
            line.extend_from_slice(&said[..len]);
            self.line.consume(len);
            if end.is_some() {
                return Some(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
        }
    }

    fn bytes(&mut self, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(len);
        while bytes.len() < len {
            self.wait()?;
            let said = self.line.buffer();
            let more = said.len().min(len - bytes.len());
            bytes.extend_from_slice(&said[..more]);
            self.line.consume(more);
        }
        Ok(bytes)
    }

    /// Waits until it has said something.
    fn wait(&mut self) -> io::Result<()> {
        let mut gone = false;
        loop {
            match self.line.fill_buf() {
                Ok([]) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock && !gone => {
                    // What it said before it ended is read once more.
                    gone = !matches!(self.child.try_wait(), Ok(None));
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        if !self.ended
            && std::process::id() == self.starter
            && let Err(error) = self.end(false)
        {
            log::error!(target: super::LOG, "{error}");
        }
    }
}
