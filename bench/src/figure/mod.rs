//! A figure: one quantity, measured for several servers by turns.

pub mod spread;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::figure::spread::Spread;
use crate::load::exchange::Exchange;
use crate::load::window::{Latency, Load};
use crate::server::Server;

/// One quantity, measured for several servers.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Figure {
    /// Its name, and that of its files.
    pub name: String,
    /// The servers that were measured.
    pub series: Vec<Series>,
    /// What is measured.
    pub title: String,
    /// The unit of the values.
    pub unit: String,
}

/// The samples of one server, one of each round.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Series {
    /// What the server negotiated and answered.
    pub exchange: Option<Exchange>,
    /// The server.
    pub name: String,
    /// The samples, in the order of the rounds.
    pub samples: Vec<Sample>,
}

/// One measurement of one server.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub struct Sample {
    /// How long operations took, as the load generator saw it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<Latency>,
    /// Operations completed in a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_second: Option<f64>,
    /// The quantity, in the unit of the figure.
    pub value: f64,
}

impl From<Load> for Sample {
    fn from(load: Load) -> Self {
        Self {
            latency: Some(load.latency),
            per_second: Some(load.per_second),
            value: load.cpu_micros,
        }
    }
}

/// A server in a figure: how it is started, checked and measured.
pub struct Contender<'a> {
    /// What the figure calls it.
    pub name: String,
    /// Starts it, checks that it does the agreed work, measures it, and stops it.
    pub sample: Box<dyn Fn() -> Result<(Sample, Option<Exchange>)> + 'a>,
}

impl<'a> Contender<'a> {
    /// A contender that is started anew for each sample.
    pub fn new(
        name: impl Into<String>,
        start: impl Fn() -> Result<Server> + 'a,
        check: impl Fn(&Server) -> Result<Exchange> + 'a,
        measure: impl Fn(&Server) -> Result<Sample> + 'a,
    ) -> Self {
        let sample = move || {
            let server = start()?;
            let exchange = check(&server)?;
            Ok((measure(&server)?, Some(exchange)))
        };
        Self { name: name.into(), sample: Box::new(sample) }
    }

    /// A contender without requests.
    pub fn alone(name: impl Into<String>, sample: impl Fn() -> Result<Sample> + 'a) -> Self {
        Self { name: name.into(), sample: Box::new(move || Ok((sample()?, None))) }
    }
}

impl Figure {
    /// A figure without series.
    pub fn new(name: &str, title: &str, unit: &str) -> Self {
        Self { name: name.into(), series: Vec::new(), title: title.into(), unit: unit.into() }
    }

    /// Measures the contenders by turns: all of them in each round.
    ///
    /// # Errors
    ///
    /// A contender does not start, fails, or does other work than the first.
    pub fn measure(
        mut self,
        environment: &Environment,
        contenders: &[Contender<'_>],
    ) -> Result<Self> {
        self.series = contenders.iter().map(|contender| Series::new(&contender.name)).collect();
        for round in 1..=environment.rounds {
            for (series, contender) in self.series.iter_mut().zip(contenders) {
                let name = &contender.name;
                let (sample, exchange) = (contender.sample)()
                    .with_context(|| format!("{} of {name}, round {round}", self.name))?;
                environment.progress.report(&format!(
                    "{} {round}/{} {name}: {:.1} {}",
                    self.name, environment.rounds, sample.value, self.unit
                ));
                series.samples.push(sample);
                series.exchange = exchange;
            }
            self.check_equal_work()?;
        }
        Ok(self)
    }

    /// The ratio of two series: of the samples of the same round.
    pub fn ratio(&self, of: &str, to: &str) -> Option<Spread> {
        let (of, to) = (self.find(of)?, self.find(to)?);
        let ratios = of.samples.iter().zip(&to.samples).map(|(of, to)| of.value / to.value);
        Spread::of(ratios.collect())
    }

    /// A series by its name.
    pub fn find(&self, name: &str) -> Option<&Series> {
        self.series.iter().find(|series| series.name == name)
    }

    /// Writes the figure as JSON.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn write(&self, directory: &Path) -> Result<()> {
        let path = directory.join(format!("{}.json", self.name));
        let text = serde_json::to_string_pretty(self)?;
        fs::write(&path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
    }

    /// Reads the figures that were written to a directory, by their names.
    ///
    /// # Errors
    ///
    /// The directory cannot be read, or a figure is of another version of this program.
    pub fn read_all(directory: &Path) -> Result<Vec<Self>> {
        let mut figures = Vec::new();
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "json")
                && !path.ends_with("machine.json")
            {
                let figure = serde_json::from_str(&fs::read_to_string(&path)?);
                figures.push(figure.with_context(|| {
                    format!("{} is no figure of this version: remove it", path.display())
                })?);
            }
        }
        figures.sort_by(|one: &Self, other| one.name.cmp(&other.name));
        Ok(figures)
    }

    fn check_equal_work(&self) -> Result<()> {
        let mut exchanges =
            self.series.iter().filter_map(|s| Some((&s.name, s.exchange.as_ref()?)));
        let Some((first, expected)) = exchanges.next() else { return Ok(()) };
        for (name, exchange) in exchanges {
            ensure!(
                exchange.is_same_work(expected),
                "{} compares different work: {first} {expected:?}, {name} {exchange:?}",
                self.name
            );
        }
        Ok(())
    }
}

impl Series {
    fn new(name: &str) -> Self {
        Self { exchange: None, name: name.to_owned(), samples: Vec::new() }
    }

    /// The spread of the values.
    pub fn values(&self) -> Option<Spread> {
        Spread::of(self.samples.iter().map(|sample| sample.value).collect())
    }

    /// The median of a quantity that samples may have.
    pub fn median(&self, quantity: impl Fn(&Sample) -> Option<f64>) -> Option<f64> {
        Some(Spread::of(self.samples.iter().filter_map(quantity).collect())?.median)
    }
}
