//! Models of how servers read a path, each as simple as possible.

/// The model of one server.
pub(crate) struct Server {
    pub(crate) ignores_case: bool,
    pub(crate) name: &'static str,
    /// All paths that it may serve for a request path; none if it refuses the path.
    pub(crate) read: fn(&str) -> Vec<String>,
    /// Whether it may treat a name with an extension as the name without it.
    pub(crate) reads_names_apart: bool,
}

pub(crate) const SERVERS: &[Server] = &[
    server("Node", |path| vec![path.to_owned()]),
    Server { ignores_case: true, ..server("Express", |path| vec![path.to_owned()]) },
    // https://url.spec.whatwg.org/#path-state
    server("Node's URL", |path| {
        let path = path.replace('\\', "/");
        let dotted = |it: &str| it.to_ascii_lowercase().replace("%2e", ".");
        let named = path.split('/').map(|it| match &*dotted(it) {
            dots @ ("." | "..") => dots.to_owned(),
            _ => it.to_owned(),
        });
        without_dots(&named.collect::<Vec<_>>().join("/"))
    }),
    server("nginx", nginx),
    server("nginx behind nginx", |path| each(nginx(path), nginx)),
    // AllowEncodedSlashes On: https://httpd.apache.org/docs/2.4/mod/core.html#allowencodedslashes
    Server {
        ignores_case: true,
        ..server("Apache on Windows", |path| nginx(&path.replace('\\', "/")))
    },
    // ServeMux redirects to the result of path.Clean.
    server("Go", |path| without_dots(&merged(&once(path)))),
    server("Tomcat", tomcat),
    server("Jetty", |path| without_dots(&once(&without_parameters(path)))),
    server("Undertow", |path| without_dots(&merged(&without_parameters(&once(path))))),
    // UrlPathHelper; suffix patterns were the default before 5.3.
    Server {
        reads_names_apart: true,
        ..server("Spring", |path| {
            let paths = tomcat(path);
            paths.iter().map(|path| without_extension(path)).collect()
        })
    },
    // (.:format) of its routes.
    Server {
        reads_names_apart: true,
        ..server("Rails", |path| vec![without_extension(&once(path))])
    },
    Server {
        reads_names_apart: true,
        ..server("MultiViews", |path| {
            let path = once(path);
            let inner = path.replace(".php/", "/");
            vec![without_extension(&inner), without_extension(&path)]
        })
    },
    Server {
        ignores_case: true,
        ..server("IIS", |path| {
            let path = unicode_escapes(&once(&once(path))).replace('\\', "/");
            let names = path.split('/').map(|segment| match segment {
                "." | ".." => segment,
                // Only the default stream, and that of a directory's index, are equivalent to the
                // name.
                _ if segment.contains(":$") => segment.split(':').next().unwrap(),
                _ => segment.trim_end_matches(['.', ' ']),
            });
            without_dots(&merged(&names.collect::<Vec<_>>().join("/")))
        })
    },
    Server {
        ignores_case: true,
        ..server("Windows' best fit", |path| {
            let path = once(path);
            let fitted = path.chars().map(|c| match c {
                '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap(),
                'á' | 'α' => 'a',
                'é' => 'e',
                'ı' => 'i',
                _ => c,
            });
            let fitted: String = fitted.collect();
            without_dots(&merged(&fitted.replace('\\', "/")))
        })
    },
    Server {
        ignores_case: true,
        ..server("Windows' short names", |path| {
            vec![once(path).to_lowercase().replace("/wp-con~1", "/wp-content")]
        })
    },
    Server {
        ignores_case: true,
        ..server("macOS", |path| {
            vec![once(path).replace(['\u{200b}', '\u{ad}', '\u{301}'], "").replace('é', "e")]
        })
    },
    server("old decoders of UTF-8", |path| without_dots(&merged(&overlong(&decode(path))))),
    server("decoders that ignore errors", |path| {
        vec![decode(path).utf8_chunks().map(|chunk| chunk.valid()).collect()]
    }),
    server("who decodes until nothing changes", |path| {
        let mut path = path.to_owned();
        loop {
            let again = once(&path);
            if again == path {
                return without_dots(&merged(&without_parameters(&path)));
            }
            path = again;
        }
    }),
    server("who parses what was decoded", |path| {
        let path = once(path).replace(['\t', '\n', '\r'], "");
        vec![path.split(['?', '#']).next().unwrap().to_owned()]
    }),
    server("who decodes it as a form", |path| vec![once(&path.replace('+', " "))]),
    server("C", |path| vec![once(path).split('\0').next().unwrap().to_owned()]),
    server("patterns of one line", |path| vec![once(path).split('\n').next().unwrap().to_owned()]),
    server("who trims", |path| {
        let path = once(path);
        let names = path.split('/').map(str::trim);
        vec![names.collect::<Vec<_>>().join("/")]
    }),
    server("PHP", |path| {
        let path = once(path);
        let names: Vec<&str> = path.split('/').collect();
        let scripts = (0..names.len() - 1).filter(|at| names[*at].ends_with(".php"));
        let rest = |at: usize| [&names[..at], &names[at + 1..]].concat().join("/");
        scripts.map(rest).collect()
    }),
];

