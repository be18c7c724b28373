//! The questions that tests and formats ask a timeline.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use super::Timeline;
use crate::events::*;
use crate::facts::{ConnectionFacts, Evidence, Exchange, Exchanging, Reason, Replying};

/// One connection of a timeline.
#[derive(Clone, Copy, Debug)]
pub struct Connection<'a> {
    timeline: &'a Timeline,
    id: ConnectionId,
}

/// How a connection ended, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Teardown {
    /// Neither side has begun to close.
    Open,
    /// It never was one: a reset answered the SYN, as where nobody listens.
    Refused,
    /// Both sides sent a FIN and the server's socket is gone.
    Clean {
        /// Who sent the first FIN.
        first: Side,
    },
    /// A side sent a reset.
    Reset {
        /// Who sent it.
        by: Side,
    },
    /// Closing has begun, and the server's socket was still there when things had settled.
    LeftOpen(TcpState),
}

impl fmt::Display for Teardown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Teardown::Open => f.write_str("open"),
            Teardown::Refused => f.write_str("refused"),
            Teardown::Clean { first } => write!(f, "clean, the {first} closed first"),
            Teardown::Reset { by } => write!(f, "reset by the {by}"),
            Teardown::LeftOpen(state) => write!(f, "left open in {state}"),
        }
    }
}

/// The evidence for a [`Teardown`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    /// True if a reset answered the SYN.
    pub refused: bool,
    /// The sides that sent a FIN, in order.
    pub fins: Vec<Side>,
    /// Who sent the first reset.
    pub reset_by: Option<Side>,
    /// The packets from the first FIN or reset on, as indices into the timeline's events.
    pub packets: Vec<usize>,
    /// True if the server has read the end of file.
    pub server_read_end_of_file: bool,
    /// The state that the server's socket was left in; `None` if it is gone.
    pub server_left: Option<TcpState>,
    /// The state that the client's socket was left in; `None` if it is gone.
    pub client_left: Option<TcpState>,
}

impl Closing {
    /// What it comes to, in a word.
    pub fn teardown(&self) -> Teardown {
        if self.refused {
            return Teardown::Refused;
        }
        if let Some(by) = self.reset_by {
            return Teardown::Reset { by };
        }
        let Some(&first) = self.fins.first() else {
            return Teardown::Open;
        };
        match self.server_left {
            Some(state) if state != TcpState::TimeWait => Teardown::LeftOpen(state),
            _ => Teardown::Clean { first },
        }
    }

    /// Which side waits in TIME_WAIT, if one does.
    pub fn time_wait(&self) -> Option<Side> {
        let waits = |state| state == Some(TcpState::TimeWait);
        if waits(self.client_left) {
            Some(Side::Client)
        } else if waits(self.server_left) {
            Some(Side::Server)
        } else {
            None
        }
    }
}

