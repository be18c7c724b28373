//! The states of both sockets, as far as the packets tell
//! ([RFC 9293, figure 5](https://www.rfc-editor.org/rfc/rfc9293#figure-5)).

use super::moments::{Moment, moments};
use super::{Both, EventId, Flags, Packet, SeenConnection, Side, StateChange, TcpState};

/// Both sockets of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sockets {
    established: bool,
    ends: Both<Socket>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Socket {
    state: Option<TcpState>,
    /// The relative sequence number after its FIN.
    fin: Option<u32>,
}

impl Sockets {
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

    /// A packet leaves: what its sender's socket becomes.
    pub fn departs(&mut self, packet: &Packet) {
        let flags = packet.segment.flags;
        if flags.has(Flags::RST) {
            self.ends[packet.from].state = None;
            return;
        }
        if flags.has(Flags::SYN) {
            return;
        }
        if !self.established {
            self.established = true;
            self.ends.client.state = Some(TcpState::Established);
            self.ends.server.state = Some(TcpState::Established);
        }
        if !flags.has(Flags::FIN) {
            return;
        }
        let sender = &mut self.ends[packet.from];
        if sender.fin.is_none() {
            sender.fin = Some(packet.seq.wrapping_add(packet.segment.len).wrapping_add(1));
            sender.state = match sender.state {
                Some(TcpState::Established) => Some(TcpState::FinWait1),
                Some(TcpState::CloseWait) => Some(TcpState::LastAck),
                other => other,
            };
        }
    }

    /// A packet has come: what its receiver's socket becomes. Its ACK counts before its FIN, as in
    /// RFC 9293, section 3.10.7.4.
    pub fn arrives(&mut self, packet: &Packet) {
        let flags = packet.segment.flags;
        let receiver = &mut self.ends[packet.from.peer()];
        if flags.has(Flags::RST) {
            receiver.state = None;
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
        if flags.has(Flags::FIN) {
            receiver.state = match receiver.state {
                Some(TcpState::Established) => Some(TcpState::CloseWait),
                Some(TcpState::FinWait1) => Some(TcpState::Closing),
                Some(TcpState::FinWait2) => Some(TcpState::TimeWait),
                other => other,
            };
        }
    }

    /// What is another than before.
    pub fn changes_since(&self, before: Sockets) -> impl Iterator<Item = StateChange> {
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

/// The state changes that follow from the packets of a connection, each with the packet's event.
pub(super) fn states_by_packets(connection: SeenConnection<'_>) -> Vec<(EventId, StateChange)> {
    let mut sockets = Sockets::default();
    let mut states = Vec::new();
    for moment in moments(connection) {
        let before = sockets;
        if moment.is != Moment::Comes {
            sockets.departs(moment.packet);
        }
        if moment.is != Moment::Leaves {
            sockets.arrives(moment.packet);
        }
        states.extend(sockets.changes_since(before).map(|change| (moment.event, change)));
    }
    states
}
