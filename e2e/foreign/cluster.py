#!/usr/bin/env python3
"""A stand-in for a Kubernetes API server, for the real kubectl where there is no cluster.

cluster.py DIRECTORY   prints its port; keeps each object as a file of JSON in DIRECTORY, and notes each
                       request that changes something in DIRECTORY/changes

It knows discovery, and get, list with a label selector, create, patch and delete. Of validation it knows
one rule: the characters of a Secret's keys. It runs no pods: a Deployment is rolled out at once. What
"forbidden" names in DIRECTORY/forbidden (one resource a line) may not be listed in all namespaces.
"""

import json
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

PLACE = Path(sys.argv[1])
# group/version: plural, kind
RESOURCES = {
    "v1": [("namespaces", "Namespace"), ("pods", "Pod"), ("events", "Event"), ("services", "Service"),
           ("secrets", "Secret"), ("configmaps", "ConfigMap"), ("serviceaccounts", "ServiceAccount")],
    "apps/v1": [("deployments", "Deployment")],
    "autoscaling/v2": [("horizontalpodautoscalers", "HorizontalPodAutoscaler")],
    "networking.k8s.io/v1": [("networkpolicies", "NetworkPolicy")],
    "policy/v1": [("poddisruptionbudgets", "PodDisruptionBudget")],
}
CERT_MANAGER = {"cert-manager.io/v1": [("certificates", "Certificate"), ("issuers", "Issuer")]}
if (PLACE / "cert-manager").exists():
    RESOURCES |= CERT_MANAGER
PATH = re.compile(r"^/(?:api/(v1)|apis/([^/]+/[^/]+))(?:/namespaces/([^/]+))?(?:/([a-z]+))?(?:/([^/]+))?$")


class Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        url = urlsplit(self.path)
        known = {
            "/version": {"major": "1", "minor": "36", "gitVersion": "v1.36.0"},
            "/api": {"kind": "APIVersions", "versions": ["v1"]},
            "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups()},
            "/openapi/v3": {"paths": {path(v)[1:]: {"serverRelativeURL": f"/openapi/v3{path(v)}"} for v in RESOURCES}},
        } | {f"/openapi/v3{path(v)}": schema(v) for v in RESOURCES}
        if url.path in known:
            return self.answer(200, known[url.path])
        found = self.found()
        if not found:
            return self.fail(404, "NotFound", f"there is no {url.path}")
        version, namespace, plural, name = found
        if not plural:
            return self.answer(200, resource_list(version))
        if name:
            return self.one(version, namespace, plural, name)
        if not namespace and plural in lines("forbidden"):
            return self.fail(403, "Forbidden", f"{plural} is forbidden: cannot list at the cluster scope")
        items = [o for o in objects(plural, namespace) if selects(url.query, o)]
        if "watch=true" in url.query:
            return self.answer(200, *events(version, plural, items))
        self.answer(200, {"kind": kind_of(plural) + "List", "apiVersion": version,
                          "metadata": {"resourceVersion": "1"}, "items": items})

    def do_POST(self):
        version, namespace, plural, _ = self.found()
        self.put(plural, namespace, self.body(), 201)

    def do_PATCH(self):
        version, namespace, plural, name = self.found()
        if not file(namespace, plural, name).exists():
            return self.fail(404, "NotFound", f'{plural} "{name}" not found')
        old = json.loads(file(namespace, plural, name).read_text())
        self.put(plural, namespace, merged(old, self.body()), 200)

    def do_DELETE(self):
        version, namespace, plural, name = self.found()
        self.rfile.read(int(self.headers.get("content-length") or 0))
        query = urlsplit(self.path).query
        selected = [o["metadata"]["name"] for o in objects(plural, namespace) if selects(query, o)]
        for name in [name] if name else selected:
            note(f"DELETE {namespace} {plural}/{name}")
            file(namespace, plural, name).unlink(missing_ok=True)
        self.answer(200, {"kind": "Status", "apiVersion": "v1", "status": "Success"})

    def one(self, version, namespace, plural, name):
        if file(namespace, plural, name).exists():
            return self.answer(200, json.loads(file(namespace, plural, name).read_text()))
        self.fail(404, "NotFound", f'{plural} "{name}" not found')

    def put(self, plural, namespace, thing, status):
        name = thing["metadata"]["name"]
        bad = [key for key in thing.get("data") or {} if not re.fullmatch(r"[-._a-zA-Z0-9]+", key)]
        if plural == "secrets" and bad:
            causes = " ".join(f'data[{key}]: Invalid value: "{key}": a valid config key must consist of '
                              "alphanumeric characters, '-', '_' or '.'" for key in bad)
            return self.fail(422, "Invalid", f'Secret "{name}" is invalid: {causes}')
        if plural != "namespaces":
            thing["metadata"]["namespace"] = namespace
        if plural == "deployments":
            count = thing["spec"].setdefault("replicas", 1)
            thing["metadata"]["generation"] = 1
            thing["status"] = {"observedGeneration": 1, "replicas": count, "updatedReplicas": count,
                               "availableReplicas": count, "readyReplicas": count}
        thing["metadata"].setdefault("resourceVersion", "1")
        note(f"{self.command} {namespace} {plural}/{name}")
        path = file(namespace, plural, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(thing))
        self.answer(status, thing)

    def found(self):
        match = PATH.match(urlsplit(self.path).path)
        if not match:
            return None
        core, version, namespace, plural, name = match.groups()
        if namespace and not plural:  # /api/v1/namespaces/NAME
            namespace, plural, name = None, "namespaces", namespace
        known = RESOURCES.get(core or version, [])
        if (core or version) not in RESOURCES or (plural and plural not in [p for p, _ in known]):
            return None
        return core or version, namespace or "", plural, name

    def body(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if "protobuf" not in self.headers["content-type"]:
            return json.loads(body)
        # Only "kubectl create namespace" sends no JSON; of that message, the name is enough.
        name = re.search(rb"[a-z0-9][-a-z0-9]*", body.split(b"Namespace", 1)[1]).group().decode()
        return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}

    def fail(self, code, reason, message):
        self.answer(code, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason,
                           "message": message, "code": code})

    def answer(self, code, *things):
        body = "\n".join(json.dumps(thing) for thing in things).encode()
        self.send_response(code)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def events(version, plural, items):
    """A watch that ends after what is there now; the last event says that this was all (KEP-3157)."""
    end = {"resourceVersion": "1", "annotations": {"k8s.io/initial-events-end": "true"}}
    bookmark = {"apiVersion": version, "kind": kind_of(plural), "metadata": end}
    return [*({"type": "ADDED", "object": item} for item in items), {"type": "BOOKMARK", "object": bookmark}]


