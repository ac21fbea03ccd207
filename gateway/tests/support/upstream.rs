//! What stands behind: a raw server that keeps every byte, and answers as a test has it.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::{Message, Talk};

/// A server that is no HTTP server but by its script.
pub(crate) struct Upstream {
    address: SocketAddr,
    connections: Arc<Mutex<Vec<Seen>>>,
    open: Arc<AtomicUsize>,
    pub(crate) requests: Arc<Mutex<Vec<Message>>>,
    task: JoinHandle<()>,
}

/// What came by one connection.
type Seen = Arc<Mutex<Vec<u8>>>;

/// One connection to it.
pub(crate) struct Visit {
    /// Of the connections, from 0.
    pub(crate) number: usize,
    requests: Arc<Mutex<Vec<Message>>>,
    pub(crate) talk: Talk<TcpStream>,
}

impl Upstream {
    /// One that plays a script on each connection.
    pub(crate) async fn scripted<F>(script: impl Fn(Visit) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), script)
    }

    pub(crate) fn on<F>(listener: TcpListener, script: impl Fn(Visit) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let address = listener.local_addr().unwrap();
        let connections = Arc::<Mutex<Vec<_>>>::default();
        let requests = Arc::<Mutex<Vec<Message>>>::default();
        let (seen, counter) = (Arc::clone(&connections), AtomicUsize::new(0));
        let messages = Arc::clone(&requests);
        let open = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&open);
        let task = tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                tcp.set_nodelay(true).unwrap();
                let talk = Talk::new(tcp);
                seen.lock().unwrap().push(Arc::clone(&talk.seen));
                let number = counter.fetch_add(1, Ordering::Relaxed);
                let requests = Arc::clone(&messages);
                let played = script(Visit { number, requests, talk });
                count.fetch_add(1, Ordering::SeqCst);
                let count = Arc::clone(&count);
                tokio::spawn(async move {
                    played.await;
                    count.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, connections, open, requests, task }
    }

    /// One that gives each request the same answer.
    pub(crate) async fn answering(answer: &'static str) -> Self {
        Self::scripted(move |mut visit| async move {
            while visit.request().await.is_some() {
                visit.send(answer).await;
            }
        })
        .await
    }

    /// One that answers 200 and `ok`.
    pub(crate) async fn good() -> Self {
        Self::answering(OK).await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every byte that it received, by connections.
    pub(crate) fn received(&self) -> Vec<String> {
        let connections = self.connections.lock().unwrap();
        let text = |bytes: &Seen| String::from_utf8_lossy(&bytes.lock().unwrap()).into_owned();
        connections.iter().map(text).filter(|text| !text.is_empty()).collect()
    }

    /// The same, and it forgets it.
    pub(crate) fn take_received(&self) -> Vec<String> {
        let received = self.received();
        for connection in &*self.connections.lock().unwrap() {
            connection.lock().unwrap().clear();
        }
        received
    }

    /// How many connections were opened to it.
    pub(crate) fn connections(&self) -> usize {
        self.connections.lock().unwrap().len()
    }

    /// Connections on which its script is not at its end.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// The whole requests that it received.
    pub(crate) fn requests(&self) -> Vec<Message> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Visit {
    /// The next whole request.
    pub(crate) async fn request(&mut self) -> Option<Message> {
        let request = self.talk.request().await?;
        self.requests.lock().unwrap().push(request.clone());
        Some(request)
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.talk.send(bytes).await;
    }
}

pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
