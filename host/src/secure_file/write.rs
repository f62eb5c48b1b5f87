//! Files that are there whole or not at all, and folders that are the caller's own.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::read::{caller, quoted};

/// Puts `bytes` at `path`, on disk when it returns: a reader, and a machine that lost power, has the old or the new
/// file, never a part. `mode` holds the permission bits, `0o600` for secrets.
pub fn write_whole(path: &Path, bytes: &[u8], mode: u32) -> Result<(), SecureWriteError> {
    write_whole_for(path, bytes, mode, Owner::default())
}

/// Puts several files into a folder, each as [`write_whole`] would; all are on disk when it returns. Each is its name, its
/// bytes and its permission bits.
pub fn write_all_whole(folder: &Path, files: &[(&str, &[u8], u32)]) -> Result<(), SecureWriteError> {
    for (name, bytes, mode) in files {
        replace(&folder.join(name), bytes, *mode, Owner::default(), Durability::OnDisk)?;
    }
    sync_dir(folder)
}

/// Whom a file is to belong to; where nothing is said, to the caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// User id.
    pub uid: Option<u32>,
    /// Group id.
    pub gid: Option<u32>,
}

/// As [`write_whole`], for another owner.
pub fn write_whole_for(path: &Path, bytes: &[u8], mode: u32, owner: Owner) -> Result<(), SecureWriteError> {
    replace(path, bytes, mode, owner, Durability::OnDisk)?;
    sync_dir(folder_of(path))
}

/// As [`write_whole`] for readers, but without waiting for the disk: after a power cut the file may be empty.
pub fn write_whole_soon(path: &Path, bytes: &[u8], mode: u32) -> Result<(), SecureWriteError> {
    replace(path, bytes, mode, Owner::default(), Durability::Soon)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Durability {
    OnDisk,
    Soon,
}

fn replace(path: &Path, bytes: &[u8], mode: u32, owner: Owner, when: Durability) -> Result<(), SecureWriteError> {
    let failed = |source| SecureWriteError::Write { path: path.to_owned(), source };
    let temporary = temporary_beside(path);
    let written = write_new(&temporary, bytes, mode, owner, when).and_then(|()| fs::rename(&temporary, path));
    if let Err(source) = written {
        // What matters is the first failure; a leftover is empty or as private as the file.
        let _ = fs::remove_file(&temporary);
        return Err(failed(source));
    }
    Ok(())
}

fn write_new(path: &Path, bytes: &[u8], mode: u32, owner: Owner, when: Durability) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode & 0o600).open(path)?;
    file.write_all_at(bytes, 0)?;
    if owner != Owner::default() {
        fchown(&file, owner.uid, owner.gid)?;
    }
    // Not left to the umask.
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    if when == Durability::OnDisk { file.sync_all() } else { Ok(()) }
}

fn temporary_beside(path: &Path) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let nanos = std::time::UNIX_EPOCH.elapsed().map_or(0, |d| d.subsec_nanos());
    path.with_file_name(format!(".{name}.{}-{number}-{nanos}.tmp", std::process::id()))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Waits until what was created, renamed and removed in the folder is on disk.
pub fn sync_dir(folder: &Path) -> Result<(), SecureWriteError> {
    let synced = File::open(folder).and_then(|f| f.sync_all());
    synced.map_err(|source| SecureWriteError::Write { path: folder.to_owned(), source })
}

/// Removes a file, on disk when it returns; that it is gone already is success.
pub fn remove_durably(path: &Path) -> Result<(), SecureWriteError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(SecureWriteError::Write { path: path.to_owned(), source })
        }
        _ => sync_dir(folder_of(path)),
    }
}

/// Makes the folder with mode 0700, and those above it where they are missing; one that is there must be the caller's
/// and writable by nobody else.
pub fn create_private_dir(path: &Path) -> Result<(), SecureWriteError> {
    let failed = |source| SecureWriteError::Write { path: path.to_owned(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
    let facts = fs::metadata(path).map_err(failed)?;
    let caller = caller();
    if facts.uid() != caller {
        return Err(SecureWriteError::FolderOwner { path: path.to_owned(), owner: facts.uid(), caller });
    }
    if facts.mode() & 0o022 != 0 {
        return Err(SecureWriteError::FolderMode { path: path.to_owned(), mode: facts.mode() & 0o7777 });
    }
    Ok(())
}

/// Why something was not put on disk.
#[derive(Debug, thiserror::Error)]
pub enum SecureWriteError {
    /// The system refuses it.
    #[error("cannot write {}; check the free space and that this user may write there", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder is another user's.
    #[error("the folder {} belongs to user {owner}, not to {caller}; run as that user, or: chown -R {caller} {}", path.display(), quoted(path))]
    FolderOwner {
        /// The folder.
        path: PathBuf,
        /// User id.
        owner: u32,
        /// User id of this process.
        caller: u32,
    },
    /// Others may write into the folder.
    #[error("the folder {} has mode {mode:04o}, so others may change what is in it; run: chmod 700 {}", path.display(), quoted(path))]
    FolderMode {
        /// The folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_with_the_mode_asked_for_and_nothing_beside_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        write_whole(&path, b"old", 0o644).expect("written");
        write_whole(&path, b"new", 0o600).expect("written");
        assert_eq!(fs::read(&path).expect("readable"), b"new");
        assert_eq!(fs::metadata(&path).expect("there").mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_refused_with_the_remedy() {
        let folder = tempfile::tempdir().expect("a folder");
        let inner = folder.path().join("a/b c");
        create_private_dir(&inner).expect("made");
        assert_eq!(fs::metadata(&inner).expect("there").mode() & 0o777, 0o700);
        fs::set_permissions(&inner, fs::Permissions::from_mode(0o770)).expect("changed");
        let refused = create_private_dir(&inner).expect_err("refused");
        assert!(matches!(refused, SecureWriteError::FolderMode { mode: 0o770, .. }));
        assert!(refused.to_string().ends_with(&format!("chmod 700 '{}'", inner.display())), "{refused}");
    }
}
