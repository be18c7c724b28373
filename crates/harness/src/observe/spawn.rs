//! Why a program could not be started, and what to do: execve(2) says it with a number that stands for
//! several reasons.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::libc;
use nix::unistd::{AccessFlags, access};

/// What stands in the way, with the cure: the end of a sentence.
pub(super) fn cure(program: &Path, error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::ENOENT) if fs::symlink_metadata(program).is_ok() => missing_part(program),
        Some(libc::ENOENT) => "there is no such file: give the path of an executable file".into(),
        Some(libc::ENOTDIR) => "a part of its path is a file and no folder: give the path of an executable file".into(),
        Some(libc::EACCES) => refused(program),
        Some(libc::ENOEXEC) => {
            "it is no program for this machine: a script begins with a line such as #!/bin/sh".into()
        }
        Some(libc::ETXTBSY) => "somebody is writing the file: wait until it is closed".into(),
        Some(libc::EAGAIN) => {
            "the user has as many processes and threads as the limit allows: end some, or raise it (ulimit -u)".into()
        }
        Some(libc::EMFILE | libc::ENFILE) => "too many files are open: raise the limit (ulimit -n)".into(),
        Some(libc::ENOMEM) => "there is not enough memory: raise the limit, if there is one (ulimit -v)".into(),
        Some(libc::E2BIG) => "its arguments and its environment are too long: give it fewer".into(),
        _ => "give the path of an executable file".into(),
    }
}

/// The file is there, and something that it needs is not.
fn missing_part(program: &Path) -> String {
    let exists = |path: &PathBuf| path.exists();
    if !program.exists() {
        return "it is a symbolic link to a file that is not there: give the path of an executable file".into();
    }
    match interpreter(program).filter(|path| !exists(path)) {
        Some(interpreter) => format!(
            "the file is there, and what is to run it is not: install {}, or change the file's first line",
            interpreter.display()
        ),
        None => "the file is there, and what is to run it is not: see `file` and `ldd` for what it needs".into(),
    }
}

fn refused(program: &Path) -> String {
    match fs::metadata(program) {
        Ok(file) if file.is_dir() => "it is a folder: give the path of the program in it".into(),
        Ok(file) if !file.is_file() => "it is no regular file: give the path of an executable file".into(),
        Ok(file) if file.permissions().mode() & 0o111 == 0 => {
            format!("nobody may execute it: chmod +x {}", program.display())
        }
        Ok(_) if access(program, AccessFlags::X_OK).is_err() => {
            "this user may not execute it, or its file system is mounted noexec: see ls -l and mount".into()
        }
        Ok(_) => match interpreter(program).filter(|path| access(path, AccessFlags::X_OK).is_err()) {
            Some(interpreter) => format!(
                "its interpreter {} may not be executed: see ls -l",
                interpreter.display()
            ),
            None => "a security module forbids it, or its file system is mounted noexec: see mount".into(),
        },
        Err(_) => "a folder on its path may not be entered by this user: see ls -ld of each".into(),
    }
}

/// What the first line of a script names.
fn interpreter(program: &Path) -> Option<PathBuf> {
    /// The kernel looks at so many bytes: BINPRM_BUF_SIZE of linux/binfmts.h.
    const LOOKED_AT: u64 = 256;
    let mut first = Vec::new();
    File::open(program).ok()?.take(LOOKED_AT).read_to_end(&mut first).ok()?;
    let line = first.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let line = String::from_utf8_lossy(line);
    line.split_whitespace().next().map(PathBuf::from)
}

#[cfg(test)]
#[path = "../../tests/unit/observe_spawn.rs"]
mod tests;
