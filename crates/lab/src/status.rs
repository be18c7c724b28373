//! What a command is, and how it ends for the shell that ran it.

use std::io;
use std::process::ExitCode;

use anyhow::Result;

/// A command, with its arguments.
pub trait Run {
    /// Does it.
    ///
    /// # Errors
    ///
    /// If it cannot be done: in words for who asked for it.
    fn run(&self) -> Result<Status>;
}

/// What a command came to, as its exit status tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// 0: it did what was asked, and nothing is wrong.
    Well = 0,
    /// 1: something is wrong: a finding, a wrong answer, something lacking. A command that judges nothing failed.
    Wrong = 1,
    /// 2: a command that judges could not tell.
    Unknown = 2,
}

impl Status {
    /// The status for something that is right, or wrong.
    pub fn right_if(right: bool) -> Status {
        match right {
            true => Status::Well,
            false => Status::Wrong,
        }
    }

    /// The status of a command that has written what it came to. It stands, whoever reads that.
    ///
    /// # Errors
    ///
    /// If it could not be written for another reason than that nobody reads it.
    pub fn told(self, written: io::Result<()>) -> Result<Status> {
        match written {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(self),
        }
    }

    /// The status of a command that has ended. One that `judges` tells "found something" from "could not look". Who has
    /// left while we wrote has seen enough.
    pub fn of(ended: &Result<Status>, judges: bool) -> Status {
        match ended {
            Ok(status) => *status,
            Err(error) if is_broken_pipe(error) => Status::Well,
            Err(_) if judges => Status::Unknown,
            Err(_) => Status::Wrong,
        }
    }
}

/// True if nobody reads what we write.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> ExitCode {
        ExitCode::from(status as u8)
    }
}
