//! Whether a file is a mount of its own, as Kubernetes' `subPath` makes it: then it never changes.

use std::path::{Path, PathBuf};

/// Whether `file` itself is a mount point of this process.
pub(super) fn is_single_file(file: &Path) -> bool {
    let Ok(file) = std::path::absolute(file) else {
        return false;
    };
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    mount_points(&mounts).any(|point| point == file)
}

/// The fifth field of each line, with its octal escapes (proc(5)).
fn mount_points(mounts: &str) -> impl Iterator<Item = PathBuf> {
    mounts.lines().filter_map(|line| line.split(' ').nth(4)).map(|point| {
        let plain = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
        plain.iter().fold(point.to_owned(), |text, (code, plain)| text.replace(code, plain)).into()
    })
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{is_single_file, mount_points};

    #[test]
    fn a_file_mounted_by_itself_stands_among_the_mount_points() {
        let mounts = "36 35 98:0 / / rw - ext4 /dev/root rw\n\
             41 36 98:0 /pods/x/tls.crt /certs/my\\040own/tls.crt ro - ext4 /dev/root rw\n";

        let points: Vec<PathBuf> = mount_points(mounts).collect();

        assert_eq!(points, [Path::new("/"), Path::new("/certs/my own/tls.crt")]);
    }

    #[test]
    fn an_ordinary_file_is_no_mount() {
        assert!(!is_single_file(Path::new("Cargo.toml")));
    }
}
