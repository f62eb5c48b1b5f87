//! Tokens as files where a web server finds them (RFC 8555 section 8.3).

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, fchmod, mkdirat, openat, unlinkat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

/// A token's file below a folder that a web server shows, `ROOT/.well-known/acme-challenge/TOKEN`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenFile {
    /// The folder.
    pub root: PathBuf,
    /// The file's name, letters of base64url alone.
    pub token: String,
    /// How many of the two folders above the file were missing, so that they go with it.
    pub missing_folders: usize,
}

impl TokenFile {
    /// Looks which folders are missing; nothing is made.
    pub fn plan(root: &Path, token: &str) -> Result<Self, WebrootError> {
        let mut folder = open_root(root)?;
        let mut there = 0;
        for name in FOLDERS {
            match open_folder(folder.as_fd(), name) {
                Ok(inner) => folder = inner,
                Err(Errno::NOENT) => break,
                Err(errno) => return Err(refused(&below(root, there + 1), errno)),
            }
            there += 1;
        }
        let missing_folders = FOLDERS.len() - there;
        Ok(Self { root: root.to_owned(), token: token.to_owned(), missing_folders })
    }

    /// The file's path.
    pub fn path(&self) -> PathBuf {
        below(&self.root, FOLDERS.len()).join(&self.token)
    }

    /// Writes the file, readable for all; no link is followed below the root.
    pub fn write(&self, content: &str) -> Result<(), WebrootError> {
        let folder = self.make_folders()?;
        let failed = |errno| refused(&self.path(), errno);
        // Left by a run that was killed, if it is there.
        remove_if_there(folder.as_fd(), &self.token, AtFlags::empty()).map_err(failed)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&folder, self.token.as_str(), flags, FILE_MODE).map_err(failed)?;
        // Not left to the umask.
        fchmod(&file, FILE_MODE).map_err(failed)?;
        let written = File::from(file).write_all(content.as_bytes());
        written.map_err(|source| WebrootError::Refused { path: self.path(), source })
    }

    /// Removes the file, and the folders made for it unless something else is in them; what is gone already is fine.
    pub fn remove(&self) -> Result<(), WebrootError> {
        let mut folders = vec![open_root(&self.root)?];
        for (depth, name) in FOLDERS.into_iter().enumerate() {
            match open_folder(folders[depth].as_fd(), name) {
                Ok(inner) => folders.push(inner),
                Err(Errno::NOENT) => break,
                Err(errno) => return Err(refused(&below(&self.root, depth + 1), errno)),
            }
        }
        if let Some(folder) = folders.get(FOLDERS.len()) {
            let removed = remove_if_there(folder.as_fd(), &self.token, AtFlags::empty());
            removed.map_err(|errno| refused(&self.path(), errno))?;
        }
        for depth in (FOLDERS.len() - self.missing_folders.min(FOLDERS.len())..folders.len() - 1).rev() {
            match remove_if_there(folders[depth].as_fd(), FOLDERS[depth], AtFlags::REMOVEDIR) {
                Err(Errno::NOTEMPTY | Errno::EXIST) => break,
                removed => removed.map_err(|errno| refused(&below(&self.root, depth + 1), errno))?,
            }
        }
        Ok(())
    }

    fn make_folders(&self) -> Result<OwnedFd, WebrootError> {
        let mut folder = open_root(&self.root)?;
        for (depth, name) in FOLDERS.into_iter().enumerate() {
            let made = make_folder(folder.as_fd(), name);
            folder = made.map_err(|errno| refused(&below(&self.root, depth + 1), errno))?;
        }
        Ok(folder)
    }
}

const FOLDERS: [&str; 2] = [".well-known", "acme-challenge"];
const FILE_MODE: Mode = Mode::from_raw_mode(0o644);
const FOLDER_MODE: Mode = Mode::from_raw_mode(0o755);
const FOLDER_FLAGS: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC);

fn below(root: &Path, depth: usize) -> PathBuf {
    FOLDERS[..depth].iter().fold(root.to_owned(), |path, name| path.join(name))
}

/// The root itself may be a link: it is the user's word.
fn open_root(root: &Path) -> Result<OwnedFd, WebrootError> {
    openat(CWD, root, FOLDER_FLAGS, Mode::empty()).map_err(|errno| refused(root, errno))
}

fn open_folder(parent: BorrowedFd<'_>, name: &str) -> Result<OwnedFd, Errno> {
    openat(parent, name, FOLDER_FLAGS | OFlags::NOFOLLOW, Mode::empty())
}

