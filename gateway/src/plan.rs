//! A configuration made ready to run: identities loaded, upstreams and routes built. What does not
//! change from one plan to the next is reused.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mtls::connection::Connections;
use mtls::credentials::CredentialStore;
use mtls::pki::role::Role;
use service_kit::settings::with_command;
use tokio::sync::{Semaphore, watch};

use crate::config::{
    ClientCertificates, Config, ListenerSettings, RouteConfig, Security, Upstream as Url,
};
use crate::identity::Identity;
use crate::listener::{ListenerConfig, acceptor, http_settings};
use crate::redirect::Hosts;
use crate::request_limits::{self, RequestLimits};
use crate::route_metrics::RouteMetrics;
use crate::routes::{Route, Routes};
use crate::upstream::{Upstream, UpstreamSettings, Upstreams};

/// What the gateway runs, until the next plan.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) config: Config,
    connections: Arc<Connections>,
    identities: BTreeMap<PathBuf, Arc<Identity>>,
    /// By the name of the listener.
    request_limits: BTreeMap<String, RequestLimits>,
    requests: Arc<Semaphore>,
    pub(crate) routes: Vec<Arc<Route>>,
    upstreams: HashMap<UpstreamSettings, Arc<Upstream>>,
}

impl Plan {
    /// Builds the plan of a configuration.
    ///
    /// # Errors
    ///
    /// Every problem with its identities.
    pub(crate) fn of(
        config: Config,
        before: Option<&Self>,
        connections: &Arc<Connections>,
    ) -> Result<Self, Vec<String>> {
        let total = config.max_requests_total;
        let requests = match before {
            Some(before) if before.config.max_requests_total == total => {
                Arc::clone(&before.requests)
            }
            _ => request_limits::semaphore(total),
        };
        let request_limits = config.listeners.iter().map(|listener| {
            let known = before.and_then(|before| before.request_limits.get(&listener.name));
            let known =
                known.filter(|known| known.matches(config.max_requests, &requests)).cloned();
            let new = || RequestLimits::new(config.max_requests, Arc::clone(&requests));
            (listener.name.clone(), known.unwrap_or_else(new))
        });
        let mut plan = Self {
            identities: identities(&config, before)?,
            request_limits: request_limits.collect(),
            config,
            connections: Arc::clone(connections),
            requests,
            routes: Vec::new(),
            upstreams: HashMap::new(),
        };
        for route in plan.config.routes.clone() {
            let upstreams = route.upstreams.iter().map(|url| plan.upstream(url, &route, before));
            let upstreams = Upstreams::new(upstreams.collect());
            plan.routes.push(Arc::new(Route::new(route, upstreams)));
        }
        Ok(plan)
    }

    fn upstream(&mut self, url: &Url, route: &RouteConfig, before: Option<&Self>) -> Arc<Upstream> {
        let settings = UpstreamSettings {
            fields: self.config.response_fields,
            timeouts: route.timeouts,
            tls: route.upstream_tls.clone(),
            url: url.clone(),
        };
        if let Some(known) = self.upstreams.get(&settings) {
            return Arc::clone(known);
        }
        let identity = route.upstream_tls.as_ref().and_then(|tls| self.identity(&tls.identity));
        // An upstream of the previous plan is reused with its connections, unless its identity has
        // been replaced.
        let reused = before.and_then(|before| {
            let known = before.upstreams.get(&settings)?;
            let same = match &route.upstream_tls {
                Some(tls) => Arc::ptr_eq(before.identity(&tls.identity)?, identity?),
                None => true,
            };
            same.then(|| Arc::clone(known))
        });
        let upstream = reused.unwrap_or_else(|| {
            let identity = identity.map(|identity| identity.store());
            Arc::new(Upstream::new(settings.clone(), identity, &self.connections))
        });
        self.upstreams.insert(settings, Arc::clone(&upstream));
        upstream
    }

