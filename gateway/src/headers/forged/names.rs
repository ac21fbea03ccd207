//! The one list of names by which services learn identities, addresses, schemes, hosts or paths
//! from a proxy. Whoever finds another adds it here, and nowhere else.
//!
//! Names are written as [`List`] has them.
//!
//! What a caller's own client says in its own name is not here, though some service may believe
//! it: `Authorization`, `X-Auth-Token`, `X-User-Id`, `Cf-Access-Client-Id`, `Impersonate-User`.
//! Neither is what names no one: `Via`, `X-Request-Id`, `traceparent`, `X-Amzn-Trace-Id`.

use crate::headers::list::List;

/// Names and families.
pub static NAMES: List = List::new(&[
    // WebSphere's plug-in: `$WSCC` is the certificate, `$WSRU` the user, `$WSSC` the scheme.
    "-ws*",
    "cdn-src-ip",
    "cert-*",                        // IIS; Keycloak behind nginx: CERT_CHAIN_0
    "cf-access-authenticated-user*", // Cloudflare Access
    "cf-access-jwt-assertion",
    "cf-cert-*",       // Cloudflare's certificate fields, older and newer
    "cf-connecting-*", // Cloudflare: the address
    "cf-ipcountry",
    "cf-pseudo-ipv4",
    "cf-visitor",       // Cloudflare: the scheme
    "cf-worker",        // Cloudflare: which Worker asks
    "cloudfront-*",     // CloudFront-Viewer-Address, -Viewer-Cert-Pem, -Forwarded-Proto
    "do-connecting-ip", // DigitalOcean
    "fastly-client*",   // Fastly-Client, Fastly-Client-IP
    "fastly-ssl",
    "front-end-https", // Microsoft: the scheme
    "gap-auth",        // oauth2-proxy
    "https",           // the scheme, as CGI has it
    "https-*",         // IIS: HTTPS_SERVER_SUBJECT
    "l5d-*",           // Linkerd: l5d-client-id, l5d-dst-override
    "oidc-*",          // mod_auth_openidc: OIDC_CLAIM_sub
    "path-info",       // WSGI servers, from a proxy: the path
    "proxy",           // httpoxy: becomes HTTP_PROXY
    "remote-*",        // Authelia: Remote-User, -Groups; CGI: REMOTE_ADDR
    "script-name",     // WSGI servers, from a proxy: the path
    "ssl",
    "ssl-*",       // ingress-nginx, Apache, Undertow: SSL-Client-Cert, -Verify, SSL_CIPHER
    "sslclient*",  // F5: SSLClientCertb64, SSLClientCertStatus
    "tailscale-*", // Tailscale-User-Login
    "teleport-jwt-assertion",
    "wl-proxy-*",                // WebLogic: WL-Proxy-Client-Cert, -SSL, -Remote-User
    "x-amzn-oidc-*",             // AWS load balancer: the user
    "x-amzn-tls-*",              // AWS load balancer: the connection
    "x-anonymous-consumer",      // Kong
    "x-apigateway-api-userinfo", // Google API Gateway
    "x-apigee-*",
    "x-appengine-*", // X-AppEngine-User-IP, X-AppEngine-User-Email
    "x-arr-ssl",     // IIS Application Request Routing
    "x-auth-email",
    "x-auth-group*",
    "x-auth-name",
    "x-auth-request-*", // oauth2-proxy
    "x-auth-role*",
    "x-auth-subject",
    "x-auth-user*",
    "x-authenticated*", // X-Authenticated-User, -Userid, -Groups
    "x-authentik-*",
    "x-azure-*", // Front Door: X-Azure-SocketIP, X-Azure-FDID
    "x-cert*",   // X-Cert-Subject, X-Certificate
    "x-coming-from",
    "x-consumer-*",   // Kong
    "x-credential-*", // Kong
    "x-custom-ip-authorization",
    "x-endpoint-api-userinfo",    // Google Cloud Endpoints
    "x-envoy-*",                  // X-Envoy-External-Address, -Internal, -Peer-Metadata
    "x-goog-authenticated-user*", // Google Identity-Aware Proxy
    "x-goog-iap-*",
    "x-host*", // X-Host, X-Host-Override
    "x-http-host-override",
    "x-https*",
    "x-id-token", // APISIX
    "x-issuer-dn",
    "x-ms-client-principal*", // Azure App Service
    "x-ms-token-*",
    "x-nginx-*",
    "x-original*",     // X-Original-URL, -Host, -For, -Forwarded-For
    "x-originating-*", // X-Originating-IP
    "x-peer-*",
    "x-pomerium-*",
    "x-proto",
    "x-proxy-*",
    "x-proxyuser-*",
    "x-remote-*",  // Kubernetes: X-Remote-User, -Group, -Extra-*; X-Remote-IP
    "x-rewrite-*", // IIS: X-Rewrite-URL
    "x-scheme",    // ingress-nginx
    "x-script-name",
    "x-source-ip",
    "x-ssl*", // X-SSL-Client-Cert, -Verify, -CN; X-SSL
    "x-subject-dn",
    "x-tailscale-*",
    "x-tls-*", // X-TLS-Client-Cert, X-TLS-Verified
    "x-token-subject",
    "x-true-ip",
    "x-url-scheme",
    "x-userinfo", // APISIX
    "x-verified*",
    "x-waws-unencoded-url", // Azure App Service
    "x-webauth-*",          // Grafana
]);

/// Words and families of words that no name may have, wherever in it a word can begin: whatever
/// a vendor or an application puts before them, only a proxy knows what they tell.
pub static WORDS: List = List::new(&[
    "client-cert*", // RFC 9440; X-Client-Cert, Cf-Client-Cert-*, X-Forwarded-Tls-Client-Cert
    "client-cn",
    "client-dn*",
    "client-fingerprint*",
    "client-i-dn",
    "client-ip*", // X-Client-IP, True-Client-IP, X-Cluster-Client-IP, Fly-Client-IP
    "client-issuer*",
    "client-s-dn",
    "client-san*",
    "client-serial*",
    "client-spiffe*",
    "client-subject*",
    "client-verif*",
    "clientcert*", // X-ARR-ClientCert, X-Amzn-Mtls-Clientcert-*
    "clientip*",   // X-Azure-ClientIP
    "forwarded*",  // RFC 7239; X-Forwarded-*, X-Vercel-Forwarded-For
    "mtls*",       // X-Amzn-Mtls-*
    "peer-cert*",
    "real-ip*", // X-Real-IP
    "spiffe*",  // X-Spiffe-ID
    "ssl-client*",
    "tls-client*",
    "xfcc",
]);

/// Names by which HTTP itself frames and routes messages. In this spelling they are the caller's
/// to send, and ours to understand; in any other they are nobody's.
pub static SPELT: List = List::new(&[
    "connection",
    "content-length",
    "expect",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
]);