fn make_folder(parent: BorrowedFd<'_>, name: &str) -> Result<OwnedFd, Errno> {
    match mkdirat(parent, name, FOLDER_MODE) {
        Ok(()) => {
            let folder = open_folder(parent, name)?;
            fchmod(&folder, FOLDER_MODE)?;
            Ok(folder)
        }
        Err(Errno::EXIST) => open_folder(parent, name),
        Err(errno) => Err(errno),
    }
}

fn remove_if_there(folder: BorrowedFd<'_>, name: &str, flags: AtFlags) -> Result<(), Errno> {
    match unlinkat(folder, name, flags) {
        Err(Errno::NOENT) => Ok(()),
        removed => removed,
    }
}

fn refused(path: &Path, errno: Errno) -> WebrootError {
    match errno {
        Errno::NOENT => WebrootError::Missing { path: path.to_owned() },
        // With DIRECTORY, a link that is not followed is no directory.
        Errno::LOOP | Errno::NOTDIR => WebrootError::NoFolder { path: path.to_owned() },
        errno => WebrootError::Refused { path: path.to_owned(), source: errno.into() },
    }
}

/// Why a token's file could not be written or removed.
#[derive(Debug, thiserror::Error)]
pub enum WebrootError {
    /// There is no such folder.
    #[error("the webroot {} is not there; give the folder that the web server shows", path.display())]
    Missing {
        /// The folder.
        path: PathBuf,
    },
    /// A link or a file stands in a folder's place.
    #[error("{} is a link or a file, and links are not followed there; give the folder it leads to as webroot, or remove it", path.display())]
    NoFolder {
        /// What is in the way.
        path: PathBuf,
    },
    /// The system refuses.
    #[error("cannot change {}; check that this user may write there", path.display())]
    Refused {
        /// The file or folder.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn written(root: &Path) -> TokenFile {
        let file = TokenFile::plan(root, "token").expect("a plan");
        file.write("token.thumbprint").expect("written");
        file
    }

    #[test]
    fn a_token_is_readable_for_all_and_leaves_nothing_when_it_is_removed() {
        let root = tempfile::tempdir().expect("a folder");
        let file = written(root.path());
        assert_eq!(fs::read_to_string(file.path()).expect("there"), "token.thumbprint");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(&file.path()), 0o644);
        assert_eq!(mode(&root.path().join(".well-known/acme-challenge")), 0o755);
        file.remove().expect("removed");
        assert_eq!(fs::read_dir(root.path()).expect("a folder").count(), 0);
        file.remove().expect("gone already");
    }

    #[test]
    fn folders_that_were_there_or_hold_something_else_stay() {
        let root = tempfile::tempdir().expect("a folder");
        fs::create_dir(root.path().join(".well-known")).expect("made");
        let (first, second) = (written(root.path()), TokenFile::plan(root.path(), "other").expect("a plan"));
        second.write("x").expect("written");
        first.remove().expect("removed");
        assert!(second.path().exists());
        second.remove().expect("removed");
        assert!(root.path().join(".well-known").exists());
    }

    #[test]
    fn links_below_the_root_are_not_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (root, elsewhere) = (folder.path().join("root"), folder.path().join("elsewhere"));
        fs::create_dir_all(root.join(".well-known")).expect("made");
        fs::create_dir(&elsewhere).expect("made");
        symlink(&elsewhere, root.join(".well-known/acme-challenge")).expect("linked");
        assert!(matches!(TokenFile::plan(&root, "token"), Err(WebrootError::NoFolder { .. })));
        let file = TokenFile { root: root.clone(), token: "token".to_owned(), missing_folders: 1 };
        assert!(matches!(file.write("x"), Err(WebrootError::NoFolder { .. })));
        assert!(matches!(file.remove(), Err(WebrootError::NoFolder { .. })));
        assert_eq!(fs::read_dir(&elsewhere).expect("a folder").count(), 0);
    }

    #[test]
    fn a_link_in_the_tokens_place_is_replaced_and_its_target_left_alone() {
        let root = tempfile::tempdir().expect("a folder");
        let target = root.path().join("target");
        fs::write(&target, "mine").expect("written");
        let file = written(root.path());
        fs::remove_file(file.path()).expect("removed");
        symlink(&target, file.path()).expect("linked");
        file.write("token.thumbprint").expect("written");
        assert_eq!(fs::read_to_string(&target).expect("there"), "mine");
        assert!(fs::symlink_metadata(file.path()).expect("there").is_file());
    }
}
