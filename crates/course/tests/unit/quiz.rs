//! Tests of `src/quiz.rs`, which see what is private there.

use super::*;
use std::collections::BTreeSet;

#[test]
fn a_seed_gives_the_same_quiz_and_another_seed_another() {
    assert_eq!(Quiz::of("ada").unwrap(), Quiz::of("ada").unwrap());
    let quizzes: Vec<Quiz> = (0..200).map(|n| Quiz::of(&format!("learner {n}")).unwrap()).collect();
    let servers: BTreeSet<&str> = quizzes.iter().map(|quiz| quiz.subject.server).collect();
    assert_eq!(servers.len(), SUBJECTS.len(), "{servers:?}");
    let ports: BTreeSet<u16> = quizzes.iter().map(|quiz| quiz.client_port).collect();
    assert!(ports.len() > 150, "{}", ports.len());
    assert!(quizzes.iter().all(|quiz| (2..=4).contains(&quiz.words.len())));
}

#[test]
fn a_seed_leads_out_of_no_folder() {
    for seed in [
        "",
        " ",
        "../x",
        "a/b",
        "a\nb",
        "\u{1b}[2J",
        ".hidden",
        "-rf",
        &"x".repeat(61),
    ] {
        assert!(Quiz::of(seed).is_err(), "{seed:?}");
    }
    assert!(Quiz::of("Zoë B").is_ok());
}