def groups():
    named = [version for version in RESOURCES if "/" in version]
    versions = {version: {"groupVersion": version, "version": version.split("/")[1]} for version in named}
    return [{"name": v.split("/")[0], "versions": [versions[v]], "preferredVersion": versions[v]} for v in named]


def resource_list(version):
    verbs = ["create", "delete", "get", "list", "patch"]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": [
        {"name": plural, "singularName": kind.lower(), "kind": kind, "namespaced": plural != "namespaces",
         "verbs": verbs} for plural, kind in RESOURCES[version]]}


def path(version):
    return f"/apis/{version}" if "/" in version else f"/api/{version}"


def schema(version):
    """That the server itself checks fields: kubectl asks for no more."""
    group, number = version.split("/") if "/" in version else ("", version)
    return {"openapi": "3.0.0", "info": {"title": version, "version": "1"}, "paths": {
        f"{path(version)}/namespaces/{{namespace}}/{plural}/{{name}}": {"patch": {
            "x-kubernetes-group-version-kind": {"group": group, "version": number, "kind": kind},
            "parameters": [{"name": "fieldValidation", "in": "query"}],
            "responses": {"200": {"description": "OK"}}}}
        for plural, kind in RESOURCES[version]}}


def kind_of(plural):
    return next(kind for known in RESOURCES.values() for name, kind in known if name == plural)


def selects(query, thing):
    asked = parse_qs(query)
    labels = thing["metadata"].get("labels") or {}
    labels = labels | {"metadata.name": thing["metadata"]["name"]}
    parts = ",".join(asked.get("labelSelector", []) + asked.get("fieldSelector", []))
    return all(labels.get(part.split("=")[0]) == part.split("=")[-1] for part in parts.split(",") if part)


def objects(plural, namespace):
    found = sorted(PLACE.glob(f"objects/{namespace or '*'}/{plural}/*.json"))
    return [json.loads(path.read_text()) for path in found]


def file(namespace, plural, name):
    return PLACE / "objects" / (namespace or "-") / plural / f"{name}.json"


def merged(old, change):
    """A JSON merge patch (RFC 7396); kubectl's strategic ones differ in lists only."""
    if not isinstance(change, dict):
        return change
    result = dict(old) if isinstance(old, dict) else {}
    for key, value in change.items():
        if key.startswith("$"):
            continue
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def lines(name):
    return (PLACE / name).read_text().split() if (PLACE / name).exists() else []


def note(line):
    with open(PLACE / "changes", "a") as changes:
        print(line, file=changes)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    print(server.server_address[1], flush=True)
    server.serve_forever()
