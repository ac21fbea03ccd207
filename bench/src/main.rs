//! Starts the bench.

use clap::Parser;

use bench::arguments::Arguments;

fn main() -> anyhow::Result<()> {
    bench::run(&Arguments::parse())
}
