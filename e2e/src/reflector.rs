//! A raw service of a few lines, which holds what no foreign one does: an endless body both ways,
//! and an answer that waits for the test's word.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use anyhow::{Result, anyhow};

/// A service that listens until the test ends.
#[derive(Debug)]
pub struct Reflector {
    address: SocketAddr,
    arrived: Receiver<String>,
    go: Sender<()>,
}

impl Reflector {
    /// Starts it. It answers by path:
    ///
    /// - `/discard`: reads the body, and answers with its length;
    /// - `/bytes/N`: N bytes;
    /// - `/hold`: reads no body, until [`Reflector::release`] is called; then as `/discard`;
    /// - `/wait`: nothing, until [`Reflector::release`] is called;
    /// - any other: `ok`.
    ///
    /// # Errors
    ///
    /// No port is free.
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let (sender, arrived) = channel();
        let (go, waits) = channel();
        let waits = Arc::new(Mutex::new(waits));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (sender, waits) = (sender.clone(), Arc::clone(&waits));
                // A client that closes in the middle does not matter.
                std::thread::spawn(move || serve(&stream, &sender, &waits).ok());
            }
        });
        Ok(Self { address, arrived, go })
    }

    /// Where it is, for an `upstreams`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The path of the next request, once its head has arrived.
    ///
    /// # Errors
    ///
    /// None arrives.
    pub fn next(&self) -> Result<String> {
        Ok(self.arrived.recv_timeout(crate::deadline::PATIENCE)?)
    }

    /// Releases one waiting request.
    ///
    /// # Errors
    ///
    /// It is gone.
    pub fn release(&self) -> Result<()> {
        Ok(self.go.send(())?)
    }
}

fn serve(stream: &TcpStream, sender: &Sender<String>, waits: &Mutex<Receiver<()>>) -> Result<()> {
    let mut writer = stream;
    let mut reader = BufReader::with_capacity(BUFFER, stream);
    while let Some(head) = Head::read(&mut reader)? {
        let _ = sender.send(head.path.clone());
        if head.expects {
            writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let wait = || -> Result<()> {
            Ok(waits.lock().map_err(|_| anyhow!("one that waited failed"))?.recv()?)
        };
        if head.path == "/hold" {
            wait()?;
        }
        let received = head.discard(&mut reader)?;
        let bytes = head.path.strip_prefix("/bytes/").and_then(|n| n.parse().ok());
        if let Some(length) = bytes {
            write!(writer, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n")?;
            std::io::copy(&mut std::io::repeat(b'x').take(length), &mut writer)?;
            continue;
        }
        let body = match head.path.as_str() {
            "/discard" | "/hold" => received.to_string(),
            "/wait" => {
                wait()?;
                "late".to_owned()
            }
            _ => "ok".to_owned(),
        };
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        // At once, so that it leaves as one packet.
        writer.write_all(answer.as_bytes())?;
    }
    Ok(())
}

/// What a head says, as far as it matters here.
#[derive(Default)]
struct Head {
    chunked: bool,
    expects: bool,
    length: u64,
    path: String,
}

impl Head {
    /// The next one, if the connection is not at its end.
    fn read(reader: &mut impl BufRead) -> Result<Option<Self>> {
        let mut head = Self::default();
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        head.path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            let line = line.trim_end().to_ascii_lowercase();
            match line.split_once(": ") {
                None => return Ok(Some(head)),
                Some(("content-length", length)) => head.length = length.parse()?,
                Some(("expect", _)) => head.expects = true,
                Some(("transfer-encoding", _)) => head.chunked = true,
                Some(_) => {}
            }
        }
    }

    /// Reads the body, and returns its length.
    fn discard(&self, reader: &mut impl BufRead) -> Result<u64> {
        let nowhere = &mut std::io::sink();
        if !self.chunked {
            return Ok(std::io::copy(&mut reader.take(self.length), nowhere)?);
        }
        let mut all = 0;
        loop {
            let mut size = String::new();
            reader.read_line(&mut size)?;
            let size = u64::from_str_radix(size.trim_end(), 16)?;
            all += std::io::copy(&mut reader.take(size), nowhere)?;
            reader.read_line(&mut String::new())?;
            if size == 0 {
                return Ok(all);
            }
        }
    }
}

const BUFFER: usize = 256 * 1024;
