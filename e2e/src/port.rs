//! Ports for programs that do not print which one the system chose for them.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use anyhow::Result;
use rustix::fd::OwnedFd;
use rustix::net::sockopt::set_socket_reuseaddr;
use rustix::net::{AddressFamily, SocketAddrAny, SocketType, bind, getsockname, socket};

use crate::deadline::eventually;
use crate::program::Program;

/// A port of loopback that is kept for one program, and given to nobody else meanwhile.
#[derive(Debug)]
pub struct Port {
    /// Its number.
    pub number: u16,
    _kept: OwnedFd,
}

impl Port {
    /// Keeps a free port.
    ///
    /// The socket that keeps it does not listen. Linux lets another one have the same port then, if
    /// both have `SO_REUSEADDR`, as all servers have; the system chooses it for nobody.
    ///
    /// # Errors
    ///
    /// None is free.
    pub fn reserve() -> Result<Self> {
        let kept = socket(AddressFamily::INET, SocketType::STREAM, None)?;
        bind(&kept, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        // Not before: the system would then choose ports that others keep in the same manner.
        set_socket_reuseaddr(&kept, true)?;
        let address: SocketAddrAny = getsockname(&kept)?;
        let address: SocketAddr = SocketAddr::try_from(address).map_err(io::Error::from)?;
        Ok(Self { number: address.port(), _kept: kept })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.number).into()
    }

    /// Waits until the program listens on it.
    ///
    /// # Errors
    ///
    /// It has ended, or does not listen.
    pub fn is_taken_by(&self, program: &mut Program) -> Result<()> {
        eventually("a program to listen", || {
            let ended = program.ended()?;
            anyhow::ensure!(ended.is_none(), "it ended: {}{}", program.stdout(), program.stderr());
            Ok(TcpStream::connect(self.address()).ok())
        })?;
        Ok(())
    }
}
