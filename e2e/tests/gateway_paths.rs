//! That no server behind the gateway serves, for a path that took the route for all, what stands
//! below another route: played against servers that nobody here wrote.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::binaries::workspace;
use e2e::deadline::eventually;
use e2e::gateway::Gateway;
use e2e::nginx::Nginx;
use e2e::pki::TestPki;
use e2e::port::Port;
use e2e::program::Program;
use e2e::template;

#[test]
fn tomcat_serves_nothing_of_another_route() -> Result<()> {
    let Some(server) = java("Tomcat.java", &["tomcat10-embed-core"])? else {
        println!("SKIPPED: Tomcat was NOT tested: install libtomcat10-embed-java and a JDK");
        return Ok(());
    };
    plays(&server.address(), &["/;/admin/x", "/;a=b/admin/x", "/;;/admin/x", "/api/;/admin"])
}

#[test]
fn jetty_serves_nothing_of_another_route() -> Result<()> {
    let jars = ["server", "servlet", "http", "util", "io", "security", "util-ajax"];
    let jars: Vec<String> = jars.iter().map(|jar| format!("jetty9-{jar}")).collect();
    let jars: Vec<&str> = jars.iter().map(String::as_str).chain(["servlet-api"]).collect();
    let Some(server) = java("Jetty.java", &jars)? else {
        println!("SKIPPED: Jetty was NOT tested: install libjetty9-java and a JDK");
        return Ok(());
    };
    plays(&server.address(), &["/%61dmin/x"])
}

#[test]
fn nginx_serves_nothing_of_another_route() -> Result<()> {
    let nginx = Nginx::start("nginx_paths.conf", &[])?;
    plays(&nginx.port.address(), &["/%61dmin/x", "//admin/x", "/x/../admin"])
}

#[test]
fn apache_serves_nothing_of_another_route() -> Result<()> {
    if !has("apache2") {
        println!("SKIPPED: Apache was NOT tested: install apache2-bin");
        return Ok(());
    }
    let server = Server::start("apache2", |command, port, root| {
        files(root)?;
        let values: [(&str, &dyn std::fmt::Display); 2] =
            [("PORT", &port), ("ROOT", &root.display())];
        let config = template::fill("paths/apache.conf", &values)?;
        fs::write(root.join("apache.conf"), config)?;
        // It gives up root.
        fs::set_permissions(root, fs::Permissions::from_mode(0o755))?;
        command.arg("-X").arg("-f").arg(root.join("apache.conf"));
        Ok(())
    })?;
    plays(&server.address(), &["/%61dmin/x", "//admin/x"])
}

#[test]
fn python_serves_nothing_of_another_route() -> Result<()> {
    let server = Server::start("python3", |command, port, root| {
        files(root)?;
        command.arg(foreign("files.py")).arg(port.to_string());
        Ok(())
    })?;
    plays(&server.address(), &["/%61dmin/x", "//admin/x"])
}

#[test]
fn php_serves_nothing_of_another_route() -> Result<()> {
    if !has("php") {
        println!("SKIPPED: PHP was NOT tested: install php-cli");
        return Ok(());
    }
    let server = Server::start("php", |command, port, root| {
        fs::copy(foreign("index.php"), root.join("index.php"))?;
        command.arg("-S").arg(format!("127.0.0.1:{port}")).arg("-t").arg(root);
        Ok(())
    })?;
    plays(&server.address(), &["/%61dmin/x", "/index.php/admin"])
}

#[test]
fn node_serves_nothing_of_another_route() -> Result<()> {
    if !has("node") {
        println!("SKIPPED: Node was NOT tested: install nodejs");
        return Ok(());
    }
    let parsing = Port::reserve()?;
    let mut server = Server::start("node", |command, port, _| {
        command.arg(foreign("node.js")).arg(port.to_string()).arg(parsing.number.to_string());
        Ok(())
    })?;
    parsing.is_taken_by(&mut server.program)?;
    plays(&server.address(), &["/ADMIN/x"])?;
    plays(&parsing.address(), &["/%61dmin/x", "/admin%23"])
}

/// Plays all spellings: the server must take some for what is below `/admin` or `/api/admin`,
/// `known` among them, and through the gateway none.
fn plays(server: &SocketAddr, known: &[&str]) -> Result<()> {
    let pki = TestPki::new()?;
    let route = format!("[[route]]\nupstreams = [\"http://{server}\"]\n");
    let gateway = Gateway::start(
        &pki,
        &format!(
            "[admin]\nlisten = \"127.0.0.1:0\"\n[[listener]]\nname = \"plain\"\n\
             listen = \"127.0.0.1:0\"\nplain = true\n{route}anonymous = true\n\
             {route}path_prefix = \"/admin\"\n{route}path_prefix = \"/api/admin\"\n"
        ),
    )?;
    let listener = gateway.address("plain")?;
    ensure!(ask(server, "/admin/x")?.contains(ADMIN), "the server has no /admin/x");
    ensure!(ask(&listener, "/admin/x")?.starts_with("HTTP/1.1 403"), "/admin/x is open");
    for path in ["/page", "/page;jsessionid=1"] {
        let answer = ask(&listener, path)?;
        ensure!(!answer.starts_with("HTTP/1.1 400"), "{path}: {answer}");
    }
    for path in known {
        ensure!(ask(server, path)?.contains(ADMIN), "the server does not take {path} for /admin");
    }

    let mut fooled = 0;
    for path in spellings() {
        let below = ["/admin", "/api/admin"].iter().any(|it| is_below(&path, it));
        if !below && ask(server, &path)?.contains(ADMIN) {
            fooled += 1;
        }
        let answer = ask(&listener, &path)?;
        ensure!(!answer.contains(ADMIN), "{path} is served through the gateway: {answer}");
    }

    println!("{fooled} spellings are taken for /admin by the server itself");
    ensure!(fooled >= known.len(), "the server is not fooled by any spelling");
    Ok(())
}

