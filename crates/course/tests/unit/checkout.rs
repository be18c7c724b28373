//! Tests of `src/checkout.rs`, which see what is private there.

use super::*;

#[test]
fn an_installed_program_builds_where_cargo_does() {
    let checkout = find().unwrap();
    let elsewhere = Builds::by(&checkout, Path::new("/usr/local/bin/lab"), None);
    assert_eq!(elsewhere.target, None);
    assert_eq!(elsewhere.folder.parent().unwrap(), checkout.join("target"));
    let shared = Builds::by(&checkout, Path::new("/shared/debug/lab"), Some("/shared".into()));
    assert_eq!(shared.folder.parent().unwrap(), Path::new("/shared"));
}

#[test]
fn a_program_from_a_checkout_builds_beside_itself() {
    let checkout = find().unwrap();
    let target = checkout.join("target");
    let builds = |program| Builds::by(&checkout, &target.join(program), None);
    assert_eq!(builds("release/lab").profile, "release");
    assert_eq!(builds("debug/deps/command-1").profile, "dev");
    assert_eq!(builds("debug/deps/command-1").folder, target.join("debug"));
    assert_eq!(builds("debug/lab").target, Some(target.clone()));
}

#[test]
fn a_message_that_names_a_program_is_understood() {
    let message = r#"{"reason":"compiler-artifact","target":{"name":"step1"},"executable":"/a/step1"}"#;
    assert_eq!(executable(message, "step1"), Some(PathBuf::from("/a/step1")));
    assert_eq!(executable(message, "step2"), None);
    assert_eq!(executable("warning: something", "step1"), None);
}
