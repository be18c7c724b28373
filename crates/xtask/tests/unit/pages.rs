//! Tests of `src/pages.rs`, which see what is private there.

use super::*;
use harness::timeline::TcpState;

fn left_with(server: Option<TcpState>, client: Option<TcpState>) -> String {
    left(&Closing {
        one_way: false,
        refused: false,
        fins: Vec::new(),
        reset_by: None,
        reset_from_between: false,
        packets: Vec::new(),
        server_read_end_of_file: false,
        server_left: server,
        client_left: client,
    })
}

/// Whoever closes first waits, and that may be the server; after a reset nobody does.
#[test]
fn what_is_left_is_what_the_states_say() {
    let time_wait = Some(TcpState::TimeWait);
    assert_eq!(left_with(None, time_wait), "the client's in TIME_WAIT");
    assert_eq!(left_with(time_wait, None), "the server's in TIME_WAIT");
    assert_eq!(left_with(None, None), "nothing");
    let open = left_with(Some(TcpState::CloseWait), Some(TcpState::FinWait2));
    assert_eq!(open, "the server's in CLOSE_WAIT, the client's in FIN_WAIT2");
}