impl Timeline {
    /// The connections, in the order in which they began.
    pub fn connections(&self) -> impl ExactSizeIterator<Item = Connection<'_>> {
        (0..self.endpoints.len()).map(|index| Connection {
            timeline: self,
            id: ConnectionId(index),
        })
    }

    /// The events of a connection with their indices, and if asked for those that belong to none.
    pub(crate) fn events_around(
        &self,
        connection: Connection<'_>,
        outside: bool,
    ) -> impl Iterator<Item = (usize, &Event)> {
        let of_connection = self.of_connection[connection.id.0].iter().copied();
        let of_none = (0..self.events.len()).filter(|index| self.events[*index].connection.is_none());
        let none = outside.then_some(of_none).into_iter().flatten();
        let mut all: Vec<usize> = of_connection.chain(none).collect();
        all.sort_unstable();
        all.into_iter().map(|index| (index, &self.events[index]))
    }

    /// The only connection.
    ///
    /// # Panics
    ///
    /// If there are none or several: go through [`connections`](Self::connections) then.
    #[track_caller]
    pub fn only(&self) -> Connection<'_> {
        assert!(
            self.endpoints.len() == 1,
            "this question is for a timeline with one connection and this one has {}: ask each of timeline.connections()\n{self}",
            self.endpoints.len()
        );
        Connection {
            timeline: self,
            id: ConnectionId(0),
        }
    }

    /// How many write-family calls each reply took, over all connections in order.
    /// See [`Connection::writes_per_reply`].
    pub fn writes_per_reply(&self) -> Vec<usize> {
        self.connections().flat_map(|c| c.writes_per_reply()).collect()
    }

    /// How many packets each exchange took, over all connections in order.
    /// See [`Connection::packets_per_exchange`].
    pub fn packets_per_exchange(&self) -> Vec<usize> {
        self.connections().flat_map(|c| c.packets_per_exchange()).collect()
    }

    /// How many segments with data each reply took, over all connections in order.
    pub fn segments_per_reply(&self) -> Vec<usize> {
        self.connections().flat_map(|c| c.segments_per_reply()).collect()
    }

    /// How the only connection ended.
    ///
    /// # Panics
    ///
    /// If there are none or several connections.
    #[track_caller]
    pub fn teardown(&self) -> Teardown {
        self.only().teardown()
    }

    /// How each connection ended.
    pub fn teardowns(&self) -> Vec<Teardown> {
        self.connections().map(|c| c.teardown()).collect()
    }

    /// The segments that were held back until an ACK came, as indices into [`events`](Self::events).
    pub fn held_segments(&self) -> Vec<usize> {
        let held = |(index, event): (usize, &Event)| match &event.kind {
            EventKind::Packet(packet) => packet.held().map(|_| index),
            _ => None,
        };
        self.events.iter().enumerate().filter_map(held).collect()
    }

    /// How the server's first process ended, if it ended before it was told to.
    pub fn exit(&self) -> Option<Exit> {
        let first = self.first_process()?;
        self.processes().find_map(|event| match event.kind {
            ProcessEventKind::Exited(exit) if event.pid == first => Some(exit),
            _ => None,
        })
    }

    /// The lines that the server wrote: when, where to, and what.
    pub fn output(&self) -> impl Iterator<Item = (Timestamp, OutputStream, &str)> {
        self.events.iter().filter_map(|event| match &event.kind {
            EventKind::Process(process) => match &process.kind {
                ProcessEventKind::Wrote { stream, line } => Some((event.at, *stream, line.as_str())),
                _ => None,
            },
            _ => None,
        })
    }

    /// The first process of the server that crashed, or was killed, before the server was told to end, and how; or that
    /// served a connection and ended with a status that is not 0. That one asks another to end is no crash.
    pub fn crashed(&self) -> Option<(i32, Exit)> {
        /// SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM and SIGTERM: signal(7).
        const ASKS: [i32; 7] = [1, 2, 3, 10, 12, 14, 15];
        let mut served = None;
        self.processes().find_map(|event| match event.kind {
            ProcessEventKind::Exited(exit @ Exit::Signal(signal)) if !ASKS.contains(&signal) => Some((event.pid, exit)),
            ProcessEventKind::Exited(exit @ Exit::Status(1..)) => {
                let served = served.get_or_insert_with(|| self.servants());
                served.contains(&event.pid).then_some((event.pid, exit))
            }
            _ => None,
        })
    }

    /// The processes of the server that read from a connection, or wrote to one.
    fn servants(&self) -> HashSet<i32> {
        let calls = self.events.iter().filter_map(|event| match &event.kind {
            EventKind::Call(call) => Some(call),
            _ => None,
        });
        calls
            .filter(|call| matches!(call.kind, CallKind::Read | CallKind::Write))
            .filter_map(|call| call.process)
            .collect()
    }

    /// What the server was left at when the observation ended. `None` if that was not recorded.
    pub fn settled(&self) -> Option<Settled> {
        self.processes().find_map(|event| match event.kind {
            ProcessEventKind::Settled(settled) => Some(settled),
            _ => None,
        })
    }

    /// True if a process of the server set up an io_uring, whose work is not on this timeline.
    pub fn uses_io_uring(&self) -> bool {
        self.processes()
            .any(|event| event.kind == ProcessEventKind::UsesIoUring)
    }

    /// True if a process of the server does things with its connections that this timeline does not show: by calls of
    /// another architecture, or through an io_uring. A ring that is used for files alone leaves nothing unseen: all
    /// that went over each connection is in its calls.
    pub fn has_unseen_calls(&self) -> bool {
        let foreign = self
            .processes()
            .any(|event| event.kind == ProcessEventKind::ForeignCalls);
        foreign || self.uses_io_uring() && !self.connections().all(Connection::is_all_in_calls)
    }

    /// The server's first process, which started the others.
    pub(crate) fn first_process(&self) -> Option<i32> {
        Some(self.processes().next()?.pid)
    }

    fn processes(&self) -> impl Iterator<Item = &ProcessEvent> {
        self.events.iter().filter_map(|event| match &event.kind {
            EventKind::Process(event) => Some(event),
            _ => None,
        })
    }

    /// The packet at an index that a query gave.
    pub fn packet(&self, index: usize) -> Option<&Packet> {
        match &self.events.get(index)?.kind {
            EventKind::Packet(packet) => Some(packet),
            _ => None,
        }
    }

    /// The close or shutdown that a FIN or a reset of the server came from, as an index into the events.
    pub(crate) fn ending_call(&self, packet: &Packet) -> Option<usize> {
        let named = packet.facts.why.evidence.iter().filter_map(Evidence::event);
        let mut calls = named.chain(packet.facts.during);
        calls.find(|call| {
            let call = self.call(*call);
            call.is_some_and(|call| matches!(call.kind, CallKind::Close | CallKind::Shutdown))
        })
    }

    /// The call at an index that a query gave.
    pub fn call(&self, index: usize) -> Option<&Call> {
        match &self.events.get(index)?.kind {
            EventKind::Call(call) => Some(call),
            _ => None,
        }
    }
}

