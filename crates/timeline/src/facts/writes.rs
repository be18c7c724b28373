//! Where in a stream the bytes of each write are, also where several threads write to one socket.
//!
//! A tracer knows when a write was entered and when it returned. The kernel's own order is the one in
//! which writers got the socket's lock, at a moment between the two. So writes whose times do not
//! overlap are in order, and of those that do overlap the captured bytes have to tell.

use std::collections::HashMap;
use std::ops::Range;

use super::Certainty;
use crate::events::{Call, Timestamp};

/// A call of the write family on one direction of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Write<'a> {
    /// The thread that made it. A thread's own writes do not overlap.
    pub thread: i32,
    /// When it was entered.
    pub entered: Timestamp,
    /// When it returned, or for one that has not, when the observation ended.
    pub ended: Timestamp,
    /// How many bytes it moved; `None` if it has not returned, so that it is not known.
    pub moved: Option<u64>,
    /// The first of them, as far as they are known.
    pub kept: &'a [u8],
}

impl<'a> From<&'a Call> for Write<'a> {
    fn from(call: &'a Call) -> Write<'a> {
        Write {
            thread: call.thread,
            entered: call.entered,
            ended: call.ended,
            moved: call.result.map(|_| call.moved()),
            kept: &call.bytes,
        }
    }
}

/// A write's place in the stream, whose first byte has offset 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamSpan {
    /// The offset of its first byte. `None` if it moved none, or where that is open.
    pub start: Option<u64>,
    /// The offset after its last byte. `None` as above, and for a write that has not returned.
    pub end: Option<u64>,
    /// How sure it is.
    ///
    /// - Seen: no other write was under way, and its bytes were captured there.
    /// - Inferred: no other write was under way, and nothing was captured there or kept to compare; or
    ///   others were, and the captured bytes fit only one order of them all. That takes a write to be
    ///   whole: a full send buffer lets others in between its bytes, which then fit in no order, unless
    ///   the bytes are alike.
    /// - Unknown: the bytes fit in more than one order, or in none.
    pub certainty: Certainty,
}

/// So many orders are followed at a time, as long as each may still be the one. Where there are more,
/// the bytes do not tell.
const ORDERS: usize = 64;

/// The places of writes, which come in order of entry. `is_captured` says whether the stream has these
/// bytes at this offset: `None` if nothing, or not all of it, was captured there.
pub fn places(writes: &[Write<'_>], is_captured: impl Fn(u64, &[u8]) -> Option<bool>) -> Vec<StreamSpan> {
    let mut places = vec![StreamSpan::default(); writes.len()];
    let moving: Vec<usize> = (0..writes.len()).filter(|&i| writes[i].moved != Some(0)).collect();
    let compare = |offset, kept: &[u8]| is_captured(offset, kept).filter(|_| !kept.is_empty());
    let mut start = 0_u64;
    for group in overlapping(writes, &moving) {
        let (whole, unfinished): (Vec<usize>, Vec<usize>) =
            group.iter().partition(|&&index| writes[index].moved.is_some());
        if let [index] = group[..] {
            places[index] = alone(&writes[index], start, &compare);
        } else if let Some(ordered) = in_order(writes, &whole, start, &compare) {
            for (index, place) in whole.iter().zip(ordered) {
                places[*index] = place;
            }
        }
        let end = whole
            .iter()
            .fold(start, |end, &index| end.saturating_add(length(&writes[index])));
        if !unfinished.is_empty() {
            // A write that has not returned by the end of the run is the last of its group, and the group is the last.
            beside_unfinished(writes, &whole, &unfinished, (end, &compare), &mut places);
            break;
        }
        start = end;
    }
    places
}

fn length(write: &Write<'_>) -> u64 {
    write.moved.unwrap_or(0)
}

/// Groups of writes, in order: all of one returned before any of the next was entered.
fn overlapping<'a>(writes: &'a [Write<'_>], moving: &'a [usize]) -> impl Iterator<Item = &'a [usize]> {
    let mut rest = moving;
    std::iter::from_fn(move || {
        let mut ended = writes[*rest.first()?].ended;
        let mut count = 1;
        while let Some(write) = rest.get(count).map(|&index| &writes[index])
            && write.entered < ended
        {
            ended = ended.max(write.ended);
            count += 1;
        }
        let (group, others) = rest.split_at(count);
        rest = others;
        Some(group)
    })
}

/// The place of a write while no other is under way.
fn alone(write: &Write<'_>, start: u64, compare: &impl Fn(u64, &[u8]) -> Option<bool>) -> StreamSpan {
    let certainty = match compare(start, write.kept) {
        Some(true) => Certainty::Seen,
        None => Certainty::Inferred,
        Some(false) => return StreamSpan::default(),
    };
    StreamSpan {
        start: Some(start),
        end: write.moved.map(|moved| start.saturating_add(moved)),
        certainty,
    }
}

/// How far an order has come: the number of writes that have been placed, of each thread.
type Placed = Vec<usize>;

/// A write that may come next in an order.
struct NextWrite {
    from: usize,
    write: usize,
    offset: u64,
    to: usize,
}

