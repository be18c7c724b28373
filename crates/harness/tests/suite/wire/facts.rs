//! The table of docs/facts-evidence.md: each of its rows is run, and looked at from both hosts and from either.

use anyhow::{Context, Result, bail, ensure};
use harness::Server;
use harness::facts::{FactKind, Reason};
use harness::timeline::{Flags, Passage, Segment, Side, Timeline};

use super::behind;
use super::scenarios::keeps_alive;

const PAGE: &str = include_str!("../../../../../docs/facts-evidence.md");

/// A row of the table.
#[derive(Debug)]
struct Row<'p> {
    name: &'p str,
    script: String,
    /// What both hosts show, the client's capture alone, the server's alone.
    expected: [Vec<Expected<'p>>; 3],
}

/// `S tail-loss-probe`, `*not* C sack`, `S *why* nagle`.
#[derive(Debug)]
struct Expected<'p> {
    /// `None`: either.
    side: Option<Side>,
    is_so: bool,
    why: bool,
    word: &'p str,
}

impl<'p> Expected<'p> {
    fn parse(text: &'p str) -> Result<Expected<'p>> {
        let (is_so, rest) = match text.trim().strip_prefix("*not* ") {
            Some(rest) => (false, rest),
            None => (true, text.trim()),
        };
        let (side, rest) = rest.split_once(' ').with_context(|| format!("{text:?} is no fact"))?;
        let side = match side {
            "C" => Some(Side::Client),
            "S" => Some(Side::Server),
            "either" => None,
            _ => bail!("{text:?}: {side:?} is no side"),
        };
        let (why, word) = match rest.strip_prefix("*why* ") {
            Some(word) => (true, word),
            None => (false, rest),
        };
        let known = if why {
            Reason::ALL.iter().any(|reason| reason.name() == word)
        } else {
            FactKind::ALL.iter().any(|kind| kind.name() == word)
        };
        ensure!(known, "{text:?}: there is no such word");
        Ok(Expected { side, is_so, why, word })
    }

    fn holds(&self, timeline: &Timeline) -> bool {
        let of_side = timeline.connections().flat_map(|connection| connection.packets());
        let mut of_side = of_side.filter(|(_, packet)| self.side.is_none_or(|side| packet.from == side));
        let found = of_side.any(|(_, packet)| match self.why {
            true => packet.facts.why.reason.name() == self.word,
            false => packet.facts.facts().iter().any(|fact| fact.kind.name() == self.word),
        });
        found == self.is_so
    }
}

impl Row<'_> {
    /// True if the row says that something is not sent again.
    fn excludes_repeats(&self) -> bool {
        let repeats = |expected: &Expected<'_>| expected.is_so && expected.word == "spurious-retransmission";
        let mut expected = self.expected.iter().flatten();
        !self.expected[0].iter().any(repeats)
            && expected.any(|expected| !expected.is_so && expected.word.contains("retransmission"))
    }
}

fn rows() -> Result<Vec<Row<'static>>> {
    let table = PAGE.lines().skip_while(|line| !line.starts_with("| what happens"));
    let rows = table.skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|line| {
        let line = line
            .trim_start_matches('|')
            .strip_suffix('|')
            .context("a row ends with a bar")?;
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [name, script, both, client, server] = cells[..] else {
            bail!("a row with {} cells: {line}", cells.len())
        };
        let script: Vec<&str> = script.split('`').skip(1).step_by(2).collect();
        let parse = |cell: &'static str| {
            cell.split(';')
                .filter(|text| !text.trim().is_empty())
                .map(Expected::parse)
                .collect::<Result<Vec<_>>>()
        };
        Ok(Row {
            name,
            script: script.join("\n"),
            expected: [parse(both)?, parse(client)?, parse(server)?],
        })
    })
    .collect()
}

