//! Tables of frames.

use expect_test::expect;
use timeline::format::markdown::frames;
use timeline::{FrameNumber, Side};

use crate::samples::{self, Script};

#[test]
fn a_stall() {
    let page = frames(&samples::two_writes().timeline(), FrameNumber::range(15..=22));
    expect![[r#"
        |  # | from → to       | flags   | seq | ack | len | data    | call or state                           |
        |---:|-----------------|---------|----:|----:|----:|---------|-----------------------------------------|
        | 15 | client → server | PSH,ACK |   3 |   3 |   2 | `"2\n"` | `send "2\n"`                            |
        | 16 | server          |         |     |     |     |         | `recvfrom(9, "2\n", 8192) = 2`          |
        | 17 | server          |         |     |     |     |         | `sendto(9, "2", 1) = 1`                 |
        | 18 | server → client | PSH,ACK |   3 |   5 |   1 | `"2"`   | `sendto(9, "2", 1) = 1`                 |
        | 19 | server          |         |     |     |     |         | `sendto(9, "\n", 1) = 1`                |
        | 20 | client → server | ACK     |   5 |   4 |   0 |         |                                         |
        | 21 | server → client | PSH,ACK |   4 |   5 |   1 | `"\n"`  | `sendto(9, "\n", 1) = 1`, 42 ms earlier |
        | 22 | client → server | ACK     |   5 |   5 |   0 |         |                                         |

        - **Frame 15**: The client sends its request.
        - **Frame 18**: The first part of the reply. It leaves at once, since nothing before it waits for an ACK. The ACK of the request rides along.
        - **Frame 20**: A delayed ACK: for 42 ms the client's kernel hoped to send it along with data. It lets the held segment go, frame 21.
        - **Frame 21**: Held back: `sendto` returned 42 ms before this packet left. Nagle's algorithm waited for the ACK in frame 20.
        - **Frame 22**: The client's kernel acknowledges the last part of the reply.
    "#]].assert_eq(&page);
}

#[test]
fn a_clean_close() {
    let page = frames(&samples::clean_close().timeline(), FrameNumber::range(12..=19));
    expect![[r#"
        |  # | from → to       | flags   | seq | ack | len | data | call or state               |
        |---:|-----------------|---------|----:|----:|----:|------|-----------------------------|
        | 12 | client → server | FIN,ACK |   3 |   3 |   0 |      | `close`                     |
        | 13 | server          |         |     |     |     |      | `socket CLOSE_WAIT`         |
        | 14 | server          |         |     |     |     |      | `recvfrom(9, "", 8192) = 0` |
        | 15 | server          |         |     |     |     |      | `close(9) = 0`              |
        | 16 | server → client | FIN,ACK |   3 |   4 |   0 |      | `close(9) = 0`              |
        | 17 | client          |         |     |     |     |      | `socket TIME_WAIT`          |
        | 18 | server          |         |     |     |     |      | `socket LAST_ACK`           |
        | 19 | client → server | ACK     |   4 |   4 |   0 |      |                             |

        - **Frame 12**: The client closes first. FIN says that it will send no more.
        - **Frame 16**: The server closes too. Its FIN ends the other direction. The same segment acknowledges the FIN of the client.
        - **Frame 19**: The client's kernel acknowledges the FIN: both sides have closed. The client, which closed first, waits in TIME_WAIT.
    "#]].assert_eq(&page);
}

#[test]
fn pipes_and_backticks_are_escaped() {
    let mut script = Script::new();
    script
        .handshake()
        .frame(100, Side::Client, "PSH,ACK", 1, 1, "a|b")
        .write((200, 240), "`|``")
        .frame(210, Side::Server, "PSH,ACK", 1, 4, "`|``");
    let page = frames(&script.timeline(), FrameNumber::range(6..=8));
    expect![[r#"
        |  # | from → to       | flags   | seq | ack | len | data            | call or state                     |
        |---:|-----------------|---------|----:|----:|----:|-----------------|-----------------------------------|
        |  6 | client → server | PSH,ACK |   1 |   1 |   3 | `"a\|b"`        |                                   |
        |  7 | server          |         |     |     |     |                 | ``` sendto(9, "`\|``", 4) = 4 ``` |
        |  8 | server → client | PSH,ACK |   1 |   4 |   4 | ``` "`\|``" ``` | ``` sendto(9, "`\|``", 4) = 4 ``` |

        - **Frame 6**: The client sends its request.
        - **Frame 8**: The whole reply in one segment. The ACK of the request rides along.
    "#]]
    .assert_eq(&page);
}

#[test]
fn no_frames() {
    let page = frames(&Script::new().timeline(), FrameNumber::range(1..=9));
    expect![[r#"
        |  # | from → to | flags | seq | ack | len | data | call or state |
        |---:|-----------|-------|----:|----:|----:|------|---------------|
    "#]]
    .assert_eq(&page);
}
