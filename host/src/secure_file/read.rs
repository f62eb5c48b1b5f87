//! Reading a secret only from a file that nobody else can read, change or swap.

use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use rustix::fs::OFlags;
use zeroize::Zeroizing;

/// What is in a file that only root and the caller can read or change; at most [`MAX_BYTES`].
pub fn read_private(path: &Path) -> Result<Zeroizing<Vec<u8>>, SecureReadError> {
    read_private_with(path, &Policy::default())
}

/// As [`read_private`], knowing also where secrets are mounted with wider modes by those who run the process.
///
/// Links are followed one by one. Every folder in which a name is looked up, and every link, is checked first, and the
/// file itself after it was opened, so that there is no moment between check and use.
pub fn read_private_with(path: &Path, policy: &Policy) -> Result<Zeroizing<Vec<u8>>, SecureReadError> {
    let target = walk(path)?;
    let unreadable = |source| SecureReadError::Unreadable { path: path.to_owned(), source };
    // NONBLOCK: opening a FIFO must not wait for its writer.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(&target.path)
        .map_err(unreadable)?;
    let facts = file.metadata().map_err(unreadable)?;
    if !facts.is_file() {
        return Err(SecureReadError::NotAFile { path: target.path });
    }
    check_owner(&target.path, &facts)?;
    if facts.mode() & 0o077 != 0 && !policy.excuses(&target, &facts, &file) {
        return Err(SecureReadError::Mode { mode: facts.mode() & 0o7777, path: target.path });
    }
    read_capped(file, facts.len(), &target.path, policy.max_bytes)
}

/// All of an open file, into a buffer with room for all of it at once: one that grows leaves copies of its content behind
/// and is read in many small pieces.
pub(super) fn read_capped(
    file: File,
    expected: u64,
    path: &Path,
    max_bytes: u64,
) -> Result<Zeroizing<Vec<u8>>, SecureReadError> {
    let room = usize::try_from(expected.min(max_bytes)).unwrap_or_default();
    // A reader asks first for a few bytes if there is room for few.
    let mut bytes = Zeroizing::new(Vec::with_capacity(room + PROBE));
    let unreadable = |source| SecureReadError::Unreadable { path: path.to_owned(), source };
    file.take(max_bytes + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > max_bytes {
        return Err(SecureReadError::TooLarge { path: path.to_owned(), max_bytes });
    }
    Ok(bytes)
}

/// What the standard library reads at least.
const PROBE: usize = 32;

/// The largest file that is read.
pub(crate) const MAX_BYTES: u64 = 1024 * 1024;

/// Where a file may be readable by more than its owner, because it was mounted so for this process alone.
#[derive(Clone, Debug)]
pub struct Policy {
    /// systemd's `$CREDENTIALS_DIRECTORY`; its files are 0440 where an access list is used (systemd.exec(5)).
    pub credentials_directory: Option<PathBuf>,
    /// Where Docker mounts secrets, as 0444 on tmpfs.
    pub secret_mounts: Vec<PathBuf>,
    /// Tells whether a file lies on a file system that is only in memory.
    pub is_in_memory: fn(&File) -> bool,
    /// The largest file that is read, in bytes.
    pub max_bytes: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            credentials_directory: None,
            secret_mounts: vec!["/run/secrets".into(), "/var/run/secrets".into()],
            is_in_memory,
            max_bytes: MAX_BYTES,
        }
    }
}

impl Policy {
    fn excuses(&self, target: &Target, facts: &Metadata, file: &File) -> bool {
        if !(self.is_in_memory)(file) {
            return false;
        }
        let mode = facts.mode();
        let by_systemd = mode & 0o037 == 0 && self.is_credential(&target.path);
        let mounted = target.through_data_link || self.secret_mounts.iter().any(|m| target.path.starts_with(m));
        by_systemd || (mounted && mode & 0o022 == 0 && facts.uid() == ROOT)
    }

    fn is_credential(&self, path: &Path) -> bool {
        let folder = self.credentials_directory.as_ref().and_then(|d| fs::canonicalize(d).ok());
        folder.is_some() && path.parent() == folder.as_deref()
    }
}

