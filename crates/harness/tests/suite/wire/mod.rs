//! Two hosts and a wire: that it does what it is told, and what two real kernels make of it.
//!
//! Order and counts are asserted, never a duration: only that a packet did not come before its delay.

mod facts;
mod hosts;
mod scenarios;

#[cfg(target_os = "linux")]
pub(super) use scenarios::keeps_alive;

use anyhow::Result;
use harness::testing::Needs::{Ipv6, Sandbox, Wire};
use harness::timeline::{KnownPacket, Passage, Side, Timeline, Timestamp};
use harness::{LISTEN, Server, ServerBuilder};

/// It has modes that are right, too.
fn wrong_server() -> &'static str {
    harness::testing::built("wrong-server")
}

/// A server behind a wire with this script.
fn behind(script: &str, mode: &str) -> Result<ServerBuilder> {
    Ok(Server::build(wrong_server())
        .arg(mode)
        .arg(LISTEN)
        .wire(script.parse()?))
}

/// A packet of the only connection, with when it left and what became of it.
struct Seen<'t> {
    left: Timestamp,
    packet: KnownPacket<'t>,
    passage: &'t Passage,
}

/// All packets, in the order in which they left.
fn packets(timeline: &Timeline) -> Vec<Seen<'_>> {
    let connection = timeline.only();
    let packets = connection.packets().map(|(index, packet)| Seen {
        left: timeline[index].at,
        packet,
        passage: packet
            .packet()
            .passage
            .as_ref()
            .expect("a packet on a wire has a passage"),
    });
    packets.collect()
}

impl Seen<'_> {
    /// `S data 2`: who sent it, and what it is; of data, where it begins.
    fn name(&self) -> String {
        let from = match self.packet.from {
            Side::Client => "C",
            Side::Server => "S",
        };
        let (flags, len) = (self.packet.segment.flags.to_string(), self.packet.segment.len);
        let flags = flags.trim_start_matches("PSH,");
        match (flags, len) {
            ("ACK", 0) => format!("{from} ACK {}", self.packet.ack),
            (_, 0) => format!("{from} {flags}"),
            ("ACK", _) => format!("{from} data {}", self.packet.seq),
            _ => format!("{from} {flags} data {}", self.packet.seq),
        }
    }

    /// Its name, and what became of it if that is not to come once.
    fn text(&self) -> String {
        let outcome = match self.passage.arrivals.len() {
            0 => " lost",
            1 => "",
            _ => " twice",
        };
        self.name() + outcome
    }

    fn is_lost(&self) -> bool {
        self.passage.arrivals.is_empty()
    }
}

/// What became of each packet, in the order in which they left.
fn texts(timeline: &Timeline) -> Vec<String> {
    packets(timeline).iter().map(Seen::text).collect()
}

/// Those that came, in the order in which they did.
fn arrivals(timeline: &Timeline) -> Vec<String> {
    let packets = packets(timeline);
    let came = packets.iter().flat_map(|seen| {
        let name = seen.name();
        seen.passage.arrivals.iter().map(move |at| (*at, name.clone()))
    });
    let mut came: Vec<(Timestamp, String)> = came.collect();
    came.sort();
    came.into_iter().map(|(_, name)| name).collect()
}

/// True if these stand in the list in this order, whatever is between them.
#[track_caller]
fn assert_in_order(list: &[String], wanted: &[&str], timeline: &Timeline) {
    let mut rest = list.iter();
    for name in wanted {
        assert!(
            rest.any(|found| found == name),
            "{name:?} of {wanted:?} is missing in {list:?}\n{timeline}"
        );
    }
}

harness::tests! {
    facts::the_table_of_facts_part_3 needs [Wire];
    facts::the_table_of_facts_part_2 needs [Wire];
    scenarios::keep_alives_without_an_answer_end_in_a_reset needs [Wire];
    scenarios::both_sides_open_at_once needs [Wire];
    facts::the_table_of_facts_part_1 needs [Wire];
    scenarios::both_sides_close_at_once needs [Wire];
    scenarios::a_delayed_ack_on_top_of_a_long_way needs [Wire];
    hosts::a_packet_does_not_come_before_its_delay needs [Wire];
    hosts::congestion_control_is_chosen needs [Wire];
    hosts::a_packet_leaves_during_the_call_that_sends_it needs [Wire];
    hosts::both_versions_of_ip_pass needs [Wire, Ipv6];
    hosts::checksums_are_whole_and_segments_fit_the_mtu needs [Wire];
    hosts::a_stream_comes_as_it_left needs [Wire];
    hosts::a_loopback_address_is_reached_over_ipv4_alone needs [Wire, Ipv6];
    hosts::a_command_runs_on_either_host needs [Wire];
    hosts::client_programs_are_on_the_clients_host needs [Wire];
    hosts::a_cut_loses_everything_until_it_is_restored needs [Wire];
    hosts::a_server_without_a_wire_has_none_to_cut needs [Wire];
    hosts::a_queue_grows_and_drops_what_finds_no_room needs [Wire];
    hosts::the_same_script_loses_the_same_packets needs [Wire];
    hosts::each_end_has_a_capture_of_its_own needs [Wire];
    hosts::nothing_is_left_behind_when_its_owner_is_killed needs [Wire];
    hosts::a_keeper_that_is_killed_is_replaced needs [Sandbox];
    facts::the_table_of_facts_part_4 needs [Wire];
    scenarios::a_segment_lost_in_the_middle_is_sent_again_at_once needs [Wire];
    scenarios::a_segment_lost_early needs [Wire];
    scenarios::the_last_segment_lost_is_probed_for needs [Wire];
    scenarios::a_segment_lost_twice_waits_for_timeouts needs [Wire];
    scenarios::a_lost_syn needs [Wire];
    scenarios::a_lost_syn_ack needs [Wire];
    scenarios::a_lost_fin needs [Wire];
    scenarios::a_lost_last_ack needs [Wire];
    scenarios::reordered_segments_come_in_the_other_order needs [Wire];
    scenarios::a_duplicated_segment_comes_twice_and_is_acknowledged_twice needs [Wire];
    scenarios::a_corrupted_segment_comes_and_is_sent_again needs [Wire];
    scenarios::a_keep_alive_is_answered needs [Wire];
    scenarios::a_cut_with_nothing_on_its_way_is_never_noticed needs [Wire];
    scenarios::a_cut_with_unacknowledged_data_is_retried needs [Wire];
}

/// Of megabytes.
pub mod large {
    use super::*;

    harness::tests! {
        scenarios::a_closed_window_is_probed_until_it_opens needs [Wire];
        facts::the_table_of_facts_of_megabytes needs [crate::LARGE, Wire];
    }
}
