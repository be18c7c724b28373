//! What each end's program did with a connection: which bytes of the stream it wrote with which call, what it
//! had read by when, which options held, and which calls ended it.

use super::writes;
use crate::events::{
    Argument, Call, CallKind, ClientActionKind, Direction, EventId, EventKind, Flags, ProcessEventKind, Seen,
    SeenConnection, Side, SocketOption, Timestamp, unwrapped,
};

/// One end's calls, as far as they are known.
#[derive(Clone, Debug, Default)]
pub(super) struct Program<'a> {
    /// In the order of the stream.
    writes: Vec<Write>,
    /// Those whose places are yet to be found, in the order in which they were made.
    made: Vec<Made<'a>>,
    options: Vec<(Timestamp, EventId, SocketOption)>,
    pub ends: Vec<End>,
    /// When a read returned, and how many bytes had been read by then.
    reads: Vec<(Timestamp, u64)>,
    /// Calls that may cause packets, by entry.
    spans: Vec<Span>,
    /// True if anything is known of its calls.
    pub is_known: bool,
}

/// A write, and its bytes' place in the stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Write {
    pub id: EventId,
    pub entered: Timestamp,
    /// When it returned; `None` if that is not known, or it has not.
    pub ended: Option<Timestamp>,
    /// The offsets of its first byte and after its last; the first byte of the stream has offset 0.
    from: u64,
    end: u64,
    /// True if it is open which of the writes between these offsets it is.
    pub open: bool,
    /// MSG_MORE.
    pub more: bool,
}

/// A write whose place is yet to be found.
#[derive(Clone, Debug)]
struct Made<'a> {
    id: EventId,
    write: writes::Write<'a>,
    /// It is known when it returned.
    returned: bool,
    asked: u64,
    more: bool,
}

/// A call that ends a direction, or both.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub id: EventId,
    pub entered: Timestamp,
    pub ended: Option<Timestamp>,
    pub kind: EndKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndKind {
    Shutdown,
    Close,
    /// The built-in client's close with SO_LINGER set to 0.
    Reset,
    /// The end of its process, which closes what is open.
    Exit,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    id: EventId,
    entered: Timestamp,
    ended: Timestamp,
}

