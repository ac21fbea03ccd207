//! Selects the route of a request: the most specific host first, then the longest path prefix. It
//! does not depend on the caller.

use std::collections::HashMap;
use std::sync::Arc;

use mtls::policy::PathTable;

use crate::config::{HostPattern, RouteConfig};
use crate::route_metrics::RouteMetrics;
use crate::target::{BadRequest, Target, bare};
use crate::upstream::Upstreams;

/// One route, ready to use.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) config: RouteConfig,
    pub(crate) metrics: Arc<RouteMetrics>,
    /// Its name in logs and metrics.
    pub(crate) name: Arc<str>,
    pub(crate) upstreams: Upstreams,
}

/// The routes of one listener.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    any: PathTable<Arc<Route>>,
    exact: HashMap<String, PathTable<Arc<Route>>>,
    wildcard: HashMap<String, PathTable<Arc<Route>>>,
}

impl Routes {
    /// The routes that name this listener.
    pub(crate) fn of<'a>(listener: &str, routes: impl IntoIterator<Item = &'a Arc<Route>>) -> Self {
        let mut hosts: HashMap<&HostPattern, Vec<_>> = HashMap::new();
        for route in routes {
            if route.config.listeners.iter().any(|it| it == listener) {
                let entry = (route.config.path_prefix.clone(), Arc::clone(route));
                hosts.entry(&route.config.host).or_default().push(entry);
            }
        }
        let mut table = Self::default();
        for (host, routes) in hosts {
            let routes = routes.into_iter().collect();
            match host {
                HostPattern::Any => table.any = routes,
                HostPattern::Exact(host) => drop(table.exact.insert(bare(host), routes)),
                HostPattern::Wildcard(domain) => {
                    table.wildcard.insert(domain.clone(), routes);
                }
            }
        }
        table
    }

    /// Selects the route for a host, in the form of [`Target`](crate::target::Target), and a path.
    ///
    /// Where a host has routes of its own and none matches the path, no route of a less specific
    /// host pattern is used: naming a host claims all of its paths.
    ///
    /// # Errors
    ///
    /// Other services may read the path in a way that selects another route.
    pub(crate) fn find(&self, target: &Target) -> Result<Option<&Arc<Route>>, BadRequest> {
        let host = target.host.as_str();
        let wildcard = || self.wildcard.get(host.split_once('.')?.1);
        let routes = self.exact.get(host).or_else(wildcard).unwrap_or(&self.any);
        Ok(routes.find(&target.path)?)
    }
}

impl Route {
    pub(crate) fn new(config: RouteConfig, upstreams: Upstreams) -> Self {
        let metrics = Arc::new(RouteMetrics::new(&config.name));
        Self { name: config.name.as_str().into(), config, metrics, upstreams }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::Request;
    use mtls::policy::InvalidPath;

    use super::{Route, Routes};
    use crate::config::Config;
    use crate::target::{BadRequest, Target};
    use crate::upstream::Upstreams;

    #[test]
    fn the_most_specific_host_wins_then_the_longest_prefix() {
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
    fn a_prefix_matches_whole_segments_without_fallback_to_another_host() {
        let routes = routes(&[("any", "", "/"), ("exact", "a.local", "/status")]);

        assert_eq!(routes.name("a.local", "/statusfoo"), Ok(None));
        assert_eq!(routes.name("a.local", "/"), Ok(None));
        assert_eq!(routes.name("b.local", "/statusfoo"), Ok(Some("any".to_owned())));
    }

    #[test]
    fn another_spelling_of_a_path_selects_no_other_route() {
        let routes = routes(&[("all", "", "/"), ("admin", "", "/admin")]);

        assert_eq!(routes.name("a", "/admin/x;y=z"), Ok(Some("admin".to_owned())));
        assert_eq!(routes.name("a", "/page;y=z"), Ok(Some("all".to_owned())));
        for path in
            ["/admin;x", "/admin%3Bx/y", "/%61dmin", "/%61%64min/x", "/ADMIN", "/admin.json"]
        {
            let refused = routes.name("a", path);
            assert!(
                matches!(refused, Err(BadRequest::Path(InvalidPath::Ambiguous(_)))),
                "{path}: {refused:?}"
            );
        }
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
            "[[listener]]\nname = \"a\"\nlisten = \"127.0.0.1:0\"\nplain = true\n".to_owned();
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
        Routes::of("a", &routes)
    }
}
