//! `[[route]]`: one route by itself. [`super::routes`] checks it against the others.

use mtls::policy::{PathPrefix, Policy};

use super::report::Report;
use super::table::Table;
use super::value::Value;
use super::{
    HostPattern, IdentityHeaders, RouteConfig, Timeouts, Upstream, UpstreamScheme, UpstreamTls,
    allow, upstreams,
};

/// A route as read. Where an outer option is none, a problem has been reported.
pub(super) struct Route<'a> {
    allow: Option<Option<Policy>>,
    pub(super) anonymous: Option<bool>,
    pub(super) host: Option<HostPattern>,
    identity_headers: Option<IdentityHeaders>,
    /// The listener names, each with its position; none if the key is absent.
    pub(super) listeners: Option<Vec<Value<'a>>>,
    pub(super) name: Option<Option<String>>,
    pub(super) path_prefix: Option<PathPrefix>,
    pub(super) table: Table<'a>,
    timeouts: Option<Timeouts>,
    upstream_tls: Option<Option<UpstreamTls>>,
    upstreams: Option<Vec<Upstream>>,
}

impl<'a> Route<'a> {
    pub(super) fn read(mut table: Table<'a>, report: &Report<'_>) -> Self {
        let name = table.or("name", None, |value| value.text(route_name).map(Some));
        // A problem with the array has been reported; it must not be reported as absent too.
        let listeners = table.get("listeners").map(|value| value.array(EMPTY).unwrap_or_default());
        let host = table.or("host", HostPattern::Any, |value| value.text(HostPattern::new));
        let prefix = table.or("path_prefix", PathPrefix::default(), |value| value.text(str::parse));
        let upstreams = table.require("upstreams", "name at least one, in an array of URLs");
        let (upstreams, scheme) =
            upstreams.map_or((None, None), |value| upstreams::read(&value, report));
        let allow = table.or("allow", None, |value| allow::read(value).map(Some));
        let anonymous = table.or("anonymous", false, |value| value.boolean());
        let upstream_tls = UpstreamTls::of(&mut table, scheme);
        let identity_headers = table.or("identity_headers", Default::default(), |value| {
            IdentityHeaders::read(Table::of(value)?)
        });
        let timeouts =
            table.or("timeouts", Default::default(), |value| Timeouts::read(Table::of(value)?));
        let route = Self {
            allow,
            anonymous,
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
        route.check_lends_identity(scheme)
    }

    /// Checks `lends_identity`: required where callers without a certificate are forwarded to
    /// `https` upstreams under the gateway's identity, and not allowed elsewhere.
    fn check_lends_identity(mut self, scheme: Option<UpstreamScheme>) -> Self {
        let presents = scheme == Some(UpstreamScheme::Https);
        let value = self.table.get("lends_identity");
        let enabled = value.as_ref().map_or(Some(false), Value::boolean);
        match (&value, enabled, self.anonymous) {
            (_, Some(false), Some(true)) if presents => self.table.problem(
                "callers without a certificate (anonymous = true) would be forwarded with the \
                 gateway's own certificate: add lends_identity = true if that is intended",
            ),
            (Some(value), Some(true), Some(false)) => {
                value.problem("the route is not anonymous, so this has no effect: leave it out");
            }
            (Some(value), Some(true), _) if !presents && scheme.is_some() => {
                value.problem("http and h2c upstreams get no certificate: leave it out");
            }
            _ => {}
        }
        self.table.finish();
        self
    }

    /// Whether `allow` is present, even if it is invalid.
    pub(super) fn has_allow(&self) -> bool {
        !matches!(self.allow, Some(None))
    }

    /// The route, if it has no problem.
    pub(super) fn checked(self, name: String, listeners: Vec<String>) -> Option<RouteConfig> {
        Some(RouteConfig {
            name,
            listeners,
            host: self.host?,
            path_prefix: self.path_prefix?,
            allow: self.allow?,
            anonymous: self.anonymous?,
            identity_headers: self.identity_headers?,
            upstreams: self.upstreams?,
            upstream_tls: self.upstream_tls?,
            timeouts: self.timeouts?,
        })
    }
}

fn route_name(text: &str) -> Result<String, &'static str> {
    if text.is_empty() || text.len() > 256 || text.chars().any(char::is_control) {
        return Err("it is not a valid name: write up to 256 visible characters");
    }
    Ok(text.to_owned())
}

const EMPTY: &str = "it is empty: name at least one";
