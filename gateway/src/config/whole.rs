//! The whole file: its tables, and the checks across them.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use toml::de::DeTable;

use super::limits::AllLimits;
use super::listener::{Listener, address};
use super::report::Report;
use super::route::Route;
use super::table::Table;
use super::{Config, ListenerSettings, Security, routes};

impl Config {
    /// Reads a file's text. None, or an incomplete result, if a problem was reported.
    pub(super) fn of(text: &str, report: &Report<'_>) -> Option<Self> {
        let (document, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let position = error.span().map_or(0, |span| span.start);
            let message = error.message();
            let message = message.strip_suffix(", expected nothing").unwrap_or(message);
            report.add(position, format!("not TOML: {message}"));
        }
        if !errors.is_empty() {
            return None;
        }
        let mut table = Table::new(String::new(), 0, document.get_ref(), report);

        let admin = table.or("admin", (ADMIN, None), |value| read_admin(Table::of(value)?));
        let limits =
            table.or("limits", AllLimits::default(), |value| AllLimits::read(Table::of(value)?));
        let revocation = table.or("revocation", Default::default(), |value| value.text(str::parse));
        let listeners = table.require("listener", LISTENER);
        let listeners = listeners.map(|value| Table::all_of(&value, "listener", Some(LISTENER)));
        let listeners = listeners.unwrap_or_default();
        let listeners: Vec<Listener> = listeners.into_iter().map(Listener::read).collect();
        let routes = table
            .get("route")
            .map(|value| Table::all_of(&value, "route", None))
            .unwrap_or_default();
        let routes = routes.into_iter().map(|table| Route::read(table, report)).collect();
        table.finish();

        check_names(&listeners, report);
        check_addresses(admin, &listeners, report);
        let routes = routes::check(routes, &listeners, report);
        let listeners: Option<Vec<ListenerSettings>> =
            listeners.into_iter().map(Listener::checked).collect();

        let (limits, listeners) = (limits?, listeners?);
        // A listener that only redirects has no requests in flight.
        let proxies = |one: &&ListenerSettings| !matches!(one.security, Security::Redirect(_));
        let of_all = limits.max_requests.saturating_mul(listeners.iter().filter(proxies).count());
        Some(Self {
            admin: admin?.0,
            drain_timeout: limits.drain_timeout,
            limits: limits.connection,
            log_refusals_per_second: limits.log_refusals_per_second,
            max_requests: limits.max_requests,
            max_requests_total: limits.max_requests_total.unwrap_or(of_all),
            listeners,
            request_fields: limits.request_fields,
            response_fields: limits.response_fields,
            revocation: revocation?,
            routes: routes?,
        })
    }
}

/// The address of the admin listener, and its position.
fn read_admin(mut table: Table<'_>) -> Option<(SocketAddr, Option<usize>)> {
    let listen = table.get("listen");
    table.finish();
    let Some(listen) = listen else {
        return Some((ADMIN, None));
    };
    Some((listen.text(address)?, Some(listen.offset())))
}

fn check_names(listeners: &[Listener], report: &Report<'_>) {
    let mut names: HashMap<&str, usize> = HashMap::new();
    for listener in listeners {
        let Some(name) = listener.name.as_deref() else {
            continue;
        };
        let first = *names.entry(name).or_insert(listener.name_at);
        if first != listener.name_at {
            let line = report.line(first);
            let problem = format!("the listener on line {line} has the name {name:?} too");
            report.add(listener.name_at, format!("{problem}: give each a unique name"));
        }
    }
}

/// Checks that addresses are unique; an unspecified address conflicts with every address of its
/// family and port. Port 0 never conflicts.
fn check_addresses(
    admin: Option<(SocketAddr, Option<usize>)>,
    all: &[Listener],
    report: &Report<'_>,
) {
    let listeners =
        all.iter().filter_map(|listener| Some((listener.listen?, Some(listener.listen_at))));
    let mut exact: HashMap<SocketAddr, Option<usize>> = HashMap::new();
    let mut of_port: HashMap<(u16, bool), Option<usize>> = HashMap::new();
    let mut whole_port: HashMap<(u16, bool), Option<usize>> = HashMap::new();
    for (address, position) in admin.into_iter().chain(listeners) {
        if address.port() == 0 {
            continue;
        }
        let port = (address.port(), address.is_ipv6());
        let whole = address.ip().is_unspecified();
        let all_of_it = if whole { of_port.get(&port) } else { whole_port.get(&port) };
        match (exact.get(&address).or(all_of_it), position) {
            (Some(None), Some(position)) => report.add(
                position,
                format!("{address} is the admin listener's by default: write [admin] with another"),
            ),
            (Some(Some(first)), Some(position)) => {
                let (first, position) = (*first.min(&position), position.max(*first));
                let line = report.line(first);
                report.add(
                    position,
                    format!("{address} is taken by the listener on line {line}: write another"),
                );
            }
            _ => {}
        }
        exact.entry(address).or_insert(position);
        of_port.entry(port).or_insert(position);
        if whole {
            whole_port.entry(port).or_insert(position);
        }
    }
}

const ADMIN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9002);
const LISTENER: &str = "write [[listener]] with a name and an address";
