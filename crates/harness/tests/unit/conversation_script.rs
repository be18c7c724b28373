//! Tests of `src/conversation/script.rs`, which see what is private there.

use super::*;

fn acts(text: &str) -> Vec<Act> {
    let parsed = Conversation::parse(text).unwrap();
    parsed.turns.into_iter().map(|turn| turn.act).collect()
}

#[test]
fn a_script_is_a_step_on_each_line() {
    let steps = acts("# hello\nexpect 220\n\nsend EHLO x\\r\\n\nexpect 250 \nexpect /^2../\nquiet 100\npause 5\nend\n");
    assert_eq!(steps.len(), 7, "{steps:?}");
    assert_eq!(steps[1], Act::Send(b"EHLO x\r\n".to_vec()));
    assert_eq!(steps[2], Act::Wait(Wait::Expect(Pattern::parse("250 ").unwrap())));
    assert_eq!(steps[4], Act::Wait(Wait::Quiet(Duration::from_millis(100))));
    assert_eq!(steps[6], Act::Wait(Wait::End));
}

#[test]
fn each_step_has_its_words() {
    let text = "connect from 57464\nfill 3 \\n\nreceive xxx\\n\nnothing\nreply\ngreeting\npeek\ncatch up\nstop reading\n\
                read on\nhalf-close\nreset\nclose\nstay\nsignal TERM\nsignal CONT in 200\nrestart\nrefused\nconnect";
    let expected = [
        Act::Connect(Some(57464)),
        Act::Send(b"xxx\n".to_vec()),
        Act::Wait(Wait::Receive(b"xxx\n".to_vec())),
        Act::Wait(Wait::Receive(Vec::new())),
        Act::Wait(Wait::Reply),
        Act::Wait(Wait::Greeting),
        Act::Wait(Wait::Peek),
        Act::CatchUp,
        Act::StopReading,
        Act::ReadOn,
        Act::HalfClose,
        Act::Leave(Ending::Reset),
        Act::Leave(Ending::Close),
        Act::Leave(Ending::Stay),
        Act::Signal(15, Duration::ZERO),
        Act::Signal(18, Duration::from_millis(200)),
        Act::Restart,
        Act::Refused,
        Act::Connect(None),
    ];
    assert_eq!(acts(text), expected);
}

#[test]
fn a_step_names_its_client_and_may_say_why() {
    let both = Conversation::parse("client 2 send b\\n\nwhy It is the second.\nend").unwrap();
    assert_eq!((both.turns[0].client, both.turns[1].client), (2, 1));
    assert_eq!(both.turns[0].why.as_deref(), Some("It is the second."));
    assert_eq!(both.turns[1].why, None);
}

/// In JSON a line may hold its newline as it is.
#[test]
fn a_line_of_a_list_may_end_with_a_newline_that_is_sent() {
    let lines = ["send \n", "receive \n"].map(str::to_owned).to_vec();
    let held = Conversation::try_from(lines).unwrap();
    assert_eq!(held.turns[0].act, Act::Send(b"\n".to_vec()));
    assert_eq!(held.turns[1].act, Act::Wait(Wait::Receive(b"\n".to_vec())));
}

#[test]
fn what_is_no_step_is_named_with_its_line() {
    for (text, says) in [
        ("expect 1\nsay hi\n", "line 2"),
        ("expect\n", "empty"),
        ("pause soon\n", "milliseconds"),
        ("expect /(/\n", "regular expression"),
        ("# nothing\n", "no step"),
        ("why not\n", "no step before"),
        ("client 0 end\n", "from 1 on"),
        ("client 2\n", "is no step"),
        ("fill x y\n", "letters"),
        ("connect from home\n", "port"),
        ("receive\n", "receive what"),
        ("signal loud\n", "no signal"),
        ("signal TERM in a while\n", "milliseconds"),
    ] {
        let error = Conversation::parse(text).unwrap_err();
        assert!(error.contains(says), "{text}: {error}");
    }
}

#[test]
fn an_echo_is_received_where_nothing_else_is() {
    let text = "send a\nclient 2 send b\nsend in two \nnothing\nclient 2 end\nsend parts\nreceive in two parts";
    let echoed = "send a\nreceive a\nclient 2 send b\nclient 2 receive b\nsend in two \nnothing\nclient 2 end\n\
                  send parts\nreceive in two parts";
    let [held, wanted] = [text, echoed].map(|text| Conversation::parse(text).unwrap());
    assert_eq!(held.echoed(), wanted);
}
