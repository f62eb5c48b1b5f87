//! `cargo xtask fuzz`: libFuzzer over the targets of `fuzz/`, on the stable compiler.
//!
//! What is counted as coverage is acmite's own library, so that the dependencies are those of every other build. The
//! compiler is called by way of this program for that, which adds LLVM's pass to that one crate.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Builds the targets and runs one or all of them, each for so many seconds.
pub(crate) fn run(only: Option<&str>, seconds: u32) -> Result<(), FuzzError> {
    let wrapper = std::env::current_exe().map_err(|source| FuzzError::Start { program: "xtask".into(), source })?;
    let mut build = Command::new("cargo");
    build.args(["build", "--locked", "--workspace", "--features", "acmite-fuzz/libfuzzer", "--bin", "acmite-fuzz"]);
    build.env("RUSTC_WORKSPACE_WRAPPER", wrapper).env(AS_COMPILER, "1");
    start("cargo build", &mut build)?;
    let targets = targets()?;
    if let Some(name) = only.filter(|name| !targets.iter().any(|known| known == name)) {
        return Err(FuzzError::NoTarget { name: name.to_owned(), known: targets.join(", ") });
    }
    for name in targets.iter().filter(|name| only.is_none_or(|only| only == *name)) {
        println!("==> {name} for {seconds} s");
        fuzz(name, seconds)?;
    }
    Ok(())
}

/// What is found is kept in the corpus, where the suite replays it; other new inputs stay in the build's folder.
fn fuzz(name: &str, seconds: u32) -> Result<(), FuzzError> {
    let (corpus, grown) = (repository().join(CORPUS).join(name), repository().join("target/fuzz").join(name));
    std::fs::create_dir_all(&grown).map_err(|source| FuzzError::Corpus { path: grown.clone(), source })?;
    let mut fuzzer = Command::new(repository().join("target/debug/acmite-fuzz"));
    fuzzer.arg(&grown).arg(&corpus).arg(format!("-max_total_time={seconds}"));
    fuzzer.arg(format!("-artifact_prefix={}/found-", corpus.display()));
    fuzzer.args(["-max_len=65536", "-timeout=20", "-rss_limit_mb=2048", "-print_final_stats=1", "-verbosity=0"]);
    start(name, fuzzer.env("ACMITE_FUZZ_TARGET", name))
}

/// Every target has a corpus.
fn targets() -> Result<Vec<String>, FuzzError> {
    let path = repository().join(CORPUS);
    let folders = std::fs::read_dir(&path).map_err(|source| FuzzError::Corpus { path, source })?;
    let mut names: Vec<String> =
        folders.flatten().map(|folder| folder.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

fn start(name: &str, command: &mut Command) -> Result<(), FuzzError> {
    let status = command.current_dir(repository()).status();
    let status = status.map_err(|source| FuzzError::Start { program: name.to_owned(), source })?;
    if status.success() { Ok(()) } else { Err(FuzzError::Failed { what: name.to_owned() }) }
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the repository")
}

const CORPUS: &str = "fuzz/corpus";
const AS_COMPILER: &str = "ACMITE_XTASK_AS_COMPILER";

/// Whether cargo calls this program in the place of the compiler.
pub(crate) fn is_compiler() -> bool {
    std::env::var_os(AS_COMPILER).is_some()
}

/// Calls the compiler with what cargo gave, and with coverage for acmite's library.
pub(crate) fn compile() -> ExitCode {
    let mut arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let is_host = arguments.windows(2).any(|pair| pair[0] == "--crate-name" && pair[1] == "acmite");
    let is_library = arguments.iter().any(|argument| argument == "lib");
    if is_host && is_library {
        arguments.extend(COVERAGE.iter().map(OsString::from));
    }
    let (compiler, arguments) = arguments.split_first().expect("cargo names the compiler first");
    match Command::new(compiler).args(arguments).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {}: {error}", PathBuf::from(compiler).display());
            ExitCode::FAILURE
        }
    }
}

/// As cargo-fuzz has it.
const COVERAGE: [&str; 9] = [
    "-Copt-level=1",
    "-Ccodegen-units=1",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Clink-dead-code",
    "-Cdebug-assertions",
];

/// Why fuzzing ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FuzzError {
    /// There is no such target.
    #[error("there is no target {name}; there are {known}")]
    NoTarget {
        /// What was asked for.
        name: String,
        /// All there are.
        known: String,
    },
    /// The corpus cannot be read, or its growth not kept.
    #[error("could not use {}: {source}", path.display())]
    Corpus {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A program did not start.
    #[error("could not run {program}: {source}")]
    Start {
        /// Which.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The build failed, or a target found something.
    #[error("{what} failed; an input that it found is in {CORPUS}/{what}, fix what it shows and leave it there")]
    Failed {
        /// Which.
        what: String,
    },
}
