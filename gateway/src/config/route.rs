//! `[[route]]`: one way through, by itself. What it has to do with others is
//! [`super::routes`]'s.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use mtls::policy::Policy;

use super::path_prefix::path_prefix;
use super::report::Report;
use super::table::Table;
use super::value::Value;
use super::{
    HostPattern, IdentityHeaders, RouteConfig, Timeouts, Upstream, UpstreamScheme, UpstreamTls,
    allow,
};

/// A route as it was read. Where an option holds nothing, that was told.
pub(super) struct Route<'a> {
    allow: Option<Option<Policy>>,
    pub(super) anonymous: bool,
    anonymous_read: Option<bool>,
    pub(super) has_allow: bool,
    pub(super) host: Option<HostPattern>,
    identity_headers: Option<IdentityHeaders>,
    /// The names that it has, each with its place; nothing where the key is absent.
    pub(super) listeners: Option<Vec<Value<'a>>>,
    pub(super) name: Option<Option<String>>,
    pub(super) path_prefix: Option<String>,
    pub(super) table: Table<'a>,
    timeouts: Option<Timeouts>,
    upstream_tls: Option<Option<UpstreamTls>>,
    upstreams: Option<Vec<Upstream>>,
}

impl<'a> Route<'a> {
    pub(super) fn read(mut table: Table<'a>, report: &Report<'_>) -> Self {
        let name = table.or("name", None, |value| value.text(route_name).map(Some));
        // An array that is none has been told of, and is not told again as an absent one.
        let listeners = table.get("listeners").map(|value| value.array(EMPTY).unwrap_or_default());
        let host = table.or("host", HostPattern::Any, |value| value.text(HostPattern::new));
        let prefix = table.or("path_prefix", "/".to_owned(), |value| value.text(path_prefix));
        let upstreams = table.require("upstreams", "name one at least, in an array of URLs");
        let (upstreams, scheme) =
            upstreams.map_or((None, None), |value| read_upstreams(&value, report));
        let allowed = table.get("allow");
        let has_allow = allowed.is_some();
        let allow = allowed.map_or(Some(None), |value| allow::read(&value).map(Some));
        let anonymous = table.or("anonymous", false, |value| value.boolean());
        let upstream_tls = upstream_tls(&mut table, scheme);
        let identity_headers = table.get("identity_headers");
        let identity_headers = identity_headers
            .map_or(Some(IdentityHeaders::default()), |v| IdentityHeaders::read(v.table()?));
        let timeouts = table.get("timeouts");
        let timeouts =
            timeouts.map_or(Some(Timeouts::default()), |value| Timeouts::read(value.table()?));
        let route = Self {
            allow,
            anonymous: anonymous == Some(true),
            anonymous_read: anonymous,
            has_allow,
            host,
            identity_headers,
            listeners,
            name,
            path_prefix: prefix,
            timeouts,
            upstream_tls,
            upstreams,
            table,
        };
        route.lends(scheme)
    }

    /// `lends_identity` stands where it must, and nowhere else: whoever reaches a route without a
    /// certificate would otherwise speak to the service behind by ours.
    fn lends(mut self, scheme: Option<UpstreamScheme>) -> Self {
        let presents = scheme == Some(UpstreamScheme::Https);
        let value = self.table.get("lends_identity");
        let lends = value.as_ref().map_or(Some(false), Value::boolean);
        match (&value, lends) {
            (None | Some(_), Some(false)) if self.anonymous && presents => self.table.problem(
                "anyone may come (anonymous = true), and our certificate would vouch for them \
                 behind: add lends_identity = true if that is meant",
            ),
            (Some(value), Some(true)) if !self.anonymous && self.anonymous_read.is_some() => {
                value.problem("the route is not anonymous, and lends nothing: leave it out");
            }
            (Some(value), Some(true)) if !presents && scheme.is_some() => {
                value.problem("no certificate of ours is shown to http and h2c: leave it out");
            }
            _ => {}
        }
        self.table.finish();
        self
    }

    /// The route, where nothing was wrong with it.
    pub(super) fn checked(self, name: String, listeners: Vec<String>) -> Option<RouteConfig> {
        Some(RouteConfig {
            name,
            listeners,
            host: self.host?,
            path_prefix: self.path_prefix?,
            allow: self.allow?,
            anonymous: self.anonymous_read?,
            identity_headers: self.identity_headers?,
            upstreams: self.upstreams?,
            upstream_tls: self.upstream_tls?,
            timeouts: self.timeouts?,
        })
    }
}