impl<'a> Program<'a> {
    /// The program on one side of a connection.
    pub fn of(connection: SeenConnection<'a>, side: Side, outside: &Outside) -> Program<'a> {
        let mut program = Program::default();
        let mut last = None;
        for (id, event) in connection.events() {
            match (&event.kind, side) {
                (EventKind::Call(call), Side::Server) => {
                    if call.kind == CallKind::Accept {
                        let set = |(at, _, fd, _): &&(Timestamp, EventId, i32, _)| *fd == call.fd && *at <= call.ended;
                        let set = outside.options.iter().filter(set);
                        program.options.extend(set.map(|&(at, id, _, option)| (at, id, option)));
                    }
                    program.call(id, call);
                    last = Some(call);
                }
                (EventKind::Client(action), Side::Client) => match &action.call {
                    Some(call) => program.call(id, call),
                    None => program.action(id, event.at, &action.kind),
                },
                _ => {}
            }
        }
        program.ends.extend(last.and_then(|last| outside.exit_after(last)));
        program.spans.sort_unstable_by_key(|span| (span.entered, span.id));
        program.place_writes(&Captured::of(connection, side));
        program
    }

    fn call(&mut self, id: EventId, call: &'a Call) {
        self.is_known = true;
        let ended = call.result.map(|_| call.ended);
        if matches!(
            call.kind,
            CallKind::Write | CallKind::Close | CallKind::Shutdown | CallKind::Read
        ) {
            self.spans.push(Span {
                id,
                entered: call.entered,
                ended: call.ended,
            });
        }
        match (call.kind, call.argument()) {
            (CallKind::Write, argument) => {
                self.made.push(Made {
                    id,
                    write: call.into(),
                    returned: ended.is_some(),
                    asked: call.asked.unwrap_or(0),
                    more: argument == Some(Argument::More),
                });
            }
            (CallKind::Read, _) if call.moved() > 0 => self.read(call.ended, call.moved()),
            (CallKind::SetOption, Some(Argument::Option(option))) if call.result == Some(Ok(0)) => {
                self.options.push((call.ended, id, option));
            }
            (CallKind::Shutdown, Some(Argument::Shutdown(Direction::Read))) => {}
            (CallKind::Shutdown, _) => self.end(id, call.entered, ended, EndKind::Shutdown),
            (CallKind::Close, _) => self.end(id, call.entered, ended, EndKind::Close),
            _ => {}
        }
    }

    /// What the built-in client did. It is stamped just before its call, whose return is not recorded.
    fn action(&mut self, id: EventId, at: Timestamp, kind: &'a ClientActionKind) {
        self.is_known = true;
        match kind {
            ClientActionKind::Sent { bytes, len } => self.made.push(Made {
                id,
                write: writes::Write {
                    thread: 0,
                    entered: at,
                    ended: at,
                    moved: Some(*len),
                    kept: bytes,
                },
                returned: false,
                asked: *len,
                more: false,
            }),
            ClientActionKind::Received { len, .. } => self.read(at, *len),
            ClientActionKind::ShutdownWrite => self.end(id, at, None, EndKind::Shutdown),
            ClientActionKind::Closed => self.end(id, at, None, EndKind::Close),
            ClientActionKind::Reset => self.end(id, at, None, EndKind::Reset),
            _ => {}
        }
    }

    /// Finds the place of each write in the stream. Writes of several threads may have been under way at
    /// once; where the captured bytes do not tell them apart, each may be any of them.
    fn place_writes(&mut self, captured: &Captured<'_>) {
        // Nobody asks for them again, and there may be millions.
        let mut all = std::mem::take(&mut self.made);
        all.sort_unstable_by_key(|made| (made.write.entered, made.id));
        let writes: Vec<writes::Write<'_>> = all.iter().map(|made| made.write).collect();
        let places = writes::places(&writes, |offset, bytes| captured.has(offset, bytes));
        drop(writes);
        self.writes.reserve_exact(all.len());
        let mut known = 0;
        let mut open: Vec<usize> = Vec::new();
        for (at, (made, place)) in all.iter().zip(&places).enumerate() {
            let most = made.write.moved.unwrap_or(made.asked);
            match place.start {
                _ if most == 0 => {}
                Some(from) => {
                    self.writes.extend(open_writes(&all, &mut open, known));
                    let end = place.end.unwrap_or(from.saturating_add(most));
                    self.writes.push(made.placed(from, end, false));
                    known = known.max(end);
                }
                None => open.push(at),
            }
        }
        self.writes.extend(open_writes(&all, &mut open, known));
        self.writes
            .sort_unstable_by_key(|write| (write.end, write.from, write.entered, write.id));
    }

    fn read(&mut self, at: Timestamp, moved: u64) {
        let before = self.reads.last().map_or(0, |read| read.1);
        self.reads.push((at, before.saturating_add(moved)));
    }

    fn end(&mut self, id: EventId, entered: Timestamp, ended: Option<Timestamp>, kind: EndKind) {
        self.ends.push(End {
            id,
            entered,
            ended,
            kind,
        });
    }

    /// The writes that the bytes from one offset to another came from.
    pub fn writes_of(&self, from: u64, to: u64) -> &[Write] {
        let first = self.writes.partition_point(|write| write.end <= from);
        let rest = &self.writes[first..];
        let count = rest.iter().take_while(|write| write.from < to).count();
        &rest[..count]
    }

    /// How many bytes its program had read by then.
    pub fn read_by(&self, at: Timestamp) -> u64 {
        let after = self.reads.partition_point(|read| read.0 <= at);
        after.checked_sub(1).map_or(0, |last| self.reads[last].1)
    }

    /// The option of a kind that was set last by then, with the call that set it.
    pub fn option(&self, at: Timestamp, is_it: impl Fn(SocketOption) -> bool) -> Option<(EventId, SocketOption)> {
        let set = |&&(set, _, option): &&(Timestamp, EventId, SocketOption)| set <= at && is_it(option);
        self.options
            .iter()
            .filter(set)
            .last()
            .map(|&(_, id, option)| (id, option))
    }

    /// The call that was under way at a moment, of those that may cause packets.
    pub fn call_around(&self, at: Timestamp) -> Option<EventId> {
        let after = self.spans.partition_point(|span| span.entered <= at);
        // Calls of several threads may overlap; look back over a few.
        self.spans[..after]
            .iter()
            .rev()
            .take(8)
            .find(|span| at <= span.ended)
            .map(|span| span.id)
    }

    /// The call that ended the connection or a direction of it, by then: the one under way, or else the
    /// last before.
    pub fn ended_by(&self, at: Timestamp) -> Option<&End> {
        self.ends.iter().rfind(|end| end.entered <= at)
    }
}

impl Made<'_> {
    fn placed(&self, from: u64, end: u64, open: bool) -> Write {
        Write {
            id: self.id,
            entered: self.write.entered,
            ended: self.returned.then_some(self.write.ended),
            from,
            end,
            open,
            more: self.more,
        }
    }
}

