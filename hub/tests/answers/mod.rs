//! Answers of a hostile hub, each with what is said of it.

#![allow(clippy::unwrap_used, unreachable_pub, reason = "a module of a test, which may fail wherever it is")]

use std::sync::Arc;
use std::time::Duration;

use crate::server::{COMMIT, Reply, Repository, Request, endless, git_digest, json, part, raw, reply};

/// What a trick may speak of.
#[derive(Clone)]
pub struct World {
    pub sound: Repository,
    /// Host and port of the hub.
    pub hub: String,
    /// Of another server, which stores large files.
    pub elsewhere: String,
}

/// Said of answers that may be taken or not, as long as they do no harm.
pub const WHATEVER: &str = "whatever";

/// What is answered instead of what a sound server would; whether it is the other server that is asked.
type Trick = Arc<dyn Fn(&Request, &World, bool) -> Option<Reply> + Send + Sync>;

pub struct Case {
    pub name: String,
    /// What the error says among other things; nothing where the answer does no harm and is taken.
    pub says: &'static str,
    /// Whether only a limit of time ends it.
    pub is_endless: bool,
    pub trick: Trick,
}

fn case(
    name: &str,
    says: &'static str,
    trick: impl Fn(&Request, &World) -> Option<Reply> + Send + Sync + 'static,
) -> Case {
    let trick: Trick =
        Arc::new(move |request, world, is_elsewhere| if is_elsewhere { None } else { trick(request, world) });
    Case { name: name.to_owned(), says, is_endless: false, trick }
}

/// A listing that is answered otherwise.
fn listing(
    name: &str,
    says: &'static str,
    answer: impl Fn(&Request, &World) -> Reply + Send + Sync + 'static,
) -> Case {
    case(&format!("listing, {name}"), says, move |request, world| {
        request.is_listing().then(|| answer(request, world))
    })
}

/// `config.json` that is answered otherwise.
fn file(
    name: &str,
    says: &'static str,
    answer: impl Fn(&Request, &World) -> Reply + Send + Sync + 'static,
) -> Case {
    case(&format!("file, {name}"), says, move |request, world| {
        request.is_file("config.json").then(|| answer(request, world))
    })
}

/// `config.json` with other headers before it.
fn headers(
    name: &str,
    says: &'static str,
    change: impl Fn(&Request, String) -> String + Send + Sync + 'static,
) -> Case {
    file(name, says, move |request, world| {
        let headers = change(request, world.sound.headers("config.json"));
        part(request, &world.sound.files["config.json"], &headers)
    })
}

/// `config.json` that is announced rightly and then sent otherwise; the headers that are right are given.
fn body(name: &str, says: &'static str, answer: fn(&str, &[u8]) -> Reply) -> Case {
    case(&format!("body, {name}"), says, move |request, world| {
        let is_body = request.is_file("config.json") && !request.is_probe();
        is_body.then(|| answer(&world.sound.headers("config.json"), &world.sound.files["config.json"]))
    })
}

/// Another repository than the sound one.
fn repository(
    name: &str,
    says: &'static str,
    change: impl Fn(Repository) -> Repository + Send + Sync + 'static,
) -> Case {
    case(name, says, move |request, world| Some(change(world.sound.clone()).answer(request)))
}