/// The upstreams, and their scheme if it is one: nothing of them where one is bad, and the scheme
/// of the good ones.
fn read_upstreams(
    value: &Value<'_>,
    report: &Report<'_>,
) -> (Option<Vec<Upstream>>, Option<UpstreamScheme>) {
    let Some(values) = value.array(EMPTY) else {
        return (None, None);
    };
    let mut lines: HashMap<Upstream, usize> = HashMap::new();
    let mut upstreams: Vec<Option<Upstream>> = Vec::new();
    for value in &values {
        let upstream = value.text(Upstream::new);
        if let Some(upstream) = &upstream {
            match lines.entry(upstream.clone()) {
                Entry::Occupied(first) => {
                    let line = report.line(*first.get());
                    value
                        .problem(format!("{upstream} stands on line {line} already: name it once"));
                }
                Entry::Vacant(entry) => {
                    entry.insert(value.offset());
                }
            }
        }
        upstreams.push(upstream);
    }
    let schemes: Vec<_> = upstreams.iter().map(|read| Some(read.as_ref()?.scheme)).collect();
    let scheme = schemes.iter().copied().flatten().next();
    let mixed = values.iter().zip(&schemes).find(|(_, other)| other.is_some() && **other != scheme);
    if let (Some(scheme), Some((value, Some(other)))) = (scheme, mixed) {
        value.problem(format!("{other} is mixed with {scheme}: make a route for each"));
        return (None, None);
    }
    (upstreams.into_iter().collect(), scheme)
}

/// The table is there if and only if upstreams are met by TLS.
fn upstream_tls(
    table: &mut Table<'_>,
    scheme: Option<UpstreamScheme>,
) -> Option<Option<UpstreamTls>> {
    match (table.get("upstream_tls"), scheme) {
        (Some(value), scheme) => {
            if matches!(scheme, Some(UpstreamScheme::H2c | UpstreamScheme::Http)) {
                value.problem("no upstream is https: write https:// or leave the table out");
            }
            value.table().and_then(UpstreamTls::read).map(Some)
        }
        (None, Some(UpstreamScheme::Https)) => {
            table.problem("https upstreams need [route.upstream_tls] with an identity: ours");
            None
        }
        (None, _) => Some(None),
    }
}

impl IdentityHeaders {
    fn read(mut table: Table<'_>) -> Option<Self> {
        let default = Self::default();
        let mut header = |key, default| table.or(key, default, Value::boolean);
        let client_cert = header("client_cert", default.client_cert);
        let client_cert_chain = header("client_cert_chain", default.client_cert_chain);
        let forwarded = header("forwarded", default.forwarded);
        let x_forwarded = header("x_forwarded", default.x_forwarded);
        let envoy = header("x_forwarded_client_cert", default.x_forwarded_client_cert);
        let pem = header("x_forwarded_client_cert_pem", default.x_forwarded_client_cert_pem);
        if (envoy, pem) == (Some(false), Some(true)) {
            table.problem(
                "x_forwarded_client_cert_pem is an element of x_forwarded_client_cert, which is \
                 off: switch both on or both off",
            );
        }
        table.finish();
        Some(Self {
            client_cert: client_cert?,
            client_cert_chain: client_cert_chain?,
            forwarded: forwarded?,
            x_forwarded: x_forwarded?,
            x_forwarded_client_cert: envoy?,
            x_forwarded_client_cert_pem: pem?,
        })
    }
}

impl Timeouts {
    fn read(mut table: Table<'_>) -> Option<Self> {
        let default = Self::default();
        let mut time = |key, default| table.or(key, default, Value::duration);
        let connect = time("connect", default.connect);
        let first_byte = time("first_byte", default.first_byte);
        let idle = time("idle", default.idle);
        table.finish();
        Some(Self { connect: connect?, first_byte: first_byte?, idle: idle? })
    }
}

fn route_name(text: &str) -> Result<String, &'static str> {
    if text.is_empty() || text.len() > 256 || text.chars().any(char::is_control) {
        return Err("it is no name: write up to 256 visible characters");
    }
    Ok(text.to_owned())
}

const EMPTY: &str = "it is empty: name one at least";
