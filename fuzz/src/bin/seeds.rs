//! Writes the seeds of every target to `corpus/TARGET/`, where cargo-fuzz expects them.

use std::fs;
use std::path::Path;

fn main() -> std::io::Result<()> {
    for target in fuzz::TARGETS {
        let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
        fs::create_dir_all(&place)?;
        for (index, seed) in (target.seeds)().iter().enumerate() {
            fs::write(place.join(format!("seed-{index}")), seed)?;
        }
    }
    Ok(())
}
