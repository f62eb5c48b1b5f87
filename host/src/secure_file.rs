//! Files that hold secrets or must be whole: opened without surprises, written whole.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use zeroize::Zeroizing;

/// The bytes of a file that only its owner may read, the owner being root or the caller.
///
/// Links are resolved first, then the real file and every folder above it are checked, and what was opened is checked
/// again.
pub fn read_private(path: &Path) -> Result<Zeroizing<Vec<u8>>, SecureReadError> {
    read_private_capped(path, MAX_SECRET_BYTES).map(Zeroizing::new)
}

/// The same for files of at most `max_bytes` that hold no secret.
pub fn read_private_capped(path: &Path, max_bytes: u64) -> Result<Vec<u8>, SecureReadError> {
    let unreadable = |source: std::io::Error| SecureReadError::Unreadable { path: path.to_owned(), source };
    let real = fs::canonicalize(path).map_err(unreadable)?;
    check_folders(&real)?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open(&real, flags, Mode::empty()).map_err(|source| unreadable(source.into()))?;
    let file = File::from(file);
    let metadata = file.metadata().map_err(unreadable)?;
    check_file(&real, &metadata)?;
    if metadata.len() > max_bytes {
        return Err(SecureReadError::TooLarge { path: real, max_bytes });
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    file.take(max_bytes + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

fn check_file(path: &Path, metadata: &fs::Metadata) -> Result<(), SecureReadError> {
    let path = path.to_owned();
    if !metadata.is_file() {
        return Err(SecureReadError::NotAFile { path });
    }
    if !is_trusted(metadata.uid()) {
        return Err(SecureReadError::ForeignOwner { path, owner: metadata.uid(), caller: caller() });
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(SecureReadError::TooOpen { path, mode: metadata.mode() & 0o7777 });
    }
    Ok(())
}

fn check_folders(real: &Path) -> Result<(), SecureReadError> {
    for folder in real.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()) {
        let metadata = fs::symlink_metadata(folder)
            .map_err(|source| SecureReadError::Unreadable { path: folder.to_owned(), source })?;
        let folder = folder.to_owned();
        if !is_trusted(metadata.uid()) {
            return Err(SecureReadError::ForeignOwner { path: folder, owner: metadata.uid(), caller: caller() });
        }
        let sticky = metadata.mode() & 0o1000 != 0;
        if metadata.mode() & 0o022 != 0 && !sticky {
            return Err(SecureReadError::OpenFolder { path: folder, mode: metadata.mode() & 0o7777 });
        }
    }
    Ok(())
}

fn is_trusted(owner: u32) -> bool {
    owner == 0 || owner == caller()
}

fn caller() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Makes a folder that only the caller may enter, with those above it; one that is there must be such a folder.
pub fn create_private_dir(path: &Path) -> Result<(), SecureReadError> {
    let unreadable = |source| SecureReadError::Unreadable { path: path.to_owned(), source };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(unreadable)?;
    let metadata = fs::symlink_metadata(path).map_err(unreadable)?;
    let path = path.to_owned();
    if !metadata.is_dir() {
        return Err(SecureReadError::NotAFolder { path });
    }
    if metadata.uid() != caller() {
        return Err(SecureReadError::ForeignOwner { path, owner: metadata.uid(), caller: caller() });
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(SecureReadError::OpenFolder { path, mode: metadata.mode() & 0o7777 });
    }
    Ok(())
}

/// Writes a file so that readers see the old or the new bytes, also after a power cut.
pub fn write_whole(path: &Path, bytes: &[u8], mode: u32) -> Result<(), WriteError> {
    let failed = |source| WriteError { path: path.to_owned(), source };
    let folder = path.parent().unwrap_or(Path::new("."));
    let temporary = temporary_beside(path);
    let written = write_synced(&temporary, bytes, mode).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // The first error is the one to tell; a file left behind has a name of its own and harms nobody.
        fs::remove_file(&temporary).ok();
    }
    written.and_then(|()| File::open(folder)?.sync_all()).map_err(failed)
}

fn temporary_beside(path: &Path) -> PathBuf {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}-{number}.new", std::process::id()))
}

fn write_synced(path: &Path, bytes: &[u8], mode: u32) -> std::io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

const MAX_SECRET_BYTES: u64 = 1024 * 1024;

