// The page's behaviour: asks once for each click, and shows what came back.
// The words stand in the HTML. Whatever came from the network is written as text, never as HTML.

const PATIENCE = 20_000; // milliseconds; client-service itself gives up after ten seconds
const NEAR_END = 1 / 3; // share of a certificate's life, from which its bar warns
const AT_END = 1 / 10; // and from which it alarms

const byId = (id) => document.getElementById(id);
const button = byId("fetch");
const pathBefore = byId("path").cloneNode(true);

button.addEventListener("click", async () => {
  if (button.getAttribute("aria-busy") === "true") return;
  begin();
  const started = performance.now();
  try {
    const { data, problem, raw } = await ask();
    const took = `${Math.round(performance.now() - started)} ms`;
    showRaw(raw);
    if (data) showData(data, took);
    else showProblem(problem, took);
  } finally {
    setBusy(false);
  }
});

/** The outcome of one request: `data`, or the `problem` in its place, and the `raw` text of either. */
async function ask() {
  let response;
  let raw;
  try {
    const signal = AbortSignal.timeout(PATIENCE);
    response = await fetch("/proxy/data", { headers: { accept: "application/json" }, cache: "no-store", signal });
    raw = await response.text();
  } catch (error) {
    const late = error.name === "TimeoutError";
    return { problem: { error: late ? "page-timeout" : "page-unreachable", details: error.message } };
  }
  const status = `HTTP ${response.status} ${response.statusText}`.trim();
  const body = parse(raw);
  if (!body) return { problem: { error: "not-json", details: `${status}, ${describe(response, raw)}` }, raw };
  if (!response.ok) return { problem: explain(body, status), raw };
  if (isData(body)) return { data: body, raw };
  return { problem: { error: "not-data", details: status }, raw };
}

function parse(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" ? value : null;
  } catch {
    return null;
  }
}

function describe(response, raw) {
  const type = response.headers.get("content-type") ?? "no content type";
  return raw ? `${type}, begins with “${raw.slice(0, 80)}”` : `${type}, empty`;
}

function explain(body, status) {
  if (words("problems", body.error)) return body;
  const details = body.details ?? body.detail ?? body.title;
  return { error: "unexpected-status", details: [status, details].filter(Boolean).join(": ") };
}

const isData = ({ apiResponse, clientInfo }) =>
  typeof apiResponse?.message === "string" && Boolean(apiResponse.clientCert && clientInfo?.serverCert);

// ---- the page as a whole -------------------------------------------------------------------

function begin() {
  setBusy(true);
  byId("status").textContent = "Asking api-service over mutual TLS…";
  const cards = ["client", "server", "refused"].map((side) => `${side}-certificate`);
  for (const id of ["answer", "certificates", "connection", "raw", ...cards]) byId(id).hidden = true;
  for (const id of ["message", "error", "tls-facts", ...cards]) byId(id).replaceChildren();
  byId("locked").hidden = false;
  byId("path").replaceWith(pathBefore.cloneNode(true));
  byId("slip").dataset.state = "asking";
  setLeg("leg-2", "asking", "being proven");
}

function showData({ apiResponse, clientInfo }, took) {
  finish("proven", `Both ends proved themselves; answered in ${took}.`);
  byId("message").textContent = apiResponse.message;
  byId("timestamp").textContent = date(apiResponse.timestamp);
  byId("took").textContent = took;
  byId("answer").hidden = false;

  const [{ clientCert }, { serverCert }] = [apiResponse, clientInfo];
  setLeg("leg-2", "proven", "proven both ways");
  setClaim("client-claim", "proven", "Proven to api-service: the caller is", clientCert);
  setClaim("server-claim", "proven", "Proven to client-service: the API is", serverCert);

  showCertificate("client-certificate", "The client, as api-service saw it", clientCert);
  showCertificate("server-certificate", "The server, as client-service saw it", serverCert);
  byId("certificates-heading").textContent = "What each end showed";
  showConnection(clientInfo.tls, apiResponse.tls);
  byId("story-heading").textContent = "What just happened?";
}

