//! `--wait URL…`: waits until running services use what a step of the rollover wrote.

use std::time::Duration;

use authority::{Lifetime, RootId, Serial};
use clap::Args;
use reqwest::{Client, Url};
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use crate::problems::Problems;
use crate::progress::print;

/// The services to wait for, and the timeout.
#[derive(Args, Debug)]
pub(crate) struct WaitArguments {
    /// Wait until the service with this admin address, such as http://localhost:9000, reports the
    /// written files at /identity; accepts several addresses
    #[arg(long, value_name = "URL", num_args = 1..)]
    wait: Vec<String>,
    /// The timeout for all of them
    #[arg(long, value_name = "SPAN", default_value = "60s")]
    wait_timeout: String,
}

/// The same, validated.
pub(crate) struct Wait {
    timeout: Lifetime,
    urls: Vec<Url>,
}

/// What a service must report.
pub(crate) enum Sight<'a> {
    /// A leaf with one of these serial numbers.
    Serial(&'a [Serial]),
    /// Trust in this root.
    With(&'a RootId),
    /// No trust in this root.
    Without(&'a RootId),
}

/// The services did not report it in time.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WaitError {
    #[error(
        "after {timeout} not every service shows what was written: {}; all files are written: see \
         what those services log, then run the same command again",
        blind.join("; ")
    )]
    Blind { blind: Vec<String>, timeout: Lifetime },
    #[error("no client for the services' admin listeners could be made")]
    Client(#[source] reqwest::Error),
    #[error("no runtime to wait in could be made")]
    Runtime(#[source] std::io::Error),
}

/// The fields of `/identity` that are used.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    roots: Vec<Root>,
    serial_number: String,
}

#[derive(Deserialize)]
struct Root {
    fingerprint256: String,
}

impl WaitArguments {
    pub(crate) fn check(&self, problems: &mut Problems) -> Option<Wait> {
        let timeout = problems.take(self.wait_timeout.parse());
        let urls = self.wait.iter().filter_map(|text| problems.take(identity_url(text)));
        let urls = urls.collect();
        Some(Wait { timeout: timeout?, urls })
    }
}

impl Wait {
    /// Polls each service until it reports what it must.
    pub(crate) fn until(&self, sight: &Sight<'_>) -> Result<(), WaitError> {
        if self.urls.is_empty() {
            return Ok(());
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(WaitError::Runtime)?.block_on(self.ask_until(sight))
    }

    async fn ask_until(&self, sight: &Sight<'_>) -> Result<(), WaitError> {
        // The admin listeners are internal: use no proxy and follow no redirect.
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(ANSWER_WITHIN)
            .build()
            .map_err(WaitError::Client)?;
        let deadline = Instant::now() + self.timeout.duration().unsigned_abs();
        let mut open: Vec<&Url> = self.urls.iter().collect();
        loop {
            let (mut blind, mut still_open) = (Vec::new(), Vec::new());
            for url in open {
                match ask(&client, url, deadline).await.and_then(|identity| sight.check(&identity))
                {
                    Ok(words) => print(format!("{url} shows {words}")),
                    Err(why) => {
                        blind.push(format!("{url} {why}"));
                        still_open.push(url);
                    }
                }
            }
            if blind.is_empty() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(WaitError::Blind { blind, timeout: self.timeout });
            }
            open = still_open;
            sleep(PAUSE).await;
        }
    }
}

impl Sight<'_> {
    fn check(&self, identity: &Identity) -> Result<String, String> {
        let trusts = |root: &RootId| {
            identity.roots.iter().any(|shown| shown.fingerprint256 == root.fingerprint256)
        };
        match self {
            Self::Serial(serials) => {
                let shown = &identity.serial_number;
                if serials.iter().any(|serial| serial.to_string() == *shown) {
                    Ok(format!("its new leaf, serial {shown}"))
                } else {
                    Err(format!("still shows a leaf that was not issued now, serial {shown}"))
                }
            }
            Self::With(root) if trusts(root) => Ok(format!("the root {}", root.common_name)),
            Self::With(root) => Err(format!("does not show the root {} yet", root.common_name)),
            Self::Without(root) if trusts(root) => {
                Err(format!("still shows the root {}", root.common_name))
            }
            Self::Without(root) => Ok(format!("the root {} no more", root.common_name)),
        }
    }
}

async fn ask(client: &Client, url: &Url, deadline: Instant) -> Result<Identity, String> {
    let unreachable = |error: reqwest::Error| {
        if error.is_timeout() {
            "does not answer".to_owned()
        } else {
            format!("cannot be reached ({})", innermost(&error))
        }
    };
    // Poll at least once, however short the timeout.
    let left = deadline.saturating_duration_since(Instant::now()).max(PAUSE).min(ANSWER_WITHIN);
    let request = client.get(url.clone()).timeout(left);
    let response = request.send().await.map_err(unreachable)?;
    let status = response.status();
    if !status.is_success() {
        return Err(format!("answers {status}"));
    }
    let body = response.bytes().await.map_err(unreachable)?;
    serde_json::from_slice(&body).map_err(|error| format!("answers no identity ({error})"))
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

fn identity_url(text: &str) -> Result<Url, String> {
    let refuse = || {
        format!(
            "--wait \"{text}\" is not an admin address: give one such as http://localhost:9000 (admin \
             listeners speak plain HTTP)"
        )
    };
    let mut url = Url::parse(text).map_err(|_| refuse())?;
    if url.scheme() != "http" || url.host_str().is_none_or(str::is_empty) {
        return Err(refuse());
    }
    if url.path() == "/" {
        url.set_path("/identity");
    }
    Ok(url)
}

/// The timeout of one response.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// The interval between two polls.
const PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::identity_url;

    #[test]
    fn an_admin_address_is_taken_with_and_without_its_path() {
        for (text, url) in [
            ("http://localhost:9000", "http://localhost:9000/identity"),
            ("http://localhost:9000/", "http://localhost:9000/identity"),
            ("http://[::1]:9000/identity", "http://[::1]:9000/identity"),
            ("http://gate/a/identity", "http://gate/a/identity"),
        ] {
            assert_eq!(identity_url(text).unwrap().as_str(), url);
        }
    }

    #[test]
    fn anything_but_plain_http_is_refused() {
        for text in ["https://localhost:9000", "localhost:9000", "127.0.0.1:9000", "http://", ""] {
            assert!(identity_url(text).unwrap_err().contains("is not an admin address"), "{text}");
        }
    }
}
