//! The configuration file, and whether it is still the one that was read.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// What tells one state of a file from another; `None` if there is no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp(Option<(u64, u64, i64, i64, u64)>);

impl Stamp {
    /// That of the file as it is now; a link counts as what it leads to.
    pub(super) fn of(path: &Path) -> Self {
        let facts = |facts: fs::Metadata| (facts.dev(), facts.ino(), facts.mtime(), facts.mtime_nsec(), facts.size());
        Self(fs::metadata(path).ok().map(facts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_text_another_file_and_none_are_told_apart() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("acmite.toml");
        let none = Stamp::of(&path);
        fs::write(&path, "a").expect("written");
        let first = Stamp::of(&path);
        assert_eq!(first, Stamp::of(&path));
        fs::write(folder.path().join("new"), "b").expect("written");
        fs::rename(folder.path().join("new"), &path).expect("renamed");
        let second = Stamp::of(&path);
        assert!(none != first && first != second);
    }
}
