//! What an acknowledgment says, and when.

use std::time::Duration;

use super::flow::{Flow, LastAck, Opened, Vantage, is_pure_ack};
use super::{Acked, Certainty, Evidence, FactKind, PacketFacts, Reason, Why};
use crate::events::moments::Passing;
use crate::events::unwrapped;
use crate::events::{Flags, FrameNumber, Packet, Timestamp};

/// Linux delays an ACK by 40 ms or more (`TCP_DELACK_MIN` of include/net/tcp.h), others by more than
/// that: RFC 9293, section 3.8.6.3 allows 500 ms. An ACK that took so much longer than the way there and
/// back was put off; what took less may have met a busy machine or a slow network.
const DELAYED: Duration = Duration::from_millis(36);

/// So many SACK blocks are remembered of a direction.
const MOST_SACKED: usize = 32;

impl Flow {
    /// What the acknowledgment of a packet that leaves says of what its peer sent.
    /// `asked` is the packet just before it, if that was a SYN.
    pub(super) fn ack_departs(
        &mut self,
        passing: Passing<'_>,
        vantage: Vantage,
        asked: Option<FrameNumber>,
        facts: &mut PacketFacts,
    ) {
        let Passing { packet, .. } = passing;
        let flags = packet.segment.flags;
        if !flags.has(Flags::ACK) {
            return;
        }
        if let Some(challenged) = self.challenged_by(packet, asked) {
            facts.add(
                FactKind::ChallengeAck,
                Certainty::Inferred,
                [Evidence::Frame(challenged)],
            );
            return;
        }
        let theirs = self.half_mut(packet.from.peer());
        let ack = unwrapped(packet.ack, theirs.said.max(theirs.known));
        sack(packet, facts);
        if packet.window == 0 && !flags.has(Flags::SYN) && !flags.has(Flags::RST) && !flags.has(Flags::FIN) {
            facts.add(FactKind::ZeroWindow, Certainty::Seen, []);
        }
        if flags.has(Flags::RST) {
            return;
        }
        if ack > theirs.said {
            self.covers(passing, ack, vantage, facts);
            let old = &mut self.half_mut(packet.from.peer()).old;
            self.taken = old.take_if(|(_, end)| *end <= ack).map(|(frame, _)| frame);
        } else if ack == theirs.said && is_pure_ack(packet) && self.goes_on(packet) {
            self.says_again(packet, facts);
        }
        let theirs = self.half_mut(packet.from.peer());
        theirs.said_in_syn = flags.has(Flags::SYN);
        if ack > theirs.said || ack == theirs.said && theirs.said_frame == FrameNumber::default() {
            theirs.said = ack;
            theirs.said_frame = packet.number;
            theirs.probe = None;
        }
        if ack >= theirs.said {
            theirs.said_window = Some(packet.window);
        }
    }

    /// True for a packet whose sequence number is the next of its sender: no probe has it.
    fn goes_on(&self, packet: &Packet) -> bool {
        let mine = self.half(packet.from);
        !mine.sent.has_begun() || unwrapped(packet.seq, mine.sent.next) == mine.sent.next
    }

    /// The packet that an ACK challenges. It says nothing of a SYN that has just come, as its sender has a
    /// connection already; or it comes after a SYN or a reset that did not fit.
    fn challenged_by(&mut self, packet: &Packet, asked: Option<FrameNumber>) -> Option<FrameNumber> {
        if !is_pure_ack(packet) {
            return None;
        }
        let (mine, theirs) = (self.half(packet.from), self.half(packet.from.peer()));
        let unfit = asked.filter(|asked| theirs.syn == Some(*asked) && packet.ack != 1);
        let says_nothing_new = u64::from(packet.ack) <= theirs.said && mine.sent.has_begun();
        // A SYN or a reset is challenged once. Later ACKs are about something else.
        let odd = self.half_mut(packet.from.peer()).odd.take();
        unfit.or(odd.filter(|_| says_nothing_new))
    }

