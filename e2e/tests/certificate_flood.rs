//! Strangers with certificates as large as TLS allows, one after the other, and readers of
//! `/handshakes`: none of it may fill the API's memory.

use std::io::Write;
use std::net::TcpStream;
use std::thread::scope;

use anyhow::{Result, ensure};
use authority::{Authority, AuthorityRequest, LeafRequest};
use e2e::expected::RunningApi;
use e2e::identity::Identity;
use e2e::openssl::Client;
use e2e::pki::TestPki;
use e2e::service::Service;

#[test]
fn large_certificates_of_foreign_clients_do_not_fill_the_memory() -> Result<()> {
    let pki = TestPki::new()?;
    let running = RunningApi::open(&pki, pki.api())?;
    let good = pki.identity("client-service");
    running.accepts("client-service", &good)?;
    let authority = Authority::generate(&AuthorityRequest::default())?;
    let stranger = |name: &str, count| -> Result<Identity> {
        let names = names(count);
        let request = LeafRequest::new("stranger").extension(SUBJECT_ALT_NAME, false, &names);
        pki.save(name, &authority.issue(&request)?)
    };
    // As large as TLS takes, and as large as is looked at.
    let strangers = [stranger("60,000 bytes", 20_000)?, stranger("45,000 bytes", 15_000)?];
    let before = running.api.peak_memory()?;

    scope(|scope| {
        let (api, count) = (&running.api, STRANGERS / strangers.len());
        let connect =
            move |stranger: &Identity| (0..count).try_for_each(|_| refused(api, stranger));
        let threads = strangers.each_ref().map(|stranger| scope.spawn(move || connect(stranger)));
        threads.into_iter().try_for_each(|thread| thread.join().expect("a thread must end"))
    })?;
    let mut readers = Vec::new();
    for _ in 0..READERS {
        // They ask, and read nothing.
        let mut reader = TcpStream::connect(running.api.admin)?;
        reader.write_all(b"GET /handshakes HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        readers.push(reader);
    }
    (0..READERS).try_for_each(|_| running.api.events().map(drop))?;

    let growth = running.api.peak_memory()? - before;
    println!("{STRANGERS} strangers and {READERS} slow readers: {growth} KiB more at the most");
    ensure!(growth < 16 * 1024, "memory grew by {growth} KiB");
    running.accepts("client-service", &good)
}

fn refused(api: &Service, stranger: &Identity) -> Result<()> {
    let answer = Client::to(api.address, stranger).presenting(stranger)?.request()?;
    ensure!(answer.alert.is_some() && !answer.stdout.contains("HTTP/1.1"), "{answer:?}");
    Ok(())
}

/// A `GeneralNames` of one-letter DNS names (RFC 5280, section 4.2.1.6).
fn names(count: usize) -> Vec<u8> {
    let names = b"\x82\x01a".repeat(count);
    let length = u16::try_from(names.len()).expect("two octets must hold it").to_be_bytes();
    [&[0x30, 0x82], &length[..], &names].concat()
}

const READERS: usize = 32;
const STRANGERS: usize = 256;
const SUBJECT_ALT_NAME: &[u64] = &[2, 5, 29, 17];
