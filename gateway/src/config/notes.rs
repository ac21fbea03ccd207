//! What a configuration says that is no problem, and may still not be what was meant.

use super::{ClientCertificates, Config, ListenerSettings, RouteConfig, Security};

impl Config {
    /// Ways on which nobody is ever answered: a route that wants verified callers, at a listener
    /// that verifies nobody; and a redirect to HTTPS where there is none. It is safe, so it is no
    /// problem.
    pub fn notes(&self) -> Vec<String> {
        let wanted = self.routes.iter().filter(|route| !route.anonymous);
        let pairs = wanted.flat_map(|route| self.listeners.iter().map(move |door| (route, door)));
        let notes = pairs.filter_map(|(route, listener)| note(route, listener));
        notes.chain(self.listeners.iter().filter_map(|it| self.redirect_note(it))).collect()
    }

    fn redirect_note(&self, listener: &ListenerSettings) -> Option<String> {
        let has_https = self.listeners.iter().any(|it| matches!(it.security, Security::Tls { .. }));
        (matches!(listener.security, Security::Redirect(_)) && !has_https).then(|| {
            format!(
                "the listener {:?} redirects nobody: it leads to hosts of HTTPS listeners, and \
                 there is none: add one with an identity",
                listener.name
            )
        })
    }
}

fn note(route: &RouteConfig, listener: &ListenerSettings) -> Option<String> {
    let how = match &listener.security {
        Security::Plain => "plain = true",
        Security::Tls { client_certificates: ClientCertificates::Off, .. } => {
            "client_certificates = \"off\""
        }
        Security::Redirect(_) | Security::Tls { .. } => return None,
    };
    route.listeners.contains(&listener.name).then(|| {
        format!(
            "the route {:?} answers nobody at the listener {:?}, which verifies nobody ({how}): \
             add anonymous = true if anyone may come",
            route.name, listener.name
        )
    })
}