#[cfg(target_os = "linux")]
fn is_in_memory(file: &File) -> bool {
    const TMPFS_MAGIC: u64 = 0x0102_1994;
    const RAMFS_MAGIC: u64 = 0x8584_58f6;
    rustix::fs::fstatfs(file).is_ok_and(|fs| {
        // The type of `f_type` differs between platforms; the magic numbers have 32 bits.
        #[allow(clippy::cast_sign_loss, clippy::unnecessary_cast, reason = "only the low 32 bits are compared")]
        let kind = fs.f_type as u64 & 0xffff_ffff;
        kind == TMPFS_MAGIC || kind == RAMFS_MAGIC
    })
}

#[cfg(not(target_os = "linux"))]
fn is_in_memory(_: &File) -> bool {
    false
}

/// A path whose last component is no link.
struct Target {
    path: PathBuf,
    /// Kubernetes shows a mounted secret through a link `..data` to a folder named by its time.
    through_data_link: bool,
}

fn walk(path: &Path) -> Result<Target, SecureReadError> {
    let unreadable = |source| SecureReadError::Unreadable { path: path.to_owned(), source };
    let absolute = std::path::absolute(path).map_err(unreadable)?;
    let mut ahead: Vec<OsString> = steps(&absolute);
    let mut target = Target { path: PathBuf::from("/"), through_data_link: false };
    let mut links = 0;
    while let Some(step) = ahead.pop() {
        if step == ".." {
            target.path.pop();
            continue;
        }
        check_folder(&target.path, path)?;
        let next = target.path.join(&step);
        let facts = fs::symlink_metadata(&next).map_err(unreadable)?;
        if !facts.is_symlink() {
            target.path = next;
            continue;
        }
        links += 1;
        if links > MAX_LINKS {
            return Err(SecureReadError::TooManyLinks { path: path.to_owned() });
        }
        check_owner(&next, &facts)?;
        target.through_data_link |= step == "..data";
        let to = fs::read_link(&next).map_err(unreadable)?;
        if to.is_absolute() {
            target.path = PathBuf::from("/");
        }
        ahead.extend(steps(&to));
    }
    Ok(target)
}

const MAX_LINKS: usize = 40;

/// The components still to go, the next one last.
fn steps(path: &Path) -> Vec<OsString> {
    let named = path.components().filter(|c| matches!(c, Component::Normal(_) | Component::ParentDir));
    named.rev().map(|c| c.as_os_str().to_owned()).collect()
}

fn check_folder(folder: &Path, path: &Path) -> Result<(), SecureReadError> {
    let unreadable = |source| SecureReadError::Unreadable { path: path.to_owned(), source };
    let facts = fs::symlink_metadata(folder).map_err(unreadable)?;
    check_owner(folder, &facts)?;
    if facts.mode() & 0o022 != 0 && facts.mode() & STICKY == 0 {
        return Err(SecureReadError::FolderWritable { folder: folder.to_owned(), path: path.to_owned() });
    }
    Ok(())
}

const STICKY: u32 = 0o1000;
const ROOT: u32 = 0;

pub(super) fn check_owner(path: &Path, facts: &Metadata) -> Result<(), SecureReadError> {
    let caller = caller();
    if facts.uid() == ROOT || facts.uid() == caller {
        return Ok(());
    }
    Err(SecureReadError::Owner { path: path.to_owned(), owner: facts.uid(), caller })
}

