//! Files whose words are obeyed: anyone may read them, and nobody but root and the caller may change them.

use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::read::{MAX_BYTES, SecureReadError, check_owner, read_capped};

/// What is in a file that only root and the caller can change; at most 1 MiB. The folder is for whoever opened it to check.
pub fn read_own(path: &Path) -> Result<Vec<u8>, SecureReadError> {
    let unreadable = |source| SecureReadError::Unreadable { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let facts = file.metadata().map_err(unreadable)?;
    check_own(path, &facts)?;
    read_capped(file, facts.len(), path, MAX_BYTES).map(|mut bytes| std::mem::take(&mut *bytes))
}

/// Whether a file with these facts can be changed by root and the caller alone.
pub fn check_own(path: &Path, facts: &Metadata) -> Result<(), SecureReadError> {
    if !facts.is_file() {
        return Err(SecureReadError::NotAFile { path: path.to_owned() });
    }
    check_owner(path, facts)?;
    match facts.mode() & 0o022 {
        0 => Ok(()),
        _ => Err(SecureReadError::Writable { path: path.to_owned(), mode: facts.mode() & 0o7777 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_file_that_others_may_write_is_refused_and_one_they_may_read_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        fs::write(&path, "x").expect("written");
        for (mode, is_own) in [(0o600, true), (0o644, true), (0o755, true), (0o664, false), (0o602, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("changed");
            let read = read_own(&path);
            assert_eq!(read.is_ok(), is_own, "{mode:o}: {read:?}");
            assert!(is_own || matches!(read, Err(SecureReadError::Writable { .. })), "{mode:o}: {read:?}");
        }
        assert!(matches!(read_own(folder.path()), Err(SecureReadError::NotAFile { .. })));
    }
}
