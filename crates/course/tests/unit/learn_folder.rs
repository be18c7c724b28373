//! Tests of `src/learn/folder.rs`, which see what is private there.

use super::*;

#[test]
fn two_folders_have_two_versions() {
    let version = |path: &str| {
        let folder = Folder {
            path: path.into(),
            checkout: "/checkout".into(),
        };
        folder.version()
    };
    assert_ne!(version("/home/ada/exercises"), version("/home/bob/exercises"));
    assert_eq!(version("/home/ada/exercises"), version("/home/ada/exercises"));
}
