//! The load generator: it makes handshakes and requests as fast as one thread can, and records how
//! long each took. It runs beside the measured server, never on its processor.

pub mod exchange;
pub mod h2load;
pub mod handshakes;
pub mod http1;
pub mod http2;
pub mod idle;
pub mod memory_handshake;
pub mod tcp;
pub mod tls;
pub mod window;
