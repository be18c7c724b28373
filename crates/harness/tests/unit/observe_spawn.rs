//! Tests of `src/observe/spawn.rs`, which see what is private there.

use super::*;

fn said(program: &Path) -> String {
    let error = std::process::Command::new(program).spawn().map(drop).unwrap_err();
    cure(program, &error)
}

#[test]
fn each_reason_is_told_from_the_others() {
    let folder = std::env::temp_dir().join(format!("harness-spawn-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let file = |name: &str, text: &str, mode: u32| {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    };
    assert!(said(&folder).contains("it is a folder"));
    assert!(said(&folder.join("none")).contains("no such file"));
    let text = file("text", "x", 0o644);
    assert!(said(&text).contains("chmod +x"));
    assert!(said(&text.join("below")).contains("no folder"));
    assert!(said(&file("script", "#!/no/such/shell -e\n", 0o755)).contains("install /no/such/shell"));
    let crlf = said(&file("crlf", "#!/bin/sh\r\n", 0o755));
    assert!(crlf.contains("what is to run it is not"), "{crlf}");
    assert!(said(&file("of-a-text", "#!/etc/passwd\n", 0o755)).contains("/etc/passwd may not be executed"));
    assert!(said(&file("garbage", "\u{1}\u{2}", 0o755)).contains("no program for this machine"));
    std::os::unix::fs::symlink("nowhere", folder.join("link")).unwrap();
    assert!(said(&folder.join("link")).contains("symbolic link"));
    fs::remove_dir_all(folder).unwrap();
}
