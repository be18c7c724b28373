//! What each end's program did with a connection: which bytes of the stream it wrote with which call, what it
//! had read by when, which options held, and which calls ended it.

use crate::timeline::{
    Argument, Call, CallKind, ClientActionKind, Connection, Direction, EventKind, Side, SocketOption, Timeline,
    Timestamp,
};

/// One end's calls, as far as they are known.
#[derive(Clone, Debug, Default)]
pub(super) struct Program {
    /// In the order of the stream.
    pub writes: Vec<Write>,
    options: Vec<(Timestamp, usize, SocketOption)>,
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
    pub index: usize,
    pub entered: Timestamp,
    /// When it returned; `None` if that is not known, or it has not.
    pub ended: Option<Timestamp>,
    /// The offset after its last byte; the first byte of the stream has offset 0.
    pub end: u64,
    /// MSG_MORE.
    pub more: bool,
}

/// A call that ends a direction, or both.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub index: usize,
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
}

#[derive(Clone, Copy, Debug)]
struct Span {
    index: usize,
    entered: Timestamp,
    ended: Timestamp,
}

impl Program {
    /// The program on one side of a connection. `inherited` are the options that were set on listeners.
    pub fn of(connection: Connection<'_>, side: Side, inherited: &[(Timestamp, usize, i32, SocketOption)]) -> Program {
        let mut program = Program::default();
        for (index, event) in connection.events() {
            match (&event.kind, side) {
                (EventKind::Call(call), Side::Server) => {
                    if call.kind == CallKind::Accept {
                        let set = |(at, _, fd, _): &&(Timestamp, usize, i32, _)| *fd == call.fd && *at <= call.ended;
                        let set = inherited.iter().filter(set);
                        program
                            .options
                            .extend(set.map(|&(at, index, _, option)| (at, index, option)));
                    }
                    program.call(index, call);
                }
                (EventKind::Client(action), Side::Client) => match &action.call {
                    Some(call) => program.call(index, call),
                    None => program.action(index, event.at, &action.kind),
                },
                _ => {}
            }
        }
        program.spans.sort_by_key(|span| span.entered);
        program
    }

    fn call(&mut self, index: usize, call: &Call) {
        self.is_known = true;
        let ended = call.result.map(|_| call.ended);
        if matches!(
            call.kind,
            CallKind::Write | CallKind::Close | CallKind::Shutdown | CallKind::Read
        ) {
            self.spans.push(Span {
                index,
                entered: call.entered,
                ended: call.ended,
            });
        }
        match (call.kind, call.argument) {
            (CallKind::Write, argument) => {
                // Of a call that has not returned it is not known how many bytes the kernel took: at most all.
                let moved = match call.result {
                    Some(_) => call.moved(),
                    None => call.asked.unwrap_or(0),
                };
                self.write(index, call.entered, ended, moved, argument == Some(Argument::More));
            }
            (CallKind::Read, _) if call.moved() > 0 => self.read(call.ended, call.moved()),
            (CallKind::SetOption, Some(Argument::Option(option))) if call.result == Some(Ok(0)) => {
                self.options.push((call.ended, index, option));
            }
            (CallKind::Shutdown, Some(Argument::Shutdown(Direction::Read))) => {}
            (CallKind::Shutdown, _) => self.end(index, call.entered, ended, EndKind::Shutdown),
            (CallKind::Close, _) => self.end(index, call.entered, ended, EndKind::Close),
            _ => {}
        }
    }

    /// What the built-in client did. It is stamped just before its call, whose return is not recorded.
    fn action(&mut self, index: usize, at: Timestamp, kind: &ClientActionKind) {
        self.is_known = true;
        match kind {
            ClientActionKind::Sent { len, .. } => self.write(index, at, None, *len, false),
            ClientActionKind::Received { len, .. } => self.read(at, *len),
            ClientActionKind::ShutdownWrite => self.end(index, at, None, EndKind::Shutdown),
            ClientActionKind::Closed => self.end(index, at, None, EndKind::Close),
            ClientActionKind::Reset => self.end(index, at, None, EndKind::Reset),
            _ => {}
        }
    }

    fn write(&mut self, index: usize, entered: Timestamp, ended: Option<Timestamp>, moved: u64, more: bool) {
        if moved == 0 {
            return;
        }
        let end = self.writes.last().map_or(0, |write| write.end).saturating_add(moved);
        self.writes.push(Write {
            index,
            entered,
            ended,
            end,
            more,
        });
    }

    fn read(&mut self, at: Timestamp, moved: u64) {
        let before = self.reads.last().map_or(0, |read| read.1);
        self.reads.push((at, before.saturating_add(moved)));
    }

    fn end(&mut self, index: usize, entered: Timestamp, ended: Option<Timestamp>, kind: EndKind) {
        self.ends.push(End {
            index,
            entered,
            ended,
            kind,
        });
    }

    /// The writes that the bytes from one offset to another came from.
    pub fn writes_of(&self, from: u64, to: u64) -> &[Write] {
        let first = self.writes.partition_point(|write| write.end <= from);
        let begins = |write: &Write, index: usize| index == 0 || self.writes[index - 1].end < to || write.end <= from;
        let count = (first..self.writes.len())
            .take_while(|&index| {
                begins(&self.writes[index], index) && (index == first || self.writes[index - 1].end < to)
            })
            .count();
        &self.writes[first..first + count]
    }

    /// How many bytes its program had read by then.
    pub fn read_by(&self, at: Timestamp) -> u64 {
        let after = self.reads.partition_point(|read| read.0 <= at);
        after.checked_sub(1).map_or(0, |last| self.reads[last].1)
    }

    /// The option that was set last by then and that `pick` takes, with the call that set it.
    pub fn option<T>(&self, at: Timestamp, pick: impl Fn(SocketOption) -> Option<T>) -> Option<(usize, T)> {
        let set = self.options.iter().filter(|(set, ..)| *set <= at);
        set.filter_map(|&(_, index, option)| Some((index, pick(option)?)))
            .last()
    }

    /// The call that was under way at a moment, of those that may cause packets.
    pub fn call_around(&self, at: Timestamp) -> Option<usize> {
        let after = self.spans.partition_point(|span| span.entered <= at);
        // Calls of several threads may overlap; look back over a few.
        self.spans[..after]
            .iter()
            .rev()
            .take(8)
            .find(|span| at <= span.ended)
            .map(|span| span.index)
    }

    /// The call that ended the connection or a direction of it, by then: the one under way, or else the
    /// last before.
    pub fn ended_by(&self, at: Timestamp) -> Option<&End> {
        self.ends.iter().rfind(|end| end.entered <= at)
    }
}

/// The options that were set on listening sockets: when, by which call, on which descriptor. On Linux an
/// accepted socket inherits them.
pub(super) fn of_listeners(timeline: &Timeline) -> Vec<(Timestamp, usize, i32, SocketOption)> {
    let set = |(index, event): (usize, &crate::timeline::Event)| match &event.kind {
        EventKind::Call(call) if event.connection.is_none() && call.kind == CallKind::SetOption => {
            match call.argument {
                Some(Argument::Option(option)) => Some((call.ended, index, call.fd, option)),
                _ => None,
            }
        }
        _ => None,
    };
    timeline.events.iter().enumerate().filter_map(set).collect()
}