    /// What an ACK covers that none before it did, and how long that took.
    fn covers(&mut self, passing: Passing<'_>, ack: u64, vantage: Vantage, facts: &mut PacketFacts) {
        let Passing { packet, at, .. } = passing;
        let theirs = self.half_mut(packet.from.peer());
        if !theirs.sent.has_begun() && theirs.said == 0 {
            // The first that is known of this direction: how much of it is new, nothing tells.
            return;
        }
        if theirs.sent.has_begun() && ack > theirs.sent.next && vantage != Vantage::BothHosts {
            facts.add(FactKind::AckedUnseenSegment, Certainty::Seen, []);
        }
        let (said, next) = (theirs.said, theirs.sent.next);
        let first = theirs.flight.partition_point(|sent| sent.to <= said);
        let covered = || theirs.flight.iter().skip(first).take_while(|sent| sent.to <= ack);
        let numbered = |sent: &super::flow::Sent| u64::from(sent.is_syn) + u64::from(sent.is_fin);
        let beyond = theirs.flight.partition_point(|sent| sent.to <= ack);
        let ends_inside = theirs.flight.get(beyond).is_some_and(|sent| sent.from < ack);
        let ends = covered().next().zip(covered().last());
        facts.acked = Some(Acked {
            frames: ends
                .filter(|_| !ends_inside)
                .map(|(first, last)| (first.frame, last.frame)),
            segments: u32::try_from(covered().count()).unwrap_or(u32::MAX),
            bytes: u32::try_from((ack - said).saturating_sub(covered().map(numbered).sum())).unwrap_or(u32::MAX),
            syn: covered().any(|sent| sent.is_syn),
            fin: covered().any(|sent| sent.is_fin),
            more_in_flight: ack < next,
        });
        // The delay of an ACK counts from the last segment that it covers, since the others had come before.
        let latest = covered().max_by_key(|sent| sent.came.unwrap_or(sent.last)).copied();
        let Some(latest) = latest else { return };
        let (since, certainty, baseline) = match (vantage, latest.came) {
            (Vantage::BothHosts, None) => return,
            (Vantage::BothHosts, Some(came)) => (came, Certainty::Seen, Some(Duration::ZERO)),
            (Vantage::SameHost, _) => (latest.last, Certainty::Seen, Some(Duration::ZERO)),
            (Vantage::Somewhere, _) => (latest.last, Certainty::Inferred, theirs.answered_in),
        };
        let took = at.since(since);
        let first = latest.is_syn && !latest.is_fin;
        if latest.times == 1 && theirs.answered_in.map_or(first, |least| took < least) {
            theirs.answered_in = Some(took);
        }
        // The way there and back from where it was captured, as far as known.
        let baseline = baseline.or((took <= DELAYED).then_some(Duration::ZERO));
        let Some(baseline) = baseline.filter(|_| is_pure_ack(packet)) else {
            return;
        };
        if facts.acked.as_ref().is_some_and(|acked| acked.syn) {
            return;
        }
        // The copy that it answers is not known, or a burst was stretched on its way.
        let open = (latest.times > 1 || covered().count() > 1 || ack < next) && vantage == Vantage::Somewhere;
        let open = open || latest.times > 1 && vantage == Vantage::SameHost;
        let (waited, of) = (took.saturating_sub(baseline), [Evidence::Frame(latest.last_frame)]);
        if waited <= DELAYED {
            facts.why = Why::new(Reason::AckAtOnce, certainty).by(of);
        } else if !open {
            facts.add(FactKind::DelayedAck, certainty, of);
            facts.why = Why::new(Reason::DelayedAck, certainty).by(of).after(waited);
        }
    }

