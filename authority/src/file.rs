//! Atomic writing of files.

use std::{
    fs::{self, DirBuilder, File, Permissions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

use tempfile::NamedTempFile;

/// Who may read a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Readers {
    Everybody,
    Owner,
}

/// Writes the content by temporary file, `fsync` and rename, so that a reader sees the old
/// content or the new one, even after a crash.
pub(crate) fn write(path: &Path, content: &[u8], readers: Readers) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    stage(directory, content, readers)?.persist(path)?;
    sync_directory(directory)
}

/// Writes several files, each as [`write()`] does, in this order, with nothing but the
/// renames between them: a reader sees a mixed state for some microseconds only.
pub(crate) fn write_together(directory: &Path, files: &[(&str, &str, Readers)]) -> io::Result<()> {
    let staged: io::Result<Vec<_>> = files
        .iter()
        .map(|(name, content, readers)| Ok((name, stage(directory, content.as_bytes(), *readers)?)))
        .collect();
    for (name, file) in staged? {
        file.persist(directory.join(name))?;
    }
    sync_directory(directory)
}

fn stage(directory: &Path, content: &[u8], readers: Readers) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new()
        .prefix(TEMPORARY)
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(directory)?;
    file.write_all(content)?;
    if readers == Readers::Everybody {
        file.as_file().set_permissions(Permissions::from_mode(0o644))?;
    }
    file.as_file().sync_all()?;
    Ok(file)
}

/// Syncs the entries of a directory to disk.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Creates a directory with this mode, whatever the umask.
pub(crate) fn make_directory(path: &Path, mode: u32) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)?;
    fs::set_permissions(path, Permissions::from_mode(mode))
}

/// Creates a directory, and its parents, that only its owner can write to, whatever the umask.
pub(crate) fn make_directories(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o755).create(path)
}

/// Opens a lock file that no other user can open, and creates it if it is missing.
pub(crate) fn open_lock(path: &Path) -> io::Result<File> {
    let lock = File::options().create(true).truncate(false).write(true).mode(0o600).open(path)?;
    // Restores the mode of an existing lock file; another user's file stays as it is.
    let _ = lock.set_permissions(Permissions::from_mode(0o600));
    Ok(lock)
}

/// Removes the temporary files of an interrupted writer; no other writer may be active.
pub(crate) fn sweep(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_string_lossy().starts_with(TEMPORARY) {
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            } else {
                fs::remove_file(entry.path())?;
            }
        }
    }
    Ok(())
}

/// The prefix of temporary file names.
pub(crate) const TEMPORARY: &str = ".unfinished-";

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::{Readers, sweep, write};

    #[test]
    fn a_file_is_replaced_whole_with_its_mode() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        fs::write(&path, "old").unwrap();

        for (readers, mode) in [(Readers::Owner, 0o600), (Readers::Everybody, 0o644)] {
            write(&path, b"new", readers).unwrap();

            assert_eq!(fs::read(&path).unwrap(), b"new");
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode);
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn temporary_files_are_removed_and_the_rest_stays() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(".unfinished-x"), "").unwrap();
        fs::create_dir(directory.path().join(".unfinished-y")).unwrap();
        fs::write(directory.path().join("kept"), "").unwrap();

        sweep(directory.path()).unwrap();

        let left: Vec<_> = fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, ["kept"]);
    }
}
