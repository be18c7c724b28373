//! The states of both sockets, as far as the packets tell
//! ([RFC 9293, figure 5](https://www.rfc-editor.org/rfc/rfc9293#figure-5)).

use super::{Flags, Packet, Side, TcpState};

/// Both sockets of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sockets {
    established: bool,
    client: Socket,
    server: Socket,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Socket {
    state: Option<TcpState>,
    /// The relative sequence number after its FIN.
    fin: Option<u32>,
}

impl Sockets {
    fn of(&mut self, side: Side) -> &mut Socket {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// The state of a side's socket; `None` where it is not open, or nothing tells.
    pub fn state(&self, side: Side) -> Option<TcpState> {
        match side {
            Side::Client => self.client.state,
            Side::Server => self.server.state,
        }
    }

    /// True once both FINs were acknowledged.
    pub fn are_closed(&self) -> bool {
        let closed = |socket: &Socket| socket.fin.is_some() && matches!(socket.state, None | Some(TcpState::TimeWait));
        closed(&self.client) && closed(&self.server)
    }

    /// True if the connection is established and both sockets are there.
    pub fn are_open(&self) -> bool {
        self.established && self.client.state.is_some() && self.server.state.is_some()
    }

    /// A packet leaves: what its sender's socket becomes.
    pub fn departs(&mut self, packet: &Packet) {
        let flags = packet.segment.flags;
        if flags.has(Flags::RST) {
            self.of(packet.from).state = None;
            return;
        }
        if flags.has(Flags::SYN) {
            return;
        }
        if !self.established {
            self.established = true;
            self.client.state = Some(TcpState::Established);
            self.server.state = Some(TcpState::Established);
        }
        if !flags.has(Flags::FIN) {
            return;
        }
        let sender = self.of(packet.from);
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
        let receiver = self.of(packet.from.peer());
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
}