const fn server(name: &'static str, read: fn(&str) -> Vec<String>) -> Server {
    Server { ignores_case: false, name, read, reads_names_apart: false }
}

/// Percent-decodes once; invalid encodings stay.
pub(crate) fn decode(path: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let (bytes, mut decoded, mut at) = (path.as_bytes(), Vec::new(), 0);
    while at < bytes.len() {
        let pair = bytes.get(at + 1).zip(bytes.get(at + 2));
        let pair = pair.and_then(|(high, low)| Some((digit(*high)?, digit(*low)?)));
        match (bytes[at], pair) {
            (b'%', Some((high, low))) => {
                decoded.push(high * 16 + low);
                at += 3;
            }
            (byte, _) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    decoded
}

pub(crate) fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

fn once(path: &str) -> String {
    text(decode(path))
}

fn each(paths: Vec<String>, read: fn(&str) -> Vec<String>) -> Vec<String> {
    paths.iter().flat_map(|path| read(path)).collect()
}

fn nginx(path: &str) -> Vec<String> {
    let path = once(path);
    if path.contains('\0') { Vec::new() } else { without_dots(&merged(&path)) }
}

fn tomcat(path: &str) -> Vec<String> {
    without_dots(&merged(&once(&without_parameters(path)).replace('\\', "/")))
}

fn without_parameters(path: &str) -> String {
    let names = path.split('/').map(|segment| segment.split(';').next().unwrap());
    names.collect::<Vec<_>>().join("/")
}

fn merged(path: &str) -> String {
    let mut path = path.to_owned();
    while path.contains("//") {
        path = path.replace("//", "/");
    }
    path
}

/// None if the path leads above the root.
fn without_dots(path: &str) -> Vec<String> {
    let mut names = Vec::new();
    for name in path.split('/').skip(1) {
        match name {
            "." => {}
            ".." => {
                if names.pop().is_none() {
                    return Vec::new();
                }
            }
            _ => names.push(name),
        }
    }
    vec![format!("/{}", names.join("/"))]
}

fn without_extension(path: &str) -> String {
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    format!("{directory}/{}", name.rsplit_once('.').map_or(name, |(name, _)| name))
}

/// `%u0061`.
fn unicode_escapes(path: &str) -> String {
    let mut result = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once("%u") {
        result.push_str(before);
        let digits = after.get(..4).and_then(|four| u32::from_str_radix(four, 16).ok());
        match digits.and_then(char::from_u32) {
            Some(character) => {
                result.push(character);
                rest = &after[4..];
            }
            None => {
                result.push_str("%u");
                rest = after;
            }
        }
    }
    result + rest
}

/// Decodes like old decoders that accepted overlong forms (RFC 3629, section 10).
fn overlong(bytes: &[u8]) -> String {
    let mut decoded = String::new();
    let mut rest = bytes;
    while let [first, after @ ..] = rest {
        let (count, high) = match first {
            0xc0..=0xdf => (1, u32::from(first & 0x1f)),
            0xe0..=0xef => (2, u32::from(first & 0x0f)),
            0xf0..=0xf7 => (3, u32::from(first & 0x07)),
            _ => (0, u32::from(*first)),
        };
        let follows = after.get(..count).filter(|bytes| bytes.iter().all(|b| b & 0xc0 == 0x80));
        let value = follows
            .map(|bytes| bytes.iter().fold(high, |value, b| value << 6 | u32::from(b & 0x3f)));
        decoded.push(value.and_then(char::from_u32).unwrap_or('\u{fffd}'));
        rest = &after[follows.map_or(0, <[u8]>::len)..];
    }
    decoded
}