/// The rows of the table of which this is so, by their place in it.
fn check(is_asked_for: impl Fn(usize, &Row<'_>) -> bool) -> Result<()> {
    let rows = rows()?.into_iter().enumerate();
    let rows: Vec<Row<'_>> = rows
        .filter_map(|(place, row)| is_asked_for(place, &row).then_some(row))
        .collect();
    ensure!(
        !rows.is_empty(),
        "no row of the table of docs/facts-evidence.md was found"
    );
    harness::testing::at_once(&rows, |row| {
        harness::testing::in_time(row.name, || {
            let timeline = undisturbed(row)?;
            let timeline = timeline.with_context(|| format!("something was late in {ATTEMPTS} runs of {ATTEMPTS}"))?;
            row.holds(&timeline)
        })
    })
}

impl Row<'_> {
    /// Whether the server sends as much as its socket takes.
    fn is_large(&self) -> bool {
        [NEVER_READ, READ_A_LOT].contains(&self.name)
    }

    /// Whether a run and what either end has of it are as the row says.
    fn holds(&self, timeline: &Timeline) -> Result<()> {
        let views = [
            timeline.clone(),
            timeline.captured_at(Side::Client),
            timeline.captured_at(Side::Server),
        ];
        for ((view, expected), place) in views
            .iter()
            .zip(&self.expected)
            .zip(["both", "the client", "the server"])
        {
            if let Some(missing) = expected.iter().find(|expected| !expected.holds(view)) {
                let told = told(view);
                bail!("{missing:?} does not hold at {place}\n{told}\n{timeline}");
            }
        }
        Ok(())
    }
}

const NEVER_READ: &str = "the client does not read";
const READ_A_LOT: &str = "the client shuts down its sending side and reads a lot";

/// How often a run may be disturbed.
const ATTEMPTS: usize = 3;

/// A run in which the kernels sent again only what the wire lost, and two FINs cross where they should. On a
/// busy machine the relay may come so late that a kernel takes for lost what is on its way, or the client so
/// late that the other FIN has come: these are other runs than the row's, and `None` if there was no other.
fn undisturbed(row: &Row<'_>) -> Result<Option<Timeline>> {
    for _ in 0..ATTEMPTS {
        let timeline = run(row)?;
        if row.name == "both close at once" && !fins_cross(&timeline) {
            continue;
        }
        if !row.excludes_repeats() || !sent_again_in_vain(&timeline) {
            return Ok(Some(timeline));
        }
    }
    Ok(None)
}

/// True if each side's FIN left before the other's had come.
fn fins_cross(timeline: &Timeline) -> bool {
    let fins = |side| {
        let connection = timeline.only();
        let mut fins = connection
            .packets()
            .filter(|(_, packet)| packet.from == side && packet.segment.flags.has(Flags::FIN));
        let (index, packet) = fins.next()?;
        let came = packet.passage.as_ref()?.arrivals.first().copied()?;
        Some((timeline[index].at, came))
    };
    match (fins(Side::Client), fins(Side::Server)) {
        (Some(client), Some(server)) => client.0 < server.1 && server.0 < client.1,
        _ => false,
    }
}

/// True if a segment came more than once that a kernel sent more than once.
fn sent_again_in_vain(timeline: &Timeline) -> bool {
    let mut came = std::collections::HashSet::new();
    let mut packets = timeline.connections().flat_map(|connection| connection.packets());
    packets.any(|(_, packet)| {
        let flags = packet.segment.flags;
        // Of a lost SYN,ACK either side may repeat its SYN first.
        let numbered = (packet.segment.len > 0 || flags.has(Flags::FIN)) && !flags.has(Flags::SYN);
        let whole = packet
            .passage
            .as_ref()
            .is_some_and(|passage| !passage.arrivals.is_empty() && !passage.corrupted);
        let probe = packet
            .facts
            .facts()
            .iter()
            .any(|fact| fact.kind == FactKind::ZeroWindowProbe);
        numbered && whole && !probe && !came.insert((packet.from, packet.segment.seq, packet.segment.len))
    })
}