/// Weights in shards of these names.
fn shards(name: &str, says: &'static str, shards: &'static [&'static str]) -> Case {
    repository(&format!("shard, {name}"), says, |sound| {
        let map: Vec<String> = shards
            .iter()
            .enumerate()
            .map(|(number, shard)| format!("\"{number}\": {}", json(shard)))
            .collect();
        let index = format!("{{\"weight_map\": {{{}}}}}", map.join(", "));
        let sound = sound.without("model.safetensors").with("model.safetensors.index.json", index);
        shards.iter().fold(sound, |sound, shard| sound.with(shard, "weights"))
    })
}

/// Modules in these folders.
fn modules(name: &str, says: &'static str, folders: &'static [&'static str]) -> Case {
    repository(&format!("module, {name}"), says, |sound| {
        let entries: Vec<String> =
            folders.iter().map(|folder| format!("{{\"path\": {}}}", json(folder))).collect();
        let sound = sound.with("modules.json", format!("[{}]", entries.join(", ")));
        folders.iter().fold(sound, |sound, folder| sound.with(&format!("{folder}/config.json"), "{}"))
    })
}

/// The same case with an end that only a limit of time brings.
fn at_last(mut case: Case) -> Case {
    case.is_endless = true;
    case
}

const JSON: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
const DRIP: Duration = Duration::from_millis(20);

fn chunked(headers: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n{headers}\r\n")
}

fn to(location: &str) -> Reply {
    reply("302 Found", &format!("location: {location}\r\n"), b"")
}

fn sha(text: &'static str, name: &str) -> Case {
    let says = "not a commit hash";
    listing(&format!("commit {name}"), says, move |_, world| {
        let mut other = world.sound.clone();
        text.clone_into(&mut other.commit);
        reply("200 OK", "", other.listing().as_bytes())
    })
}

pub fn cases() -> Vec<Case> {
    [
        commits(),
        listings(),
        redirects(),
        connections(),
        names(),
        announced(),
        lengths(),
        bodies(),
        elsewhere(),
        changed(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn commits() -> Vec<Case> {
    vec![
        sha("../../../../evil", "that leads up"),
        sha("/tmp/evil-of-a-hub", "that is a path"),
        sha("C:\\evil", "with a drive"),
        sha("abc", "that is short"),
        sha("0123456789ABCDEF0123456789ABCDEF01234567", "in large letters"),
        sha("0123456789abcdef0123456789abcdef012345678", "that is long"),
        sha("0123456789abcdef0123456789abcdef0123456\n", "with a line end"),
        sha("", "that is empty"),
        listing("commit is a number", "its listing is not valid", |_, _| {
            reply("200 OK", "", b"{\"sha\": 1, \"siblings\": []}")
        }),
        headers("another commit", "and the listing names", |_, headers| {
            headers.replace(COMMIT, &"f".repeat(40))
        }),
        headers("commit that leads up", "and the listing names", |_, headers| {
            headers.replace(COMMIT, "../../../../evil")
        }),
        headers("no commit", "does not give its commit", |_, headers| {
            headers.replace("x-repo-commit", "x-other")
        }),
        headers("commit that changes", "and the listing names", |request, headers| {
            if request.is_probe() { headers } else { headers.replace(COMMIT, &"e".repeat(40)) }
        }),
    ]
}

fn listings() -> Vec<Case> {
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xed\xc1\x01\r\0\0\0\xc2\xa0".to_vec();
    vec![
        listing("a page", "its listing is not valid", |_, _| reply("200 OK", "", b"<!doctype html><html>")),
        listing("nothing", "its listing is not valid", |_, _| reply("200 OK", "", b"")),
        listing("brackets without end", "its listing is not valid", |_, _| {
            reply("200 OK", "", "[".repeat(60_000).as_bytes())
        }),
        listing("deep within", "its listing is not valid", |_, _| {
            reply("200 OK", "", format!("{{\"a\": {}", "[".repeat(60_000)).as_bytes())
        }),
        listing("no files", "its listing is not valid", |_, _| {
            reply("200 OK", "", format!("{{\"sha\": \"{COMMIT}\"}}").as_bytes())
        }),
        listing("not UTF-8", "its listing is not valid", |_, _| {
            reply("200 OK", "", b"{\"sha\": \"\xff\xfe\"}")
        }),
        listing("too long", "it has more than", |_, _| reply("200 OK", "", " ".repeat(100_000).as_bytes())),
        listing("of no end", "it has more than", |_, _| {
            endless(format!("{JSON}\r\n{{\"sha\": \""), vec![b'a'; 4096], Duration::ZERO)
        }),
        listing("compressed", "compressed", move |_, _| reply("200 OK", "content-encoding: gzip\r\n", &gzip)),
        listing("cut", "cannot be fetched", |_, world| {
            raw(format!("{JSON}content-length: 90000\r\n\r\n{}", world.sound.listing()))
        }),
        at_last(listing("in drops", "cannot be fetched", |_, _| {
            endless(format!("{JSON}\r\n{{\"sha\": \""), "a", DRIP)
        })),
        listing("of an empty repository", "holds no `config.json`", |_, _| {
            reply("200 OK", "", format!("{{\"sha\": \"{COMMIT}\", \"siblings\": []}}").as_bytes())
        }),
        listing("status 304", "304", |_, _| reply("304 Not Modified", "", b"")),
        listing("status 204", "204", |_, _| raw("HTTP/1.1 204 No Content\r\n\r\n")),
        listing("status 206", "206", |_, _| reply("206 Partial Content", "", b"{}")),
        listing("status 416", "416", |_, _| reply("416 Range Not Satisfiable", "", b"")),
        listing("status 401", "HF_TOKEN", |_, _| reply("401 Unauthorized", "", b"")),
        listing("status 403 with words", "HF_TOKEN", |_, _| {
            reply("403 Forbidden", &format!("x-error-message: {}\r\n", "words ".repeat(2000)), b"")
        }),
        listing("status 404", "check the name", |_, _| reply("404 Not Found", "", b"")),
        listing("status 429", "429", |_, _| reply("429 Too Many Requests", "", b"")),
        listing("status 500", "500", |_, _| reply("500 Internal Server Error", "", b"")),
        listing("status 999", "999", |_, _| reply("999 Odd", "", b"")),
    ]
}

fn redirects() -> Vec<Case> {
    vec![
        listing("redirect to nowhere", "no Location", |_, _| reply("302 Found", "", b"")),
        listing("redirect to nowhere with a body", "no Location", |_, _| {
            reply("307 Temporary Redirect", "", b"gone")
        }),
        listing("status 300", "300", |_, _| reply("300 Multiple Choices", "location: /api/x\r\n", b"")),
        at_last(listing("redirect with a body in drops", "cannot be fetched", |_, _| {
            endless("HTTP/1.1 302 Found\r\nlocation: /api/a\r\ncontent-length: 9000\r\n\r\n", "a", DRIP)
        })),
        listing("redirect to itself", "redirects more than", |request, _| to(&request.path)),
        listing("relative redirect to itself", "redirects more than", |_, _| to("main")),
        listing("redirect of an empty address", "redirects more than", |_, _| to("?")),
        listing("redirects in turns", "redirects more than", |request, _| {
            to(if request.path == "/api/a" { "/api/b" } else { "/api/a" })
        }),
        listing("redirect to a file", "address", |_, _| to("file:///etc/passwd")),
        listing("redirect to no address", "address", |_, _| to("http://[::")),
        listing("redirect to no port", "address", |_, _| to("http://127.0.0.1:99999/")),
        listing("redirect to another scheme", "address", |_, _| to("javascript:alert(1)")),
        listing("redirect not in ASCII", "not ASCII", |_, _| {
            raw(b"HTTP/1.1 302 Found\r\nlocation: /\xff\xfe\r\ncontent-length: 0\r\n\r\n")
        }),
        listing("redirect to a long address", "cannot be fetched", |_, _| {
            to(&format!("/{}", "a".repeat(60_000)))
        }),
        listing("redirect to another port", "", |request, world| {
            to(&format!("http://{}{}", world.elsewhere, request.path))
        }),
        listing("redirect without a scheme", "", |request, world| {
            to(&format!("//{}{}", world.elsewhere, request.path))
        }),
        listing("redirect with a user", "a user's name", |request, world| {
            to(&format!("http://{}@{}{}", world.hub.replace(':', "%3A"), world.elsewhere, request.path))
        }),
        listing("redirect to another name of the host", "", |request, world| {
            to(&format!("http://{}{}", world.elsewhere.replace("127.0.0.1", "localhost"), request.path))
        }),
        file("redirect to nowhere", "no Location", |_, _| reply("302 Found", "", b"")),
        file("redirect to itself", "redirects more than", |request, _| to(&request.path)),
        file("status 304", "304", |_, _| reply("304 Not Modified", "", b"")),
        other_digest(),
        file("redirect elsewhere and back", "", |request, world| {
            let headers = world.sound.headers("config.json");
            if request.path.contains("back") {
                part(request, &world.sound.files["config.json"], &headers)
            } else {
                reply("302 Found", &format!("{headers}location: http://{}/there\r\n", world.elsewhere), b"")
            }
        })
        .elsewhere(|request, world| {
            let back = format!("/back/resolve/{COMMIT}/config.json");
            (request.path == "/there").then(|| to(&format!("http://{}{back}", world.hub)))
        }),
    ]
}

/// A server that a hub redirects to, which names the digest of bytes of its own.
fn other_digest() -> Case {
    file("redirect to a server with a digest of its own", "have the digest", |_, world| {
        let headers = world.sound.headers("config.json");
        reply("302 Found", &format!("{headers}location: http://{}/there\r\n", world.elsewhere), b"")
    })
    .elsewhere(|request, world| {
        let bytes = vec![b'x'; world.sound.files["config.json"].len()];
        let headers = format!("x-repo-commit: {COMMIT}\r\nx-linked-etag: \"{}\"\r\n", git_digest(&bytes));
        (request.path == "/there").then(|| part(request, &bytes, &headers))
    })
}

impl Case {
    /// With what the other server says.
    fn elsewhere(self, answer: impl Fn(&Request, &World) -> Option<Reply> + Send + Sync + 'static) -> Self {
        let here = self.trick;
        let trick: Trick =
            Arc::new(
                move |request, world, is_elsewhere| {
                    if is_elsewhere { answer(request, world) } else { here(request, world, false) }
                },
            );
        Self { trick, ..self }
    }
}

fn connections() -> Vec<Case> {
    let odd = |name: &str, head: &'static str| {
        listing(name, WHATEVER, move |_, world| raw(format!("{head}\r\n{}", world.sound.listing())))
    };
    vec![
        odd("HTTP of another age", "HTTP/9.9 200 OK\r\n"),
        odd("HTTP 1.0", "HTTP/1.0 200 OK\r\n"),
        odd("no reason", "HTTP/1.1 200\r\n"),
        odd("a header with a NUL", "HTTP/1.1 200 OK\r\nx-a: \0\r\n"),
        odd("a header without a colon", "HTTP/1.1 200 OK\r\nheader\r\n"),
        odd("a folded header", "HTTP/1.1 200 OK\r\nx-a: b\r\n c\r\n"),
        odd("line ends without carriage return", "HTTP/1.1 200 OK\nx-a: b\n"),
        odd("both framings", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n"),
        odd("an unknown framing", "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n"),
        odd("another protocol", "HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\n"),
        odd("early hints", "HTTP/1.1 103 Early Hints\r\nlink: </>\r\n\r\nHTTP/1.1 200 OK\r\n"),
        listing("no HTTP", "cannot be fetched", |_, _| raw("HELLO\r\n\r\n")),
        listing("hung up", "cannot be fetched", |_, _| raw("")),
        listing("hung up within headers", "cannot be fetched", |_, _| raw("HTTP/1.1 200 OK\r\ncontent-le")),
        listing("headers of 100,000 bytes", "cannot be fetched", |_, _| {
            raw(format!("HTTP/1.1 200 OK\r\nx-long: {}\r\n\r\n", "a".repeat(100_000)))
        }),
        listing("1000 headers", "cannot be fetched", |_, _| {
            raw(format!("HTTP/1.1 200 OK\r\n{}\r\n", "x-many: a\r\n".repeat(1000)))
        }),
        listing("two lengths", "cannot be fetched", |_, _| {
            raw("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 40\r\n\r\n{}")
        }),
        listing("length below nothing", "cannot be fetched", |_, _| {
            raw("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n{}")
        }),
        at_last(listing("silence", "cannot be fetched", |_, _| endless("", "", DRIP))),
        at_last(listing("headers in drops", "cannot be fetched", |_, _| {
            endless("HTTP/1.1 200 OK\r\nx-a: ", "a", DRIP)
        })),
        listing("headers without end", "cannot be fetched", |_, _| {
            endless("HTTP/1.1 200 OK\r\n", "x-more: a\r\n".repeat(100), Duration::ZERO)
        }),
        at_last(listing("to be continued", "cannot be fetched", |_, _| {
            endless("", "HTTP/1.1 100 Continue\r\n\r\n", Duration::from_millis(1))
        })),
    ]
}

fn names() -> Vec<Case> {
    const LONG: &str = "model-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\
        aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\
        aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.safetensors";
    vec![
        shards("that leads up", "names the shard", &["../../../../../evil.safetensors"]),
        shards("that is a path", "names the shard", &["/tmp/evil-of-a-hub.safetensors"]),
        shards("within another folder", "names the shard", &["below/model-1.safetensors"]),
        shards("with backslashes", "names the shard", &["..\\..\\evil.safetensors"]),
        shards("with a drive", "names the shard", &["C:evil.safetensors"]),
        shards("with a NUL", "names the shard", &["a\0b.safetensors"]),
        shards("with an escape", "names the shard", &["a\t\nb.safetensors"]),
        shards("that turns the direction", "names the shard", &["a\u{202e}b.safetensors"]),
        shards("of a device", "names the shard", &["nul.safetensors"]),
        shards("that ends with a blank", "names the shard", &["model-1.safetensors "]),
        shards("of 300 letters", "names the shard", &[LONG]),
        shards("without a name", "names the shard", &[""]),
        shards("of the folder itself", "names the shard", &["."]),
        shards("in two cases", "are one file", &["model-a.safetensors", "model-A.safetensors"]),
        repository("shard that is not there", "is not in the repository", |sound| {
            let index = r#"{"weight_map": {"a": "model-1.safetensors"}}"#;
            sound.without("model.safetensors").with("model.safetensors.index.json", index)
        }),
        repository("index that is none", "is not valid", |sound| {
            sound.without("model.safetensors").with("model.safetensors.index.json", "[1, 2")
        }),
        repository("index of 1,000 shards", "the most of a model are", |sound| {
            let names: Vec<String> = (0..1000).map(|number| format!("m{number}.safetensors")).collect();
            let map: Vec<String> = names.iter().map(|name| format!("{name:?}: {name:?}")).collect();
            let index = format!("{{\"weight_map\": {{{}}}}}", map.join(","));
            let sound = sound.without("model.safetensors").with("model.safetensors.index.json", index);
            names.iter().fold(sound, |sound, name| sound.with(name, "a"))
        }),
        modules("that leads up", "names the folder", &["../../../../evil"]),
        modules("that is a path", "names the folder", &["/tmp/evil-of-a-hub"]),
        modules("with a drive", "names the folder", &["C:\\evil"]),
        modules("with an empty part", "names the folder", &["a//b"]),
        modules("of a device", "names the folder", &["con"]),
        modules("in two cases", "are one file", &["1_Pooling", "1_pooling"]),
        modules("that is a file", "are one file", &["config.json"]),
        repository("modules that are none", "is not valid", |sound| sound.with("modules.json", "{")),
        repository("1,000 modules", "the most are 64", |sound| {
            sound.with("modules.json", format!("[{}]", vec!["{\"path\": \"a\"}"; 1000].join(",")))
        }),
    ]
}

fn announced() -> Vec<Case> {
    let etag = |name: &str, says: &'static str, text: String| {
        headers(name, says, move |_, headers| {
            let start = headers.find("etag").unwrap();
            format!("{}etag: {text}\r\n", &headers[..start])
        })
    };
    vec![
        etag("ETag that leads up", "is not valid", "\"../../../../evil\"".into()),
        etag("ETag that is a path", "is not valid", "\"/tmp/evil-of-a-hub\"".into()),
        etag("ETag with backslashes", "is not valid", "\"..\\..\\evil\"".into()),
        etag("ETag of 1,000 letters", "is not valid", "a".repeat(1000)),
        etag("ETag without letters", "is not valid", "\"\"".into()),
        etag("ETag of a device", "", "\"nul\"".into()),
        etag("weak ETag without a digest", "", "W/\"abc-7\"".into()),
        etag("ETag of other bytes", "have the digest", format!("\"{}\"", "0".repeat(40))),
        etag("ETag of other bytes, large", "have the digest", format!("\"{}\"", "0".repeat(64))),
        headers("no ETag", "no ETag", |_, headers| headers.replace("etag", "x-other")),
        headers("ETag that changes", "ETag changed", |request, headers| {
            if request.is_probe() { headers } else { headers.replace("etag: \"", "etag: \"0") }
        }),
        file("ETag not in ASCII", "not ASCII", |_, _| {
            let head = format!("HTTP/1.1 200 OK\r\nx-repo-commit: {COMMIT}\r\netag: \"\u{ff}\"\r\n");
            let bytes: Vec<u8> = head.chars().map(|character| character as u8).collect();
            raw([&bytes, &b"content-length: 1\r\n\r\na"[..]].concat())
        }),
    ]
}

fn lengths() -> Vec<Case> {
    let range = |name: &str, says: &'static str, range: &'static str| {
        file(name, says, move |_, world| {
            let headers = world.sound.headers("config.json");
            reply("206 Partial Content", &format!("{headers}content-range: {range}\r\n"), b"{")
        })
    };
    vec![
        range("2 GiB", "are the most", "bytes 0-0/2147483648"),
        range("more than can be counted", "Content-Range", "bytes 0-0/99999999999999999999999"),
        range("below nothing", "Content-Range", "bytes 0-0/-5"),
        range("of unknown length", "Content-Range", "bytes 0-0/*"),
        range("in other units", "Content-Range", "lines 0-0/5"),
        file("part of no range", "give its length", |_, world| {
            reply("206 Partial Content", &world.sound.headers("config.json"), b"{")
        }),
        file("no length", "give its length", |_, world| {
            raw(format!("HTTP/1.1 200 OK\r\n{}\r\n{{}}", world.sound.headers("config.json")))
        }),
        file("no range", "give its length", |_, world| {
            reply("416 Range Not Satisfiable", &world.sound.headers("config.json"), b"")
        }),
        headers("two lengths", "the answer that it has", |_, headers| {
            format!("{headers}x-linked-size: 5\r\n")
        }),
        headers("length that is none", "X-Linked-Size", |_, headers| {
            format!("{headers}x-linked-size: 5e3\r\n")
        }),
    ]
}

fn bodies() -> Vec<Case> {
    vec![
        body("short, and hung up", "cannot be fetched", |headers, bytes| {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n{headers}\r\n{{", bytes.len());
            raw(head)
        }),
        body("short in chunks", "it ends after", |headers, _| raw(chunked(headers) + "2\r\n{}\r\n0\r\n\r\n")),
        body("long in chunks", "it has more than", |headers, bytes| {
            let text = String::from_utf8(bytes.to_vec()).unwrap() + "more";
            raw(format!("{}{:x}\r\n{text}\r\n0\r\n\r\n", chunked(headers), text.len()))
        }),
        body("long until hung up", "it has more than", |headers, bytes| {
            raw([format!("HTTP/1.1 200 OK\r\n{headers}\r\n").as_bytes(), bytes, b"more"].concat())
        }),
        body("announced longer", "are announced", |headers, bytes| {
            reply("200 OK", headers, &[bytes, b"more"].concat())
        }),
        body("announced shorter", "are announced", |headers, _| reply("200 OK", headers, b"{")),
        body("of other bytes", "have the digest", |headers, bytes| {
            reply("200 OK", headers, &vec![b'x'; bytes.len()])
        }),
        body("without end", "it has more than", |headers, _| {
            endless(chunked(headers), format!("1000\r\n{}\r\n", "a".repeat(0x1000)), Duration::ZERO)
        }),
        at_last(body("in drops", "cannot be fetched", |headers, bytes| {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n{headers}\r\n", bytes.len());
            endless(head, "a", Duration::from_millis(200))
        })),
        at_last(body("with the length of a chunk in drops", "cannot be fetched", |headers, _| {
            endless(chunked(headers), "0", DRIP)
        })),
        at_last(body("with words beside a chunk in drops", "cannot be fetched", |headers, _| {
            endless(chunked(headers) + "5;", "a", DRIP)
        })),
        at_last(body("that stops", "cannot be fetched", |headers, bytes| {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n{headers}\r\n{{", bytes.len());
            endless(head, "", DRIP)
        })),
        body("in chunks of no length", "cannot be fetched", |headers, _| {
            raw(chunked(headers) + "zzz\r\na\r\n")
        }),
        body("in a chunk of 2^64 bytes", "cannot be fetched", |headers, _| {
            raw(chunked(headers) + "ffffffffffffffff\r\na\r\n")
        }),
        body("in a chunk longer than can be counted", "cannot be fetched", |headers, _| {
            raw(chunked(headers) + "fffffffffffffffffffffffffffffff\r\na\r\n")
        }),
        body("compressed", "compressed", |headers, bytes| {
            reply("200 OK", &format!("{headers}content-encoding: gzip\r\n"), bytes)
        }),
        body("from another byte on", "go on where", |headers, _| {
            reply("206 Partial Content", &format!("{headers}content-range: bytes 5-9/22\r\n"), b"12345")
        }),
        body("of another whole", "go on where", |headers, _| {
            reply("206 Partial Content", &format!("{headers}content-range: bytes 0-4/5\r\n"), b"12345")
        }),
        body("gone meanwhile", "check the name", |_, _| reply("404 Not Found", "", b"")),
    ]
}

/// What another server sends for weights.
fn elsewhere() -> Vec<Case> {
    let store = |name: &str, says: &'static str, answer: fn(&Request, &World) -> Reply| {
        case(&format!("weights elsewhere, {name}"), says, |_, _| None).elsewhere(move |request, world| {
            (request.path == "/store/model.safetensors").then(|| answer(request, world))
        })
    };
    vec![
        store("of other bytes", "have the digest", |request, _| part(request, &[9; 100_000], "")),
        store("shorter", "go on where", |request, _| part(request, &[7; 50_000], "")),
        store("of another commit", "and the listing names", |request, _| {
            part(request, &[7; 100_000], &format!("x-repo-commit: {}\r\n", "d".repeat(40)))
        }),
        store("with an ETag of its own", "", |request, _| {
            part(request, &[7; 100_000], "etag: \"../../evil\"\r\n")
        }),
        store("cut once and again", "cannot be fetched", |request, _| {
            let from = request.range().unwrap().trim_end_matches('-').to_owned();
            let from: usize = from.parse().unwrap();
            let range =
                format!("content-range: bytes {from}-99999/100000\r\ncontent-length: {}\r\n", 100_000 - from);
            raw([format!("HTTP/1.1 206 Partial Content\r\n{range}\r\n").as_bytes(), &[7; 1000]].concat())
        }),
        store("sent home with the token", "redirects more than", |request, world| {
            to(&format!("http://{}{}", world.elsewhere, request.path))
        }),
        at_last(store("in drops", "cannot be fetched", |_, _| {
            endless("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n", "\u{7}", DRIP)
        })),
    ]
}

/// Sound answers with one byte changed, by numbers that are the same each time. Two might be an answer that cannot be distinguished
/// from a sound one: an `ETag` that is no digest, and other bytes.
fn changed() -> Vec<Case> {
    (1_u64..=64)
        .map(|number| {
            case(&format!("changed answer {number}"), WHATEVER, move |request, world| {
                let (headers, bytes) = if request.is_listing() && number % 2 == 0 {
                    (String::new(), world.sound.listing().into_bytes())
                } else if request.is_file("config.json") && number % 2 == 1 {
                    (world.sound.headers("config.json"), world.sound.files["config.json"].clone())
                } else {
                    return None;
                };
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n{headers}\r\n", bytes.len());
                let mut answer = [head.into_bytes(), bytes].concat();
                let mut state = number;
                let mut random = |below: usize| {
                    state =
                        state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (state >> 33) as usize % below
                };
                let at = random(answer.len());
                match random(3) {
                    0 => answer[at] = random(256) as u8,
                    1 => drop(answer.remove(at)),
                    _ => answer.insert(at, random(256) as u8),
                }
                Some(raw(answer))
            })
        })
        .collect()
}
