//! All that was seen of a run or a capture, numbered, and what can be asked of it without concluding anything.

use std::collections::HashSet;
use std::ops::Index;

use super::event::*;
use super::frames::{Frames, ShownState};
use super::ids::{ConnectionId, EventId, FrameNumber, Link, Side};
use super::plain::quoted;
use super::segment::Flags;

/// Everything that was seen, in one order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// How much could be observed.
    pub level: Level,
    /// The connections, in the order in which they began. [`ConnectionId`] is an index into this.
    pub endpoints: Vec<Endpoints>,
    /// All events, ordered by [`Event::at`]; those of a file in the order of its frames, which is the
    /// same unless the file's stamps go back. [`EventId`] is an index into this.
    pub events: Vec<Event>,
    /// Packets that the kernel had to drop because the capture did not keep up. Never hidden:
    /// every format shows it where it is not 0.
    pub dropped: u64,
    /// How many events came later and were not kept, as the run was too long
    /// (`keep` of the harness's `ServerBuilder`).
    pub not_kept: u64,
    /// How each connection was told from others.
    pub(crate) links: Vec<Link>,
    /// The events of each connection: ten thousand connections must not each look through all events.
    pub(crate) of_connection: Vec<Vec<EventId>>,
    /// What the packets of each connection tell of its sockets.
    pub(crate) by_packets: Vec<Vec<(EventId, StateChange)>>,
    pub(crate) frames: Frames,
}

impl Index<EventId> for Seen {
    type Output = Event;

    fn index(&self, id: EventId) -> &Event {
        &self.events[id.index()]
    }
}

/// One connection of what was seen.
#[derive(Clone, Copy, Debug)]
pub struct SeenConnection<'a> {
    seen: &'a Seen,
    id: ConnectionId,
}

impl Seen {
    /// All events, each with its id.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (EventId, &Event)> {
        self.events
            .iter()
            .enumerate()
            .map(|(index, event)| (EventId::of(index), event))
    }

    /// The connections, in the order in which they began.
    pub fn connections(&self) -> impl ExactSizeIterator<Item = SeenConnection<'_>> {
        (0..self.endpoints.len()).map(|index| self.connection(ConnectionId::of(index)))
    }

    /// One of them.
    pub fn connection(&self, id: ConnectionId) -> SeenConnection<'_> {
        SeenConnection { seen: self, id }
    }

    /// The number of the frame that an event is in the capture file. `None` for an event that is no frame.
    pub fn frame(&self, id: EventId) -> Option<FrameNumber> {
        let number = self.frames.of_event.get(id.index()).copied();
        number.filter(|number| *number != 0)
    }

    /// The event that is the frame with this number.
    pub fn event_of_frame(&self, number: FrameNumber) -> Option<EventId> {
        let by_number = &self.frames.by_number;
        let found = by_number.binary_search_by_key(&Some(number), |id| self.frame(*id));
        Some(by_number[found.ok()?])
    }

    /// The states that are shown behind an event.
    pub fn states_after(&self, id: EventId) -> &[ShownState] {
        self.frames.states.get(&id).map_or(&[], Vec::as_slice)
    }

    /// The highest number of a frame; 0 if there are none.
    pub fn last_frame(&self) -> FrameNumber {
        let states = self.frames.states.values().flatten().filter_map(|state| state.frame);
        let events = self.frames.of_event.iter().copied();
        events.chain(states).max().unwrap_or_default()
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

    /// The first process that was refused the strict mode of seccomp since it is traced.
    pub fn refused_strict_mode(&self) -> Option<i32> {
        let mut processes = self.processes();
        processes.find_map(|event| (event.kind == ProcessEventKind::NoStrictMode).then_some(event.pid))
    }

    /// The processes of the server that read from a connection, or wrote to one.
    fn servants(&self) -> HashSet<i32> {
        self.all_calls()
            .filter(|(_, call)| matches!(call.kind, CallKind::Read | CallKind::Write))
            .filter_map(|(_, call)| call.process.map(Into::into))
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
        foreign || self.uses_io_uring() && !self.connections().all(SeenConnection::is_all_in_calls)
    }

    /// The server's first process, which started the others.
    pub(crate) fn first_process(&self) -> Option<i32> {
        Some(self.processes().next()?.pid)
    }

    fn processes(&self) -> impl Iterator<Item = &ProcessEvent> {
        self.events.iter().filter_map(|event| match &event.kind {
            EventKind::Process(event) => Some(&**event),
            _ => None,
        })
    }

    /// The packet with this id, if the event is one.
    pub fn packet(&self, id: EventId) -> Option<&Packet> {
        match &self.events.get(id.index())?.kind {
            EventKind::Packet(packet) => Some(&**packet),
            _ => None,
        }
    }

    /// The server's calls, on connections and off them.
    pub fn all_calls(&self) -> impl Iterator<Item = (EventId, &Call)> {
        self.iter().filter_map(|(id, _)| Some((id, self.call(id)?)))
    }

    /// The call with this id, if the event is one.
    pub fn call(&self, id: EventId) -> Option<&Call> {
        match &self.events.get(id.index())?.kind {
            EventKind::Call(call) => Some(&**call),
            _ => None,
        }
    }
}

