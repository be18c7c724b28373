//! Tests of `src/ordeals/mod.rs`, which see what is private there.

use super::*;

/// The names of `ordeals.json` and of the table are the same, in the same order.
#[test]
fn each_ordeal_has_its_words_and_its_way() {
    assert_eq!(ORDEALS.map(|ordeal| ordeal.name), WAYS.map(|(name, ..)| name));
    for ordeal in ORDEALS.iter() {
        let words = [ordeal.name, ordeal.about, ordeal.lever, ordeal.fails, ordeal.cure];
        assert!(words.iter().all(|words| !words.is_empty()), "{ordeal:?}");
        ordeal.way();
    }
}

/// A fault finds its words by its place: `DiesOfAClient` is the one that is called `dies-of-a-client` there.
#[test]
fn each_fault_has_its_own_words() {
    for fault in Fault::ALL {
        let own: String = format!("{fault:?}")
            .chars()
            .flat_map(|c| c.is_uppercase().then_some('-').into_iter().chain(c.to_lowercase()))
            .collect();
        assert_eq!(fault.name(), own.trim_start_matches('-'));
        assert!(!fault.about().is_empty(), "{fault}");
    }
}
