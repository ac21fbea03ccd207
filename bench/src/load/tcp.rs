//! Bare TCP connections with the flights of a handshake: the floor of what the system needs.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Result, anyhow, ensure};

use crate::cpu::{Place, Processors, thread_time};
use crate::load::memory_handshake::Flights;
use crate::load::window::Window;

/// The processor time of a blocking server, in microseconds for each connection: accept, read and
/// write the flights, close.
///
/// # Errors
///
/// A connection fails.
pub fn server_micros(processors: &Processors, flights: Flights, window: Window) -> Result<f64> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let (address, is_over) = (listener.local_addr()?, AtomicBool::new(false));
    thread::scope(|scope| {
        let server = scope.spawn(|| {
            processors.enter(Place::Server)?;
            serve(&listener, flights, &is_over)
        });
        let began = Instant::now();
        let mut failure = Ok(());
        while failure.is_ok() && began.elapsed() < window.measured {
            failure = call(address, flights);
        }
        is_over.store(true, Ordering::Relaxed);
        // The server looks whether it is over once it has accepted.
        let _ = TcpStream::connect(address);
        failure?;
        server.join().map_err(|_| anyhow!("the server of bare TCP failed"))?
    })
}

fn serve(listener: &TcpListener, flights: Flights, is_over: &AtomicBool) -> Result<f64> {
    let (began, mut count) = (thread_time(), 0u32);
    loop {
        let (mut stream, _) = listener.accept()?;
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        stream.set_nodelay(true)?;
        exchange(&mut stream, (flights.hello, flights.server, flights.client))?;
        drain(&mut stream)?;
        count += 1;
    }
    ensure!(count > 0, "no TCP connection was completed: measure longer");
    Ok((thread_time() - began).as_secs_f64() * 1e6 / f64::from(count))
}

fn exchange(stream: &mut TcpStream, (read, write, last): (usize, usize, usize)) -> Result<()> {
    let mut buffer = vec![0; read.max(write).max(last)];
    if read > 0 {
        stream.read_exact(&mut buffer[..read])?;
        stream.write_all(&buffer[..write])?;
        stream.read_exact(&mut buffer[..last])?;
    }
    Ok(())
}

fn call(address: SocketAddr, flights: Flights) -> Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    if flights.hello > 0 {
        let mut buffer = vec![0; flights.hello.max(flights.server).max(flights.client)];
        stream.write_all(&buffer[..flights.hello])?;
        stream.read_exact(&mut buffer[..flights.server])?;
        stream.write_all(&buffer[..flights.client])?;
    }
    stream.shutdown(Shutdown::Write)?;
    drain(&mut stream)
}

fn drain(stream: &mut TcpStream) -> Result<()> {
    let mut rest = [0; 64];
    match stream.read(&mut rest) {
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(()),
        read => {
            ensure!(read? == 0, "there are bytes after the last flight");
            Ok(())
        }
    }
}
