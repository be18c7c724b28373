//! Tests of `src/observe/memory.rs`, which see what is private there.

use super::*;

#[test]
fn the_smallest_limit_of_a_group_and_those_above_it_counts() {
    let root = std::env::temp_dir().join(format!("harness-cgroup-{}", std::process::id()));
    let write = |path: &str, limit: &str| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, limit).unwrap();
    };
    write("memory.max", "max\n");
    write("user/memory.max", "268435456\n");
    write("user/job/memory.max", "max\n");
    write("memory/docker/memory.limit_in_bytes", "1000000\n");
    write("memory/memory.limit_in_bytes", "9223372036854771712\n");
    assert_eq!(of_groups(&root, "0::/user/job\n"), Some(268_435_456));
    assert_eq!(of_groups(&root, "0::/\n"), None);
    let first_version = "4:cpu,cpuacct:/docker\n3:memory:/docker\n0::/user\n";
    assert_eq!(of_groups(&root, first_version), Some(1_000_000));
    assert_eq!(of_groups(&root, ""), None);
    fs::remove_dir_all(root).unwrap();
}

#[test]
fn what_is_free_of_the_machine_is_read() {
    let meminfo = "MemTotal:       24570204 kB\nMemAvailable:   22000000 kB\n";
    assert_eq!(free_of_machine(meminfo), Some(22_528_000_000));
    assert_eq!(free_of_machine("MemTotal: 1 kB"), None);
}
