//! The handout of a class: questions about the committed captures, with room for the answers, and the key to it.
//!
//! Both are generated parts of pages: see [`pages`](crate::pages). No answer is written down anywhere: the captures are
//! asked.

use std::fmt::Write as _;

use anyhow::{Context, Result, ensure};
use harness::timeline::Timeline;

use course::learn::measure::{self, Form};

/// The questions about the capture of a step.
struct Sheet {
    /// The step's name.
    step: &'static str,
    questions: &'static [Question],
}

/// A question, the measure that answers it, and which one of several.
struct Question(&'static str, &'static str, Option<usize>);

const SHEETS: &[Sheet] = &[
    Sheet {
        step: "step1-two-writes",
        questions: &[
            Question("How many packets are the handshake?", "packets-of-handshake", None),
            Question(
                "Which frames are the packets of the first exchange?",
                "packets-of-exchange",
                Some(1),
            ),
            Question(
                "Which call wrote the last byte of the first reply?",
                "last-write",
                Some(1),
            ),
            Question(
                "Which frames are the packets of the second exchange?",
                "packets-of-exchange",
                Some(2),
            ),
            Question("Which packets carry nothing but an ACK?", "acks-of-kernels", None),
            Question("Which packet left late?", "held-frame", None),
            Question("Which call wrote its byte?", "held-write", None),
            Question("Which packet let it go?", "releasing-ack", None),
            Question("How many packets is the close?", "packets-to-close", None),
            Question("Who sends the first FIN?", "first-fin", None),
            Question("How many FINs are there?", "fins", None),
            Question(
                "Which call tells the server that the client has closed?",
                "end-of-file",
                None,
            ),
            Question("In which state is the server's socket left?", "server-left-in", None),
        ],
    },
    Sheet {
        step: "step2-one-write",
        questions: &[
            Question(
                "Which frames are the packets of the first exchange?",
                "packets-of-exchange",
                Some(1),
            ),
            Question(
                "Which call wrote the last byte of the first reply?",
                "last-write",
                Some(1),
            ),
            Question(
                "Which frames are the packets of the second exchange?",
                "packets-of-exchange",
                Some(2),
            ),
            Question(
                "Which packet is an ACK that its sender had put off?",
                "delayed-ack",
                Some(1),
            ),
            Question("How many packets left late?", "stalls", None),
            Question("How many FINs are there?", "fins", None),
            Question("In which state is the server's socket left?", "server-left-in", None),
        ],
    },
    Sheet {
        step: "step3-clean-close",
        questions: &[
            Question("How many packets is the close?", "packets-to-close", None),
            Question("Which frame is the client's FIN?", "fin-of-client", None),
            Question(
                "Which call tells the server that the client has closed?",
                "end-of-file",
                None,
            ),
            Question("Which frame is the server's FIN?", "fin-of-server", None),
            Question("Whose socket waits in TIME_WAIT?", "time-wait", None),
            Question("In which state is the server's socket left?", "server-left-in", None),
        ],
    },
];

/// The questions about a step's capture, with room for the answers.
///
/// # Errors
///
/// If there are no questions about it.
pub fn questions(step: &str) -> Result<String> {
    let mut table = "\n| | question | your answer |\n|--:|---|---|\n".to_owned();
    for (number, Question(ask, ..)) in (1..).zip(sheet(step)?.questions) {
        // Writing to a string cannot fail.
        let _ = writeln!(table, "| {number} | {ask} | |");
    }
    Ok(table + "\n")
}

/// The same with the answers of the capture.
///
/// # Errors
///
/// If there are no questions about it, or the capture does not answer one.
pub fn key(step: &str, timeline: &Timeline) -> Result<String> {
    let mut table = "\n| | question | answer |\n|--:|---|---|\n".to_owned();
    for (number, Question(ask, name, of)) in (1..).zip(sheet(step)?.questions) {
        let measure = measure::find(name).with_context(|| format!("there is no measure {name}"))?;
        let answer = measure.ask(timeline, *of);
        let answer = answer.with_context(|| format!("the capture of {step} does not say: {ask}"))?;
        ensure!(!answer.right.is_empty(), "the capture of {step} has no answer: {ask}");
        let between = match measure.form {
            Form::Frames => ", ",
            Form::Frame | Form::Number | Form::Word(_) => " or ",
        };
        let _ = writeln!(table, "| {number} | {ask} | {} |", answer.right.join(between)); // writing to a string cannot fail
    }
    Ok(table + "\n")
}

fn sheet(step: &str) -> Result<&'static Sheet> {
    let known = || SHEETS.iter().map(|sheet| sheet.step).collect::<Vec<_>>().join(", ");
    let found = SHEETS.iter().find(|sheet| sheet.step == step);
    found.with_context(|| format!("there are no questions about {step:?}, but about {}", known()))
}
