//! The states of both sockets, as far as the packets tell
//! ([RFC 9293, figure 5](https://www.rfc-editor.org/rfc/rfc9293#figure-5)).

use super::moments::{Moment, moments};
use super::{Both, EventId, Flags, Level, Packet, SeenConnection, Side, StateChange, TcpState, Timestamp, is_after};

/// Both sockets of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sockets {
    established: bool,
    /// What passes here has not come to its receiver yet. That it has, the receiver's next ACK shows.
    far: bool,
    ends: Both<Socket>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Socket {
    state: Option<TcpState>,
    /// The relative sequence number after its FIN.
    fin: Option<u32>,
    /// True once the FIN of its peer has come to it.
    has_fin: bool,
    /// The sequence number of its SYN, as it is on the wire.
    isn: Option<u32>,
    /// The end of what it sent, and the highest acknowledgment that it sent: relative numbers.
    sent: Option<u32>,
    said: Option<u32>,
    /// The time to live of its packets, if all had the same.
    hops: Option<Option<u8>>,
    /// Its reset that was taken: the state before it, its number, and its acknowledgment.
    reset: Option<(Option<TcpState>, u32, Option<u32>)>,
    /// The reset of its peer's that it should have taken: its state before that, and the number.
    was_reset: Option<(Option<TcpState>, u32)>,
}

/// Packets of one host may take ways that differ by so many hops.
const WAYS_DIFFER: u8 = 2;

impl Sockets {
    /// As they show where nothing is known of either end but the packets that pass: a capture of somebody's.
    pub fn from_afar() -> Sockets {
        Sockets {
            far: true,
            ..Sockets::default()
        }
    }

    /// The state of a side's socket; `None` where it is not open, or nothing tells.
    pub fn state(&self, side: Side) -> Option<TcpState> {
        self.ends[side].state
    }

    /// True once both FINs were acknowledged.
    pub fn are_closed(&self) -> bool {
        let closed = |socket: &Socket| socket.fin.is_some() && matches!(socket.state, None | Some(TcpState::TimeWait));
        closed(&self.ends.client) && closed(&self.ends.server)
    }

    /// True if the connection is established and both sockets are there.
    pub fn are_open(&self) -> bool {
        self.established && self.ends.client.state.is_some() && self.ends.server.state.is_some()
    }

    /// True if the receiver of a reset must take it, as far as is known of what has come to it
    /// ([RFC 9293, section 3.10.7.4](https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4), and section 3.10.7.3 of
    /// one whose SYN has no answer). One beyond what is expected is challenged.
    pub fn take(&self, reset: &Packet) -> bool {
        let (sender, receiver) = (&self.ends[reset.from], &self.ends[reset.from.peer()]);
        if let (Some(sent), None, None) = (receiver.sent, receiver.said, sender.sent)
            && receiver.isn.is_some()
        {
            return reset.segment.flags.has(Flags::ACK) && is_after(reset.ack, 0) && !is_after(reset.ack, sent);
        }
        // Before the receiver has said anything, what lies below the sender's SYN answers an earlier connection.
        let expected = receiver.said.or(sender.isn.map(|_| 0));
        let not_old = expected.is_none_or(|expected| !is_after(expected, reset.seq));
        let highest = sender
            .sent
            .map(|sent| receiver.said.filter(|said| is_after(*said, sent)).unwrap_or(sent));
        not_old && highest.is_none_or(|highest| !is_after(reset.seq, highest))
    }

    /// True if another host than its alleged sender seems to have sent a packet, by the hops that it took.
    pub fn is_from_between(&self, packet: &Packet) -> bool {
        let usual = self.ends[packet.from].hops.flatten().filter(|_| self.far);
        usual.is_some_and(|hops| hops.abs_diff(packet.segment.ip.hops_left) > WAYS_DIFFER)
    }

    /// True if a side sends more after its reset: then it did not send that one. What was on its way before it has lower
    /// numbers, or acknowledges no more.
    pub fn talks_on(&self, packet: &Packet) -> bool {
        let (sender, flags) = (&self.ends[packet.from], packet.segment.flags);
        let end = packet.seq.wrapping_add(packet.segment.len);
        let is_new = packet.segment.len > 0 && sender.sent.is_none_or(|sent| is_after(end, sent));
        let talks = |(_, seq, ack): (_, u32, Option<u32>)| {
            let acknowledges = flags.has(Flags::ACK) && ack.is_some_and(|ack| is_after(packet.ack, ack));
            is_new && !is_after(seq, packet.seq) || acknowledges
        };
        !flags.has(Flags::SYN) && !flags.has(Flags::RST) && sender.reset.is_some_and(talks)
    }

    /// True if a side acknowledges more than its peer had sent by a reset: then it did not take that one.
    pub fn ignores_reset(&self, packet: &Packet) -> bool {
        let flags = packet.segment.flags;
        let was_reset = self.ends[packet.from].was_reset;
        let acknowledges = flags.has(Flags::ACK) && was_reset.is_some_and(|(_, seq)| is_after(packet.ack, seq));
        acknowledges && !flags.has(Flags::SYN) && !flags.has(Flags::RST)
    }