impl<'a> Connection<'a> {
    /// The timeline that it is on.
    pub fn timeline(self) -> &'a Timeline {
        self.timeline
    }

    /// Its place in the timeline.
    pub fn id(self) -> ConnectionId {
        self.id
    }

    /// Its two addresses.
    pub fn endpoints(self) -> Endpoints {
        self.timeline.endpoints[self.id.0]
    }

    /// Its events with their indices, in order.
    pub fn events(self) -> impl Iterator<Item = (usize, &'a Event)> {
        self.timeline.of_connection[self.id.0]
            .iter()
            .map(|&index| (index, &self.timeline.events[index]))
    }

    /// Its packets with their indices, in order.
    pub fn packets(self) -> impl Iterator<Item = (usize, &'a Packet)> {
        self.events().filter_map(|(index, event)| match &event.kind {
            EventKind::Packet(packet) => Some((index, packet)),
            _ => None,
        })
    }

    /// The server's calls on it with their indices, in order.
    pub fn calls(self) -> impl Iterator<Item = (usize, &'a Call)> {
        self.events().filter_map(|(index, event)| match &event.kind {
            EventKind::Call(call) => Some((index, call)),
            _ => None,
        })
    }

    /// The server's write-family calls, failed ones included.
    pub fn writes(self) -> impl Iterator<Item = (usize, &'a Call)> {
        self.calls().filter(|(_, call)| call.kind == CallKind::Write)
    }

    /// True if the server's calls account for all that its side did: how the connection came to it, each byte that came
    /// and that left, and its end.
    fn is_all_in_calls(self) -> bool {
        let side = if self.is_the_servers_own() {
            Side::Client
        } else {
            Side::Server
        };
        let calls = || {
            self.events().filter_map(move |(_, event)| match (&event.kind, side) {
                (EventKind::Call(call), Side::Server) => Some(call),
                (EventKind::Client(action), Side::Client) => action.call.as_ref(),
                _ => None,
            })
        };
        let moved = |kind| added(calls().filter(|call| call.kind == kind).map(Call::moved));
        let made = |kinds: [CallKind; 2]| calls().any(|call| kinds.contains(&call.kind));
        let ends = self.packets().any(|(_, packet)| {
            let flags = packet.segment.flags;
            packet.from == side && (flags.has(Flags::FIN) || flags.has(Flags::RST))
        });
        made([CallKind::Accept, CallKind::Connect])
            && moved(CallKind::Write) >= self.bytes_from(side)
            && moved(CallKind::Read) >= self.bytes_from(side.peer())
            && (!ends || made([CallKind::Close, CallKind::Shutdown]) || self.timeline.exit().is_some())
    }

    /// How many bytes a side is known to have sent: on the wire, or as far as the client tells.
    fn bytes_from(self, side: Side) -> u64 {
        let sent = self
            .packets()
            .filter(|(_, packet)| packet.from == side && packet.segment.len > 0);
        let ends = sent.map(|(_, packet)| u64::from(packet.seq.saturating_sub(1)) + u64::from(packet.segment.len));
        let told = self.client_actions().map(|(_, action)| match (&action.kind, side) {
            (ClientActionKind::Sent { len, .. }, Side::Client) => *len,
            (ClientActionKind::Received { len, .. }, Side::Server) => *len,
            _ => 0,
        });
        ends.max().unwrap_or(0).max(added(told))
    }

    /// True if the server under test made it: it is the client here, and the other end may be anybody.
    pub fn is_the_servers_own(self) -> bool {
        let dials = |kind: &EventKind| matches!(kind, EventKind::Process(process) if matches!(process.kind, ProcessEventKind::Dials { .. }));
        self.events().any(|(_, event)| dials(&event.kind)) || self.is_refused_to_the_server()
    }

    /// True if a `connect` of the server's failed with ECONNREFUSED while this connection was refused. The socket has no
    /// address any more by then, so the end that was asked for and the time tell whose it was.
    fn is_refused_to_the_server(self) -> bool {
        let mut packets = self.packets();
        let (Some((index, syn)), Some((_, answer))) = (packets.next(), packets.next()) else {
            return false;
        };
        if !syn.is_first_syn() || answer.from != Side::Server || !answer.segment.flags.has(Flags::RST) {
            return false;
        }
        let (at, asked) = (self.timeline.events[index].at, self.endpoints().server);
        // A connect stands where it returned.
        self.timeline.events[index..].iter().any(|event| {
            let EventKind::Call(call) = &event.kind else {
                return false;
            };
            let is_to = |detail: &String| {
                detail
                    .parse()
                    .is_ok_and(|address: std::net::SocketAddr| address == asked)
            };
            call.kind == CallKind::Connect
                && call.result == Some(Err(Errno::ECONNREFUSED))
                && call.detail.as_ref().is_some_and(is_to)
                && (call.entered..=call.ended).contains(&at)
        })
    }

    /// True if both sides begin as TLS does, with records of a handshake
    /// ([RFC 8446, section 5.1](https://www.rfc-editor.org/rfc/rfc8446#section-5.1)): the rest is encrypted.
    pub fn is_tls(self) -> bool {
        let begins = |side| {
            let first = self
                .packets()
                .find(|(_, packet)| packet.from == side && packet.segment.len > 0);
            first.is_some_and(|(_, packet)| matches!(packet.segment.payload[..], [22, 3, 0..=4, ..]))
        };
        begins(Side::Client) && begins(Side::Server)
    }

    /// What the client did on it, with indices, in order.
    pub fn client_actions(self) -> impl Iterator<Item = (usize, &'a ClientAction)> {
        self.events().filter_map(|(index, event)| match &event.kind {
            EventKind::Client(action) => Some((index, action)),
            _ => None,
        })
    }

    /// How many write-family calls each reply took.
    ///
    /// A reply is what the server writes between one read that returned data and the next.
    /// Calls that moved no bytes (failed, or told to wait) are not counted; they are in
    /// [`writes`](Self::writes). What a server writes before it has read anything is a reply too.
    pub fn writes_per_reply(self) -> Vec<usize> {
        let moved = |(_, event): (usize, &Event)| match &event.kind {
            EventKind::Call(call) => Some((call.kind, call.moved())),
            _ => None,
        };
        let mut replying = Replying::default();
        let mut replies: Vec<usize> = self
            .events()
            .filter_map(moved)
            .filter_map(|(kind, moved)| replying.see(kind, moved))
            .collect();
        replies.extend(replying.end());
        replies
    }

    /// How many packets each exchange took, in both directions, pure ACKs included.
    ///
    /// An exchange begins with the client's first data behind a reply (or behind the handshake)
    /// and ends before the next one, or before the first FIN or reset. Where packets could not be
    /// captured, the number comes from the kernel's segment counters of the client's socket.
    pub fn packets_per_exchange(self) -> Vec<usize> {
        if self.timeline.level == Level::NoPackets {
            return self.counted_per_exchange();
        }
        self.exchanges().iter().map(|exchange| exchange.packets.len()).collect()
    }

    /// How many segments with data each reply took. Empty where packets could not be captured.
    pub fn segments_per_reply(self) -> Vec<usize> {
        self.exchanges()
            .iter()
            .map(|exchange| exchange.reply_segments)
            .collect()
    }

    /// The exchanges, from the captured packets.
    pub fn exchanges(self) -> Vec<Exchange> {
        let mut exchanges: Vec<Exchange> = Vec::new();
        let mut exchanging = Exchanging::default();
        for (index, packet) in self.packets() {
            let Some(step) = exchanging.see(packet) else { continue };
            if step.begins {
                exchanges.push(Exchange {
                    packets: Vec::new(),
                    reply_segments: 0,
                });
            }
            if let Some(exchange) = exchanges.last_mut() {
                exchange.packets.push(index);
                exchange.reply_segments += usize::from(step.replies);
            }
        }
        exchanges
    }

    /// The packets per exchange by TCP_INFO: the difference of the client's counters from just
    /// before an exchange's first send to just before the next one's, or to the close.
    fn counted_per_exchange(self) -> Vec<usize> {
        let mut counts = Vec::new();
        let mut start: Option<SegmentCounters> = None;
        let mut replied = false;
        for (_, action) in self.client_actions() {
            let Some(now) = action.counters else { continue };
            let closes = match action.kind {
                ClientActionKind::Sent { .. } => false,
                ClientActionKind::ShutdownWrite | ClientActionKind::Closed | ClientActionKind::Reset => true,
                ClientActionKind::Received { .. } => {
                    replied = true;
                    continue;
                }
                _ => continue,
            };
            match start {
                Some(from) if replied || closes => {
                    let sent = now.sent.wrapping_sub(from.sent);
                    counts.push(sent.wrapping_add(now.received.wrapping_sub(from.received)) as usize);
                    start = (!closes).then_some(now);
                }
                None if !closes && counts.is_empty() => start = Some(now),
                _ => continue,
            }
            replied = false;
        }
        counts
    }

    /// The packets that were held back until an ACK came.
    pub fn held_segments(self) -> impl Iterator<Item = (usize, &'a Packet)> {
        self.packets().filter(|(_, packet)| packet.held().is_some())
    }

    /// The segments that waited since their program had said that more follows (TCP_CORK, MSG_MORE), until the kernel
    /// waited no longer, and for how long. Linux keeps them for 200 ms at most: tcp(7). One that the program let go,
    /// by taking the cork out or by an end, is none, however late that was.
    pub fn corked_segments(self) -> impl Iterator<Item = (usize, &'a Packet, Duration)> {
        // Whoever has more to send has sent it by half of that.
        const GIVEN_UP: Duration = Duration::from_millis(100);
        self.packets().filter_map(move |(index, packet)| {
            let why = &packet.facts.why;
            let waited = why.waited.filter(|waited| *waited >= GIVEN_UP)?;
            let at = self.timeline.events[index].at;
            let lets_go = |call: &Call| {
                let asks = match call.argument {
                    Some(Argument::Option(SocketOption::Cork(on))) => !on,
                    Some(Argument::Option(SocketOption::NoDelay(on))) => on,
                    _ => matches!(call.kind, CallKind::Shutdown | CallKind::Close),
                };
                asks && call.entered <= at && at.since(call.entered) <= waited
            };
            let mut calls = self.events().filter_map(|(_, event)| match &event.kind {
                EventKind::Call(call) => Some(call),
                EventKind::Client(action) => action.call.as_ref(),
                _ => None,
            });
            let is_corked = why.reason == Reason::Cork && packet.segment.len > 0;
            (is_corked && !calls.any(lets_go)).then_some((index, packet, waited))
        })
    }

    /// How it ended.
    pub fn teardown(self) -> Teardown {
        self.closing().teardown()
    }

    /// What is known of its end: from the packets, where there are some, and from the socket
    /// table; where no packets could be captured, or some were lost, from the calls of both sides instead.
    pub fn closing(self) -> Closing {
        let facts = self.facts();
        let begins = |packet: &Packet| {
            let first = facts.fins.first().map(|fin| fin.1).into_iter();
            let first = first.chain(facts.reset.map(|reset| reset.1)).min();
            first.is_some_and(|first| packet.number >= first)
        };
        let refuses = |(_, packet): (usize, &Packet)| packet.facts.why.reason == Reason::NoListener;
        let mut closing = Closing {
            refused: self.packets().any(refuses),
            fins: facts.fins.iter().map(|fin| fin.0).collect(),
            reset_by: facts.reset.map(|reset| reset.0),
            packets: self
                .packets()
                .skip_while(|(_, packet)| !begins(packet))
                .map(|(index, _)| index)
                .collect(),
            server_read_end_of_file: self.calls().any(|(_, call)| call.is_end_of_file()),
            server_left: self.left(Side::Server),
            client_left: self.left(Side::Client),
        };
        if self.timeline.level == Level::NoPackets || self.may_miss_packets() {
            let captured = closing.reset_by.take();
            closing.fins.clear();
            self.close_by_calls(&mut closing);
            closing.reset_by = closing.reset_by.or(captured);
        }
        closing
    }

    /// True if the capture lost packets, and there are calls and states to go by instead.
    fn may_miss_packets(self) -> bool {
        self.timeline.dropped > 0 && self.timeline.level != Level::Capture
    }

    fn close_by_calls(self, closing: &mut Closing) {
        for (_, event) in self.events() {
            let fin = match &event.kind {
                EventKind::Client(action) => match action.kind {
                    ClientActionKind::Reset => {
                        closing.reset_by.get_or_insert(Side::Client);
                        None
                    }
                    ClientActionKind::ShutdownWrite | ClientActionKind::Closed => Some(Side::Client),
                    ClientActionKind::EndOfFile => Some(Side::Server),
                    ClientActionKind::Failed(_) => {
                        closing.reset_by.get_or_insert(Side::Server);
                        None
                    }
                    _ => None,
                },
                // The states that follow a FIN of one's own.
                EventKind::State(change) => match change.to {
                    Some(TcpState::FinWait1 | TcpState::FinWait2 | TcpState::LastAck | TcpState::Closing) => {
                        Some(change.side)
                    }
                    _ => None,
                },
                _ => None,
            };
            if let Some(side) = fin
                && closing.reset_by.is_none()
                && !closing.fins.contains(&side)
            {
                closing.fins.push(side);
            }
        }
        // A close behind the client's FIN sends one, and the state that follows may be too short to be
        // seen; but not where another descriptor still holds the socket, nor where it is a reset.
        let closed = self.calls().any(|(_, call)| call.kind == CallKind::Close);
        let gone = closing.reset_by.is_none() && closing.server_left != Some(TcpState::CloseWait);
        if closed && gone && closing.server_read_end_of_file && !closing.fins.contains(&Side::Server) {
            closing.fins.push(Side::Server);
        }
    }

    fn left(self, side: Side) -> Option<TcpState> {
        let mut changes = self.states().into_iter().filter(|(_, change)| change.side == side);
        changes.next_back()?.1.to
    }

    /// The state changes of both sockets, each with the index of the event that showed it.
    ///
    /// They come from the socket table. A capture file has none: there they follow from the
    /// segments, by [RFC 9293, figure 5](https://www.rfc-editor.org/rfc/rfc9293#figure-5).
    pub fn states(self) -> Vec<(usize, StateChange)> {
        if self.timeline.level == Level::Capture {
            return self.states_by_packets();
        }
        let state = |(index, event): (usize, &Event)| match event.kind {
            EventKind::State(change) => Some((index, change)),
            _ => None,
        };
        self.events().filter_map(state).collect()
    }

    /// The states to show. The socket table is read now and then, so it misses some and shows others
    /// late. Where every packet is there, the states follow from them, each at the packet that brought
    /// it, and the table has the last word on what a socket was left in.
    pub(crate) fn states_in_place(self) -> Vec<(usize, StateChange)> {
        let observed = self.states();
        let whole = self.timeline.dropped == 0 && self.packets().any(|(_, packet)| packet.is_first_syn());
        // Behind a wire a packet brings a state when it comes, if it does, and not where it stands.
        let behind_wire = self.packets().any(|(_, packet)| packet.passage.is_some());
        if !whole || behind_wire {
            return observed;
        }
        let mut states = self.states_by_packets();
        for side in [Side::Client, Side::Server] {
            let last =
                |states: &[(usize, StateChange)]| states.iter().rfind(|(_, change)| change.side == side).copied();
            let Some((index, left)) = last(&observed) else { continue };
            if last(&states).is_none_or(|(_, change)| change.to != left.to) {
                states.push((index, left));
            }
        }
        states
    }

    /// The state changes that follow from the segments, each with the index of its packet.
    fn states_by_packets(self) -> Vec<(usize, StateChange)> {
        self.facts().states.clone()
    }

    /// What is so of it as a whole.
    pub fn facts(self) -> &'a ConnectionFacts {
        &self.timeline.facts[self.id.0]
    }

    /// Its packets in short notation, one line each: `C>S PSH,ACK seq 1 ack 1 len 2 "1\n"`.
    ///
    /// Times, ports, windows and options are left out, so two runs that did the same compare equal.
    pub fn wire(self) -> Vec<String> {
        self.packets().map(|(_, packet)| packet.short()).collect()
    }

    /// Like [`wire`](Self::wire), for the packets at these indices.
    pub fn wire_of(self, packets: &[usize]) -> Vec<String> {
        packets
            .iter()
            .filter_map(|&index| self.timeline.packet(index))
            .map(Packet::short)
            .collect()
    }
}

