//! Tests of `src/observe/sockets.rs`, which see what is private there.

use super::*;

#[test]
fn a_line_of_the_table_has_its_timer() {
    let line = "   1: 0100007F:0BB8 0200007F:E078 01 00000010:00000002 02:00000064 00000000     0        0 77 2";
    let socket = parse(line).unwrap();
    assert_eq!(socket.on.server.to_string(), "127.0.0.1:3000");
    assert_eq!((socket.state, socket.unsent), (1, 16));
    assert_eq!(socket.timer, Some((Timer::KeepAlive, Duration::from_secs(1))));
    assert!(parse("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when").is_none());
}