    /// A bare ACK that acknowledges nothing new.
    fn says_again(&mut self, packet: &Packet, facts: &mut PacketFacts) {
        let theirs = self.half_mut(packet.from.peer());
        if !theirs.sent.has_begun() && theirs.said == 0 {
            return;
        }
        // The window of a SYN is not scaled, so the next one may be another by rounding alone.
        let unit = packet.window.checked_div(packet.segment.window.into()).unwrap_or(1);
        let rounding = if theirs.said_in_syn { unit } else { 1 };
        let told = theirs.said_window.filter(|_| !facts.has(FactKind::DSack));
        let is_update = told.is_some_and(|window| window.abs_diff(packet.window) >= rounding);
        let first = [Evidence::Frame(theirs.said_frame)];
        match theirs.probe.take() {
            Some((probe, frame)) if probe == FactKind::KeepAlive || packet.window == 0 => {
                let kind = match probe {
                    FactKind::KeepAlive => FactKind::KeepAliveAck,
                    _ => FactKind::ZeroWindowProbeAck,
                };
                facts.add(kind, Certainty::Inferred, [Evidence::Frame(frame)]);
                facts.why = Why::new(Reason::Answer, Certainty::Inferred).by([Evidence::Frame(frame)]);
            }
            // The first that is known of this direction repeats none.
            _ if theirs.said_frame == FrameNumber::default() => {}
            // What else it says, or what was cut off of it, may be why it was sent.
            _ if packet.segment.options.others || packet.segment.options.cut => {}
            _ if facts.has(FactKind::Sack) => facts.add(FactKind::DuplicateAck, Certainty::Seen, first),
            _ if is_update && packet.window > 0 => facts.add(FactKind::WindowUpdate, Certainty::Seen, first),
            _ if is_update => {}
            _ => facts.add(FactKind::DuplicateAck, Certainty::Seen, first),
        }
    }

    /// What a sender learns from an acknowledgment that has come.
    pub(super) fn ack_arrives(&mut self, passing: Passing<'_>, facts: &PacketFacts) {
        let Passing { packet, at, .. } = passing;
        let flags = packet.segment.flags;
        if !flags.has(Flags::ACK) || flags.has(Flags::RST) || facts.has(FactKind::ChallengeAck) {
            return;
        }
        let mine = self.half_mut(packet.from.peer());
        let ack = unwrapped(packet.ack, mine.said.max(mine.known));
        learn_window(mine, packet, at);
        if ack > mine.known {
            mine.last_ack = Some(LastAck {
                frame: packet.number,
                at,
                sent: mine.sent.next,
                in_flight: mine.in_flight(),
                of_small: mine.small > mine.known && mine.small <= ack,
                window: mine.known_window,
            });
            mine.known = ack;
            mine.sent.assume_below(ack);
            mine.duplicates = 0;
            mine.sacked.retain(|block| block.1 > ack);
            while mine.flight.front().is_some_and(|sent| sent.to <= ack) {
                mine.flight.pop_front();
            }
        } else if facts.has(FactKind::DuplicateAck) {
            mine.duplicates += 1;
        }
        if facts.has(FactKind::DuplicateAck) || facts.has(FactKind::Sack) {
            mine.asked = Some((packet.number, at));
        }
        for (from, to) in packet.segment.options.sack_blocks() {
            let base = packet.segment.ack.wrapping_sub(packet.ack);
            let relative = |number: u32| unwrapped(number.wrapping_sub(base), ack);
            let block = (relative(from), relative(to));
            if block.1 > ack && block.0 < block.1 && mine.sacked.len() < MOST_SACKED && !mine.sacked.contains(&block) {
                mine.sacked.push(block);
            }
        }
        if ack >= mine.known {
            mine.known_window = Some(packet.window);
        }
    }
}

fn learn_window(mine: &mut super::flow::Half, packet: &Packet, at: Timestamp) {
    if let Some(before) = mine.known_window
        && packet.window > before
    {
        mine.opened = Some(Opened {
            frame: packet.number,
            at,
            in_flight: mine.in_flight(),
            window_before: before,
        });
    }
}

/// What the SACK blocks of a packet say: bytes that came beyond a hole, or bytes that came twice. The
/// first block names the latter if it lies below the acknowledgment or inside the second
/// (RFC 2883, section 4).
fn sack(packet: &Packet, facts: &mut PacketFacts) {
    let mut blocks = packet.segment.options.sack_blocks();
    let Some((from, to)) = blocks.next() else { return };
    let at = packet.segment.ack;
    let not_after = |a: u32, b: u32| b.wrapping_sub(a).cast_signed() >= 0;
    let inside = |(outer_from, outer_to): (u32, u32)| not_after(outer_from, from) && not_after(to, outer_to);
    let second = blocks.next();
    let twice = not_after(to, at) || second.is_some_and(inside);
    if twice {
        facts.add(FactKind::DSack, Certainty::Seen, []);
    }
    if !twice || second.is_some() {
        facts.add(FactKind::Sack, Certainty::Seen, []);
    }
}
