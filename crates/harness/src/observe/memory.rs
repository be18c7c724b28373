//! How much memory there is for the records of a run.

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::resource::{Resource, getrlimit};

/// The records of a run may take one part in so many of what there is: the analysis takes as much again,
/// and the server and its clients want some too.
pub(super) const OF_RECORDS: u64 = 4;

/// What is on its way to a follower may take one part in so many.
pub(super) const OF_FOLLOWERS: u64 = 16;

/// How many bytes one part in so many of the memory has. A run that is killed for its memory tells nothing.
pub(super) fn part(of: u64) -> usize {
    usize::try_from(available() / of).unwrap_or(usize::MAX)
}

/// How much memory this process may take, as far as the system tells: what is free of the machine's, or
/// what a control group or a limit of the address space leaves (cgroups(7), getrlimit(2)).
pub(super) fn available() -> u64 {
    let of_machine = fs::read_to_string("/proc/meminfo").ok();
    let of_machine = of_machine.as_deref().and_then(free_of_machine);
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let of_group = of_groups(Path::new("/sys/fs/cgroup"), &groups);
    let of_address_space = getrlimit(Resource::RLIMIT_AS).ok().map(|(soft, _)| soft);
    let limits = [of_machine, of_group, of_address_space];
    limits.into_iter().flatten().min().unwrap_or(u64::MAX)
}

/// `MemAvailable` of proc_meminfo(5).
fn free_of_machine(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// The smallest limit of the control groups that a process is in, of either version, and of those above
/// them. `groups` is its proc_pid_cgroup(5).
fn of_groups(root: &Path, groups: &str) -> Option<u64> {
    let limits = groups.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        let (folder, file) = match controllers {
            "" => (root.to_owned(), "memory.max"),
            _ if controllers.split(',').any(|name| name == "memory") => (root.join("memory"), "memory.limit_in_bytes"),
            _ => return None,
        };
        limit_of(&folder, path, file)
    });
    limits.min()
}

fn limit_of(folder: &Path, path: &str, file: &str) -> Option<u64> {
    let group = Path::new(path.trim_start_matches('/'));
    let files = group.ancestors().map(|group| folder.join(group).join(file));
    // "max" is no limit, and no number.
    let limit = |path: PathBuf| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    files.filter_map(limit).min()
}

#[cfg(test)]
#[path = "../../tests/unit/observe_memory.rs"]
mod tests;