function showProblem(problem, took) {
  const { error, refusal } = problem;
  const state = refusal || error === "api-refused" ? "refused" : "failed";
  finish(state, `No data, after ${took}.`);

  const text = words("problems", `${error} ${refusal?.side}`) ?? words("problems", error);
  const content = clone("problem-template");
  fill(content, {
    headline: text.dataset.headline,
    meaning: text.textContent,
    remedy: refusal?.remedy,
    side: { client: "client-service", server: "api-service" }[refusal?.side],
    sentence: refusal?.sentence,
    code: refusal?.code,
    alert: refusal?.alert && `${refusal.alert.name} (${refusal.alert.number})`,
    peer: refusal?.peer,
    at: refusal?.at && date(refusal.at),
    details: problem.details,
  });
  byId("error").append(content);
  showWhere(error, state, refusal);
  byId("story-heading").textContent = "What should have happened?";
}

/** Marks in the picture how far the request came. */
function showWhere(error, state, refusal) {
  const tags = { failed: "no data", refused: "refused" };
  const reached = error.startsWith("api-");
  if (!reached) setLeg("leg-1", "failed");
  setLeg("leg-2", reached ? state : "unproven", refusal?.code ?? (reached ? tags[state] : "not known"));
  for (const side of ["client", "server"]) fill(byId(`${side}-claim`), { claim: "Not in this response" });
  if (!refusal) return;
  const ours = refusal.side === "client";
  const [refused, refuser, other] = ours ? ["server", "client-service", "client"] : ["client", "api-service", "server"];
  const { certificate } = refusal;
  const shown = certificate ?? { subject: { CN: ours ? "that it is the API" : "who client-service is" } };
  const claim = `Refused by ${refuser}: ${certificate ? "it was shown" : "not proven"}`;
  setClaim(`${refused}-claim`, "refused", claim, shown);
  const unproven = ours ? "client-service hung up first" : "not part of this answer";
  setClaim(`${other}-claim`, "unproven", "The other way", { subject: { CN: unproven } });
  if (!certificate) return;
  showCertificate("refused-certificate", `Refused by ${refuser}`, certificate);
  byId("certificates-heading").textContent = "The certificate at issue";
}

/** Busy, the button ignores clicks but keeps the focus, which `disabled` would take from the keyboard. */
function setBusy(busy) {
  for (const attribute of ["aria-busy", "aria-disabled"]) button.setAttribute(attribute, busy);
}

function finish(state, status) {
  byId("status").textContent = status;
  byId("slip").dataset.state = state;
  byId("locked").hidden = true;
}

function showRaw(raw) {
  if (raw === undefined) return;
  const body = parse(raw);
  byId("raw-text").textContent = body ? JSON.stringify(body, null, 2) : raw;
  byId("raw").hidden = false;
}

// ---- the picture ---------------------------------------------------------------------------

function setLeg(id, state, tag) {
  const leg = byId(id);
  leg.dataset.state = state;
  leg.querySelector(".badge use").setAttribute("href", `#icon-${state}`);
  if (tag) fill(leg, { state: tag });
}

function setClaim(id, state, claim, { subject, spiffeId }) {
  byId(id).dataset.state = state;
  fill(byId(id), { claim, name: subject?.CN ?? "a certificate without a name", spiffeId });
}

// ---- a certificate -------------------------------------------------------------------------

function showCertificate(id, role, certificate) {
  const { subject, issuer, subjectAltNames, publicKey } = certificate;
  const content = clone("certificate-template");
  const name = list(subject?.CN).join(", ") || "no common name";
  fill(content, {
    role,
    name,
    spiffeId: certificate.spiffeId,
    validFrom: date(certificate.validFrom),
    validTo: date(certificate.validTo),
    organisation: subject?.O,
    unit: subject?.OU,
    issuer: [issuer?.CN, issuer?.O, issuer?.OU].flat(),
    names: ["dns", "ip", "uri", "email"].flatMap((kind) => list(subjectAltNames?.[kind])),
    usages: [...list(certificate.extendedKeyUsage), ...list(certificate.keyUsage)],
    key: publicKey && `${publicKey.algorithm} ${publicKey.curve ?? `${publicKey.bits} bits`}`,
    signatureAlgorithm: certificate.signatureAlgorithm,
    chain: certificate.chain,
    serialNumber: certificate.serialNumber,
    fingerprint: certificate.fingerprint256,
  });
  showLife(content, Date.parse(certificate.validFrom), Date.parse(certificate.validTo));
  const copy = content.querySelector(".copy");
  copy?.setAttribute("aria-label", `Copy the fingerprint of ${name}`);
  copy?.addEventListener("click", () => copyText(copy.closest("dd")));
  byId(id).replaceChildren(content);
  byId(id).hidden = false;
  byId("certificates").hidden = false;
}

