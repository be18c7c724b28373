//! Runs the conversations of an exercise, and tells whether the clients got back what they had to.

use std::time::Duration;

use anyhow::Result;
use harness::conversation::Act;
use harness::timeline::{Endpoints, Timeline};
use harness::{Conversation, Player, Server, Trouble};
use serde::Deserialize;

use crate::data;

/// A run, and what its clients did not get.
#[derive(Debug)]
pub struct Ran {
    /// What happened.
    pub timeline: Timeline,
    /// The first thing that went wrong: no conversation begins after it.
    pub trouble: Option<Trouble>,
    /// Which conversation each connection belongs to.
    pub conversations: Vec<usize>,
}

/// How long a reply may take. What a kernel puts off takes 40 ms.
pub const PATIENCE: Duration = Duration::from_secs(3);

/// Holds conversations with a server, one after the other, until one goes wrong, and stops the server.
///
/// # Errors
///
/// If the server cannot be stopped.
pub fn play(server: Server, conversations: &[Conversation]) -> Result<Ran> {
    let mut player = Player::new(&server).within(PATIENCE);
    let (mut trouble, mut belongs) = (None, Vec::new());
    for (place, conversation) in conversations.iter().enumerate() {
        trouble = hold(&mut player, conversation);
        belongs.resize(player.connections(), place);
        if trouble.is_some() {
            break;
        }
    }
    let stay = player.finish();
    let timeline = server.stop()?;
    drop(stay);
    Ok(Ran {
        timeline,
        trouble,
        conversations: belongs,
    })
}

/// Holds a conversation and closes, and gives the first trouble.
fn hold(player: &mut Player<'_>, conversation: &Conversation) -> Option<Trouble> {
    let held = player.hold(conversation).trouble;
    // Also after trouble: how the server goes on is worth seeing.
    let closed = player.close().err().map(|trouble| *trouble);
    held.or(closed)
}

/// A client that does not do what the page's clients do, and what it did, in words.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guest {
    /// As the end of a sentence on it.
    pub about: &'static str,
    /// What it does: whatever comes is right.
    pub does: Conversation,
}

/// Those whom every server meets, whatever it is for, as `guests.json` has them. The line is one that its clients send.
/// Each is caught up with, so that the server has read what it sent before it leaves. Whoever comes last stays, and the
/// client with the conversation is served beside it.
pub fn guests(line: &[u8]) -> Vec<Guest> {
    let mut guests: Vec<Guest> = data(include_str!("../../guests.json"));
    for turn in guests.iter_mut().flat_map(|guest| &mut guest.does.turns) {
        if let Act::Send(bytes) = &mut turn.act {
            match &bytes[..] {
                b"{line}" => *bytes = line.to_vec(),
                b"{half}" => *bytes = line[..line.len() / 2].to_vec(),
                _ => {}
            }
        }
    }
    guests
}

/// A run with guests, and what the server kept of them.
#[derive(Debug)]
pub struct Entertained {
    /// What happened, and what the client who came last did not get.
    pub ran: Ran,
    /// The descriptors that are there though their clients have left: in words, and which connection's.
    pub kept: Vec<(String, Endpoints)>,
    /// What the guest of each connection did, the last clients' left out.
    pub guests: Vec<&'static str>,
}

/// Lets guests come, one after the other, and then a client that holds the conversation.
///
/// # Errors
///
/// If the server cannot be stopped.
pub fn entertain(server: Server, guests: &[Guest], last: &Conversation) -> Result<Entertained> {
    let mut player = Player::new(&server).within(PATIENCE);
    let mut came = Vec::new();
    for guest in guests {
        // What goes wrong is what a guest is for: the last client tells whether it mattered.
        player.hold(&guest.does);
        let _ = player.close();
        came.resize(player.connections(), guest.about);
    }
    let trouble = hold(&mut player, last);
    server.settle();
    let stay = player.finish();
    let stays = |on: &Endpoints| stay.iter().any(|client| client.local_addr() == on.client);
    let kept = server.held_by().into_iter().filter(|(_, on)| !stays(on)).collect();
    let timeline = server.stop()?;
    drop(stay);
    Ok(Entertained {
        ran: Ran {
            timeline,
            trouble,
            conversations: Vec::new(),
        },
        kept,
        guests: came,
    })
}

/// What every server must hold that gives lines back: other lines than the ones in the page. `token` is one that
/// nobody can know before. Where lines are texts, no other bytes come.
///
/// # Errors
///
/// If the token cannot stand in a script.
pub fn echo_probes(token: &str, text: bool) -> Result<Vec<Conversation>> {
    let long = "0123456789abcdef".repeat(1250);
    let other = if text {
        ""
    } else {
        "\nsend  a b\\tc\\x00d \\r\\n\nsend \\xff\\xfe\\x80\\n"
    };
    // What holds for ten lines holds for the next ones, and what holds for short ones for longer ones.
    let lines: String = (1..=12).map(|number| format!("send {number} {token}\\n\n")).collect();
    let longer: String = [50, 150, 600, 1400, 5000]
        .map(|length| format!("fill {length} {token}\\n\n"))
        .concat();
    let scripts = [
        format!("send {token}\\n\nsend \\n\npause 60{other}"),
        format!("send {long}\\n\nsend {long}\\n"),
        lines,
        longer.clone() + &longer,
        format!("send one\\ntwo {token}\\nthree\\n"),
        // The half line must not keep the whole one waiting.
        format!("send one {token}\\nand\nreceive one {token}\\n\nsend  two\\n\nreceive and two\\n"),
        format!("send in two \nnothing\npause 60\nsend parts {token}\\n\nreceive in two parts {token}\\n"),
        format!(
            "client 1 send first\\n\nclient 2 send second {token}\\n\nclient 1 send first again\\n\nclient 2 send second\\n"
        ),
    ];
    let parsed = scripts.iter().map(|script| Conversation::parse(script));
    parsed
        .map(|held| Ok(held.map_err(anyhow::Error::msg)?.echoed()))
        .collect()
}