    /// The configuration of one listener.
    pub(crate) fn listener_config(&self, listener: &ListenerSettings) -> ListenerConfig {
        let store = match &listener.security {
            Security::Tls { identity, .. } => self.identity(identity).map(|it| it.store()),
            Security::Plain | Security::Redirect(_) => None,
        };
        let hosts = match listener.security {
            Security::Redirect(_) => self.hosts(),
            Security::Plain | Security::Tls { .. } => Hosts::default(),
        };
        ListenerConfig {
            acceptor: acceptor(listener, store.as_ref(), &self.config, &self.connections),
            fields: self.config.request_fields,
            hosts,
            http: http_settings(&self.config),
            store,
            name: listener.name.as_str().into(),
            over: Arc::new(watch::Sender::new(false)),
            requests: self.request_limits[&listener.name].clone(),
            routes: Routes::of(&listener.name, &self.routes),
            security: listener.security.clone(),
            unrouted: Arc::new(RouteMetrics::new("none")),
        }
    }

    /// The hosts that are served over HTTPS.
    fn hosts(&self) -> Hosts {
        let mut hosts = Hosts::default();
        for listener in &self.config.listeners {
            if let Security::Tls { identity, .. } = &listener.security {
                hosts.certificates.extend(self.identity(identity).map(|it| it.store()));
                let routes = self.config.routes.iter();
                let own = routes.filter(|route| route.listeners.contains(&listener.name));
                hosts.routes.extend(own.map(|route| route.host.clone()));
            }
        }
        hosts
    }

    /// The number of requests in flight.
    pub(crate) fn in_flight(&self) -> usize {
        let total = self.config.max_requests_total.min(Semaphore::MAX_PERMITS);
        total.saturating_sub(self.requests.available_permits())
    }

    /// The identities in use, ordered by directory.
    pub(crate) fn identities(&self) -> Vec<Arc<CredentialStore>> {
        self.identities.values().map(|identity| identity.store()).collect()
    }

    fn identity(&self, directory: &Path) -> Option<&Arc<Identity>> {
        self.identities.get(directory)
    }
}

/// Loads the identities of a configuration to check them, and discards them.
///
/// # Errors
///
/// Every problem with any of them.
pub(crate) fn check_identities(config: &Config) -> Result<(), Vec<String>> {
    let problems = directory_roles(config)
        .into_iter()
        .filter_map(|(directory, roles)| Identity::load(directory, roles, config.revocation).err());
    let problems: Vec<String> = problems.flatten().map(|bad| with_command(&bad)).collect();
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn identities(
    config: &Config,
    before: Option<&Plan>,
) -> Result<BTreeMap<PathBuf, Arc<Identity>>, Vec<String>> {
    let mut identities = BTreeMap::new();
    let mut problems = Vec::new();
    for (directory, roles) in directory_roles(config) {
        let known = before.and_then(|before| before.identity(directory));
        let known = known.filter(|known| known.serves_as(&roles, config.revocation)).cloned();
        let identity = match known {
            Some(known) => known,
            None => match Identity::load(directory, roles, config.revocation) {
                Ok(identity) => Arc::new(identity),
                Err(bad) => {
                    problems.extend(bad.iter().map(with_command));
                    continue;
                }
            },
        };
        identities.insert(directory.to_owned(), identity);
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(identities)
}

/// Each identity directory once, with all the roles it is used in.
fn directory_roles(config: &Config) -> BTreeMap<&Path, BTreeSet<Role>> {
    let mut directory_roles: BTreeMap<&Path, BTreeSet<Role>> = BTreeMap::new();
    for listener in &config.listeners {
        if let Security::Tls { client_certificates, identity } = &listener.security {
            let roles = directory_roles.entry(identity).or_default();
            // Without client certificates, no roots are needed.
            if *client_certificates != ClientCertificates::Off {
                roles.insert(Role::Server);
            }
        }
    }
    for tls in config.routes.iter().filter_map(|route| route.upstream_tls.as_ref()) {
        directory_roles.entry(&tls.identity).or_default().insert(Role::Client);
    }
    directory_roles
}