/** Shows the share of its life that a certificate has left, by the browser's clock. */
function showLife(content, from, to) {
  const life = content.querySelector(".life");
  if (Number.isNaN(to - from)) return life.remove();
  const now = Date.now();
  const share = Math.min(1, Math.max(0, (to - now) / (to - from))) || 0;
  life.dataset.state = now < from || share <= AT_END ? "refused" : share <= NEAR_END ? "failed" : "proven";
  life.querySelector(".bar i").style.setProperty("inline-size", `${share * 100}%`);
  const left = now > to ? `ended ${period(now - to)} ago` : `${period(to - now)} left`;
  fill(content, { left: now < from ? `begins in ${period(from - now)}` : left, life: `of ${period(to - from)}` });
}

async function copyText(field) {
  const code = field.querySelector("code");
  const said = field.querySelector("output");
  try {
    await navigator.clipboard.writeText(code.textContent);
    said.textContent = "copied";
  } catch {
    getSelection().selectAllChildren(code); // no clipboard without HTTPS or loopback
    said.textContent = "selected: copy it with Ctrl+C or ⌘C";
  }
  setTimeout(() => (said.textContent = ""), 4000);
}

// ---- the connection ------------------------------------------------------------------------

function showConnection(tls, seenByApi) {
  if (!tls) return;
  const same = ["version", "cipherSuite", "keyExchange", "alpn"].every((fact) => tls[fact] === seenByApi?.[fact]);
  byId("tls-witness").textContent = same ? "Both ends report the same." : "As client-service reports it.";
  const { version, cipherSuite, keyExchange, alpn } = tls;
  const facts = { Version: version, "Cipher suite": cipherSuite, "Key exchange": keyExchange, ALPN: alpn };
  for (const [label, fact] of Object.entries(facts)) {
    const value = fact ?? "none";
    const meaning = words("meanings", value) ?? words("meanings", "unknown");
    const tile = clone("tls-fact-template");
    fill(tile, { label, value, meaning: meaning.textContent });
    byId("tls-facts").append(tile);
  }
  byId("connection").hidden = false;
}

// ---- words and fields ----------------------------------------------------------------------

const clone = (id) => byId(id).content.cloneNode(true);
const list = (value) => [value].flat().filter((item) => item !== undefined && item !== null && item !== "");

/** The paragraph of a template that is for this key, if there is one. A paragraph may be for several. */
function words(template, key) {
  const paragraphs = [...byId(template).content.children];
  const lower = String(key).toLowerCase();
  return paragraphs.find(({ dataset }) => dataset.for.toLowerCase().split(/,\s*/).includes(lower));
}

/** Writes values into the fields of their names. A field without a value goes, with its row. */
function fill(root, values) {
  for (const [name, value] of Object.entries(values)) {
    const field = root.querySelector(`[data-field="${name}"]`);
    const texts = list(value).map(String);
    if (!field) continue;
    if (texts.length === 0) (field.closest(".row") ?? field).remove();
    else if (field.matches("ul, ol")) field.replaceChildren(...texts.map(item));
    else field.replaceChildren(...breakable(texts.join(", ")));
  }
}

function item(text) {
  const element = document.createElement("li");
  element.append(...breakable(text));
  return element;
}

/** The text, with places where a long name, URI or fingerprint may go on in the next line. */
const breakable = (text) => text.split(/(?<=[:/.])(?=\S)/).flatMap((part) => [part, document.createElement("wbr")]);

function date(text) {
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) return String(text);
  return `${time.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium", timeZone: "UTC" })} UTC`;
}

function period(milliseconds) {
  const units = [["day", 86_400_000], ["hour", 3_600_000], ["minute", 60_000], ["second", 1000]];
  const [unit, size] = units.find(([, size]) => milliseconds >= 2 * size) ?? units.at(-1);
  const number = Math.floor(milliseconds / size);
  return `${number} ${unit}${number === 1 ? "" : "s"}`;
}
