//! What a writer that was killed left beside the file it wrote.

use std::fs;
use std::path::Path;

use rustix::process::{Pid, test_kill_process};

/// Removes the temporary files in a folder whose writers have ended. A writer in another process namespace may be taken
/// for one that has ended; should it be writing in this very moment, it fails as if the disk had.
pub fn remove_abandoned(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let is_abandoned = writer(&entry.file_name().to_string_lossy()).is_some_and(has_ended);
        if is_abandoned && fs::remove_file(entry.path()).is_ok() {
            tracing::debug!(path = %entry.path().display(), "removed what a killed run left");
        }
    }
}

/// The process that a temporary file's name tells of, as `temporary_beside` makes it.
fn writer(name: &str) -> Option<Pid> {
    let inner = name.strip_prefix('.')?.strip_suffix(".tmp")?;
    let mut numbers = inner.rsplit('.').next()?.split('-').map(str::parse::<i32>);
    match (numbers.next(), numbers.next(), numbers.next(), numbers.next()) {
        (Some(Ok(pid)), Some(Ok(_)), Some(Ok(_)), None) => Pid::from_raw(pid),
        _ => None,
    }
}

fn has_ended(pid: Pid) -> bool {
    test_kill_process(pid) == Err(rustix::io::Errno::SRCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_dead_left_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut child = std::process::Command::new("true").spawn().expect("a process");
        let dead = child.id();
        child.wait().expect("ended");
        let names = [
            format!(".key.pem.{dead}-0-12.tmp"),
            format!(".key.pem.{}-0-12.tmp", std::process::id()),
            format!("key.pem.{dead}-0-12.tmp"),
            ".mine.tmp".to_owned(),
        ];
        for name in &names {
            fs::write(folder.path().join(name), "").expect("written");
        }
        remove_abandoned(folder.path());
        let there: Vec<bool> = names.iter().map(|name| folder.path().join(name).exists()).collect();
        assert_eq!(there, [false, true, true, true]);
    }
}
