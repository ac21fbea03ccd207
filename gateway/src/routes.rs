//! Which way a request takes: the most particular host first, and within it the longest prefix.
//! It knows nothing of who asks.

use std::collections::HashMap;
use std::sync::Arc;

use percent_encoding::percent_decode_str;

use crate::config::{HostPattern, RouteConfig};
use crate::route_metrics::RouteMetrics;
use crate::target::{BadRequest, Target, bare};
use crate::upstream::Upstreams;

/// One way through, made ready.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) config: RouteConfig,
    pub(crate) metrics: Arc<RouteMetrics>,
    /// Its name, as logs and metrics have it.
    pub(crate) name: Arc<str>,
    /// Decoded, as paths are compared.
    prefix: String,
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
            ways.sort_by_key(|route| std::cmp::Reverse(route.prefix.len()));
        }
        table
    }

    /// The route of a host, in the form of [`Target`](crate::target::Target), and a path.
    ///
    /// Where the host has routes of its own and none takes the path, a weaker pattern's route
    /// doesn't either: whoever names a host means all of it.
    ///
    /// # Errors
    ///
    /// The way depends on whether the service behind takes what follows a semicolon for a part of
    /// the path, as most do, or for a parameter, as Java's do.
    pub(crate) fn find(&self, target: &Target) -> Result<Option<&Arc<Route>>, BadRequest> {
        let host = target.host.as_str();
        let ways = self
            .exact
            .get(host)
            .or_else(|| self.wildcard.get(host.split_once('.')?.1))
            .unwrap_or(&self.any);
        let way = |path: &str| ways.iter().find(|route| route.covers(path));
        let found = way(&target.path);
        if target.path.contains(';') {
            let other = way(&without_parameters(&target.path));
            if found.map(Arc::as_ptr) != other.map(Arc::as_ptr) {
                return Err(BadRequest::Path("a parameter (;) where a route's prefix ends"));
            }
        }
        Ok(found)
    }
}

impl Route {
    pub(crate) fn new(config: RouteConfig, upstreams: Upstreams) -> Self {
        let prefix = percent_decode_str(&config.path_prefix).decode_utf8_lossy().into_owned();
        let metrics = Arc::new(RouteMetrics::new(&config.name));
        Self { name: config.name.as_str().into(), prefix, config, metrics, upstreams }
    }

    /// Whether its prefix covers a path, which it does at the end of a segment.
    fn covers(&self, path: &str) -> bool {
        match path.strip_prefix(&*self.prefix) {
            Some(rest) => &*self.prefix == "/" || rest.is_empty() || rest.starts_with('/'),
            None => false,
        }
    }
}

fn without_parameters(path: &str) -> String {
    let names = path.split('/').map(|segment| segment.split(';').next().unwrap_or(segment));
    names.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::Request;

    use super::{Route, Routes};
    use crate::config::Config;
    use crate::target::{BadRequest, Target};
    use crate::upstream::Upstreams;

    #[test]
    fn the_most_particular_host_is_taken_and_then_the_longest_prefix() {
        let routes = routes(&[
            ("any", "", "/"),
            ("wild", "*.local", "/"),
            ("exact", "a.local", "/x"),
            ("longer", "a.local", "/x/y"),
        ]);

        assert_eq!(routes.name("b.local", "/"), Ok(Some("wild".to_owned())));
        assert_eq!(routes.name("a.local", "/x"), Ok(Some("exact".to_owned())));
        assert_eq!(routes.name("a.local", "/x/"), Ok(Some("exact".to_owned())));
        assert_eq!(routes.name("a.local", "/x/y/z"), Ok(Some("longer".to_owned())));
        assert_eq!(routes.name("c.b.local", "/"), Ok(Some("any".to_owned())));
        assert_eq!(routes.name("local", "/"), Ok(Some("any".to_owned())));
    }

    #[test]
    fn a_prefix_ends_with_a_segment_and_no_weaker_host_is_taken_instead() {
        let routes = routes(&[("any", "", "/"), ("exact", "a.local", "/status")]);

        assert_eq!(routes.name("a.local", "/statusfoo"), Ok(None));
        assert_eq!(routes.name("a.local", "/"), Ok(None));
        assert_eq!(routes.name("b.local", "/statusfoo"), Ok(Some("any".to_owned())));
    }

    #[test]
    fn another_spelling_of_a_path_does_not_pass_by_its_route() {
        let routes = routes(&[("all", "", "/"), ("admin", "", "/admin")]);

        assert_eq!(routes.name("a", "/%61dmin"), Ok(Some("admin".to_owned())));
        assert_eq!(routes.name("a", "/%61%64min/x"), Ok(Some("admin".to_owned())));
        assert_eq!(routes.name("a", "/admin/x;y=z"), Ok(Some("admin".to_owned())));
        assert!(matches!(routes.name("a", "/admin;x"), Err(BadRequest::Path(_))));
        assert!(matches!(routes.name("a", "/admin%3Bx/y"), Err(BadRequest::Path(_))));
    }

    impl Routes {
        fn name(&self, host: &str, path: &str) -> Result<Option<String>, BadRequest> {
            let request = Request::builder().uri(path).header("host", host).body(()).unwrap();
            let target = Target::of(&request.into_parts().0)?;
            Ok(self.find(&target)?.map(|route| route.name.to_string()))
        }
    }

    fn routes(of: &[(&str, &str, &str)]) -> Routes {
        let mut text =
            "[[listener]]\nname = \"door\"\nlisten = \"127.0.0.1:0\"\nplain = true\n".to_owned();
        for (name, host, prefix) in of {
            let host = if host.is_empty() { String::new() } else { format!("host = \"{host}\"\n") };
            text += &format!(
                "[[route]]\nname = \"{name}\"\n{host}path_prefix = \"{prefix}\"\n\
                 anonymous = true\nupstreams = [\"http://127.0.0.1:1\"]\n"
            );
        }
        let config = Config::parse("gateway.toml", &text).unwrap();
        let routes: Vec<Arc<Route>> = config
            .routes
            .into_iter()
            .map(|route| Arc::new(Route::new(route, Upstreams::new(Vec::new()))))
            .collect();
        Routes::of("door", &routes)
    }
}
