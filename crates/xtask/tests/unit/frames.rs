//! Tests of `src/frames.rs`, which see what is private there.

use super::*;

fn found(prose: &str) -> Vec<usize> {
    frames_in(prose).into_iter().map(FrameNumber::index).collect()
}

#[test]
fn frames_are_found_as_people_write_them() {
    assert_eq!(found("In frame 7, the ACK."), [7]);
    assert_eq!(
        found("Frames 12 and 15 both have seq 3, and so has\nframe 16, with data."),
        [12, 15, 16]
    );
    assert_eq!(found("quick ACKs: frames 7, 12 and 15.\n2 packets"), [7, 12, 15]);
    assert_eq!(found("### Close: frames 18 to 27"), [18, 27]);
    assert_eq!(found("(frame 26, `recvfrom` returns 0)"), [26]);
    assert_eq!(found("the **frames** 2-4"), [2, 4]);
    assert_eq!(found("frames: the file has 28 of them; 1500 bytes"), [0; 0]);
}

#[test]
fn what_is_generated_and_what_is_code_names_nothing() {
    let page = "frame 1\n<!-- generated: x -->\nframe 2\n<!-- end -->\n```\nframe 3\n```\n    frame 4\n";
    assert_eq!(Named::of(page).unwrap().in_prose, BTreeSet::from([FrameNumber(1)]));
}

#[test]
fn a_table_of_frames_names_them() {
    let page = "| frame | client |\n|---|---|\n| before 18 | 1 |\n| 22, ACK of 18 | 2 |\n\n| 3 |\n";
    assert_eq!(
        Named::of(page).unwrap().in_prose,
        BTreeSet::from([18, 22].map(FrameNumber))
    );
}

#[test]
fn a_frame_that_moved_is_missed_and_found() {
    let meant = BTreeMap::from([
        (FrameNumber(2), "a write".to_owned()),
        (FrameNumber(3), "an ACK".to_owned()),
    ]);
    let now = [(1, "a SYN"), (2, "an ACK"), (3, "an ACK"), (4, "a write")];
    let now: Vec<(FrameNumber, String)> = now
        .map(|(number, words)| (FrameNumber(number), words.to_owned()))
        .to_vec();
    assert_eq!(
        moved("step1", &meant, &now),
        ["frame 2 of step1 is `an ACK`, and the page means `a write`: that is frame 4"]
    );
}

#[test]
fn the_comment_and_the_prose_name_the_same_frames() {
    let page = "See frame 2.\n\n<!-- frames of step1\n3 S>C SYN,ACK seq 0 ack 1\n-->\n";
    let complaints = check(page).unwrap();
    assert_eq!(complaints.len(), 2, "{complaints:?}");
    assert!(complaints[0].contains("names frame 2"), "{complaints:?}");
    assert!(complaints[1].contains("frame 3 is, and nothing"), "{complaints:?}");
}
