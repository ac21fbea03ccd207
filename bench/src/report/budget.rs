//! The budgets of issue 12: a bound that is never exceeded, and a goal.

use std::fmt::Write;

use crate::figure::Figure;

/// A figure, and what it may be.
#[derive(Clone, Copy, Debug)]
struct Budget {
    bound: f64,
    figure: &'static str,
    goal: f64,
    label: &'static str,
    of: &'static str,
    /// Without it, the value itself is compared, in the unit of the figure.
    to: Option<&'static str>,
}

/// A budget, and what was measured.
#[derive(Clone, Copy, Debug)]
pub struct Verdict {
    budget: Budget,
    measured: f64,
}

impl Verdict {
    /// Whether the measured value is within the bound.
    pub fn is_within_bound(&self) -> bool {
        self.measured <= self.budget.bound
    }

    fn word(&self) -> &'static str {
        match self.measured {
            measured if measured <= self.budget.goal => "goal met",
            _ if self.is_within_bound() => "within bound",
            _ => "EXCEEDED",
        }
    }
}

/// Compares the figures of a run with the budgets that concern them.
pub fn compare(figures: &[Figure]) -> Vec<Verdict> {
    let verdict = |budget: &Budget| {
        let figure = figures.iter().find(|figure| figure.name == budget.figure)?;
        let measured = match budget.to {
            Some(to) => figure.ratio(budget.of, to)?,
            None => figure.find(budget.of)?.values()?,
        };
        Some(Verdict { budget: *budget, measured: measured.median })
    };
    BUDGETS.iter().filter_map(verdict).collect()
}

/// The verdicts as a Markdown table.
pub fn table(verdicts: &[Verdict]) -> String {
    if verdicts.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "\nBudgets (medians; a distance is measured / goal)\n\n\
         | budget | measured | bound | goal | distance to goal | |\n\
         | --- | ---: | ---: | ---: | ---: | --- |\n",
    );
    for verdict in verdicts {
        let Verdict { budget, measured } = verdict;
        let distance = measured / budget.goal;
        let _ = writeln!(
            text,
            "| {} | {measured:.3} | {} | {} | {distance:.2} x | {} |",
            budget.label,
            budget.bound,
            budget.goal,
            verdict.word()
        );
    }
    text
}

const BUDGETS: &[Budget] = &[
    Budget {
        label: "CPU per full mutual handshake, ours / Envoy",
        figure: "handshakes-x25519",
        of: "ours",
        to: Some("envoy"),
        bound: 0.75,
        goal: 0.65,
    },
    Budget {
        label: "CPU per full mutual handshake, ours / nginx",
        figure: "handshakes-x25519",
        of: "ours",
        to: Some("nginx"),
        bound: 0.40,
        goal: 0.33,
    },
    Budget {
        label: "CPU per full mutual handshake, ours / (in memory + TCP with the same bytes)",
        figure: "floor",
        of: "ours",
        to: Some("floor: both"),
        bound: 1.8,
        goal: 1.5,
    },
    Budget {
        label: "CPU per request for /api/health, ours / nginx with a constant",
        figure: "requests-health-http1",
        of: "ours",
        to: Some("nginx"),
        bound: 1.00,
        goal: 0.80,
    },
    Budget {
        label: "CPU per request for /api/data, ours / nginx with a constant",
        figure: "requests-data-http1",
        of: "ours",
        to: Some("nginx"),
        bound: 1.15,
        goal: 0.90,
    },
    Budget {
        label: "CPU per proxied request with the whole certificate, gateway / nginx",
        figure: "proxy-identity",
        of: "ours",
        to: Some("nginx"),
        bound: 0.85,
        goal: 0.70,
    },
    Budget {
        label: "the same, gateway / nginx as Debian builds it",
        figure: "proxy-identity",
        of: "ours",
        to: Some("nginx-debian"),
        bound: 0.85,
        goal: 0.70,
    },
    Budget {
        label: "CPU per proxied request with the whole certificate, gateway / Envoy",
        figure: "proxy-identity",
        of: "ours",
        to: Some("envoy"),
        bound: 0.60,
        goal: 0.45,
    },
    Budget {
        label: "CPU per click, client-service and api-service / nginx before nginx",
        figure: "click",
        of: "ours",
        to: Some("nginx"),
        bound: 1.50,
        goal: 1.15,
    },
    Budget {
        label: "memory per idle connection (1,000 open), ours / nginx",
        figure: "memory-1000",
        of: "ours",
        to: Some("nginx"),
        bound: 0.95,
        goal: 0.70,
    },
    Budget {
        label: "memory per idle connection (10,000 open), ours / nginx",
        figure: "memory-10000",
        of: "ours",
        to: Some("nginx"),
        bound: 0.95,
        goal: 0.70,
    },
    Budget {
        label: "resident memory of api-service when idle, MiB",
        figure: "memory-idle",
        of: "api-service",
        to: None,
        bound: 14.0,
        goal: 10.0,
    },
    Budget {
        label: "resident memory of client-service when idle, MiB",
        figure: "memory-idle",
        of: "client-service",
        to: None,
        bound: 14.0,
        goal: 10.0,
    },
    Budget {
        label: "resident memory of the gateway when idle, MiB",
        figure: "memory-idle",
        of: "gateway",
        to: None,
        bound: 14.0,
        goal: 10.0,
    },
    Budget {
        label: "start to first good handshake of api-service, ms",
        figure: "start",
        of: "api-service",
        to: None,
        bound: 50.0,
        goal: 25.0,
    },
    Budget {
        label: "start to first good handshake of the gateway, ms",
        figure: "start",
        of: "gateway",
        to: None,
        bound: 50.0,
        goal: 25.0,
    },
    Budget {
        label: "handshake with 100,000 revoked serial numbers / without a list",
        figure: "growth-revocation",
        of: "ours, 100000 revoked",
        to: Some("ours, no list"),
        bound: 1.05,
        goal: 1.01,
    },
];

#[cfg(test)]
mod tests {
    use super::{compare, table};
    use crate::figure::{Figure, Sample, Series};

    fn figure(ours: f64) -> Figure {
        let mut figure = Figure::new("handshakes-x25519", "", "us");
        for (name, value) in [("ours", ours), ("envoy", 100.0)] {
            let samples = vec![Sample { value, ..Sample::default() }; 3];
            figure.series.push(Series { exchange: None, name: name.into(), samples });
        }
        figure
    }

    #[test]
    fn a_value_above_the_bound_exceeds_its_budget() {
        for (ours, is_within, word) in
            [(65.0, true, "goal met"), (75.0, true, "within bound"), (75.1, false, "EXCEEDED")]
        {
            let verdicts = compare(&[figure(ours)]);

            assert_eq!(verdicts.len(), 1);
            assert_eq!(verdicts[0].is_within_bound(), is_within);
            assert!(table(&verdicts).contains(word));
        }
    }

    #[test]
    fn a_figure_that_was_not_measured_has_no_verdict() {
        assert!(compare(&[]).is_empty());
    }
}
