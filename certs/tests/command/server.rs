//! Servers of other implementations to inspect.

use std::{
    io::{BufRead, BufReader},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    thread,
};

/// `openssl s_server` on its own port, until it is dropped.
pub(crate) struct OpensslServer {
    child: Child,
    /// The server exits when its standard input is closed.
    _input: ChildStdin,
    pub(crate) port: u16,
}

impl OpensslServer {
    /// Starts it with the identity in `place/name`, and further arguments.
    pub(crate) fn start(place: &Path, name: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0"])
            .args(["-cert", &format!("{name}/tls.crt"), "-key", &format!("{name}/tls.key")])
            .args(arguments)
            .current_dir(place)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let accept = lines.find(|line| line.starts_with("ACCEPT ")).unwrap();
        let port = accept.rsplit(':').next().unwrap().parse().unwrap();
        thread::spawn(move || lines.count());
        Self { child, _input: input, port }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }
}

impl Drop for OpensslServer {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// The port of a listener that handles each connection so, until the test ends.
pub(crate) fn listen(treat: impl Fn(TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || listener.incoming().flatten().for_each(treat));
    port
}
