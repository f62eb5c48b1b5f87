//! Compiling in a process of its own: it can be neither interrupted nor bounded from inside.

use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wasmtime::Engine;

use crate::plugin::engine::new_engine;
use crate::plugin::limits;

/// Where components become code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compiler {
    /// Here: for components that come with this program.
    InProcess,
    /// In a child process: for components from outside.
    Child {
        /// An executable that hands its arguments after [`COMPILE`] to [`run_child`].
        program: PathBuf,
        /// Processor time.
        time: Duration,
        /// Time by the clock, which runs on while the machine does other things.
        clock: Duration,
        /// Bytes of address space.
        memory: u64,
    },
}

impl Compiler {
    /// The running executable as the child, with the limits that suit any provider.
    pub fn child() -> std::io::Result<Self> {
        let program = std::env::current_exe()?;
        Ok(Self::Child {
            program,
            time: limits::COMPILE_TIME,
            clock: limits::COMPILE_CLOCK,
            memory: limits::COMPILE_MEMORY,
        })
    }

    /// The component as code for `engine`.
    pub fn compile(&self, engine: &Engine, component: &[u8]) -> Result<Vec<u8>, CompileError> {
        match self {
            Self::InProcess => engine
                .precompile_component(component)
                .map_err(|error| CompileError::Rejected { message: error.to_string() }),
            Self::Child { program, time, clock, memory } => in_child(program, *time, *clock, *memory, component),
        }
    }
}

/// The hidden subcommand; its arguments are the bytes of memory and the seconds of processor time.
pub const COMPILE: &str = "__compile";

/// What the child does: bounds itself, then compiles what comes from `input` to `output`.
pub fn run_child(arguments: &[String], input: impl Read, mut output: impl Write) -> ExitCode {
    let compiled = bound_by(arguments).and_then(|()| compile_from(input));
    let written = compiled.and_then(|code| output.write_all(&code).and_then(|()| output.flush()).map_err(shown));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // There is nobody else to tell.
            let _ = std::io::stderr().write_all(message.as_bytes());
            ExitCode::from(REJECTED)
        }
    }
}

fn bound_by(arguments: &[String]) -> Result<(), String> {
    let [memory, seconds] = arguments else { return Err("needs bytes of memory and seconds".into()) };
    let (memory, seconds): (u64, u64) = (memory.parse().map_err(shown)?, seconds.parse().map_err(shown)?);
    let bound = |resource, current, maximum| {
        setrlimit(resource, Rlimit { current: Some(current), maximum: Some(maximum) }).map_err(shown)
    };
    bound(Resource::Core, 0, 0)?;
    bound(Resource::As, memory, memory)?;
    // At the first limit comes SIGXCPU, which says what was hit; at the second SIGKILL, which could be anyone's.
    bound(Resource::Cpu, seconds, seconds + 1)
}

fn compile_from(input: impl Read) -> Result<Vec<u8>, String> {
    let mut component = Vec::new();
    let limit = limits::COMPONENT_BYTES as u64 + 1;
    input.take(limit).read_to_end(&mut component).map_err(shown)?;
    if component.len() > limits::COMPONENT_BYTES {
        return Err("the component is too large".into());
    }
    let engine = new_engine().map_err(shown)?;
    engine.precompile_component(&component).map_err(|error| format!("{error:#}"))
}

fn shown(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Waits on a thread of its own, so that it may be called from within a runtime or without one.
fn in_child(
    program: &Path,
    time: Duration,
    clock: Duration,
    memory: u64,
    component: &[u8],
) -> Result<Vec<u8>, CompileError> {
    let failed = |source| CompileError::Start { program: program.to_owned(), source };
    let wait = || -> std::io::Result<Option<Ended>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let exchanged = async { tokio::time::timeout(clock, exchange(program, time, memory, component)).await };
        runtime.block_on(exchanged).ok().transpose()
    };
    match std::thread::scope(|scope| scope.spawn(wait).join()) {
        Ok(Ok(Some(child))) => child.code(time, memory),
        Ok(Ok(None)) => Err(CompileError::Clock { limit: clock }),
        Ok(Err(source)) => Err(failed(source)),
        Err(_) => Err(CompileError::Crashed { how: "the thread that waited for it panicked".into() }),
    }
}

/// What a child that has ended left behind.
struct Ended {
    status: ExitStatus,
    output: Vec<u8>,
    message: Vec<u8>,
}

/// The child is killed if this is given up.
async fn exchange(program: &Path, time: Duration, memory: u64, component: &[u8]) -> std::io::Result<Ended> {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    let mut child = tokio::process::Command::new(program)
        .args([COMPILE, &memory.to_string(), &seconds.to_string()])
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let pipes = child.stdin.take().zip(child.stdout.take()).zip(child.stderr.take());
    let ((mut input, output), message) = pipes.ok_or_else(|| std::io::Error::other("a pipe is missing"))?;
    let given = async {
        // A child that ends before it has read all says why by its status.
        let _ = input.write_all(component).await;
        drop(input);
        Ok(())
    };
    let ((), output, message) =
        tokio::try_join!(given, read_at_most(output, OUTPUT_BYTES), read_at_most(message, MESSAGE_BYTES))?;
    Ok(Ended { status: child.wait().await?, output, message })
}

/// What comes up to a limit; the pipe is closed then.
async fn read_at_most(pipe: impl tokio::io::AsyncRead + Unpin, limit: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    pipe.take(limit).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

impl Ended {
    fn code(self, time: Duration, memory: u64) -> Result<Vec<u8>, CompileError> {
        match (self.status.code(), self.status.signal()) {
            (Some(0), _) => Ok(self.output),
            (Some(code), _) if code == i32::from(REJECTED) => {
                Err(CompileError::Rejected { message: one_line(&self.message) })
            }
            (_, Some(SIGXCPU)) => Err(CompileError::Time { limit: time }),
            // An allocation that fails aborts.
            (_, Some(SIGABRT)) => Err(CompileError::Memory { limit: memory }),
            _ => Err(CompileError::Crashed { how: self.status.to_string() }),
        }
    }
}

fn one_line(message: &[u8]) -> String {
    String::from_utf8_lossy(message).chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

const REJECTED: u8 = 3;
const SIGABRT: i32 = 6;
const SIGXCPU: i32 = 24;
const OUTPUT_BYTES: u64 = 256 * 1024 * 1024;
const MESSAGE_BYTES: u64 = 4096;

/// Why there is no code.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The compiler does not take it.
    #[error("the compiler does not accept it: {message}")]
    Rejected {
        /// What it said.
        message: String,
    },
    /// It took too much processor time.
    #[error("compiling it took more than {} s of processor time; a provider takes less than one", limit.as_secs())]
    Time {
        /// The limit.
        limit: Duration,
    },
    /// It took too long by the clock.
    #[error("compiling it was not done within {} s; try again when this machine has less to do", limit.as_secs())]
    Clock {
        /// The limit.
        limit: Duration,
    },
    /// It took too much memory.
    #[error("compiling it took more than {} MiB of memory", limit / 1024 / 1024)]
    Memory {
        /// The limit in bytes.
        limit: u64,
    },
    /// The child ended in another way.
    #[error("the compiler ended unexpectedly: {how}")]
    Crashed {
        /// Its status.
        how: String,
    },
    /// The child did not start.
    #[error("could not run {} as the compiler", program.display())]
    Start {
        /// The executable.
        program: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}
