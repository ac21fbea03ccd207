//! Checks routes against the listeners and against one another.

use std::collections::HashMap;

use mtls::policy::PathPrefix;

use super::listener::Listener;
use super::nearest::nearest;
use super::report::Report;
use super::route::Route;
use super::value::Value;
use super::{ClientCertificates, HostPattern, RouteConfig, Security};

/// The routes, each with its listeners; none if any has a problem.
pub(super) fn check(
    routes: Vec<Route<'_>>,
    listeners: &[Listener],
    report: &Report<'_>,
) -> Option<Vec<RouteConfig>> {
    let known = ListenerNames::new(listeners);
    let mut names: HashMap<String, usize> = HashMap::new();
    let mut prefixes: HashMap<(String, HostPattern), Vec<(PathPrefix, usize)>> = HashMap::new();
    let mut checked = Vec::new();
    for route in routes {
        let taken_by = known.of(&route);
        for listener in &taken_by {
            check_safety(&route, listener);
        }

        let position = route.table.offset();
        let (host, prefix) = (route.host.clone(), route.path_prefix.clone());
        let mut doubled = false;
        if let (Some(host), Some(prefix)) = (&host, &prefix) {
            for listener in &taken_by {
                let others = prefixes.entry((listener.name.to_owned(), host.clone())).or_default();
                let alike = others.iter().find(|(other, _)| other.reads_like(prefix));
                if let Some((other, first)) = alike {
                    doubled |= other == prefix;
                    let line = report.line(*first);
                    route.table.problem(match other == prefix {
                        true => format!(
                            "the route on line {line} already has {host}{prefix} on the listener \"{}\": \
                             change one of the two",
                            listener.name
                        ),
                        false => format!(
                            "some services read {prefix} as {other}, which the route on line {line} \
                             has on the listener \"{}\": change one of the two",
                            listener.name
                        ),
                    });
                }
                others.push((prefix.clone(), position));
            }
        }
        let default = || Some(format!("{}{}", host.as_ref()?, prefix.as_ref()?));
        let name = route.name.clone().and_then(|name| name.or_else(default));
        if let Some(name) = &name {
            let first = *names.entry(name.clone()).or_insert(position);
            if first != position && !doubled {
                let line = report.line(first);
                route.table.problem(format!(
                    "the route on line {line} has the name {name:?} too: give each a unique name"
                ));
            }
        }
        let taken_by = taken_by.iter().map(|listener| listener.name.to_owned()).collect();
        checked.push(name.and_then(|name| route.checked(name, taken_by)));
    }
    checked.into_iter().collect()
}

/// A listener that serves routes.
struct RoutedListener<'a> {
    name: &'a str,
    security: &'a Security,
}

/// The listeners by name.
struct ListenerNames<'a> {
    /// Whether every listener was read: only then can a name be reported as unknown.
    complete: bool,
    open: Vec<RoutedListener<'a>>,
    redirects: Vec<&'a str>,
}

impl<'a> ListenerNames<'a> {
    fn new(listeners: &'a [Listener]) -> Self {
        let mut known = Self { complete: true, open: Vec::new(), redirects: Vec::new() };
        for listener in listeners {
            match (listener.name.as_deref(), &listener.security) {
                (Some(name), Some(Security::Redirect(_))) => known.redirects.push(name),
                (Some(name), Some(security)) => known.open.push(RoutedListener { name, security }),
                _ => known.complete = false,
            }
        }
        known.complete &= !listeners.is_empty();
        known
    }

    /// The listeners that serve a route.
    fn of(&self, route: &Route<'_>) -> Vec<&RoutedListener<'a>> {
        let mut found: Vec<&RoutedListener<'a>> = Vec::new();
        let Some(named) = &route.listeners else {
            match self.open.as_slice() {
                _ if !self.complete => {}
                [only] => found.push(only),
                [] => {
                    route.table.problem("no listener serves routes: add one that is not a redirect")
                }
                several => {
                    route.table.problem(format!(
                        "listeners is missing, and several listeners serve routes: name one or \
                         more of {}",
                        names(several)
                    ));
                }
            }
            return found;
        };
        for value in named {
            let Some(name) = value.text(|text| Ok::<_, String>(text.to_owned())) else {
                continue;
            };
            match self.open.iter().find(|listener| listener.name == name) {
                Some(listener) if found.iter().any(|other| other.name == listener.name) => {
                    value.problem(format!("{name:?} is named twice: name it once"));
                }
                Some(listener) => found.push(listener),
                None => self.report_unknown(value, &name),
            }
        }
        found
    }

    fn report_unknown(&self, value: &Value<'_>, name: &str) {
        if self.redirects.contains(&name) {
            value.problem(format!("{name:?} redirects every request and serves no routes"));
        } else if self.complete {
            let known: Vec<&str> = self.open.iter().map(|listener| listener.name).collect();
            match nearest(name, &known) {
                Some(near) => {
                    value.problem(format!(
                        "no listener has the name {name:?}: did you mean {near:?}?"
                    ));
                }
                None => {
                    let names = names(&self.open);
                    value.problem(format!(
                        "no listener has the name {name:?}: the listeners are {names}"
                    ));
                }
            }
        }
    }
}

/// The first names: a file may have many, and each of its routes may be reported.
fn names(known: &[RoutedListener<'_>]) -> String {
    let names: Vec<&str> = known.iter().take(8).map(|listener| listener.name).collect();
    let more = if known.len() > names.len() { ", …" } else { "" };
    format!("{}{more}", names.join(", "))
}

/// Rejects `anonymous` together with `allow`, which contradict each other.
fn check_safety(route: &Route<'_>, listener: &RoutedListener<'_>) {
    let name = listener.name;
    let how = match listener.security {
        Security::Plain => "plain = true",
        Security::Redirect(_) => return,
        Security::Tls { client_certificates: ClientCertificates::Off, .. } => {
            "client_certificates = \"off\""
        }
        Security::Tls { client_certificates: ClientCertificates::Optional, .. } => {
            "client_certificates = \"optional\""
        }
        Security::Tls { client_certificates: ClientCertificates::Required, .. } => return,
    };
    if route.anonymous == Some(true) && route.has_allow() {
        route.table.problem(format!(
            "anonymous = true accepts any caller on the listener \"{name}\" ({how}), and allow only \
             some: leave one of the two out"
        ));
    }
}
