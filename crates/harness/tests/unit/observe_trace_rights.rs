//! Tests of `src/observe/trace/rights.rs`, which see what is private there.

use super::*;

fn process(euid: u32, capprm: u64) -> Status {
    let mut status = Process::myself().unwrap().status().unwrap();
    (status.euid, status.egid, status.capprm, status.capbnd) = (euid, euid, capprm, Some(0xff));
    status
}

#[test]
fn what_a_process_has_is_not_missing() {
    let given = Given {
        user: Some(0),
        group: Some(0),
        capabilities: 0b1000_0000,
    };
    let all = ["set-user-ID", "set-group-ID", "file capabilities"];
    assert_eq!(missing_of(&given, &process(1000, 0)), all);
    assert_eq!(missing_of(&given, &process(0, 0)), all[2..]);
    assert_eq!(missing_of(&given, &process(0, 0xff)), [] as [&str; 0]);
    assert_eq!(missing_of(&Given::default(), &process(1000, 0)), [] as [&str; 0]);
    let unbounded = Given {
        capabilities: 0x100,
        ..Given::default()
    };
    assert_eq!(missing_of(&unbounded, &process(1000, 0)), [] as [&str; 0]);
}

/// `setcap cap_net_bind_service,cap_checkpoint_restore=ep` writes this.
#[test]
fn capabilities_are_read_from_a_files_attribute() {
    let attribute = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    assert_eq!(permitted(&attribute), 1 << 10 | 1 << 40);
    assert_eq!(permitted(&[]), 0);
}
