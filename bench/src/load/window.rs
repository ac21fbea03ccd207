//! The window of time in which a load is measured, and what is recorded in it.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use tokio::task::{JoinSet, LocalSet};

/// How long a load runs.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// The time that is measured.
    pub measured: Duration,
    /// The time before, in which connections are opened and caches filled.
    pub warm_up: Duration,
}

/// What a load showed in its window.
#[derive(Clone, Debug)]
pub struct Load {
    /// The processor time of the server for each operation, in microseconds.
    pub cpu_micros: f64,
    /// How long operations took.
    pub latency: Latency,
    /// Operations completed in a second.
    pub per_second: f64,
}

/// Quantiles of the time that an operation takes, in microseconds.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Latency {
    /// The median.
    pub p50: f64,
    /// 99 of 100 take no longer.
    pub p99: f64,
    /// 999 of 1000 take no longer.
    pub p999: f64,
}

/// Where the tasks of the load generator record each completed operation.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    nanos: Rc<RefCell<Vec<u64>>>,
    recording: Rc<Cell<bool>>,
}

impl Recorder {
    /// Records an operation that began at `began` and has succeeded.
    pub fn record(&self, began: Instant) {
        if self.recording.get() {
            let nanos = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.nanos.borrow_mut().push(nanos);
        }
    }
}

impl Latency {
    /// The quantiles of some durations in nanoseconds.
    pub fn of(mut nanos: Vec<u64>) -> Self {
        nanos.sort_unstable();
        let quantile = |per_mille: usize| {
            let rank = (nanos.len() * per_mille).div_ceil(1000).saturating_sub(1);
            nanos.get(rank).map_or(0.0, |nanos| *nanos as f64 / 1000.0)
        };
        Self { p50: quantile(500), p99: quantile(990), p999: quantile(999) }
    }
}

/// Runs `workers` tasks of `work` at once on one thread, and measures them.
///
/// A task ends by an error only, which ends the measurement. `meter` reads the processor time that
/// the server has used.
///
/// # Errors
///
/// A task fails, or nothing was completed.
pub fn measure<Work, Task>(
    window: Window,
    meter: &dyn Fn() -> Result<Duration>,
    workers: usize,
    work: Work,
) -> Result<Load>
where
    Work: Fn(Recorder) -> Task,
    Task: Future<Output = Result<()>> + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let recorder = Recorder::default();
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        let mut tasks = JoinSet::new();
        for _ in 0..workers {
            tasks.spawn_local(work(recorder.clone()));
        }
        tokio::select! {
            ended = tasks.join_next() => {
                ended.context("a load needs a worker")??.context("the load generator failed")?;
                anyhow::bail!("a worker of the load generator ended early")
            }
            load = observe(window, meter, &recorder) => load,
        }
    })
}

async fn observe(
    window: Window,
    meter: &dyn Fn() -> Result<Duration>,
    recorder: &Recorder,
) -> Result<Load> {
    tokio::time::sleep(window.warm_up).await;
    let (began, cpu) = (Instant::now(), meter()?);
    recorder.recording.set(true);
    tokio::time::sleep(window.measured).await;
    recorder.recording.set(false);
    let (elapsed, cpu) = (began.elapsed(), meter()?.saturating_sub(cpu));
    let nanos = recorder.nanos.take();
    ensure!(!nanos.is_empty(), "nothing was completed in {:?}: measure longer", window.measured);
    let operations = nanos.len() as f64;
    Ok(Load {
        cpu_micros: cpu.as_secs_f64() * 1e6 / operations,
        latency: Latency::of(nanos),
        per_second: operations / elapsed.as_secs_f64(),
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Latency, Window, measure};

    #[test]
    fn quantiles_are_ranks_of_the_sorted_durations() {
        let latency = Latency::of((1..=1000).rev().map(|micros| micros * 1000).collect());

        assert_eq!(latency, Latency { p50: 500.0, p99: 990.0, p999: 999.0 });
    }

    #[test]
    fn only_the_window_is_recorded() {
        let window = Window { measured: Duration::from_millis(20), warm_up: Duration::ZERO };

        let load = measure(window, &|| Ok(Duration::ZERO), 2, |recorder| async move {
            loop {
                let began = Instant::now();
                tokio::time::sleep(Duration::from_millis(1)).await;
                recorder.record(began);
            }
        })
        .unwrap();

        assert!(load.per_second > 10.0, "{load:?}");
        assert!(load.latency.p50 >= 1000.0, "{load:?}");
    }

    #[test]
    fn a_failed_operation_fails_the_measurement() {
        let window = Window { measured: Duration::from_secs(60), warm_up: Duration::ZERO };

        let error = measure(window, &|| Ok(Duration::ZERO), 1, |_| async {
            anyhow::bail!("the server said no")
        })
        .unwrap_err();

        assert!(format!("{error:#}").contains("the server said no"), "{error:#}");
    }
}
