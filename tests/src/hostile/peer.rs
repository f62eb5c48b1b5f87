//! A peer that keeps every byte it is sent, and answers byte by byte as a test says.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What a peer does once a request is in: whatever it likes with the connection.
pub type Answer = Arc<dyn Fn(&str, &mut TcpStream) -> std::io::Result<()> + Send + Sync>;

/// A listener on loopback; its thread ends with the process.
pub struct Peer {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    /// Its port.
    pub port: u16,
    log: Arc<Mutex<Vec<String>>>,
}

impl Peer {
    /// Answers every request with a status line and a body.
    pub fn fixed(status: &str, body: &str) -> Self {
        let reply = response(status, "", body.as_bytes());
        Self::start(Arc::new(move |_, stream| stream.write_all(&reply)))
    }

    /// Answers every request with these bytes.
    pub fn bytes(bytes: Vec<u8>) -> Self {
        Self::start(Arc::new(move |_, stream| stream.write_all(&bytes)))
    }

    /// Answers by the request's first line and body.
    pub fn answering(reply: impl Fn(&str) -> (String, String) + Send + Sync + 'static) -> Self {
        Self::start(Arc::new(move |request, stream| {
            let (status, body) = reply(request);
            stream.write_all(&response(&status, "", body.as_bytes()))
        }))
    }

    /// Keeps the first bytes of every connection and hangs up: for what is not HTTP.
    pub fn hanging_up() -> Self {
        Self::listening(|mut stream, log| {
            let mut bytes = vec![0; 65536];
            let count = stream.read(&mut bytes).unwrap_or_default();
            keep(log, String::from_utf8_lossy(&bytes[..count]).into_owned());
        })
    }

    /// Does with every connection as `answer` says once a request is in.
    ///
    /// # Panics
    /// If there is no port.
    pub fn start(answer: Answer) -> Self {
        // A client that hangs up ends its own connection only.
        Self::listening(move |stream, log| serve(stream, &answer, log).unwrap_or_default())
    }

    fn listening(serve: impl Fn(TcpStream, &Mutex<Vec<String>>) + Clone + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = log.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (serve, log) = (serve.clone(), kept.clone());
                std::thread::spawn(move || serve(stream, &log));
            }
        });
        Self { url: format!("http://127.0.0.1:{port}"), port, log }
    }

    /// Every request so far, head and body; a connection without one is an empty text.
    pub fn requests(&self) -> Vec<String> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Checks that nothing was sent here.
    ///
    /// # Panics
    /// If something was.
    #[track_caller]
    pub fn assert_untouched(&self) {
        let requests = self.requests();
        assert!(requests.is_empty(), "{requests:?}");
    }

    /// The requests of this method.
    pub fn of_method(&self, method: &str) -> Vec<String> {
        self.requests().into_iter().filter(|request| request.starts_with(&format!("{method} "))).collect()
    }
}

fn keep(log: &Mutex<Vec<String>>, text: String) {
    log.lock().unwrap_or_else(PoisonError::into_inner).push(text);
}

fn serve(mut stream: TcpStream, answer: &Answer, log: &Mutex<Vec<String>>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut first = true;
    loop {
        let request = read_request(&mut stream);
        match request {
            Some(request) => {
                keep(log, request.clone());
                answer(&request, &mut stream)?;
            }
            None => {
                if first {
                    keep(log, String::new());
                }
                return Ok(());
            }
        }
        first = false;
    }
}

/// Head and body, or what came of them.
fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 65536];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if bytes.len() >= end + 4 + length.unwrap_or(0usize) {
                return Some(String::from_utf8_lossy(&bytes).into_owned());
            }
        }
        match stream.read(&mut buffer) {
            Ok(count) if count > 0 => bytes.extend_from_slice(&buffer[..count]),
            _ if bytes.is_empty() => return None,
            _ => return Some(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(30);

/// A whole reply with this status, more header lines and body.
pub(super) fn response(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}
