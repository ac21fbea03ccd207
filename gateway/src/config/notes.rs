//! Valid configurations that are probably mistakes.

use super::{ClientCertificates, Config, ListenerSettings, RouteConfig, Security};

impl Config {
    /// Notes about routes and redirects that never forward a request: a route that requires
    /// verified callers on a listener that verifies none, and a redirect to HTTPS without an HTTPS
    /// listener. Both are safe, so they are not problems.
    pub fn notes(&self) -> Vec<String> {
        let wanted = self.routes.iter().filter(|route| !route.anonymous);
        let pairs =
            wanted.flat_map(|route| self.listeners.iter().map(move |listener| (route, listener)));
        let notes = pairs.filter_map(|(route, listener)| note(route, listener));
        notes.chain(self.listeners.iter().filter_map(|it| self.redirect_note(it))).collect()
    }

    fn redirect_note(&self, listener: &ListenerSettings) -> Option<String> {
        let has_https = self.listeners.iter().any(|it| matches!(it.security, Security::Tls { .. }));
        (matches!(listener.security, Security::Redirect(_)) && !has_https).then(|| {
            format!(
                "the listener {:?} redirects no request: it redirects to hosts of HTTPS listeners, \
                 and there is none: add one with an identity",
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
            "the route {:?} refuses every request on the listener {:?}, which verifies no client \
             certificates ({how}): add anonymous = true to accept callers without a certificate",
            route.name, listener.name
        )
    })
}
