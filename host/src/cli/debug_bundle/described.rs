//! What acmite.toml says of itself, also where it has a mistake: that may be what the report is about.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::shown::without_secrets;
use crate::cli::configured::ConfigFile;
use crate::secure_file::read_named;

/// What of the file the bundle needs.
#[derive(Debug, Default)]
pub(super) struct Described {
    /// The file without what may be secret, or why there is none of it.
    pub(super) shown: Option<String>,
    /// Where everything is kept.
    pub(super) state_dir: Option<PathBuf>,
    /// Where the log is.
    pub(super) log_file: Option<PathBuf>,
}

impl Described {
    /// Reads the file; where there is none and none is named, there is nothing to say.
    pub(super) fn read(config: &ConfigFile) -> Self {
        let path = config.path();
        match read_named(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound && !config.is_named() => Self::default(),
            Err(error) => Self::unread(&path, &error.to_string()),
            Ok(bytes) => match toml::from_slice::<Value>(&bytes) {
                Ok(value) => Self::of(&path, value),
                // The parser's own words repeat the text.
                Err(error) => Self::unread(&path, &format!("it is no TOML at byte {}", start(&error))),
            },
        }
    }

    fn unread(path: &Path, why: &str) -> Self {
        Self { shown: Some(format!("{}: {why}", path.display())), ..Self::default() }
    }

    fn of(path: &Path, value: Value) -> Self {
        let folder = path.parent().unwrap_or(Path::new("/"));
        let [state_dir, log_file] = ["state_dir", "log_file"].map(|key| Some(folder.join(value.get(key)?.as_str()?)));
        Self { shown: Some(without_secrets(value).to_string()), state_dir, log_file }
    }
}

fn start(error: &toml::de::Error) -> usize {
    error.span().map_or(0, |span| span.start)
}
