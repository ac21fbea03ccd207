//! The list of field names by which services learn identities, addresses, schemes, hosts or paths
//! from a proxy. New names are added here only.
//!
//! Names are in the folded form of [`List`], each with the product whose documentation has it.
//!
//! Not included are fields by which a client states its own credentials or name, even if a service
//! trusts them: `Authorization`, `X-Auth-Token`, `X-User-Id`, `Cf-Access-Client-Id`. Nor are fields
//! that only have effect with the caller's own credentials and restrict them: `Impersonate-User` of
//! Kubernetes, `es-security-runas-user` of Elasticsearch. Nor are fields that identify nobody:
//! `Via`, `X-Request-Id`, `traceparent`, `X-Amzn-Trace-Id`.

use crate::headers::list::List;

/// Names and families of names.
pub static NAMES: List = List::new(&[
    // WebSphere's plug-in: `$WSCC` is the certificate, `$WSRU` the user, `$WSSC` the scheme.
    "-ws*",
    "affiliation",                   // Shibboleth SP, attribute-map.xml
    "ajp-*",                         // Shibboleth SP behind mod_proxy_ajp: AJP_Shib-Session-ID
    "auth-cn",                       // LemonLDAP::NG, exported headers
    "auth-groups",                   // LemonLDAP::NG
    "auth-mail",                     // LemonLDAP::NG
    "auth-user",                     // LemonLDAP::NG; IIS: AUTH_USER
    "cas-*",      // mod_auth_cas, CASAuthNHeader and CASAttributePrefix: CAS-User, CAS_mail
    "cdn-src-ip", // CDNetworks: the address
    "cert-*",     // IIS; Keycloak behind nginx: CERT_CHAIN_0
    "cf-access-authenticated-user*", // Cloudflare Access
    "cf-access-jwt-assertion", // Cloudflare Access
    "cf-cert-*",  // Cloudflare's certificate fields, older and newer
    "cf-connecting-*", // Cloudflare: the address
    "cf-ipcountry", // Cloudflare
    "cf-pseudo-ipv4", // Cloudflare
    "cf-visitor", // Cloudflare: the scheme
    "cf-worker",  // Cloudflare: which Worker sends the request
    "cloudfront-*", // CloudFront-Viewer-Address, -Viewer-Cert-Pem, -Forwarded-Proto
    "dapr-callee-*", // Dapr, service invocation: dapr-callee-app-id
    "dapr-caller-*", // Dapr: dapr-caller-app-id, -namespace
    "disguised-host", // Azure App Service: the host
    "do-connecting-ip", // DigitalOcean
    "eduperson*", // Shibboleth SP, mod_auth_mellon: eduPersonPrincipalName
    "entitlement", // Shibboleth SP, attribute-map.xml
    "eppn",       // Shibboleth SP, attribute-map.xml; DSpace, netid-header
    "fastly-client*", // Fastly-Client, Fastly-Client-IP
    "fastly-ssl", // Fastly: the scheme
    "front-end-https", // Microsoft: the scheme
    "gap-auth",   // oauth2-proxy
    "https",      // the scheme, as CGI has it
    "https-*",    // IIS: HTTPS_SERVER_SUBJECT
    "idcs-*",     // Oracle Identity Cloud Service, App Gateway: idcs_user_id
    // IBM WebSEAL, junction option -c: iv-user, iv-user-l, iv-groups, iv-creds, iv-remote-address
    "iv-*",
    "kubeflow-*",           // Kubeflow, USERID_HEADER: kubeflow-userid, kubeflow-groups
    "l5d-*",                // Linkerd: l5d-client-id, l5d-dst-override
    "logon-user",           // IIS: LOGON_USER
    "mellon-*",             // mod_auth_mellon: MELLON_NAME_ID
    "oam-*",                // Oracle Access Manager, WebGate: OAM_REMOTE_USER, OAM_IDENTITY_DOMAIN
    "oidc-*",               // mod_auth_openidc: OIDC_CLAIM_sub
    "osso-*",               // Oracle Single Sign-On, mod_osso: Osso-User-Dn, Osso-User-Guid
    "pairwise-id",          // Shibboleth SP 3, attribute-map.xml
    "path-info",            // WSGI servers, from a proxy: the path
    "persistent-id",        // Shibboleth SP, attribute-map.xml
    "primary-affiliation",  // Shibboleth SP, attribute-map.xml
    "proxy",                // httpoxy: becomes HTTP_PROXY
    "proxy-auth-cert",      // Oracle iPlanet Web Server, auth-passthrough: the certificate
    "proxy-cipher",         // Oracle iPlanet Web Server, auth-passthrough
    "proxy-issuer-dn",      // Oracle iPlanet Web Server, auth-passthrough
    "proxy-keysize",        // Oracle iPlanet Web Server, auth-passthrough
    "proxy-secret-keysize", // Oracle iPlanet Web Server, auth-passthrough
    "proxy-ssl-id",         // Oracle iPlanet Web Server, auth-passthrough
    "proxy-user-dn",        // Oracle iPlanet Web Server, auth-passthrough
    "remote-*",             // Authelia: Remote-User, -Groups; CGI: REMOTE_ADDR
    "script-name",          // WSGI servers, from a proxy: the path
    // Shibboleth SP, ShibUseHeaders: Shib-Session-ID, -Identity-Provider; DSpace: SHIB-MAIL
    "shib*",
    // SiteMinder, default HTTP headers: SM_USER, SM_USERDN, SM_UNIVERSALID, SM_SERVERSESSIONID
    "sm-*",
    "smauth*",                    // SiteMinder with LegacyVariables=no: SMAUTHTYPE
    "smrealm*",                   // SiteMinder with LegacyVariables=no: SMREALM, SMREALMOID
    "smserversession*",           // SiteMinder with LegacyVariables=no: SMSERVERSESSIONID
    "smuniversalid",              // SiteMinder with LegacyVariables=no
    "smuser*",                    // SiteMinder with LegacyVariables=no: SMUSER, SMUSERDN
    "ssl",                        // proxies of CGI programs: SSL=1
    "ssl-*",       // ingress-nginx, Apache, Undertow: SSL-Client-Cert, -Verify, SSL_CIPHER
    "sslclient*",  // F5: SSLClientCertb64, SSLClientCertStatus
    "subject-id",  // Shibboleth SP 3, attribute-map.xml
    "tailscale-*", // Tailscale-User-Login
    "targeted-id", // Shibboleth SP, attribute-map.xml
    "teleport-jwt-assertion", // Teleport, application access
    "unscoped-affiliation", // Shibboleth SP, attribute-map.xml
    "wl-proxy-*",  // WebLogic: WL-Proxy-Client-Cert, -SSL, -Remote-User
    "x-amzn-lattice-*", // AWS VPC Lattice: x-amzn-lattice-identity
    "x-amzn-oidc-*", // AWS load balancer: the user
    "x-amzn-tls-*", // AWS load balancer: the connection
    "x-anonymous-consumer", // Kong
    "x-apigateway-api-userinfo", // Google API Gateway
    "x-apigee-*",  // Apigee
    "x-appengine-*", // X-AppEngine-User-IP, X-AppEngine-User-Email
    "x-arr-ssl",   // IIS Application Request Routing
    "x-auth-email", // Louketo (Keycloak Gatekeeper)
    "x-auth-group*", // Louketo; authentik, older
    "x-auth-name", // Louketo
    "x-auth-request-*", // oauth2-proxy
    "x-auth-role*", // Louketo
    "x-auth-subject", // Louketo
    "x-auth-user*", // Louketo, authentik: X-Auth-Username
    "x-authenticated*", // X-Authenticated-User, -Userid, -Groups
    "x-authentication-*", // FortiProxy: x-authentication-user
    "x-authentik-*", // authentik: X-authentik-username
    "x-azure-*",   // Azure Front Door: X-Azure-SocketIP, X-Azure-FDID
    "x-cert*",     // X-Cert-Subject, X-Certificate
    "x-coming-from", // proxies, for the address
    "x-consumer-*", // Kong
    "x-credential-*", // Kong
    "x-custom-ip-authorization", // address lists of applications
    "x-endpoint-api-userinfo", // Google Cloud Endpoints
    "x-envoy-*",   // X-Envoy-External-Address, -Internal, -Peer-Metadata
    "x-first-name", // CloudBeaver, reverse proxy authentication
    "x-goog-authenticated-user*", // Google Identity-Aware Proxy
    "x-goog-iap-*", // Google Identity-Aware Proxy: the signed assertion
    "x-grafana-user", // Grafana, send_user_header: sent to data sources
    "x-host*",     // X-Host, X-Host-Override
    "x-http-host-override", // applications, for the host
    "x-https*",    // proxies, for the scheme
    "x-id-token",  // APISIX
    "x-issuer-dn", // proxies, for the certificate
    "x-istio-*",   // Istio: x-istio-attributes
    "x-jwt-assertion", // WSO2 API Manager: the user
    "x-last-name", // CloudBeaver
    "x-ms-client-principal*", // Azure App Service
    "x-ms-token-*", // Azure App Service: tokens of the user
    "x-nf-client-connection-ip", // Netlify: the address
    "x-nginx-*",   // nginx, by convention
    "x-original*", // X-Original-URL, -Host, -For, -Forwarded-For
    "x-originating-*", // X-Originating-IP
    "x-peer-*",    // proxies, for the certificate
    "x-pomerium-*", // Pomerium: X-Pomerium-Jwt-Assertion
    "x-proto",     // proxies, for the scheme
    "x-proxied*",  // Apache NiFi: X-ProxiedEntitiesChain, X-ProxiedEntityGroups
    // OpenSearch, proxy authentication: x-proxy-user, -roles; Apache NiFi: X-ProxyHost, X-ProxyContextPath
    "x-proxy*",
    "x-remote-*",           // Kubernetes: X-Remote-User, -Group, -Extra-*; X-Remote-IP
    "x-rewrite-*",          // IIS: X-Rewrite-URL
    "x-role",               // CloudBeaver
    "x-rstudio-username",   // RStudio Server, auth-proxy-user-header
    "x-scheme",             // ingress-nginx
    "x-script-name",        // WSGI servers: the path
    "x-source-ip",          // proxies, for the address
    "x-ssl*",               // X-SSL-Client-Cert, -Verify, -CN; X-SSL
    "x-subject-dn",         // proxies, for the certificate
    "x-tailscale-*",        // Tailscale
    "x-tls-*",              // X-TLS-Client-Cert, X-TLS-Verified
    "x-token-subject",      // Caddy, caddy-security
    "x-token-user-*",       // caddy-security: X-Token-User-Name, -Email, -Roles
    "x-true-ip",            // proxies, for the address
    "x-url-scheme",         // WSGI servers: the scheme
    "x-user",               // Ory Oathkeeper, header mutator; CloudBeaver
    "x-userinfo",           // APISIX
    "x-verified*",          // proxies, for the certificate
    "x-vouch-*",            // Vouch Proxy: X-Vouch-User, X-Vouch-IdP-Claims-*, X-Vouch-IdP-IdToken
    "x-waws-unencoded-url", // Azure App Service
    "x-webauth-*",          // Grafana
]);

/// Words and families of words that no name may contain, wherever a word can begin in it: with any
/// prefix of a vendor or an application, only a proxy may state what they mean.
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

/// Fields that HTTP itself uses to frame and route messages. In this spelling they are valid and
/// handled; any other spelling is removed.
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
