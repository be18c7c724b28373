//! How a connection ended: the evidence, and what it comes to.

use std::fmt;

use super::Connection;
use crate::events::*;

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
    /// A reset ended it that its alleged sender did not send: it came from between the two, or was forged.
    Cut {
        /// Whose it says it is.
        by: Side,
    },
    /// Closing has begun, and nothing of the other side was captured.
    Unknown,
    /// Closing has begun, and the server's socket was still there when things had settled.
    LeftOpen(TcpState),
}

impl Teardown {
    /// True if it is known to be no close of both sides, nor on its way to one.
    pub fn is_unhappy(self) -> bool {
        !matches!(self, Teardown::Clean { .. } | Teardown::Open | Teardown::Unknown)
    }
}

impl fmt::Display for Teardown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Teardown::Open => f.write_str("open"),
            Teardown::Refused => f.write_str("refused"),
            Teardown::Clean { first } => write!(f, "clean, the {first} closed first"),
            Teardown::Reset { by } => write!(f, "reset by the {by}"),
            Teardown::Cut { by } => write!(f, "cut off by a reset that the {by} did not send"),
            Teardown::Unknown => f.write_str("not known"),
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
    /// True if that one came from between the two, or was forged.
    pub reset_from_between: bool,
    /// The packets from the first FIN or reset on.
    pub packets: Vec<EventId>,
    /// True if the server has read the end of file.
    pub server_read_end_of_file: bool,
    /// True if nothing tells what one of the sides did.
    pub one_way: bool,
    /// The state that the server's socket was left in; `None` if it is gone, or not known.
    pub server_left: Option<TcpState>,
    /// The state that the client's socket was left in; `None` if it is gone, or not known.
    pub client_left: Option<TcpState>,
}

impl Closing {
    /// What it comes to, in a word.
    pub fn teardown(&self) -> Teardown {
        if self.refused {
            return Teardown::Refused;
        }
        match self.reset_by {
            Some(by) if self.reset_from_between => return Teardown::Cut { by },
            Some(by) => return Teardown::Reset { by },
            None => {}
        }
        let Some(&first) = self.fins.first() else {
            return Teardown::Open;
        };
        if self.one_way {
            return Teardown::Unknown;
        }
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

impl Connection<'_> {
    /// True if the server's end answered the SYN with its own, as the packets show.
    pub fn was_established(self) -> bool {
        self.packets()
            .any(|(_, packet)| packet.from == Side::Server && packet.segment.flags.has(Flags::SYN))
    }

    /// The state that a side's socket was left in; `None` if it is gone, or not known.
    fn left(self, side: Side) -> Option<TcpState> {
        match self.totals().and_then(|totals| totals.left) {
            Some(left) => left[side],
            None => self.seen.left(side),
        }
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
            let first = first.chain(facts.reset.map(|reset| reset.frame)).min();
            first.is_some_and(|first| packet.number >= first)
        };
        let one_way = self.timeline().level == Level::Capture && !(facts.captured.client && facts.captured.server);
        // Where a side closes that is alone, nothing tells whether it was the first.
        let left = |side| self.left(side).filter(|_| !one_way || facts.fins.is_empty());
        let mut closing = Closing {
            refused: facts.refused,
            fins: facts.fins.iter().map(|fin| fin.0).collect(),
            reset_by: facts.reset.map(|reset| reset.by),
            reset_from_between: facts.reset.is_some_and(|reset| reset.from_between),
            packets: self
                .packets()
                .skip_while(|(_, packet)| !begins(packet))
                .filter(|(_, packet)| !packet.facts.is_copy())
                .map(|(id, _)| id)
                .collect(),
            server_read_end_of_file: self.calls().any(|(_, call)| call.is_end_of_file()),
            one_way,
            server_left: left(Side::Server),
            client_left: left(Side::Client),
        };
        // The capture has not all its packets, and there are calls and states to go by instead.
        let misses = self.timeline().dropped > 0 || !self.is_captured();
        if misses && self.timeline().level != Level::Capture {
            let captured = closing.reset_by.take();
            closing.fins.clear();
            self.close_by_calls(&mut closing);
            closing.reset_by = closing.reset_by.or(captured);
        }
        closing
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
                // Whoever reads the end has got the FIN of the other.
                EventKind::Call(call) if call.is_end_of_file() => Some(Side::Client),
                // A socket enters these states when its own FIN leaves.
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
}