/// Writes of which it is open where in a range each has its bytes: they share all of it.
fn open_writes(made: &[Made<'_>], open: &mut Vec<usize>, from: u64) -> Vec<Write> {
    let length = |&at: &usize| made[at].write.moved.unwrap_or(made[at].asked);
    let end = open.iter().map(length).fold(from, u64::saturating_add);
    open.drain(..).map(|at| made[at].placed(from, end, true)).collect()
}

/// The bytes of a direction that were captured, each segment's at its offset.
struct Captured<'a> {
    segments: Vec<(u64, &'a [u8])>,
}

impl<'a> Captured<'a> {
    fn of(connection: SeenConnection<'a>, side: Side) -> Captured<'a> {
        let of_side = connection.packets().filter(|(_, packet)| packet.from == side);
        let mut near = 0;
        let mut segments: Vec<(u64, &'a [u8])> = of_side
            .filter(|(_, packet)| packet.segment.len > 0 && !packet.segment.flags.has(Flags::SYN))
            .map(|(_, packet)| {
                near = unwrapped(packet.seq, near);
                // Relative sequence number 1 is the stream's first byte.
                (near.saturating_sub(1), &packet.segment.payload[..])
            })
            .collect();
        segments.sort_by_key(|(offset, _)| *offset);
        Captured { segments }
    }

    /// Whether these bytes were captured at this offset; `None` if something else was not either.
    fn has(&self, offset: u64, mut bytes: &[u8]) -> Option<bool> {
        let mut at = offset;
        while !bytes.is_empty() {
            let after = self.segments.partition_point(|(start, _)| *start <= at);
            let (start, payload) = self.segments[..after].last()?;
            let there = payload.get(usize::try_from(at - start).ok()?..)?;
            let length = there.len().min(bytes.len());
            if length == 0 {
                return None;
            }
            if there[..length] != bytes[..length] {
                return Some(false);
            }
            bytes = &bytes[length..];
            at += length as u64;
        }
        Some(true)
    }
}

/// What happened outside of any connection and matters to several.
#[derive(Debug, Default)]
pub(super) struct Outside {
    /// The options that were set on listening sockets: when, by which call, on which descriptor. On Linux an
    /// accepted socket inherits them.
    options: Vec<(Timestamp, EventId, i32, SocketOption)>,
    /// The processes of the server that ended: when that was told, in which event, and which.
    exits: Vec<(Timestamp, EventId, i32)>,
    first_process: Option<i32>,
    /// True if the server does a part of its work by what is no call on the timeline.
    pub unseen: bool,
}

impl Outside {
    pub fn of(seen: &Seen) -> Outside {
        let mut outside = Outside {
            first_process: seen.first_process(),
            unseen: seen.has_unseen_calls(),
            ..Outside::default()
        };
        for (id, event) in seen.iter() {
            match &event.kind {
                EventKind::Call(call) if event.connection.is_none() && call.kind == CallKind::SetOption => {
                    if let Some(Argument::Option(option)) = call.argument() {
                        outside.options.push((call.ended, id, call.fd, option));
                    }
                }
                EventKind::Process(process) if matches!(process.kind, ProcessEventKind::Exited(_)) => {
                    outside.exits.push((event.at, id, process.pid));
                }
                _ => {}
            }
        }
        outside
    }

    /// The end of the process that made the last call on a connection, as far as is known: of a thread it is known
    /// only that its process is the first one, or has the thread's own number.
    fn exit_after(&self, last: &Call) -> Option<End> {
        let is_its = |pid: i32| pid == last.thread || Some(pid) == self.first_process;
        let exit = self.exits.iter().find(|(at, _, pid)| is_its(*pid) && *at >= last.ended);
        exit.map(|&(at, id, _)| End {
            id,
            entered: last.ended,
            ended: Some(at),
            kind: EndKind::Exit,
        })
    }
}
