//! Modes of files and directories, whatever the umask.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

#[test]
fn with_umask_0_only_the_owner_can_write_or_read_keys() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("above/pki");
    let certs = |umask: &str, arguments: &[&str]| {
        let mut shell = Command::new("sh");
        let shell = shell.args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\"")]);
        let status = shell.arg(env!("CARGO_BIN_EXE_certs")).args(arguments).arg("--dir").arg(&path);
        assert!(status.status().unwrap().success(), "{arguments:?}");
    };

    certs("000", &["init"]);
    // The mode that an older version used.
    fs::set_permissions(path.join(".lock"), fs::Permissions::from_mode(0o666)).unwrap();
    certs("000", &["issue", "alice"]);
    certs("000", &["revoke", "alice"]);
    certs("000", &["rollover", "begin"]);

    let found = modes(place.path());
    assert!(found.len() > 20, "{found:?}");
    for (name, mode) in found {
        let expected = match name.rsplit('/').next().unwrap() {
            ".lock" => 0o600,
            "ca" => 0o700,
            key if Path::new(key).extension().is_some_and(|ending| ending == "key") => 0o600,
            _ if place.path().join(&name).is_dir() => 0o755,
            _ => 0o644,
        };
        assert_eq!(mode, expected, "{name} has mode {mode:04o}");
    }
}

/// Everything below a directory, with its mode.
fn modes(place: &Path) -> Vec<(String, u32)> {
    let mut found = Vec::new();
    let mut open = vec![place.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let mode = path.metadata().unwrap().permissions().mode() & 0o7777;
            let name = path.strip_prefix(place).unwrap().display().to_string();
            found.push((name, mode));
            if path.is_dir() {
                open.push(path);
            }
        }
    }
    found
}
