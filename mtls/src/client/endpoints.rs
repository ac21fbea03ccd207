//! The addresses of a server, each with connections of its own, as a resolver gives them.

use std::fmt::{Debug, Formatter};
use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http_body::Body;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tracing::warn;

use super::endpoint::{Endpoint, Template};
use crate::task::OwnedTask;

/// Gives the addresses of a server; never its name, which the URL of each request has, and which
/// the server must prove whatever its address is.
#[derive(Clone)]
pub struct Resolver(Arc<dyn Fn() -> Resolving + Send + Sync>);

type Resolving = Pin<Box<dyn Future<Output = Result<Vec<SocketAddr>>> + Send>>;

impl Resolver {
    /// Looks these up, each `HOST:PORT`, by the system's resolver.
    pub fn of_hosts(hosts: Vec<String>) -> Self {
        Self::new(move || {
            let hosts = hosts.clone();
            async move {
                let mut addresses = Vec::new();
                for host in hosts {
                    addresses.extend(tokio::net::lookup_host(host).await?);
                }
                Ok(addresses)
            }
        })
    }

    /// Calls a function of one's own, every five seconds.
    pub fn new<F>(resolve: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Vec<SocketAddr>>> + Send + 'static,
    {
        Self(Arc::new(move || Box::pin(resolve())))
    }
}

impl Debug for Resolver {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Resolver")
    }
}

/// The endpoints of one client, and the task that keeps them up to date.
#[derive(Debug)]
pub(super) struct Endpoints<B> {
    current: watch::Receiver<Resolved<B>>,
    next: AtomicUsize,
    resolve_timeout: Duration,
    _resolution: Option<OwnedTask>,
}

/// The last addresses, and why there are no newer ones.
#[derive(Debug)]
struct Resolved<B> {
    endpoints: Arc<[Arc<Endpoint<B>>]>,
    failure: Option<Arc<str>>,
}

impl<B> Endpoints<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    pub(super) fn new(template: Template) -> Self {
        let resolve_timeout = template.options.connect_timeout;
        let Some(resolver) = template.options.resolver.clone() else {
            let only = Arc::new(Endpoint::new(&template, None));
            let (_, current) = watch::channel(Resolved { endpoints: [only].into(), failure: None });
            return Self { current, next: AtomicUsize::new(0), resolve_timeout, _resolution: None };
        };
        let (resolved, current) = watch::channel(Resolved { endpoints: [].into(), failure: None });
        let resolution = Some(OwnedTask::spawn(follow(resolver, template, resolved)));
        Self { current, next: AtomicUsize::new(0), resolve_timeout, _resolution: resolution }
    }

    /// The endpoints in the order in which a request tries them, the last one apart: by turns, and
    /// those that could not be connected to lately at the end. One whose pause is over comes first,
    /// so that it is tried now.
    ///
    /// # Errors
    ///
    /// The resolver has given no address yet, and why.
    pub(super) async fn in_order(&self) -> Result<(Vec<Arc<Endpoint<B>>>, Arc<Endpoint<B>>)> {
        let endpoints = self.known().await?;
        if let [only] = &*endpoints {
            return Ok((Vec::new(), Arc::clone(only)));
        }
        let now = Instant::now();
        let first = self.next.fetch_add(1, Ordering::Relaxed) % endpoints.len().max(1);
        let by_turns = endpoints[first..].iter().chain(&endpoints[..first]).cloned();
        let (mut ordered, mut paused): (Vec<_>, Vec<_>) =
            by_turns.partition(|endpoint| !endpoint.is_paused());
        if let Some(due) = paused.iter().position(|endpoint| endpoint.claim_trial(now)) {
            ordered.insert(0, paused.remove(due));
        }
        ordered.append(&mut paused);
        let last = ordered.pop().ok_or_else(|| Error::other("there are no addresses"))?;
        Ok((ordered, last))
    }

    async fn known(&self) -> Result<Arc<[Arc<Endpoint<B>>]>> {
        let known =
            |resolved: &Resolved<B>| !resolved.endpoints.is_empty() || resolved.failure.is_some();
        if !known(&self.current.borrow()) {
            let mut current = self.current.clone();
            let first = tokio::time::timeout(self.resolve_timeout, current.wait_for(known));
            let _ = first.await.map_err(|_| Error::from(ErrorKind::TimedOut))?;
        }
        let resolved = self.current.borrow();
        match &resolved.failure {
            Some(failure) if resolved.endpoints.is_empty() => Err(Error::other(failure.as_ref())),
            _ => Ok(Arc::clone(&resolved.endpoints)),
        }
    }
}

/// Resolves again and again; what fails or gives nothing leaves the last addresses in use.
async fn follow<B>(resolver: Resolver, template: Template, resolved: watch::Sender<Resolved<B>>)
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut interval = tokio::time::interval(RESOLVE_AGAIN);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        let failure = match (resolver.0)().await {
            Ok(addresses) if addresses.is_empty() => "there are no addresses".to_owned(),
            Ok(mut addresses) => {
                addresses.sort_unstable();
                addresses.dedup();
                addresses.truncate(MAX_ADDRESSES);
                replace(&resolved, &addresses, &template);
                continue;
            }
            Err(error) => error.to_string(),
        };
        if resolved.borrow().failure.is_none() {
            warn!(error = failure, "addresses were not resolved: those known before stay in use");
        }
        resolved.send_modify(|resolved| resolved.failure = Some(failure.into()));
    }
}

/// Keeps the endpoints whose addresses stay; no new request goes to the others.
fn replace<B>(resolved: &watch::Sender<Resolved<B>>, addresses: &[SocketAddr], template: &Template)
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let before = Arc::clone(&resolved.borrow().endpoints);
    let endpoints = addresses.iter().map(|&address| {
        let known = before.iter().find(|endpoint| endpoint.address == Some(address));
        known.map_or_else(|| Arc::new(Endpoint::new(template, Some(address))), Arc::clone)
    });
    resolved.send_replace(Resolved { endpoints: endpoints.collect(), failure: None });
}

/// Addresses of one client that get connections, of those that a lookup returns.
const MAX_ADDRESSES: usize = 256;
/// How often addresses are looked up.
const RESOLVE_AGAIN: Duration = Duration::from_secs(5);