/// The places of writes that overlap. `None` if their bytes fit in no order, or in too many.
///
/// All orders that fit are followed side by side, one write at a time. They meet again where they have
/// placed the same writes, so that few are alive at a time unless the bytes are alike.
fn in_order(
    writes: &[Write<'_>],
    group: &[usize],
    start: u64,
    compare: &impl Fn(u64, &[u8]) -> Option<bool>,
) -> Option<Vec<StreamSpan>> {
    let threads = by_thread(writes, group);
    let mut alive: Vec<(Placed, u64)> = vec![(vec![0; threads.len()], start)];
    let mut layers: Vec<Vec<NextWrite>> = Vec::with_capacity(group.len());
    for _ in group {
        let mut next: Vec<(Placed, u64)> = Vec::new();
        let mut known: HashMap<Placed, usize> = HashMap::new();
        let mut steps = Vec::new();
        for (from, (progress, offset)) in alive.iter().enumerate() {
            for (thread, write) in may_be_next(writes, &threads, progress) {
                if compare(*offset, writes[write].kept) == Some(false) {
                    continue;
                }
                let mut after = progress.clone();
                after[thread] += 1;
                let to = *known.entry(after.clone()).or_insert_with(|| {
                    next.push((after, offset.saturating_add(length(&writes[write]))));
                    next.len() - 1
                });
                let offset = *offset;
                steps.push(NextWrite {
                    from,
                    write,
                    offset,
                    to,
                });
            }
        }
        if next.is_empty() || next.len() > ORDERS {
            return None;
        }
        layers.push(steps);
        alive = next;
    }
    Some(agreed(writes, group, &layers))
}

/// The writes of a group, thread by thread.
fn by_thread(writes: &[Write<'_>], group: &[usize]) -> Vec<Vec<usize>> {
    let mut threads: Vec<(i32, Vec<usize>)> = Vec::new();
    for &index in group {
        let thread = writes[index].thread;
        match threads.iter_mut().find(|(known, _)| *known == thread) {
            Some((_, of_thread)) => of_thread.push(index),
            None => threads.push((thread, vec![index])),
        }
    }
    threads.into_iter().map(|(_, of_thread)| of_thread).collect()
}

/// The writes that may come next, with their threads: the first ones left, but for those that were
/// entered when another of these had returned.
fn may_be_next<'a>(
    writes: &'a [Write<'_>],
    threads: &'a [Vec<usize>],
    progress: &'a Placed,
) -> impl Iterator<Item = (usize, usize)> {
    let first_left = move |thread: usize| threads[thread].get(progress[thread]).copied();
    let left = move || (0..threads.len()).filter_map(move |thread| Some((thread, first_left(thread)?)));
    let first_return = left().map(|(_, write)| writes[write].ended).min();
    left().filter(move |&(_, write)| first_return.is_none_or(|ended| writes[write].entered <= ended))
}

/// The places on which all orders agree that come to an end.
fn agreed(writes: &[Write<'_>], group: &[usize], layers: &[Vec<NextWrite>]) -> Vec<StreamSpan> {
    let mut offsets: HashMap<usize, Option<u64>> = HashMap::new();
    let mut alive: Vec<usize> = vec![0];
    for steps in layers.iter().rev() {
        let mut before = Vec::new();
        for step in steps.iter().filter(|step| alive.contains(&step.to)) {
            let offset = offsets.entry(step.write).or_insert(Some(step.offset));
            if *offset != Some(step.offset) {
                *offset = None;
            }
            if !before.contains(&step.from) {
                before.push(step.from);
            }
        }
        alive = before;
    }
    let place = |index: &usize| match offsets.get(index).copied().flatten() {
        Some(start) => StreamSpan {
            start: Some(start),
            end: Some(start.saturating_add(length(&writes[*index]))),
            certainty: Certainty::Inferred,
        },
        None => StreamSpan::default(),
    };
    group.iter().map(place).collect()
}

/// What can be said where a write has not returned: it may have moved bytes at any time since it was
/// entered. If those of the others were captured where they are without it, all of its own come after
/// them.
fn beside_unfinished(
    writes: &[Write<'_>],
    whole: &[usize],
    unfinished: &[usize],
    (end, compare): (u64, &impl Fn(u64, &[u8]) -> Option<bool>),
    places: &mut [StreamSpan],
) {
    let since = unfinished.iter().map(|&index| writes[index].entered).min();
    let mut all_found = true;
    for &index in whole {
        let found = places[index].start.and_then(|start| compare(start, writes[index].kept)) == Some(true);
        if since.is_some_and(|since| writes[index].ended > since) && !found {
            places[index] = StreamSpan::default();
            all_found = false;
        }
    }
    if let ([index], false) = (unfinished, whole.is_empty()) {
        let place = alone(&writes[*index], end, compare);
        if all_found && place.certainty != Certainty::Unknown {
            places[*index] = StreamSpan {
                certainty: Certainty::Inferred,
                ..place
            };
        }
    }
}

impl StreamSpan {
    /// The bytes that it takes of the stream, where both ends are known.
    pub fn range(&self) -> Option<Range<u64>> {
        Some(self.start?..self.end?)
    }
}
