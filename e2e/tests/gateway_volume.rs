//! Bodies that are larger than any memory: they are streamed both ways, and never gathered.
//!
//! `E2E_BODY_MIB` says how large they are, 128 MiB by default; 1024 was run by hand.

use std::fs::File;

use anyhow::Result;
use e2e::deadline::eventually;
use e2e::gateway::Gateway;
use e2e::pki::TestPki;
use e2e::reflector::Reflector;

#[test]
fn large_bodies_pass_both_ways_in_constant_memory() -> Result<()> {
    let pki = TestPki::new()?;
    let good = pki.identity("client-service");
    let reflector = Reflector::start()?;
    let gateway = Gateway::before(&pki, "required", &reflector.url())?;
    let mebibytes: u64 = std::env::var("E2E_BODY_MIB").map_or(Ok(128), |size| size.parse())?;
    let size = mebibytes * 1024 * 1024;
    // Nothing of it is on the disk.
    let file = tempfile::NamedTempFile::new()?;
    File::options().write(true).open(file.path())?.set_len(size)?;
    let file = file.path().display().to_string();
    let curl = |path: &str, options: &[&str]| {
        gateway.curl(path, &good).with(&["--max-time", "300"]).with(options).start()
    };
    let small = gateway.curl("/bytes/1000", &good).run()?;
    assert_eq!(small.status, 200);
    let before = gateway.peak_memory()?;

    for version in ["--http1.1", "--http2"] {
        let mut up = curl("/discard", &[version, "-H", "Expect:", "-T", &file])?;
        let sent = finish(&mut up)?;
        assert_eq!(sent.split('\n').next(), Some(&*size.to_string()), "{version}: {sent}");

        let path = format!("/bytes/{size}");
        let mut down =
            curl(&path, &[version, "-o", "/dev/null", "-w", "\n%{http_code} %{size_download}"])?;
        let received = finish(&mut down)?;
        assert_eq!(received.trim(), format!("200 {size}"), "{version}");
    }

    let grown = gateway.peak_memory()? - before;
    println!("{mebibytes} MiB each way, twice: {before} KiB before, {grown} KiB more at the most");
    assert!(grown < 32 * 1024, "{grown} KiB more than the {before} KiB before");
    Ok(())
}

#[test]
fn who_reads_slowly_is_waited_for_and_nothing_is_gathered_meanwhile() -> Result<()> {
    let pki = TestPki::new()?;
    let good = pki.identity("client-service");
    for version in ["--http1.1", "--http2"] {
        let reflector = Reflector::start()?;
        let gateway = Gateway::before(&pki, "required", &reflector.url())?;
        assert_eq!(gateway.curl("/", &good).with(&[version]).run()?.status, 200);
        let before = gateway.peak_memory()?;
        let place = tempfile::tempdir()?;
        let file = place.path().join("file");
        let to_file = ["-o", &file.display().to_string(), "--limit-rate", "1M"];

        // The caller reads a megabyte a second of what comes as fast as it is taken.
        let _slow =
            gateway.curl("/bytes/1000000000", &good).with(&[version]).with(&to_file).start()?;
        eventually("two megabytes", || {
            let size = file.metadata().map_or(0, |file| file.len());
            Ok((size > 2_000_000).then_some(()))
        })?;

        let grown = gateway.peak_memory()? - before;
        assert!(grown < 32 * 1024, "{version}: {grown} KiB more than the {before} KiB before");
    }
    Ok(())
}

#[test]
fn a_service_that_reads_slowly_is_waited_for_too() -> Result<()> {
    let pki = TestPki::new()?;
    let good = pki.identity("client-service");
    let size = 200_000_000_u64;
    let file = tempfile::NamedTempFile::new()?;
    File::options().write(true).open(file.path())?.set_len(size)?;
    let file = file.path().display().to_string();
    for version in ["--http1.1", "--http2"] {
        let reflector = Reflector::start()?;
        let gateway = Gateway::before(&pki, "required", &reflector.url())?;
        assert_eq!(gateway.curl("/", &good).with(&[version]).run()?.status, 200);
        assert_eq!(reflector.next()?, "/");
        let before = gateway.peak_memory()?;

        let upload = [version, "-H", "Expect:", "-T", &file, "--max-time", "60"];
        let mut up = gateway.curl("/hold", &good).with(&upload).start()?;
        assert_eq!(reflector.next()?, "/hold");
        // Whatever is taken without being asked for has been taken once memory is still.
        let mut looks = (0, 0);
        eventually("memory to be still", || {
            let now = gateway.peak_memory()?;
            looks = if looks.0 == now { (now, looks.1 + 1) } else { (now, 0) };
            Ok((looks.1 == 50).then_some(()))
        })?;
        let grown = gateway.peak_memory()? - before;
        reflector.release()?;
        let sent = finish(&mut up)?;

        assert!(grown < 32 * 1024, "{version}: {grown} KiB more than the {before} KiB before");
        assert_eq!(sent.split('\n').next(), Some(&*size.to_string()), "{version}: {sent}");
    }
    Ok(())
}

/// What a program says that may take its time.
fn finish(program: &mut e2e::program::Program) -> Result<String> {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(300);
    while program.ended()?.is_none() {
        anyhow::ensure!(std::time::Instant::now() < deadline, "it does not end");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    // Its last words are read by another thread.
    eventually("the last words", || {
        let said = program.stdout();
        Ok(said.contains("200 ").then_some(said))
    })
}