/// Why a file or folder is not used.
#[derive(Debug, thiserror::Error)]
pub enum SecureReadError {
    /// It cannot be read at all.
    #[error("could not read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not a regular file.
    #[error("{} is not a regular file; give the path of one", path.display())]
    NotAFile {
        /// What it is called.
        path: PathBuf,
    },
    /// Not a folder.
    #[error("{} is not a folder; move it away", path.display())]
    NotAFolder {
        /// What it is called.
        path: PathBuf,
    },
    /// Others may read or write it.
    #[error("{} may be read or written by others (mode {mode:04o}); run: chmod 600 {}", path.display(), path.display())]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Others may put another file in its place.
    #[error("the folder {} is open to others (mode {mode:04o}); run: chmod go-w {}", path.display(), path.display())]
    OpenFolder {
        /// The folder.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It belongs to somebody else.
    #[error("{} belongs to user {owner}, who is neither root nor you; run: chown {caller} {}", path.display(), path.display())]
    ForeignOwner {
        /// The file or folder.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Whose it should be.
        caller: u32,
    },
    /// Larger than such files are.
    #[error("{} is larger than {max_bytes} bytes; is it the right file?", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most that is read.
        max_bytes: u64,
    },
}

/// A file that was not written; what was there before still is.
#[derive(Debug, thiserror::Error)]
#[error("could not write {}: {source}", path.display())]
pub struct WriteError {
    /// The file.
    pub path: PathBuf,
    /// What the system said.
    pub source: std::io::Error,
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn private_folder() -> tempfile::TempDir {
        tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o700)).tempdir().expect("a folder")
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions");
    }

    #[test]
    fn a_file_of_ones_own_is_read_directly_and_through_a_link() {
        let folder = private_folder();
        let file = folder.path().join("token");
        write_whole(&file, b"value", 0o600).expect("written");
        symlink(&file, folder.path().join("link")).expect("a link");
        assert_eq!(read_private(&file).expect("read").as_slice(), b"value");
        assert_eq!(read_private(&folder.path().join("link")).expect("read").as_slice(), b"value");
    }

    #[test]
    fn a_file_that_others_may_read_is_refused_with_the_remedy() {
        let folder = private_folder();
        let file = folder.path().join("token");
        write_whole(&file, b"value", 0o600).expect("written");
        for mode in [0o644, 0o640, 0o620, 0o602] {
            set_mode(&file, mode);
            let error = read_private(&file).expect_err("refused").to_string();
            assert!(
                error.contains(&format!("chmod 600 {}", file.canonicalize().expect("a path").display())),
                "{error}"
            );
        }
    }

    #[test]
    fn a_file_in_a_folder_open_to_others_is_refused_unless_sticky() {
        let folder = private_folder();
        let file = folder.path().join("token");
        write_whole(&file, b"value", 0o600).expect("written");
        set_mode(folder.path(), 0o777);
        assert!(matches!(read_private(&file), Err(SecureReadError::OpenFolder { .. })));
        set_mode(folder.path(), 0o1777);
        assert!(read_private(&file).is_ok());
    }

    #[test]
    fn what_is_no_regular_file_is_refused_without_waiting() {
        let folder = private_folder();
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
            .expect("a pipe");
        assert!(matches!(read_private(&pipe), Err(SecureReadError::NotAFile { .. })));
        assert!(matches!(read_private(folder.path()), Err(SecureReadError::NotAFile { .. })));
        assert!(matches!(read_private(&folder.path().join("absent")), Err(SecureReadError::Unreadable { .. })));
    }

    #[test]
    fn a_file_too_large_is_refused() {
        let folder = private_folder();
        let file = folder.path().join("token");
        write_whole(&file, b"12345", 0o600).expect("written");
        assert!(matches!(read_private_capped(&file, 4), Err(SecureReadError::TooLarge { .. })));
    }

    #[test]
    fn writing_replaces_the_whole_file_and_leaves_nothing_else() {
        let folder = private_folder();
        let file = folder.path().join("state");
        write_whole(&file, b"first, and longer", 0o600).expect("written");
        write_whole(&file, b"second", 0o600).expect("written");
        assert_eq!(fs::read(&file).expect("read"), b"second");
        assert_eq!(fs::metadata(&file).expect("metadata").mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
        assert!(write_whole(&folder.path().join("absent/file"), b"x", 0o600).is_err());
    }
}
