//! Everything that the dashboard shows, at one point in time.

use std::time::Instant;

use serde::Serialize;
use time::OffsetDateTime;

use super::identity::IdentityView;
use super::listener::ListenerView;
use super::moment::Moment;
use super::refusal::RefusalView;
use super::reload::ReloadView;
use super::route::RouteView;
use super::validity::ValidityView;
use crate::reload::Reloader;

/// Serialized, it is the JSON of `/state`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct View {
    pub(super) at: Moment,
    pub(super) file: String,
    pub(super) last_reload: ReloadView,
    pub(super) open_connections: usize,
    pub(super) requests_in_flight: usize,
    pub(super) max_requests: usize,
    pub(super) listeners: Vec<ListenerView>,
    pub(super) routes: Vec<RouteView>,
    pub(super) identities: Vec<IdentityView>,
    /// Newest first.
    pub(super) refusals: Vec<RefusalView>,
}

impl View {
    /// How many refusals are shown at most.
    pub(super) const REFUSALS: usize = 50;

    pub(super) fn of(reloader: &Reloader) -> Self {
        let gateway = &*reloader.gateway;
        let (now, instant) = (OffsetDateTime::now_utc(), Instant::now());
        let plan = gateway.plan();
        let reload = reloader.last();
        let problems = reload.problem.iter().flat_map(|problem| problem.lines());
        let listeners = plan.config.listeners.iter();
        let events = gateway.connections.events().newest();
        let refusals = events.iter().filter_map(|handshake| RefusalView::of(handshake, now));
        Self {
            at: Moment(now),
            file: reloader.file().display().to_string(),
            last_reload: ReloadView::new(reload.at, problems),
            open_connections: gateway.connections.admitted(),
            requests_in_flight: plan.in_flight(),
            max_requests: plan.config.max_requests_total,
            listeners: listeners
                .map(|listener| ListenerView::of(listener, gateway.address_of(listener)))
                .collect(),
            routes: plan.routes.iter().map(|route| RouteView::of(route, instant)).collect(),
            identities: plan
                .identities()
                .iter()
                .map(|store| IdentityView::of(store, now))
                .collect(),
            refusals: refusals.take(Self::REFUSALS).collect(),
        }
    }

    /// How many upstreams of all routes are up, and how many there are.
    pub(super) fn upstreams_up(&self) -> (usize, usize) {
        let all = || self.routes.iter().flat_map(|route| &route.upstreams);
        (all().filter(|upstream| upstream.is_up()).count(), all().count())
    }

    /// The certificate of the gateway that expires first.
    pub(super) fn first_to_expire(&self) -> Option<&ValidityView> {
        let identities = self.identities.iter().map(|identity| &identity.validity);
        identities.min_by_key(|validity| validity.valid_until.0)
    }
}
