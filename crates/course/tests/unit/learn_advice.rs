//! Tests of `src/learn/advice.rs`, which see what is private there.

use std::collections::BTreeSet;

use super::*;

/// Words of the source that are the name of neither a text nor a place.
const OTHERS: [&str; 3] = ["server-left-in", "time-wait", "server"];

/// The strings of a source that could be a name: small letters, hyphens and slashes.
fn names(source: &str) -> BTreeSet<String> {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-/".contains(c);
    let plain = source.replace("\\\"", "");
    let strings = plain.split('"').skip(1).step_by(2);
    let names = strings.filter(|string| !string.is_empty() && string.chars().all(is_name));
    names.map(str::to_owned).collect()
}

fn places(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|part| Some(part.split_once('}')?.0))
}

#[test]
fn the_texts_and_their_places_are_those_that_the_code_names() {
    let code = include_str!("../../src/learn/advice.rs");
    let mut named = names(code);
    named.retain(|name| !OTHERS.contains(&&**name) && name != "look");
    named.insert("does-not-listen".to_owned());
    let mut there: BTreeSet<String> = TEXTS.keys().cloned().collect();
    there.extend(TEXTS.values().flat_map(|text| places(text)).map(str::to_owned));
    assert_eq!(named, there);
}

#[test]
fn each_place_is_one_that_every_case_knows_or_that_a_function_gives() {
    let code = include_str!("../../src/learn/advice.rs");
    let about = r#"{"order": 1, "title": "", "kind": "fix", "minutes": 1, "page": ""}"#;
    let capture = crate::experiments::capture_of("step1-two-writes").unwrap();
    let case = Case {
        timeline: &crate::capture::read(&capture).unwrap(),
        fault: &Fault::Untraced(Untraced::Behaviour("sleeps")),
        source: "",
        about: &serde_json::from_str(about).unwrap(),
    };
    for (name, text) in &*TEXTS {
        for place in places(text) {
            let given = code.contains(&format!(".with(\"{place}\""));
            assert!(given != case.place(place, &[]).is_some(), "{name}: {place}");
        }
    }
}

#[test]
fn what_a_place_holds_is_no_text_with_places() {
    let holds = |place: &str| (place == "sent").then(|| "\"{got}\"".to_owned());
    assert_eq!(filled("It sent {sent} twice.", holds), "It sent \"{got}\" twice.");
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "nothing stands for {got}")]
fn a_place_that_nothing_stands_for_is_found() {
    filled("It sent {got}.", |_| None);
}
