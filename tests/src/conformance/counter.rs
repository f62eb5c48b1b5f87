//! A relay in front of a name server that counts the DNS updates passing through.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A running relay; its thread ends with the test's process.
pub struct Counter {
    /// Where it listens.
    pub address: SocketAddr,
    updates: Arc<AtomicUsize>,
}

impl Counter {
    /// Relays TCP to `server`.
    ///
    /// # Panics
    /// If it cannot listen.
    pub fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let updates = Arc::new(AtomicUsize::new(0));
        let counted = updates.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let counted = counted.clone();
                // A connection that breaks is seen by the provider, which is what is tested.
                std::thread::spawn(move || relay(client, server, &counted).ok());
            }
        });
        Self { address, updates }
    }

    /// Updates so far.
    pub fn updates(&self) -> usize {
        self.updates.load(Ordering::SeqCst)
    }
}

fn relay(mut client: TcpStream, server: SocketAddr, updates: &AtomicUsize) -> std::io::Result<()> {
    let mut upstream = TcpStream::connect(server)?;
    let (mut from, mut to) = (upstream.try_clone()?, client.try_clone()?);
    let back = std::thread::spawn(move || std::io::copy(&mut from, &mut to).and(to.shutdown(Shutdown::Both)).ok());
    while let Ok(message) = read_message(&mut client) {
        if is_update(&message) {
            updates.fetch_add(1, Ordering::SeqCst);
        }
        let length = u16::try_from(message.len()).map_err(std::io::Error::other)?;
        upstream.write_all(&[&length.to_be_bytes(), message.as_slice()].concat())?;
    }
    upstream.shutdown(Shutdown::Write)?;
    back.join().ok();
    Ok(())
}

/// RFC 1035 section 4.2.2: two bytes of length, then the message.
fn read_message(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut message = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut message)?;
    Ok(message)
}

/// RFC 2136 section 1.3: opcode 5.
fn is_update(message: &[u8]) -> bool {
    message.get(2).is_some_and(|flags| (flags >> 3) & 0xf == 5)
}