    /// True for a packet that is about another connection on the same addresses: it answers a SYN without a word of it.
    fn is_alien(&self, packet: &Packet) -> bool {
        let (sender, receiver) = (&self.ends[packet.from], &self.ends[packet.from.peer()]);
        let asked = receiver.isn.is_some() && receiver.said.is_none() && sender.sent.is_none();
        let answers = receiver
            .sent
            .is_some_and(|sent| is_after(packet.ack, 0) && !is_after(packet.ack, sent));
        asked && !answers && packet.segment.len == 0 && packet.segment.flags == Flags::ACK
    }

    /// A packet leaves: what its sender's socket becomes.
    pub fn departs(&mut self, packet: &Packet) {
        let flags = packet.segment.flags;
        if flags.has(Flags::RST) {
            if self.take(packet) && !self.is_from_between(packet) {
                let ack = flags.has(Flags::ACK).then_some(packet.ack);
                let sender = &mut self.ends[packet.from];
                let state = std::mem::take(&mut sender.state);
                sender.reset.get_or_insert((state, packet.seq, ack));
            }
            return;
        }
        if self.far
            && self.talks_on(packet)
            && let Some((state, ..)) = self.ends[packet.from].reset.take()
        {
            self.ends[packet.from].state = state;
        }
        if self.ignores_reset(packet)
            && let Some((state, _)) = self.ends[packet.from].was_reset.take()
        {
            self.ends[packet.from].state = state;
        }
        if self.is_alien(packet) {
            return;
        }
        self.follow(packet);
        if flags.has(Flags::SYN) {
            return;
        }
        if !self.established {
            self.established = true;
            self.ends.client.state = Some(TcpState::Established);
            self.ends.server.state = Some(TcpState::Established);
        }
        let theirs = self.ends[packet.from.peer()].fin;
        let sender = &mut self.ends[packet.from];
        if flags.has(Flags::ACK) && theirs.is_some_and(|fin| !is_after(fin, packet.ack)) {
            sender.fin_comes();
        }
        if flags.has(Flags::FIN) && sender.fin.is_none() {
            sender.fin = Some(packet.seq.wrapping_add(packet.segment.len).wrapping_add(1));
            sender.state = match sender.state {
                Some(TcpState::Established) => Some(TcpState::FinWait1),
                Some(TcpState::CloseWait) => Some(TcpState::LastAck),
                other => other,
            };
        }
    }

    /// Takes in the numbers of a packet that leaves.
    fn follow(&mut self, packet: &Packet) {
        let flags = packet.segment.flags;
        let (sender, hops) = (&mut self.ends[packet.from], packet.segment.ip.hops_left);
        let same = sender.hops.is_none_or(|known| known == Some(hops));
        sender.hops = Some(same.then_some(hops));
        let numbered = u32::from(flags.has(Flags::SYN)) + u32::from(flags.has(Flags::FIN));
        let end = packet.seq.wrapping_add(packet.segment.len).wrapping_add(numbered);
        let is_new = flags.has(Flags::SYN) && sender.isn.replace(packet.segment.seq) != Some(packet.segment.seq);
        if is_new || sender.sent.is_none_or(|sent| is_after(end, sent)) {
            sender.sent = Some(end);
        }
        if flags.has(Flags::ACK) && sender.said.is_none_or(|said| is_after(packet.ack, said)) {
            sender.said = Some(packet.ack);
        }
        if flags.has(Flags::SYN) {
            // Who asks again after a reset begins anew.
            (sender.reset, sender.was_reset) = (None, None);
        }
        if is_new {
            // Its numbers begin anew.
            let receiver = &mut self.ends[packet.from.peer()];
            receiver.said = receiver.said.filter(|said| *said == 1 && receiver.isn.is_some());
        }
    }

    /// A packet has come: what its receiver's socket becomes. Its ACK counts before its FIN, as in
    /// RFC 9293, section 3.10.7.4.
    pub fn arrives(&mut self, packet: &Packet) {
        let flags = packet.segment.flags;
        let takes = flags.has(Flags::RST) && self.take(packet);
        // A FIN that was sent before it may be acknowledged while it is on its way.
        let sent = self.ends[packet.from].sent.filter(|sent| is_after(*sent, packet.seq));
        let receiver = &mut self.ends[packet.from.peer()];
        if flags.has(Flags::RST) {
            if takes && let Some(state) = receiver.state.take() {
                receiver.was_reset = Some((Some(state), sent.unwrap_or(packet.seq)));
            }
            return;
        }
        if flags.has(Flags::SYN) {
            return;
        }
        if flags.has(Flags::ACK) && receiver.fin == Some(packet.ack) {
            receiver.state = match receiver.state {
                Some(TcpState::FinWait1) => Some(TcpState::FinWait2),
                Some(TcpState::Closing) => Some(TcpState::TimeWait),
                Some(TcpState::LastAck) => None,
                other => other,
            };
        }
        if flags.has(Flags::FIN) && !self.far {
            receiver.fin_comes();
        }
    }

