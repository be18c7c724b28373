//! What a program file gives to a process that executes it, and the process did not get: execve(2),
//! capabilities(7).
//!
//! A program that is traced by somebody without the right to trace any process is executed as if its
//! file gave nothing. In a user namespace a set-user-ID bit counts for nothing where the user is not
//! one of the namespace; file capabilities do count.

use std::ffi::CStr;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

use nix::libc;
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::Pid;
use procfs::process::{Process, Status};

/// The path of a task's program, and what its file gives that the task has not. `None` if that is
/// nothing, or cannot be told.
pub(super) fn missing(task: Pid) -> Option<(String, String)> {
    let path = format!("/proc/{task}/exe");
    // PR_SET_NO_NEW_PRIVS of prctl(2) is set for us: no file gives anything to us or our children, traced or not.
    if Process::myself().ok()?.status().ok()?.nonewprivs == Some(1) {
        return None;
    }
    // On a file system that is mounted with `nosuid` no file gives anything to anybody, traced or not: mount(8).
    if statvfs(path.as_str()).ok()?.flags().contains(FsFlags::ST_NOSUID) {
        return None;
    }
    let file = std::fs::metadata(&path).ok()?;
    let process = Process::new(task.as_raw()).ok()?;
    let missing = missing_of(&Given::by(&file, &path)?, &process.status().ok()?);
    let program = process.exe().ok()?.display().to_string();
    (!missing.is_empty()).then(|| (program, missing.join(", ")))
}

/// What a file gives.
#[derive(Debug, Default)]
struct Given {
    user: Option<u32>,
    group: Option<u32>,
    /// A bit for each capability.
    capabilities: u64,
}

impl Given {
    /// `None` if it gives nothing.
    fn by(file: &Metadata, path: &str) -> Option<Given> {
        /// inode(7): on a file that its group cannot execute this bit means another thing.
        const GROUP_EXECUTES: u32 = libc::S_ISGID | libc::S_IXGRP;
        let mode = file.mode();
        let given = Given {
            user: (mode & libc::S_ISUID != 0).then(|| file.uid()),
            group: (mode & GROUP_EXECUTES == GROUP_EXECUTES).then(|| file.gid()),
            capabilities: permitted(&attribute(path, c"security.capability")),
        };
        let some = given.user.is_some() || given.group.is_some() || given.capabilities != 0;
        some.then_some(given)
    }
}

fn missing_of(given: &Given, has: &Status) -> Vec<&'static str> {
    // A capability that is not in the bounding set is given to nobody, traced or not: capabilities(7).
    let capabilities = given.capabilities & has.capbnd.unwrap_or(u64::MAX) & !has.capprm;
    [
        (given.user.is_some_and(|user| user != has.euid), "set-user-ID"),
        (given.group.is_some_and(|group| group != has.egid), "set-group-ID"),
        (capabilities != 0, "file capabilities"),
    ]
    .into_iter()
    .filter_map(|(missing, name)| missing.then_some(name))
    .collect()
}

/// The permitted set of a file's capabilities: `struct vfs_cap_data` of linux/capability.h, little
/// endian, of which versions 2 and 3 begin alike. 0 if there is none.
fn permitted(attribute: &[u8]) -> u64 {
    let word = |at: usize| {
        let bytes = attribute.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u32::from_le_bytes)
    };
    // A magic number, then permitted and inheritable, low halves first.
    u64::from(word(4)) | u64::from(word(12)) << 32
}

/// An extended attribute of a file, as far as it is not longer than those of capabilities are. Empty
/// if there is none.
fn attribute(path: &str, name: &CStr) -> Vec<u8> {
    let mut value = vec![0; 24];
    let length = rustix::fs::getxattr(path, name, &mut value[..]);
    value.truncate(length.unwrap_or(0));
    value
}

#[cfg(test)]
#[path = "../../../tests/unit/observe_trace_rights.rs"]
mod tests;
