//! What each chat must do, whoever else is connected. The steps from the sixth on include this.

use anyhow::Result;
use harness::{Client, Server};

use crate::echo;

/// So many clients, each known to the server: it has told each a line of its own.
pub fn clients(server: &Server, count: usize) -> Result<Vec<Client>> {
    let mut clients: Vec<Client> = Vec::new();
    for number in 0..count {
        let mut client = server.connect()?;
        let line = format!("{number} is here\n");
        assert_eq!(client.exchange(&line)?, line);
        for other in &mut clients {
            assert_eq!(other.read_line()?, line.as_bytes());
        }
        clients.push(client);
    }
    Ok(clients)
}

pub fn each_line_goes_to_everyone() -> Result<()> {
    let server = echo::start()?;
    let mut clients = clients(&server, 5)?;
    for number in 0..clients.len() {
        let line = format!("{number} says so\n");
        clients[number].send(&line)?;
        for client in &mut clients {
            assert_eq!(client.read_line()?, line.as_bytes());
        }
    }
    Ok(())
}

/// Two lines of one client come in the order in which they were sent.
pub fn lines_of_one_client_keep_their_order() -> Result<()> {
    let server = echo::start()?;
    let mut clients = clients(&server, 3)?;
    let lines: String = (0..200).map(|number| format!("{number}\n")).collect();
    clients[0].send(&lines)?;
    for client in &mut clients {
        assert_eq!(client.read_exact(lines.len())?, lines.as_bytes());
    }
    Ok(())
}

pub fn who_has_left_is_not_missed() -> Result<()> {
    let server = echo::start()?;
    let mut clients = clients(&server, 3)?;
    clients.remove(0).close();
    clients.remove(0).reset()?;
    let mut last = clients.remove(0);
    assert_eq!(last.exchange("still here\n")?, "still here\n");
    Ok(())
}

/// The line that is too long is nobody's, and its sender is told so.
pub fn a_line_too_long_is_answered_to_its_sender_alone() -> Result<()> {
    let server = echo::start()?;
    let mut clients = clients(&server, 2)?;
    clients[0].send(b"x".repeat(100_000))?;
    assert_eq!(clients[0].read_to_end()?, b"error: a line has at most 65536 bytes\n");
    assert_eq!(clients[1].exchange("hello\n")?, "hello\n");
    Ok(())
}
