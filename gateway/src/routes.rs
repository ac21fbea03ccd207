//! Which way a request takes: the most particular host first, and within it the longest prefix.
//! It knows nothing of who asks.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::{HostPattern, RouteConfig};
use crate::target::bare;
use crate::upstream::Upstreams;

/// One way through, made ready.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) config: RouteConfig,
    /// Its name, as logs and metrics have it.
    pub(crate) name: Arc<str>,
    pub(crate) upstreams: Upstreams,
}

/// The ways of one listener.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    any: Vec<Arc<Route>>,
    exact: HashMap<String, Vec<Arc<Route>>>,
    wildcard: HashMap<String, Vec<Arc<Route>>>,
}

impl Routes {
    /// The routes that a listener takes.
    pub(crate) fn of<'a>(listener: &str, routes: impl IntoIterator<Item = &'a Arc<Route>>) -> Self {
        let mut table = Self::default();
        let takes = |route: &&Arc<Route>| route.config.listeners.iter().any(|l| l == listener);
        for route in routes.into_iter().filter(takes) {
            let ways = match &route.config.host {
                HostPattern::Any => &mut table.any,
                HostPattern::Exact(host) => table.exact.entry(bare(host)).or_default(),
                HostPattern::Wildcard(domain) => table.wildcard.entry(domain.clone()).or_default(),
            };
            ways.push(Arc::clone(route));
        }
        let all = table.exact.values_mut().chain(table.wildcard.values_mut());
        for ways in all.chain([&mut table.any]) {
            ways.sort_by_key(|route| std::cmp::Reverse(route.config.path_prefix.len()));
        }
        table
    }

    /// The route of a host, in the form of [`Target`](crate::target::Target), and a path.
    ///
    /// Where the host has routes of its own and none takes the path, a weaker pattern's route
    /// doesn't either: whoever names a host means all of it.
    pub(crate) fn find(&self, host: &str, path: &str) -> Option<&Arc<Route>> {
        let ways = self
            .exact
            .get(host)
            .or_else(|| self.wildcard.get(host.split_once('.')?.1))
            .unwrap_or(&self.any);
        ways.iter().find(|route| is_under(path, &route.config.path_prefix))
    }
}

/// Whether a prefix covers a path, which it does at the end of a segment.
fn is_under(path: &str, prefix: &str) -> bool {
    match path.strip_prefix(prefix) {
        Some(rest) => prefix == "/" || rest.is_empty() || rest.starts_with('/'),
        None => false,
    }
}