/// A segment that Nagle's algorithm held back, as far as is known: see [`Reason::Nagle`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The write that had already returned, as an index into the timeline's events.
    pub write: usize,
    /// The number of the frame whose ACK let the segment go.
    pub until_frame: usize,
    /// The time from the write's return to the segment.
    pub waited: Duration,
}

impl Packet {
    /// Set where Nagle's algorithm held the segment back until an ACK came.
    pub fn held(&self) -> Option<Held> {
        let why = &self.facts.why;
        if why.reason != Reason::Nagle {
            return None;
        }
        Some(Held {
            write: why.evidence.iter().find_map(Evidence::event)?,
            until_frame: why.evidence.iter().find_map(Evidence::frame)?,
            waited: why.waited.unwrap_or_default(),
        })
    }

    pub(crate) fn is_first_syn(&self) -> bool {
        let flags = self.segment.flags;
        self.from == Side::Client && flags.has(Flags::SYN) && !flags.has(Flags::ACK)
    }

    /// This packet in short notation: see [`Connection::wire`].
    pub fn short(&self) -> String {
        let way = match self.from {
            Side::Client => "C>S",
            Side::Server => "S>C",
        };
        let mut line = format!("{way} {} seq {}", self.segment.flags, self.seq);
        if self.segment.flags.has(Flags::ACK) {
            line += &format!(" ack {}", self.ack);
        }
        if self.segment.len > 0 {
            line += &format!(" len {} {}", self.segment.len, quoted(&self.segment.payload));
        }
        line
    }
}