/// Each packet with its facts.
fn told(timeline: &Timeline) -> String {
    let packets = timeline.connections().flat_map(|connection| connection.packets());
    let line = |packet: harness::timeline::KnownPacket<'_>| {
        let facts: Vec<&str> = packet.facts.facts().iter().map(|fact| fact.kind.name()).collect();
        let why = packet.facts.why.reason.name();
        format!("{} {} [{}] {why}\n", packet.number, packet.short(), facts.join(" "))
    };
    packets.map(|(_, packet)| line(packet)).collect()
}

/// Several tests share the table, so that they run beside each other.
const PARTS: usize = 4;

/// The rows of one part, without those of many megabytes.
fn check_part(part: usize) -> Result<()> {
    check(|place, row| place % PARTS == part && !row.is_large())
}

pub fn the_table_of_facts_part_1() -> Result<()> {
    ensure!(rows()?.len() > 20, "the table of docs/facts-evidence.md was not found");
    check_part(0)
}

pub fn the_table_of_facts_part_2() -> Result<()> {
    check_part(1)
}

pub fn the_table_of_facts_part_3() -> Result<()> {
    check_part(2)
}

pub fn the_table_of_facts_part_4() -> Result<()> {
    check_part(3)
}

pub fn the_table_of_facts_of_megabytes() -> Result<()> {
    check(|_, row| row.is_large())
}

/// What the row says that happens.
fn run(row: &Row<'_>) -> Result<Timeline> {
    let start = |mode| -> Result<Server> { Ok(behind(&row.script, mode)?.start()?) };
    match row.name {
        "a segment is lost in the middle of 14 kB" | "the first segment of 14 kB is lost" => {
            exchange(start("bulk")?, "14480\n", 14480)
        }
        "two segments come in the other order" => exchange(start("bulk")?, "8688\n", 8688),
        NEVER_READ => does_not_read(start("flood")?),
        "the client asks whether the server is there" => asks(start("echo")?),
        "it asks, and the cable is cut" => asks_in_vain(start("echo")?),
        "the cable is cut while a reply is on its way" => repeats_a_reply(start("echo")?),
        "both close at once" => closes_at_once(start("closes-first")?),
        "the way there and back takes 200 ms, and the client has no more to send" => talks(start("echo")?),
        READ_A_LOT => shuts_down(start("flood")?),
        "the server closes with data unread" => is_reset(start("close-unread")?),
        "the server closes with SO_LINGER set to 0" => is_reset_at_the_end(start("reset-on-close")?),
        "nobody listens" => refused(start("echo")?),
        "the server writes twice for each reply" => exchange(start("two-writes")?, "1\n", 2),
        "nothing is lost"
        | "the only segment of a reply is lost"
        | "it is lost three times"
        | "the SYN is lost"
        | "the SYN,ACK is lost"
        | "the client's FIN is lost"
        | "the last ACK is lost"
        | "a segment comes twice"
        | "a segment comes damaged" => exchange(start("echo")?, "1\n", 2),
        name => bail!("the test does not know how to make {name:?}"),
    }
}

/// A request, its reply, and a close.
fn exchange(server: Server, request: &str, reply: usize) -> Result<Timeline> {
    let mut client = server.connect()?;
    client.send(request)?;
    client.read_exact(reply)?;
    client.close();
    Ok(server.stop()?)
}

/// A client that does not read until its window is closed and was asked about it.
fn does_not_read(server: Server) -> Result<Timeline> {
    let mut client = server.connect()?;
    // The window is closed, it is probed, and the answer says that it still is.
    let mut stage = 0;
    let asked = |segment: &Segment, _: Option<&Passage>| {
        let says_closed = from_client(segment) && segment.window == 0;
        let probes = !from_client(segment) && segment.len == 0 && !segment.flags.has(Flags::SYN);
        stage += usize::from(if stage == 1 { probes } else { says_closed });
        stage > 2
    };
    wait_for(&server, asked, "the closed window was not probed")?;
    client.read_to_end()?;
    client.close();
    Ok(server.stop()?)
}

