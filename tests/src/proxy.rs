//! A proxy on loopback in front of a provider's API: it keeps what it was sent, and can hold one exchange.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// At which moment of an exchange it is held; the earlier one is the lesser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// The API has not seen the request.
    BeforeRequest,
    /// The API has done it, and the client has not been told.
    BeforeReply,
}

/// A running proxy.
pub struct Proxy {
    /// Where it listens, without final slash.
    pub url: String,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    upstream: String,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    requests: Vec<Vec<u8>>,
    hold: Option<(usize, Moment)>,
    is_held: bool,
    is_ended: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Proxy {
    /// A proxy for the API at `upstream` (`http://host:port`) that holds one exchange, counted from 1.
    ///
    /// # Panics
    /// If it cannot listen.
    pub fn start(upstream: &str, hold: Option<(usize, Moment)>) -> Self {
        let upstream = upstream.strip_prefix("http://").expect("a plain upstream").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let state = State { requests: Vec::new(), hold, is_held: false, is_ended: false };
        let shared = Arc::new(Shared { upstream, state: Mutex::new(state), changed: Condvar::new() });
        let accepting = Some(std::thread::spawn({
            let shared = shared.clone();
            move || accept(&listener, &shared)
        }));
        Self { url, shared, accepting }
    }

    /// The requests so far, as they were sent.
    pub fn requests(&self) -> Vec<Vec<u8>> {
        self.shared.state().requests.clone()
    }

    /// Their first lines.
    pub fn request_lines(&self) -> Vec<String> {
        let first = |request: &Vec<u8>| String::from_utf8_lossy(request).lines().next().unwrap_or_default().to_owned();
        self.requests().iter().map(first).collect()
    }

    /// Whether the exchange that was to be held is.
    pub fn is_holding(&self) -> bool {
        self.shared.state().is_held
    }

    /// Waits until it holds; gives `false` if it does not within `patience`.
    pub fn await_hold(&self, patience: Duration) -> bool {
        let waited = self.shared.changed.wait_timeout_while(self.shared.state(), patience, |state| !state.is_held);
        waited.unwrap_or_else(PoisonError::into_inner).0.is_held
    }

    /// Lets go of what is held: a request that was held goes nowhere, as its sender is meant to be gone.
    pub fn release(&self) {
        self.shared.state().hold = None;
        self.shared.changed.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.state().is_ended = true;
        self.release();
        // Wakes the thread that accepts.
        TcpStream::connect(self.url.trim_start_matches("http://")).ok();
        if let Some(accepting) = self.accepting.take() {
            accepting.join().ok();
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        if shared.state().is_ended {
            return;
        }
        let (Ok(client), shared) = (client, shared.clone()) else { return };
        // A client that was killed breaks its exchange off; the next one is another connection.
        std::thread::spawn(move || exchange(client, &shared).ok());
    }
}

fn exchange(mut client: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let request = read_request(&mut client)?;
    if request.is_empty() {
        return Ok(());
    }
    let number = {
        let mut state = shared.state();
        state.requests.push(request.clone());
        state.requests.len()
    };
    if hold(shared, (number, Moment::BeforeRequest)) {
        return Ok(());
    }
    let mut upstream = TcpStream::connect(&shared.upstream)?;
    upstream.write_all(&closing(&request))?;
    let mut reply = Vec::new();
    upstream.read_to_end(&mut reply)?;
    hold(shared, (number, Moment::BeforeReply));
    client.write_all(&reply)?;
    client.shutdown(Shutdown::Both)
}

/// Waits while this exchange is to be held; gives whether it was.
fn hold(shared: &Shared, here: (usize, Moment)) -> bool {
    let mut state = shared.state();
    if state.hold != Some(here) {
        return false;
    }
    state.is_held = true;
    shared.changed.notify_all();
    while state.hold == Some(here) {
        state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
    state.is_held = false;
    true
}

fn read_request(client: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut request = Vec::new();
    let mut buffer = [0; 16_384];
    while !is_whole(&request) {
        match client.read(&mut buffer)? {
            0 => return Ok(Vec::new()),
            length => request.extend_from_slice(&buffer[..length]),
        }
    }
    Ok(request)
}

fn is_whole(request: &[u8]) -> bool {
    let Some(end) = head_end(request) else { return false };
    let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    request.len() >= end + length.unwrap_or(0)
}

fn head_end(request: &[u8]) -> Option<usize> {
    request.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

/// The request with the word that its connection is for it alone, so that the reply ends with it.
fn closing(request: &[u8]) -> Vec<u8> {
    let end = head_end(request).expect("a whole request") - 2;
    [&request[..end], b"connection: close\r\n", &request[end..]].concat()
}
