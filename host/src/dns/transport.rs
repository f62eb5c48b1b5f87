//! One question to one server: UDP, again if it is lost, TCP if the answer is truncated.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use hickory_proto::op::{Message, Query};
use hickory_proto::rr::{Name, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use crate::name::DnsName;

/// Asks `server`, recursively or not; an error if it is silent, unreachable or unreadable.
pub async fn ask(server: SocketAddr, name: &DnsName, kind: RecordType, recursive: bool) -> io::Result<Message> {
    let owner = Name::from_ascii(format!("{name}.")).map_err(io::Error::other)?;
    let mut message = Message::query();
    message.metadata.recursion_desired = recursive;
    message.add_query(Query::query(owner, kind));
    let bytes = message.to_vec().map_err(io::Error::other)?;
    let answer = over_udp(server, &bytes, &message).await?;
    if answer.metadata.truncation {
        return timeout(TCP_TIMEOUT, over_tcp(server, &bytes, &message)).await.map_err(io::Error::from)?;
    }
    Ok(answer)
}

async fn over_udp(server: SocketAddr, bytes: &[u8], question: &Message) -> io::Result<Message> {
    let local = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(local).await?;
    // Connected, so that a closed port is an error at once.
    socket.connect(server).await?;
    let mut buffer = vec![0; 65_535];
    for wait in UDP_WAITS {
        socket.send(bytes).await?;
        let received = timeout(wait, async {
            loop {
                let length = socket.recv(&mut buffer).await?;
                if let Ok(answer) = answer_to(question, &buffer[..length]) {
                    return io::Result::Ok(answer);
                }
            }
        });
        if let Ok(answer) = received.await {
            return answer;
        }
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "no answer"))
}

async fn over_tcp(server: SocketAddr, bytes: &[u8], question: &Message) -> io::Result<Message> {
    let mut stream = TcpStream::connect(server).await?;
    let mut framed = (bytes.len() as u16).to_be_bytes().to_vec();
    framed.extend(bytes);
    stream.write_all(&framed).await?;
    let mut answer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut answer).await?;
    answer_to(question, &answer)
}

fn answer_to(question: &Message, bytes: &[u8]) -> io::Result<Message> {
    let answer = Message::from_vec(bytes).map_err(io::Error::other)?;
    if answer.metadata.id != question.metadata.id || answer.queries != question.queries {
        return Err(io::Error::other("an answer to another question"));
    }
    Ok(answer)
}

const UDP_WAITS: [Duration; 2] = [Duration::from_millis(1500), Duration::from_millis(2500)];
const TCP_TIMEOUT: Duration = Duration::from_secs(5);
