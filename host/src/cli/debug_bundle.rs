//! `acmite debug-bundle`.

mod described;

mod facts;

mod shown;

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use time::OffsetDateTime;

use super::configured::ConfigFile;
use super::exit::{Exit, Failure};
use super::setup::default_state_path;
use super::{Global, Printer};
use crate::secure_file::write_whole;
use described::Described;

/// Pack what a bug report needs into one file: versions, what is kept and how it stands, the end of the log.
///
/// No key, credential, contact or hook is in it: files are listed by name, size and mode, settings are shown where
/// acmite knows that they are no secret, and nothing is sent anywhere. Look into it before you attach it. Log and
/// state folder are those of acmite.toml where nothing else is said.
///
/// Examples:
///   acmite debug-bundle
///   acmite debug-bundle report.tar.gz --log-file /var/log/acmite.log
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Args {
    /// Where to write it [default: acmite-debug-TIME.tar.gz, here]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigFile,
}

pub(super) fn run(args: &Args, global: &Global, printer: &Printer) -> Result<Exit, Failure> {
    let now = OffsetDateTime::now_utc();
    let path = args.file.clone().unwrap_or_else(|| format!("acmite-debug-{}.tar.gz", now.unix_timestamp()).into());
    let config = Described::read(&args.config);
    let state = global.state_dir.clone().or(config.state_dir).unwrap_or_else(default_state_path);
    let mut parts = vec![
        ("system.json".to_owned(), facts::system(&state).to_string().into_bytes()),
        ("state.txt".to_owned(), facts::listing(&state).into_bytes()),
    ];
    parts.extend(config.shown.map(|shown| ("acmite.toml.txt".to_owned(), shown.into_bytes())));
    parts.extend(shown::settings(&state));
    if let Some(log) = global.log_file.clone().or(config.log_file) {
        let unread = |error| format!("{}: {error}", log.display()).into_bytes();
        parts.push(("log.txt".to_owned(), end_of(&log).unwrap_or_else(unread)));
    }
    let bundle = packed(&parts, now).map_err(|error| Failure::new(Exit::Failed, format!("could not pack: {error}")))?;
    write_whole(&path, &bundle, 0o600).map_err(|error| Failure::of(Exit::Configuration, &error))?;
    let names: Vec<&str> = parts.iter().map(|(name, _)| name.as_str()).collect();
    let text = format!("bundle  {}\nholds   {}", path.display(), names.join("\n        "));
    printer.result(&text, &json!({"event": "debug-bundle", "file": path, "holds": names}));
    Ok(Exit::Done)
}

fn packed(parts: &[(String, Vec<u8>)], now: OffsetDateTime) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for (name, content) in parts {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(now.unix_timestamp()).unwrap_or_default());
        archive.append_data(&mut header, Path::new("acmite-debug").join(name), content.as_slice())?;
    }
    let mut gzip = archive.into_inner()?;
    gzip.flush()?;
    gzip.finish()
}

fn end_of(log: &Path) -> io::Result<Vec<u8>> {
    let mut file = std::fs::File::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_MAX_BYTES)))?;
    let mut end = Vec::new();
    file.take(LOG_MAX_BYTES).read_to_end(&mut end)?;
    Ok(end)
}

const LOG_MAX_BYTES: u64 = 1 << 20;
