//! A segment that the kernel kept because the program had said that more follows.

use super::replies::ANSWERED;
use super::rule::{Body, Found, Need};
use super::run::Run;
use crate::events::Side;
use crate::facts::Evidence;
use crate::timeline::Connection;
use crate::words::{amount, call_text, whole_milliseconds};

pub(super) const RULE: Body = Body {
    summary: "a segment was held back since the program had said that more follows, and nothing followed",
    cure: "send the end of each message without MSG_MORE, or clear TCP_CORK behind it",
    needs: &[Need::Packets, ANSWERED],
    look,
};

fn look(_: &Run<'_>, connection: Connection<'_>) -> Option<Found> {
    let timeline = connection.timeline();
    let sender = match connection.is_the_servers_own() {
        true => Side::Client,
        false => Side::Server,
    };
    let mut held = connection
        .corked_segments()
        .filter(|(_, packet, _)| packet.from == sender);
    let (id, packet, waited) = held.next()?;
    let write = packet.facts.carries.last().copied();
    let wrote = write
        .and_then(|write| timeline.call(write))
        .map_or("its write".to_owned(), call_text);
    let said = packet.facts.why.evidence.iter().filter_map(Evidence::event);
    Some(Found::new(
        format!(
            "{} waited for more: {wrote} had returned {} ms before frame {} left, and the program had said that more follows",
            amount(1 + held.count(), "segment", "segments"),
            whole_milliseconds(waited),
            packet.number
        ),
        write.into_iter().chain(said).chain([id]),
    ))
}
