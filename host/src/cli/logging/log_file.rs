//! A log file that is the owner's alone, and starts anew when it has grown.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Appends to a file. When that has [`LOG_MAX_BYTES`], it is kept as `FILE.1`, the one before as `FILE.2`, and so on.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    file: File,
    max_bytes: u64,
}

/// Months of runs that renew twice a day.
pub(super) const LOG_MAX_BYTES: u64 = 8 << 20;
const KEPT: u32 = 4;

impl LogFile {
    pub(super) fn open(path: &Path, max_bytes: u64) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), file: append_to(path)?, max_bytes })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Another process may have moved the file away; then this one goes on in the new one.
    fn make_room(&mut self) -> io::Result<()> {
        let ours = self.file.metadata()?;
        if ours.len() < self.max_bytes {
            return Ok(());
        }
        if std::fs::metadata(&self.path).is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino())) {
            for number in (1..KEPT).rev() {
                // Most of the time there are not so many yet.
                let _ = std::fs::rename(self.numbered(number), self.numbered(number + 1));
            }
            std::fs::rename(&self.path, self.numbered(1))?;
        }
        self.file = append_to(&self.path)?;
        Ok(())
    }

    fn numbered(&self, number: u32) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        name.into()
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // A log that has grown is better than none.
        let _ = self.make_room();
        self.file.write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_log_that_has_grown_is_moved_away_and_only_so_many_are_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let mut log = LogFile::open(&path, 10).expect("opened");
        for number in 0..8 {
            log.write_all(format!("line number {number}\n").as_bytes()).expect("written");
        }
        let text = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect(name);
        assert_eq!((text("log"), text("log.1")), ("line number 7\n".to_owned(), "line number 6\n".to_owned()));
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1 + KEPT as usize);
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn two_writers_move_one_file_away_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let mut logs = [LogFile::open(&path, 10).expect("opened"), LogFile::open(&path, 10).expect("opened")];
        logs[0].write_all(b"a line of the first\n").expect("written");
        for log in &mut logs {
            log.write_all(b"next\n").expect("written");
        }
        assert_eq!(std::fs::read_to_string(&path).expect("there"), "next\nnext\n");
        assert!(!folder.path().join("log.2").exists());
    }
}
