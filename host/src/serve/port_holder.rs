//! Who has a port, as far as the system tells.

use std::fmt;
use std::fs;
use std::path::Path;

/// The process that listens on a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortHolder {
    /// Id and name; `None` if this user may not see it.
    pub process: Option<(u32, String)>,
    /// Its user id.
    pub user: u32,
}

impl fmt::Display for PortHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.process {
            Some((id, name)) => write!(f, "{name} (process {id})"),
            None => write!(f, "a process of user {}", self.user),
        }
    }
}

/// Looks in `proc`, which is `/proc`, for who listens on a TCP port; `None` where that cannot be seen.
pub fn port_holder(proc: &Path, port: u16) -> Option<PortHolder> {
    let tables = ["net/tcp", "net/tcp6"].map(|table| fs::read_to_string(proc.join(table)).unwrap_or_default());
    let (user, inode) = tables.iter().flat_map(|table| table.lines()).find_map(|line| listener(line, port))?;
    Some(PortHolder { process: process_with(proc, &inode), user })
}

/// User id and inode, if a line of the table is a socket that listens on the port (proc_pid_net(5)).
fn listener(line: &str, port: u16) -> Option<(u32, String)> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [_, local, _, LISTEN, _, _, _, user, _, inode, ..] = fields[..] else { return None };
    let (_, hex) = local.rsplit_once(':')?;
    (u16::from_str_radix(hex, 16) == Ok(port)).then(|| Some((user.parse().ok()?, inode.to_owned())))?
}

const LISTEN: &str = "0A";

fn process_with(proc: &Path, inode: &str) -> Option<(u32, String)> {
    let socket = format!("socket:[{inode}]");
    let processes = fs::read_dir(proc).ok()?.flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let id = ids.into_iter().find(|id| has_open(&proc.join(id.to_string()), &socket))?;
    let name = fs::read_to_string(proc.join(id.to_string()).join("comm")).unwrap_or_default();
    Some((id, name.trim().to_owned()))
}

fn has_open(process: &Path, socket: &str) -> bool {
    let Ok(open) = fs::read_dir(process.join("fd")) else { return false };
    open.flatten().any(|file| fs::read_link(file.path()).is_ok_and(|target| target.as_os_str() == socket))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_found_by_the_port_it_listens_on() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let holder = port_holder(Path::new("/proc"), port).expect("a holder");
        assert_eq!(holder.process.as_ref().map(|(id, _)| *id), Some(std::process::id()));
        drop(listener);
        assert_eq!(port_holder(Path::new("/proc"), port), None);
    }

    #[test]
    fn a_process_that_may_not_be_looked_into_is_known_by_its_user() {
        let proc = tempfile::tempdir().expect("a folder");
        fs::create_dir(proc.path().join("net")).expect("made");
        // A connection to port 80 comes first, then the one who listens there on IPv6.
        let table = "  sl  local_address                         remote_address                        st\n   \
             0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:1F90 01 00000000:00000000 00:00000000 00000000     0        0 7 1 0\n   \
             1: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000    33        0 8 1 0\n";
        fs::write(proc.path().join("net/tcp6"), table).expect("written");
        let holder = port_holder(proc.path(), 80).expect("a holder");
        assert_eq!(holder.to_string(), "a process of user 33");
        assert_eq!(port_holder(proc.path(), 8080), None);
    }
}
