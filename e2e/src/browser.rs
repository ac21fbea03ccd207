//! A real headless Chromium, driven through chromedriver.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::curl::Curl;
use crate::deadline::eventually;
use crate::program::Program;

/// A browser with one window; it ends with the test.
#[derive(Debug)]
pub struct Browser {
    client: Client,
    // Ends after the browser itself, by the order of the fields.
    _driver: Program,
    _profile: TempDir,
    runtime: Runtime,
    session: String,
}

impl Browser {
    /// Starts Chromium, with a profile of its own, as wide as a desk's screen.
    ///
    /// # Errors
    ///
    /// Chromium or chromedriver is not there, or does not start.
    pub fn start() -> Result<Self> {
        Self::resolving(&[])
    }

    /// Starts Chromium as [`Browser::start`] does; it takes these names for 127.0.0.1.
    ///
    /// # Errors
    ///
    /// As for [`Browser::start`].
    pub fn resolving(names: &[&str]) -> Result<Self> {
        let mut driver = Program::start(Command::new("chromedriver").arg("--port=0"), PACKAGES)?;
        let port: u16 = eventually("chromedriver to listen", || {
            ensure!(driver.ended()?.is_none(), "chromedriver ended: {}", driver.stderr());
            let said = driver.stdout();
            let port = said.split_once("started successfully on port ");
            Ok(port.and_then(|(_, rest)| rest.split_once('.')?.0.parse().ok()))
        })?;
        let profile = tempfile::tempdir()?;
        let url = format!("http://127.0.0.1:{port}");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let client = runtime
            .block_on(
                ClientBuilder::new(HttpConnector::new())
                    .capabilities(capabilities(&profile, names))
                    .connect(&url),
            )
            .with_context(|| format!("no Chromium: run \"apt-get install {PACKAGES}\""))?;
        let session = runtime.block_on(client.session_id())?.context("a session must be open")?;
        let session = format!("{url}/session/{session}");
        let browser = Self { client, _driver: driver, _profile: profile, runtime, session };
        browser.resize(1280, 900)?;
        Ok(browser)
    }

    /// Loads a page.
    ///
    /// # Errors
    ///
    /// It does not load.
    pub fn open(&self, url: &str) -> Result<()> {
        Ok(self.runtime.block_on(self.client.goto(url))?)
    }

    /// Clicks what the selector names.
    ///
    /// # Errors
    ///
    /// It is not there, or cannot be clicked.
    pub fn click(&self, selector: &str) -> Result<()> {
        let element = self.runtime.block_on(self.client.find(Locator::Css(selector)))?;
        Ok(self.runtime.block_on(element.click())?)
    }

    /// Presses *Fetch Secure Data*, and waits until the page has an answer or a problem to show.
    ///
    /// # Errors
    ///
    /// It has neither in time.
    pub fn fetch(&self) -> Result<()> {
        self.click("#fetch")?;
        eventually("the page to have asked", || {
            let done = "return document.getElementById('fetch').ariaBusy === 'false'";
            Ok(self.evaluate(done)?.as_bool().filter(|done| *done))
        })?;
        Ok(())
    }

    /// The text of what the selector names, as a reader sees it; nothing where it is hidden.
    ///
    /// # Errors
    ///
    /// It is not there.
    pub fn text(&self, selector: &str) -> Result<String> {
        let element = self.runtime.block_on(self.client.find(Locator::Css(selector)));
        let element = element.with_context(|| selector.to_owned())?;
        Ok(self.runtime.block_on(element.text())?)
    }

    /// What a script of one function body returns.
    ///
    /// # Errors
    ///
    /// It throws.
    pub fn evaluate(&self, script: &str) -> Result<Value> {
        Ok(self.runtime.block_on(self.client.execute(script, Vec::new()))?)
    }

    /// What the console has said since it was last asked: errors of scripts, of the network, and
    /// violations of the Content-Security-Policy.
    ///
    /// # Errors
    ///
    /// chromedriver does not say.
    pub fn console(&self) -> Result<Vec<String>> {
        let log = self.post("se/log", &json!({ "type": "browser" }))?;
        let lines = log.as_array().context("a log must be a list")?;
        Ok(lines.iter().map(ToString::to_string).collect())
    }

    /// Makes the window so large, also narrower than a desk's window can be.
    ///
    /// # Errors
    ///
    /// The browser refuses.
    pub fn resize(&self, width: u32, height: u32) -> Result<()> {
        let metrics = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500,
        });
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics)?;
        let light = json!({ "features": [{ "name": "prefers-color-scheme", "value": "light" }] });
        self.devtools("Emulation.setEmulatedMedia", &light)?;
        Ok(())
    }

    /// A picture of the window, as PNG.
    ///
    /// # Errors
    ///
    /// The browser refuses.
    pub fn screenshot(&self) -> Result<Vec<u8>> {
        Ok(self.runtime.block_on(self.client.screenshot())?)
    }

    fn devtools(&self, command: &str, parameters: &Value) -> Result<Value> {
        self.post("goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    /// WebDriver's commands are JSON over HTTP; fantoccini has no words for Chromium's own.
    fn post(&self, command: &str, body: &Value) -> Result<Value> {
        let url = format!("{}/{command}", self.session);
        let body = body.to_string();
        let answer = Curl::get(&url).with(&["--json", &body]).run()?;
        ensure!(answer.status == 200, "{command}: {} {}", answer.status, answer.body);
        Ok(answer.json()?["value"].take())
    }
}

impl Drop for Browser {
    /// chromedriver ends Chromium only if it is asked to.
    fn drop(&mut self) {
        let _ = Curl::get(&self.session).with(&["-X", "DELETE"]).run();
    }
}

fn capabilities(profile: &TempDir, names: &[&str]) -> Map<String, Value> {
    let rules: Vec<String> = names.iter().map(|name| format!("MAP {name} 127.0.0.1")).collect();
    let rules = format!("--host-resolver-rules={}", rules.join(","));
    let profile = format!("--user-data-dir={}", profile.path().display());
    let mut arguments = vec![
        "--headless=new",
        "--disable-background-networking",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--hide-scrollbars",
        "--no-first-run",
        &profile,
        &rules,
    ];
    if rustix::process::geteuid().is_root() {
        arguments.push("--no-sandbox");
    }
    let mut capabilities = Map::new();
    capabilities.insert("goog:chromeOptions".to_owned(), json!({ "args": arguments }));
    capabilities.insert("goog:loggingPrefs".to_owned(), json!({ "browser": "ALL" }));
    capabilities
}

const PACKAGES: &str = "chromium chromium-driver";