impl<'a> SeenConnection<'a> {
    /// All that was seen, of it and of others.
    pub fn seen(self) -> &'a Seen {
        self.seen
    }

    /// Its place in the timeline.
    pub fn id(self) -> ConnectionId {
        self.id
    }

    /// Its two addresses.
    pub fn endpoints(self) -> Endpoints {
        self.seen.endpoints[self.id.index()]
    }

    /// Its events with their ids, in order.
    pub fn events(self) -> impl Iterator<Item = (EventId, &'a Event)> {
        self.seen.of_connection[self.id.index()]
            .iter()
            .map(|&id| (id, &self.seen[id]))
    }

    /// Its packets with their ids, in order.
    pub fn packets(self) -> impl Iterator<Item = (EventId, &'a Packet)> {
        self.events()
            .filter_map(move |(id, _)| Some((id, self.seen.packet(id)?)))
    }

    /// True if a packet of it was. Of a connection within one host, a capture of the wire has none.
    pub fn is_captured(self) -> bool {
        self.packets().next().is_some()
    }

    /// True if the server made it, and whom it asked is nobody whose calls were traced.
    pub fn is_half_traced(self) -> bool {
        self.is_the_servers_own() && self.calls().next().is_none()
    }

    /// The server's calls on it with their ids, in order.
    pub fn calls(self) -> impl Iterator<Item = (EventId, &'a Call)> {
        self.events().filter_map(move |(id, _)| Some((id, self.seen.call(id)?)))
    }

    /// The server's write-family calls, failed ones included.
    pub fn writes(self) -> impl Iterator<Item = (EventId, &'a Call)> {
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
                (EventKind::Call(call), Side::Server) => Some(&**call),
                (EventKind::Client(action), Side::Client) => action.call.as_deref(),
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
            && (!ends || made([CallKind::Close, CallKind::Shutdown]) || self.seen.exit().is_some())
    }

    /// How many bytes a side is known to have sent: on the wire, or as far as the client tells.
    pub(crate) fn bytes_from(self, side: Side) -> u64 {
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

    /// True if this connection was refused during a `connect` of the server's: one that failed with ECONNREFUSED, or did
    /// not wait to be told. The socket has no address any more by then, so the end that was asked for and the time tell
    /// whose it was.
    fn is_refused_to_the_server(self) -> bool {
        let mut packets = self.packets();
        let (Some((index, syn)), Some((_, answer))) = (packets.next(), packets.next()) else {
            return false;
        };
        if !syn.is_first_syn() || answer.from != Side::Server || !answer.segment.flags.has(Flags::RST) {
            return false;
        }
        let (at, asked) = (self.seen[index].at, self.endpoints().server);
        // A connect stands on the timeline where it returned, so it comes after the packets that it waited for.
        self.seen.events[index.index()..].iter().any(|event| {
            let EventKind::Call(call) = &event.kind else {
                return false;
            };
            call.kind == CallKind::Connect
                && matches!(call.result, Some(Err(Errno::ECONNREFUSED | Errno::EINPROGRESS)))
                && call.argument() == Some(Argument::Address(asked))
                && (call.entered..=call.ended).contains(&at)
        })
    }

    /// True if both sides begin as TLS does, with records of a handshake
    /// ([RFC 8446, section 5.1](https://www.rfc-editor.org/rfc/rfc8446#section-5.1)): the rest is encrypted.
    pub fn is_tls(self) -> bool {
        let begins = |side| {
            let mut packets = self.packets().map(|(_, packet)| packet);
            let first = packets.find(|packet| packet.from == side && packet.segment.len > 0);
            first.is_some_and(|packet| packet.segment.begins_tls())
        };
        begins(Side::Client) && begins(Side::Server)
    }

    /// What the client did on it, with ids, in order.
    pub fn client_actions(self) -> impl Iterator<Item = (EventId, &'a ClientAction)> {
        self.events().filter_map(|(index, event)| match &event.kind {
            EventKind::Client(action) => Some((index, &**action)),
            _ => None,
        })
    }

    /// The state changes of both sockets, each with the event that showed it.
    ///
    /// They come from the socket table. A capture file has none: there they follow from the
    /// segments, by [RFC 9293, figure 5](https://www.rfc-editor.org/rfc/rfc9293#figure-5).
    pub fn states(self) -> Vec<(EventId, StateChange)> {
        if self.seen.level == Level::Capture {
            return self.states_by_packets();
        }
        let state = |(index, event): (EventId, &Event)| match event.kind {
            EventKind::State(change) => Some((index, change)),
            _ => None,
        };
        self.events().filter_map(state).collect()
    }

    /// The states to show. The socket table is read now and then, so it misses some and shows others
    /// late. Where every packet is there, the states follow from them, each at the packet that brought
    /// it, and the table has the last word on what a socket was left in.
    pub(crate) fn states_in_place(self) -> Vec<(EventId, StateChange)> {
        let observed = self.states();
        let whole = self.seen.dropped == 0 && self.packets().any(|(_, packet)| packet.is_first_syn());
        // Behind a wire a packet brings a state when it comes, if it does, and not where it stands.
        let behind_wire = self.packets().any(|(_, packet)| packet.passage.is_some());
        if !whole || behind_wire {
            return observed;
        }
        let mut states = self.states_by_packets();
        for side in [Side::Client, Side::Server] {
            let last =
                |states: &[(EventId, StateChange)]| states.iter().rfind(|(_, change)| change.side == side).copied();
            let Some((index, left)) = last(&observed) else { continue };
            if last(&states).is_none_or(|(_, change)| change.to != left.to) {
                states.push((index, left));
            }
        }
        states
    }

    /// The state changes that follow from the segments, each with its packet.
    fn states_by_packets(self) -> Vec<(EventId, StateChange)> {
        self.seen.by_packets[self.id.index()].clone()
    }

    pub(crate) fn left(self, side: Side) -> Option<TcpState> {
        let mut changes = self.states().into_iter().filter(|(_, change)| change.side == side);
        changes.next_back()?.1.to
    }

    /// Its packets in short notation, one line each: `C>S PSH,ACK seq 1 ack 1 len 2 "1\n"`.
    ///
    /// Times, ports, windows and options are left out, so two runs that did the same compare equal.
    pub fn wire(self) -> Vec<String> {
        self.packets().map(|(_, packet)| packet.short()).collect()
    }

    /// Like [`wire`](Self::wire), for the packets with these ids.
    pub fn wire_of(self, packets: &[EventId]) -> Vec<String> {
        packets
            .iter()
            .filter_map(|&index| self.seen.packet(index))
            .map(Packet::short)
            .collect()
    }
}

impl Packet {
    pub(crate) fn is_first_syn(&self) -> bool {
        let flags = self.segment.flags;
        self.from == Side::Client && flags.has(Flags::SYN) && !flags.has(Flags::ACK)
    }

    /// This packet in short notation: see [`SeenConnection::wire`].
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
