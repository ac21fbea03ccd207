//! What goes to a cluster, read as `kubectl kustomize` renders it: the promises of DESIGN.md, and the
//! faults that most examples of mutual TLS on Kubernetes have.

mod certificates;
mod images;
mod monitoring;
mod network;
mod pods;
mod promises;
mod secrets;
mod tutorial;

/// The components below `k8s/components`.
const COMPONENTS: [&str; 7] = [
    "cert-manager",
    "cert-manager-our-root",
    "gateway-sidecar",
    "mesh",
    "monitoring",
    "openshift",
    "registry",
];

/// Those that change no pod.
const BESIDE: [&str; 4] = ["cert-manager", "gateway-sidecar", "mesh", "monitoring"];
