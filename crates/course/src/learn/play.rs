//! Runs the conversations of an exercise, and tells whether the clients got back what they had to.

use std::time::Duration;

use anyhow::Result;
use harness::timeline::Timeline;
use harness::{Conversation, Player, Server, Trouble};

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
        let held = player.hold(conversation).trouble;
        // Also after trouble: how the server goes on is worth seeing.
        let closed = player.close().err().map(|trouble| *trouble);
        trouble = held.or(closed);
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

/// What every server must hold that gives lines back: other lines than the ones in the page. `token` is one that
/// nobody can know before.
///
/// # Errors
///
/// If the token cannot stand in a script.
pub fn echo_probes(token: &str) -> Result<Vec<Conversation>> {
    let long = "0123456789abcdef".repeat(1250);
    let scripts = [
        format!("send {token}\\n\nsend \\n\npause 60\nsend a b\\tc\\r\\n\nsend \\xff\\xfe\\x80\\n"),
        format!("send {long}\\n"),
        format!("send one\\ntwo {token}\\nthree\\n"),
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