fn from_client(segment: &Segment) -> bool {
    segment.destination().port() == 3000
}

fn asks(server: Server) -> Result<Timeline> {
    let mut client = server.connect()?;
    client.exchange("1\n")?;
    client.settle();
    keeps_alive(&client)?;
    let answered = {
        let mut acks = 0;
        move |segment: &Segment, passage: Option<&Passage>| {
            let bare = segment.len == 0 && segment.flags == Flags::ACK && passage.is_some();
            acks += usize::from(bare && !from_client(segment));
            acks > 1
        }
    };
    wait_for(&server, answered, "there was no answer to a keep-alive")?;
    client.close();
    Ok(server.stop()?)
}

fn wait_for(
    server: &Server,
    mut wanted: impl FnMut(&Segment, Option<&Passage>) -> bool,
    otherwise: &'static str,
) -> Result<()> {
    let wanted = std::cell::RefCell::new(&mut wanted);
    let asked = |segment: &Segment, passage: Option<&Passage>| (wanted.borrow_mut())(segment, passage);
    ensure!(server.wait_for_segment(asked), "{otherwise}");
    Ok(())
}

fn asks_in_vain(server: Server) -> Result<Timeline> {
    let mut client = server.connect()?;
    client.exchange("1\n")?;
    client.settle();
    keeps_alive(&client)?;
    server.cut()?;
    ensure!(client.read_line().is_err(), "a line came");
    wait_for(
        &server,
        |segment, _| segment.flags.has(Flags::RST),
        "there was no reset",
    )?;
    Ok(server.stop()?)
}

fn repeats_a_reply(server: Server) -> Result<Timeline> {
    let mut client = server.connect()?;
    client.exchange("1\n")?;
    let repeated = |segment: &Segment, passage: Option<&Passage>| {
        let view = passage.and_then(|passage| passage.tcp.as_ref());
        let again = view
            .and_then(|view| view.of(Side::Server))
            .is_some_and(|view| view.total_retransmits > 1);
        segment.len > 0 && !from_client(segment) && again
    };
    wait_for(&server, repeated, "it was not sent again")?;
    Ok(server.stop()?)
}

fn closes_at_once(server: Server) -> Result<Timeline> {
    let mut client = server.connect()?;
    client.exchange("1\n")?;
    drop(client);
    wait_for(&server, |segment, _| segment.flags.has(Flags::FIN), "there was no FIN")?;
    Ok(server.stop()?)
}

/// A client that sends soon after it has received is interactive to Linux, which then delays its ACKs.
/// Nothing follows the last reply, so its ACK waits.
fn talks(server: Server) -> Result<Timeline> {
    let mut client = server.connect()?;
    for _ in 0..5 {
        client.exchange("1\n")?;
    }
    client.close();
    Ok(server.stop()?)
}

fn shuts_down(server: Server) -> Result<Timeline> {
    let mut client = server.connect()?;
    client.shutdown_write()?;
    // More than fits into the window, so that most of it leaves when the FIN has come.
    client.read_to_end()?;
    client.close();
    Ok(server.stop()?)
}

fn is_reset(server: Server) -> Result<Timeline> {
    let mut client = server.connect()?;
    client.send("hello\n")?;
    ensure!(client.read_to_end().is_err(), "there was no reset");
    drop(client);
    Ok(server.stop()?)
}

fn is_reset_at_the_end(server: Server) -> Result<Timeline> {
    let mut client = server.connect()?;
    client.exchange("hello\n")?;
    client.shutdown_write()?;
    ensure!(client.read_to_end().is_err(), "there was no reset");
    drop(client);
    Ok(server.stop()?)
}

fn refused(server: Server) -> Result<Timeline> {
    let mut address = server.address();
    address.set_port(address.port() + 1);
    ensure!(server.connect_to(address).is_err(), "somebody listens");
    Ok(server.stop()?)
}
