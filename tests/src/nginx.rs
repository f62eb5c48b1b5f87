//! nginx, showing the files of a folder.

use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use crate::process::{Process, peer};

/// nginx on a port of this machine; ended with it.
///
/// # Panics
/// If it cannot be started; under CI=true also if it is not there.
pub fn nginx(root: &Path, port: u16) -> Option<Process> {
    let program = peer("nginx")?;
    let folder = tempfile::tempdir().expect("a folder");
    let (path, root) = (folder.path().display(), root.display());
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary: String = temporary.map(|kind| format!("{kind}_temp_path {path}/{kind}; ")).concat();
    // As root, since tests' folders are their owner's alone.
    let text = format!(
        "daemon off; master_process off; pid {path}/pid; error_log stderr;\nevents {{ }}\n\
         http {{ access_log off; {temporary} server {{ listen 127.0.0.1:{port}; root {root}; }} }}\n"
    );
    let file = folder.path().join("nginx.conf");
    std::fs::write(&file, text).expect("written");
    let mut command = Command::new(program);
    command.arg("-c").arg(file).args(["-e", "stderr"]);
    let mut process = Process::start("nginx", command, folder);
    process.await_ready(|| TcpStream::connect(("127.0.0.1", port)).map(|_| ()).map_err(|error| error.to_string()));
    Some(process)
}
