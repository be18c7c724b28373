//! Tests of `src/format/pcapng/entry.rs`, which see what is private there.

use super::*;

#[test]
fn an_entry_names_its_dissector_and_its_connection() {
    let entry = |v6: bool| {
        let (client, server) = match v6 {
            false => ("10.0.0.1:57464", "10.0.0.2:3000"),
            true => ("[::1]:57464", "[::2]:3000"),
        };
        let on = Endpoints {
            client: client.parse().unwrap(),
            server: server.parse().unwrap(),
        };
        write("step1", Side::Server, Some(on), "close(7) = 0")
    };
    let bytes = b"\x00\x0c\x00\x08syslog\x00\x00\
        \x00\x14\x00\x04\x0a\x00\x00\x02\x00\x15\x00\x04\x0a\x00\x00\x01\
        \x00\x18\x00\x04\x00\x00\x00\x02\x00\x19\x00\x04\x00\x00\x0b\xb8\x00\x1a\x00\x04\x00\x00\xe0\x78\
        \x00\x00\x00\x00step1: close(7) = 0";
    assert_eq!(entry(false), bytes);
    assert_eq!(entry(true)[12..16], [0, 22, 0, 16]);
    assert_eq!(entry(true)[31], 2, "from the server");
    assert!(entry(true).ends_with(b"\0\0\0\0step1: close(7) = 0"));
    let without = write("step1", Side::Server, None, "listen(3, 127.0.0.1:3000) = 0");
    assert_eq!(without[12..16], [0; 4]);
}