fn is_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Each mutation at each edge of a segment and in the midst of one, and some letters replaced.
fn spellings() -> Vec<String> {
    let mut spellings = Vec::new();
    for path in ["/admin/x", "/api/admin/x", "/x/admin/x"] {
        let is_edge = |at: &usize| {
            let around = [path.as_bytes().get(*at), path.as_bytes().get(*at - 1)];
            *at == 3 || around.iter().any(|byte| byte.is_none_or(|byte| *byte == b'/'))
        };
        for at in (1..=path.len()).filter(is_edge) {
            let (before, after) = path.split_at(at);
            spellings.extend(MUTATIONS.iter().map(|it| format!("{before}{it}{after}")));
        }
        for other in ["ADMIN", "Admin", "%61dmin", "%2561dmin", "%ef%bd%81dmin", "a%64min"] {
            spellings.push(path.replace("admin", other));
        }
    }
    spellings
}

/// One request over a connection of its own; all of the answer.
fn ask(address: &SocketAddr, path: &str) -> Result<String> {
    let mut tcp = TcpStream::connect(address)?;
    tcp.set_read_timeout(Some(Duration::from_secs(10)))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    tcp.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    let mut bytes = [0; 4096];
    // Some servers leave the connection open for seconds, and who refuses may reset it.
    while !is_whole(&answer)
        && let Ok(count @ 1..) = tcp.read(&mut bytes)
    {
        answer.extend_from_slice(&bytes[..count]);
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    length.is_some_and(|length: usize| body.len() >= length) || body.ends_with("0\r\n\r\n")
}

/// A server in a directory of its own.
struct Server {
    _place: tempfile::TempDir,
    port: Port,
    program: Program,
}

impl Server {
    fn start(name: &str, set: impl FnOnce(&mut Command, u16, &Path) -> Result<()>) -> Result<Self> {
        let (place, port) = (tempfile::tempdir()?, Port::reserve()?);
        let mut command = Command::new(name);
        command.current_dir(place.path());
        set(&mut command, port.number, place.path())?;
        let mut program = Program::start(&mut command, name)?;
        eventually("a server to listen", || {
            ensure!(program.ended()?.is_none(), "{}{}", program.stdout(), program.stderr());
            Ok(TcpStream::connect(port.address()).ok())
        })?;
        Ok(Self { _place: place, port, program })
    }

    fn address(&self) -> SocketAddr {
        self.port.address()
    }
}

/// A server of Java, from its source; none where a library or the JDK is missing.
fn java(source: &str, jars: &[&str]) -> Result<Option<Server>> {
    let jars: Vec<PathBuf> =
        jars.iter().map(|jar| Path::new("/usr/share/java").join(format!("{jar}.jar"))).collect();
    // A JRE cannot run a source.
    if !has("javac") || !jars.iter().all(|jar| jar.exists()) {
        return Ok(None);
    }
    let classes = std::env::join_paths(&jars)?;
    let server = Server::start("java", |command, port, root| {
        command.arg("-cp").arg(&classes).arg(foreign(source)).arg(port.to_string()).arg(root);
        Ok(())
    })?;
    Ok(Some(server))
}

/// What servers of files have.
fn files(root: &Path) -> Result<()> {
    for directory in ["admin", "api/admin", "x/admin"] {
        fs::create_dir_all(root.join(directory))?;
        let shown = if directory == "x/admin" { "PUBLIC\n" } else { "ADMIN\n" };
        fs::write(root.join(directory).join("x"), shown).context("a file must be written")?;
    }
    Ok(())
}

fn foreign(name: &str) -> PathBuf {
    workspace().join("e2e/foreign/paths").join(name)
}

fn has(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let mut paths = std::env::split_paths(&paths).chain(["/usr/sbin".into()]);
    paths.any(|path| path.join(program).exists())
}

const ADMIN: &str = "ADMIN\n";

const MUTATIONS: &[&str] = &[
    ";",
    ";a=b",
    "/;/",
    ";/",
    ";;/",
    ";a=b/",
    "/;a=b/",
    "%3b",
    "%3Bx/",
    "%253b",
    "/",
    "//",
    "./",
    "/./",
    "../",
    "x/../",
    "x/..;/",
    "x/..;a=b/",
    "%2e/",
    "%2e%2e/",
    "x/%2e%2e/",
    "%2f",
    "%5c",
    "\\",
    "x\\..\\",
    "%00",
    "%252f",
    "%252e",
    "x/%252e%252e/",
    "%25",
    ".",
    "...",
    "%20",
    "%09",
    "%0a",
    "%0d%0a",
    "::$DATA",
    ":$I30:$INDEX_ALLOCATION",
    "%23",
    "%3f",
    "%253f",
    "+",
    "%c0%af",
    "%c0%ae%c0%ae/",
    "%e0%80%af",
    "%ef%bc%8f",
    "%e2%80%8b",
    "%ff",
    "index.php/",
    "/index.php/",
    "index.php;x/",
    ".php",
    ".json",
    "~1",
    "%u002f",
    "%u0061",
];
