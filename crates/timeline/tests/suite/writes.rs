//! Where in a stream the bytes of each write are.

use proptest::prelude::*;

use timeline::Timestamp;
use timeline::facts::Certainty;
use timeline::facts::writes::{StreamSpan, Write, places};

/// A write that moves all of `kept`.
fn write(thread: i32, (entered, ended): (u64, u64), kept: &[u8]) -> Write<'_> {
    Write {
        thread,
        entered: Timestamp(entered),
        ended: Timestamp(ended),
        moved: Some(kept.len() as u64),
        kept,
    }
}

/// One that has not returned when the observation ends.
fn unfinished(thread: i32, entered: u64, kept: &[u8]) -> Write<'_> {
    Write {
        moved: None,
        ..write(thread, (entered, 1000), kept)
    }
}

/// The places where all of a stream was captured.
fn places_in(stream: &[u8], writes: &[Write<'_>]) -> Vec<StreamSpan> {
    places(writes, |offset, bytes| {
        let from = usize::try_from(offset).ok()?;
        Some(stream.get(from..from + bytes.len())? == bytes)
    })
}

fn at(start: u64, end: u64, certainty: Certainty) -> StreamSpan {
    StreamSpan {
        start: Some(start),
        end: Some(end),
        certainty,
    }
}

const OPEN: StreamSpan = StreamSpan {
    start: None,
    end: None,
    certainty: Certainty::Unknown,
};

#[test]
fn writes_that_do_not_overlap_are_in_order() {
    let writes = [
        write(1, (10, 20), b"ab"),
        write(2, (20, 30), b"c"),
        write(1, (40, 50), b"d"),
    ];
    let seen = [(0, 2), (2, 3), (3, 4)].map(|(start, end)| at(start, end, Certainty::Seen));
    assert_eq!(places_in(b"abcd", &writes), seen);
    // Nothing was captured to see it by.
    let inferred = seen.map(|place| StreamSpan {
        certainty: Certainty::Inferred,
        ..place
    });
    assert_eq!(places(&writes, |_, _| None), inferred);
}

#[test]
fn of_writes_that_overlap_the_bytes_tell() {
    // The first to enter was the last to get the socket.
    let writes = [write(1, (10, 40), b"late"), write(2, (20, 30), b"early")];
    let expected = [at(5, 9, Certainty::Inferred), at(0, 5, Certainty::Inferred)];
    assert_eq!(places_in(b"earlylate", &writes), expected);
}

#[test]
fn where_the_bytes_are_alike_it_is_open() {
    let writes = [
        write(1, (10, 40), b"x"),
        write(2, (20, 30), b"x"),
        write(1, (50, 60), b"y"),
    ];
    assert_eq!(places_in(b"xxy", &writes), [OPEN, OPEN, at(2, 3, Certainty::Seen)]);
    // One that begins like the other, and is longer.
    let writes = [write(1, (10, 40), b"ab"), write(2, (20, 30), b"a")];
    assert_eq!(
        places_in(b"aba", &writes),
        [at(0, 2, Certainty::Inferred), at(2, 3, Certainty::Inferred)]
    );
    assert_eq!(places(&writes, |_, _| None), [OPEN, OPEN]);
}

/// Three overlap in a chain, but the first had returned before the last was entered.
#[test]
fn times_narrow_what_bytes_leave_open() {
    let writes = [
        write(1, (10, 30), b"x"),
        write(2, (20, 50), b"abc"),
        write(3, (40, 60), b"x"),
    ];
    let inferred = |start, end| at(start, end, Certainty::Inferred);
    assert_eq!(
        places_in(b"xabcx", &writes),
        [inferred(0, 1), inferred(1, 4), inferred(4, 5)]
    );
    assert_eq!(
        places_in(b"xxabc", &writes),
        [inferred(0, 1), inferred(2, 5), inferred(1, 2)]
    );
}

#[test]
fn what_fits_nowhere_is_open_and_what_comes_later_is_not() {
    // A full buffer let the second write in between the bytes of the first.
    let writes = [
        write(1, (10, 40), b"aaaa"),
        write(2, (20, 30), b"b"),
        write(1, (50, 60), b"c"),
    ];
    assert_eq!(places_in(b"aabaac", &writes), [OPEN, OPEN, at(5, 6, Certainty::Seen)]);
    // Something else was written, which no call told.
    assert_eq!(
        places_in(b"zc", &[write(1, (10, 20), b"a"), write(1, (30, 40), b"c")])[0],
        OPEN
    );
}

#[test]
fn a_write_that_moved_nothing_has_no_place() {
    let refused = Write {
        moved: Some(0),
        ..write(2, (15, 18), b"never")
    };
    let writes = [write(1, (10, 20), b"a"), refused, write(1, (30, 40), b"b")];
    let seen = |start, end| at(start, end, Certainty::Seen);
    assert_eq!(places_in(b"ab", &writes), [seen(0, 1), OPEN, seen(1, 2)]);
}

#[test]
fn a_write_that_has_not_returned_begins_where_the_others_end() {
    let begun = |start, certainty| StreamSpan {
        start: Some(start),
        end: None,
        certainty,
    };
    let alone = [write(1, (10, 20), b"a"), unfinished(1, 30, b"bbbb")];
    assert_eq!(places_in(b"abb", &alone[..1])[0], at(0, 1, Certainty::Seen));
    // Its first bytes are not all captured; then they are.
    assert_eq!(places_in(b"abb", &alone)[1], begun(1, Certainty::Inferred));
    assert_eq!(places_in(b"abbbb", &alone)[1], begun(1, Certainty::Seen));
    let beside = [unfinished(1, 10, b"bbbb"), write(2, (20, 30), b"a")];
    assert_eq!(
        places_in(b"abbbb", &beside),
        [begun(1, Certainty::Inferred), at(0, 1, Certainty::Inferred)]
    );
    // It was first, so where the other went is not known.
    assert_eq!(places_in(b"bba", &beside), [OPEN, OPEN]);
    assert_eq!(places(&beside, |_, _| None), [OPEN, OPEN]);
}

/// A long run of writers that overlap without a pause, each with bytes of its own.
#[test]
fn many_are_told_apart_in_no_time() {
    let texts: Vec<String> = (0..20_000_u64).map(|number| format!("{number:06}")).collect();
    let stream = texts.concat();
    let writes: Vec<Write<'_>> = texts
        .iter()
        .zip(0_u64..)
        .map(|(text, number)| write((number % 4) as i32, (number * 10, number * 10 + 35), text.as_bytes()))
        .collect();
    let places = places_in(stream.as_bytes(), &writes);
    assert!(
        places
            .iter()
            .zip(0_u64..)
            .all(|(place, number)| place.start == Some(number * 6))
    );
    // With bytes that are alike it gives up, and soon.
    let alike = writes.iter().map(|write| Write {
        kept: b"xxxxxx",
        ..*write
    });
    let places = places_in("x".repeat(120_000).as_bytes(), &alike.collect::<Vec<_>>());
    assert!(places.iter().all(|place| place.start.is_none()));
}

/// A thread's write: when it was entered, when it had its turn, when it returned; and its bytes.
type Turn = (i32, (u64, u64, u64), Vec<u8>);

/// Writes of several threads as a kernel may order them, in the order of their turns.
fn histories() -> impl Strategy<Value = Vec<Turn>> {
    // For each write: its thread, what it waits before and after its turn, and bytes of a small alphabet.
    let turn = (0..4_i32, 0..30_u64, 0..30_u64, prop::collection::vec(0..2_u8, 1..4));
    prop::collection::vec(turn, 1..24).prop_map(|turns| {
        let mut free = [0_u64; 4];
        let mut history = Vec::new();
        for (number, (thread, before, after, bytes)) in (1_u64..).zip(turns) {
            // Turns are 10 apart; a thread enters after its last return, which is after its last turn.
            let turn = number * 10;
            let last = &mut free[thread as usize];
            let entered = (*last + 1).max(turn.saturating_sub(before)).min(turn - 1);
            let ended = turn + 1 + after;
            // The next write of this thread may come before that: then this one returns sooner.
            *last = turn + 1;
            history.push((thread, (entered, turn, ended), bytes));
        }
        for thread in 0..4 {
            let own: Vec<usize> = (0..history.len()).filter(|&i| history[i].0 == thread).collect();
            for pair in own.windows(2) {
                history[pair[0]].1.2 = history[pair[0]].1.2.min(history[pair[1]].1.0);
            }
        }
        history
    })
}

proptest! {
    /// Whatever is said of a place is so.
    #[test]
    fn what_is_known_is_true(history in histories()) {
        let stream: Vec<u8> = history.iter().flat_map(|(_, _, bytes)| bytes.clone()).collect();
        let mut truth = Vec::new();
        let mut offset = 0_u64;
        for (thread, (entered, _, ended), bytes) in &history {
            truth.push((write(*thread, (*entered, *ended), bytes), offset));
            offset += bytes.len() as u64;
        }
        truth.sort_by_key(|(write, _)| write.entered);
        let writes: Vec<Write<'_>> = truth.iter().map(|(write, _)| *write).collect();
        for (place, (write, start)) in places_in(&stream, &writes).iter().zip(&truth) {
            if place.certainty == Certainty::Unknown {
                prop_assert_eq!(place.start, None);
            } else {
                prop_assert_eq!(place.range(), Some(*start..*start + write.kept.len() as u64));
            }
        }
    }
}
