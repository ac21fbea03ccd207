//! What stands before a service in a cluster: an address that leads each new connection to
//! whichever replica is to have it, and leaves those that are open where they are.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::Result;

/// One address before replicas, as a Kubernetes Service is: it balances connections, not requests.
#[derive(Debug)]
pub struct Balancer {
    /// Where it listens.
    pub address: SocketAddr,
    replica: Arc<Mutex<SocketAddr>>,
}

impl Balancer {
    /// Leads to this replica. It listens until the test's process ends.
    ///
    /// # Errors
    ///
    /// There is no port.
    pub fn before(replica: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let replica = Arc::new(Mutex::new(replica));
        let current = Arc::clone(&replica);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let replica = *current.lock().unwrap_or_else(PoisonError::into_inner);
                thread::spawn(move || forward(client, replica));
            }
        });
        Ok(Self { address, replica })
    }

    /// Forwards new connections to this replica from now on.
    pub fn forward_to(&self, replica: SocketAddr) {
        *self.replica.lock().unwrap_or_else(PoisonError::into_inner) = replica;
    }
}

fn forward(client: TcpStream, replica: SocketAddr) {
    let Ok(replica) = TcpStream::connect(replica) else {
        return;
    };
    // Small answers must not wait for each other.
    let _ = client.set_nodelay(true).and_then(|()| replica.set_nodelay(true));
    let (Ok(from_caller), Ok(to_replica)) = (client.try_clone(), replica.try_clone()) else {
        return;
    };
    thread::spawn(move || pass(from_caller, to_replica));
    pass(replica, client);
}

/// Passes on bytes, and then the end of them.
fn pass(mut from: TcpStream, mut to: TcpStream) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        if to.write_all(&bytes[..count]).is_err() {
            let _ = from.shutdown(Shutdown::Both);
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