    /// True if the connection was established since, or a FIN was sent.
    pub fn has_turned(&self, before: &Sockets) -> bool {
        let fins = |sockets: &Sockets| [sockets.ends.client.fin, sockets.ends.server.fin];
        self.established != before.established || fins(self) != fins(before)
    }

    /// What is another than before.
    pub fn changes_since(&self, before: &Sockets) -> impl Iterator<Item = StateChange> {
        let change = move |side| StateChange {
            side,
            from: before.state(side),
            to: self.state(side),
        };
        [Side::Client, Side::Server]
            .map(change)
            .into_iter()
            .filter(|change| change.from != change.to)
    }
}

impl Socket {
    /// The FIN of its peer has come.
    fn fin_comes(&mut self) {
        if std::mem::replace(&mut self.has_fin, true) {
            return;
        }
        self.state = match self.state {
            Some(TcpState::Established) => Some(TcpState::CloseWait),
            Some(TcpState::FinWait1) => Some(TcpState::Closing),
            Some(TcpState::FinWait2) => Some(TcpState::TimeWait),
            other => other,
        };
    }
}

/// When a packet brought a socket a state.
pub(crate) struct Dated {
    pub at: Timestamp,
    pub side: Side,
    pub to: Option<TcpState>,
    /// False where an earlier packet of the peer's was lost or came later: what the socket made of this one had to wait.
    pub is_sure: bool,
}

/// The moments at which the packets of a connection brought states: when they left, and when they came.
pub(crate) fn dated_by_packets(connection: SeenConnection<'_>) -> Vec<Dated> {
    let mut sockets = Sockets::default();
    let mut dates: Vec<Dated> = Vec::new();
    let mut on_the_way: Vec<(Side, EventId)> = Vec::new();
    let mut is_sure = Both {
        client: true,
        server: true,
    };
    for moment in moments(connection) {
        let (before, from, at) = (sockets, moment.packet.from, moment.at);
        let comes = moment.is == Moment::Comes;
        let mut brought = Vec::new();
        if !comes {
            sockets.departs(moment.packet);
            on_the_way.push((from, moment.event));
            brought.extend(moment.packet.is_first_syn().then_some((from, Some(TcpState::SynSent))));
        }
        if moment.is != Moment::Leaves {
            sockets.arrives(moment.packet);
            let first = on_the_way.iter().find(|(side, _)| *side == from);
            is_sure[from.peer()] &= first == Some(&(from, moment.event));
            on_the_way.retain(|(_, event)| *event != moment.event);
            let opens = moment.packet.is_first_syn();
            let to = if opens {
                TcpState::SynReceived
            } else {
                TcpState::Established
            };
            brought.push((from.peer(), Some(to)));
        }
        let changes = sockets.changes_since(&before).map(|change| (change.side, change.to));
        brought.extend(changes.filter(|(_, to)| *to != Some(TcpState::Established)));
        // Each state comes once: what comes later brings it no more.
        brought.retain(|new| dates.iter().all(|date| (date.side, date.to) != *new));
        dates.extend(brought.into_iter().map(|(side, to)| Dated {
            at,
            side,
            to,
            is_sure: is_sure[side] || !comes,
        }));
    }
    dates
}

/// Takes in changes. A socket that is open again was never closed: the reset was not its own.
pub(crate) fn note<K>(states: &mut Vec<(K, StateChange)>, changes: impl Iterator<Item = (K, StateChange)>) {
    for (key, change) in changes {
        let closed = |(_, old): &(K, StateChange)| old.side == change.side && old.to.is_none();
        match states.iter().rposition(closed).filter(|_| change.from.is_none()) {
            Some(place) => drop(states.remove(place)),
            None => states.push((key, change)),
        }
    }
}

/// The state changes that are known. Of one direction alone nothing tells whose FIN was the first.
pub(crate) fn known_of(change: &StateChange, both_ways: bool) -> bool {
    both_ways || change.to != Some(TcpState::FinWait1)
}

/// The state changes that follow from the packets of a connection, each with the packet's event.
pub(super) fn states_by_packets(connection: SeenConnection<'_>) -> Vec<(EventId, StateChange)> {
    let mut sockets = match connection.seen().level {
        Level::Capture if connection.packets().all(|(_, packet)| packet.passage.is_none()) => Sockets::from_afar(),
        _ => Sockets::default(),
    };
    let mut states = Vec::new();
    for moment in moments(connection) {
        let before = sockets;
        if moment.is != Moment::Comes {
            sockets.departs(moment.packet);
        }
        if moment.is != Moment::Leaves {
            sockets.arrives(moment.packet);
        }
        note(
            &mut states,
            sockets.changes_since(&before).map(|change| (moment.event, change)),
        );
    }
    let captured = |side| connection.packets().any(|(_, packet)| packet.from == side);
    let both_ways = captured(Side::Client) && captured(Side::Server);
    states.retain(|(_, change)| known_of(change, both_ways));
    states
}
