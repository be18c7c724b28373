//! Which descriptors a program's processes have of connections: proc_pid_fd(5).

use std::fs::read_dir;

use nix::unistd::Pid;

use super::descriptors::OpenFile;
use super::endpoints::{Connected, open_file};
use timeline::Endpoints;

/// A descriptor of a connection that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeldDescriptor {
    pub pid: i32,
    pub fd: i32,
    /// Its socket's inode.
    pub inode: u64,
    pub on: Endpoints,
    /// True if it is the one that accept or connect gave.
    pub is_first: bool,
}

/// Those of these processes. A process that has just ended has none.
pub(super) fn of(processes: &[Pid], connected: &Connected) -> Vec<HeldDescriptor> {
    let mut held: Vec<HeldDescriptor> = processes.iter().flat_map(|pid| of_process(*pid, connected)).collect();
    held.sort_unstable_by_key(|held| (held.pid, held.fd));
    held
}

fn of_process(pid: Pid, connected: &Connected) -> Vec<HeldDescriptor> {
    let Ok(descriptors) = read_dir(format!("/proc/{pid}/fd")) else {
        return Vec::new();
    };
    let names = descriptors.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let held = |fd| {
        let Some(OpenFile::Socket(inode)) = open_file(pid, fd) else {
            return None;
        };
        let (on, first) = connected.connection(inode)?;
        Some(HeldDescriptor {
            is_first: first == (pid.as_raw(), fd),
            pid: pid.as_raw(),
            fd,
            inode,
            on,
        })
    };
    names.filter_map(held).collect()
}