/// The effective user id of this process.
pub(super) fn caller() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// A path as a shell takes it.
pub(super) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    if text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-+:@%=,".contains(&b)) {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub enum SecureReadError {
    /// It is not there, or the system refuses it.
    #[error("cannot open {}; check that it exists and that this user may read it", path.display())]
    Unreadable {
        /// The file as it was named.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Its links lead in a circle or too far.
    #[error("{} is behind more than {MAX_LINKS} links; name the file itself", path.display())]
    TooManyLinks {
        /// The file as it was named.
        path: PathBuf,
    },
    /// A FIFO, device, socket or folder.
    #[error("{} is not a regular file; name a file that holds the value", path.display())]
    NotAFile {
        /// What was opened.
        path: PathBuf,
    },
    /// Someone else owns the file, a link to it or a folder above it.
    #[error("{} belongs to user {owner}, who could change it; run: chown {}{caller} {}", path.display(), if path.is_symlink() { "-h " } else { "" }, quoted(path))]
    Owner {
        /// The file, link or folder.
        path: PathBuf,
        /// User id.
        owner: u32,
        /// User id of this process.
        caller: u32,
    },
    /// Group or others may read or write it.
    #[error("{} has mode {mode:04o}, so others may use it; run: chmod 600 {}", path.display(), quoted(path))]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Group or others may change it.
    #[error("{} has mode {mode:04o}, so others may have changed it; look at it, then run: chmod go-w {}", path.display(), quoted(path))]
    Writable {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Others may put another file in its place.
    #[error("others may write to {}, which leads to {}; run: chmod go-w {}", folder.display(), path.display(), quoted(folder))]
    FolderWritable {
        /// The folder.
        folder: PathBuf,
        /// The file as it was named.
        path: PathBuf,
    },
    /// More than a secret would need.
    #[error("{} is larger than {max_bytes} bytes; is it the right file?", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most that is read.
        max_bytes: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    fn file(folder: &Path, name: &str, mode: u32) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, "x").expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("changed");
        path
    }

    #[test]
    fn a_file_open_to_others_is_refused_also_behind_a_link() {
        let folder = tempfile::tempdir().expect("a folder");
        let bad = file(folder.path(), "bad", 0o640);
        let link = folder.path().join("link");
        symlink("bad", &link).expect("linked");
        for path in [&bad, &link] {
            let refused = read_private(path).expect_err("refused");
            assert!(refused.to_string().ends_with(&format!("chmod 600 {}", bad.display())), "{refused}");
        }
        fs::set_permissions(&bad, fs::Permissions::from_mode(0o600)).expect("changed");
        assert_eq!(read_private(&link).expect("read").as_slice(), b"x");
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = file(folder.path(), "key", 0o600);
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("changed");
        assert!(matches!(read_private(&path), Err(SecureReadError::FolderWritable { .. })));
    }

    #[test]
    fn what_is_no_file_is_refused_without_waiting() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(matches!(read_private(folder.path()), Err(SecureReadError::NotAFile { .. })));
    }

    #[test]
    fn a_file_of_another_user_is_refused() {
        assert_eq!(caller(), ROOT, "giving a file away takes root");
        let folder = tempfile::tempdir().expect("a folder");
        let path = file(folder.path(), "key", 0o600);
        chown(&path, Some(65534), None).expect("given away");
        assert!(matches!(read_private(&path), Err(SecureReadError::Owner { owner: 65534, .. })));
    }

    #[test]
    fn wider_modes_pass_only_in_memory_and_in_the_places_made_for_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = file(folder.path(), "token", 0o440);
        let mut policy = Policy { credentials_directory: Some(folder.path().into()), ..Policy::default() };
        policy.is_in_memory = |_| true;
        read_private_with(&path, &policy).expect("as systemd makes it");
        policy.is_in_memory = |_| false;
        assert!(read_private_with(&path, &policy).is_err());
        policy = Policy { is_in_memory: |_| true, ..Policy::default() };
        assert!(read_private_with(&path, &policy).is_err());
    }

    #[test]
    fn a_secret_mounted_by_kubernetes_is_known_by_its_data_link() {
        assert_eq!(caller(), ROOT, "such files belong to root");
        let folder = tempfile::tempdir().expect("a folder");
        let dated = folder.path().join("..2026_11_24");
        fs::create_dir(&dated).expect("made");
        let direct = file(&dated, "token", 0o644);
        symlink("..2026_11_24", folder.path().join("..data")).expect("linked");
        let mounted = folder.path().join("token");
        symlink("..data/token", &mounted).expect("linked");
        let in_memory = Policy { is_in_memory: |_| true, ..Policy::default() };
        read_private_with(&mounted, &in_memory).expect("as Kubernetes makes it");
        assert!(read_private_with(&direct, &in_memory).is_err());
        assert!(read_private_with(&mounted, &Policy { is_in_memory: |_| false, ..Policy::default() }).is_err());
        fs::set_permissions(&direct, fs::Permissions::from_mode(0o646)).expect("changed");
        assert!(read_private_with(&mounted, &in_memory).is_err());
    }

    #[test]
    fn a_pipe_is_refused_without_waiting_for_its_writer() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg("-m600").arg(&path).status().expect("mkfifo runs");
        assert!(made.success());
        assert!(matches!(read_private(&path), Err(SecureReadError::NotAFile { .. })));
    }
}
