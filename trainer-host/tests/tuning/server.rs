//! A PostgreSQL server to test on, and a certificate for it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A PostgreSQL server on loopback, with its data in a folder of its own.
pub(crate) struct Server {
    process: Child,
    pub(crate) address: String,
    _folder: tempfile::TempDir,
}

impl Server {
    /// With these settings, and with key and certificate of a folder, without which it takes no
    /// connections then; `None` where there is no server to start.
    pub(crate) fn start(settings: &[&str], certificate: Option<&Path>) -> Option<Self> {
        let Some(programs) = programs() else {
            eprintln!(
                "skipped: there is no PostgreSQL server to start; `cargo xtask test` installs one"
            );
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        for name in ["server.crt", "server.key"] {
            if let Some(from) = certificate {
                std::fs::copy(from.join(name), folder.path().join(name)).unwrap();
            }
        }
        let as_root = is_root();
        if as_root {
            // The server refuses to run as root.
            let mut give = Command::new("chown");
            let given = give.args(["-R", "postgres"]).arg(folder.path()).status();
            assert!(given.unwrap().success(), "the user postgres owns no folder");
        }
        let command = |program: &str| {
            let program = programs.join(program);
            let mut command = Command::new(if as_root {
                "runuser".as_ref()
            } else {
                program.as_os_str()
            });
            if as_root {
                command.args(["-u", "postgres", "--"]).arg(&program);
            }
            command.current_dir("/");
            command
        };
        let mut make = command("initdb");
        make.arg("-D")
            .arg(&data)
            .args(["-U", "lstm", "-A", "trust", "--no-sync"]);
        let made = make.output().unwrap();
        let errors = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "{errors}");
        if certificate.is_some() {
            let encrypted = "hostssl all all 127.0.0.1/32 trust\n";
            std::fs::write(data.join("pg_hba.conf"), encrypted).unwrap();
        }
        // A port that is free now.
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port().to_string();
        drop(socket);
        let mut serve = command("postgres");
        serve
            .arg("-D")
            .arg(&data)
            .args(["-h", "127.0.0.1", "-p", &port, "-k", ""])
            .args(settings.iter().flat_map(|setting| ["-c", *setting]))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let server = Self {
            process: serve.spawn().unwrap(),
            address: format!("postgres://lstm@127.0.0.1:{port}/postgres"),
            _folder: folder,
        };
        for _ in 0..200 {
            let mut ready = command("pg_isready");
            ready
                .args(["-h", "127.0.0.1", "-p", &port])
                .stdout(Stdio::null());
            if ready.status().unwrap().success() {
                return Some(server);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("the server does not answer");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends its own children when it is asked to end.
        let _ = Command::new("pkill")
            .args(["-INT", "-P", &self.process.id().to_string()])
            .status();
        let _ = Command::new("kill")
            .args(["-INT", &self.process.id().to_string()])
            .status();
        let _ = self.process.wait();
    }
}

/// A server's key and a certificate for loopback in `folder`; `None` where `openssl` is not installed.
pub(crate) fn certificate(folder: &Path) -> Option<PathBuf> {
    let certificate = folder.join("server.crt");
    let mut make = Command::new("openssl");
    make.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
    ])
    .args(["-nodes", "-days", "2", "-subj", "/CN=lstm", "-keyout"])
    .arg(folder.join("server.key"))
    .args(["-addext", "basicConstraints=critical,CA:FALSE"])
    .args(["-addext", "subjectAltName=IP:127.0.0.1", "-out"])
    .arg(&certificate);
    let Ok(made) = make.output() else {
        eprintln!("skipped: there is no openssl to make a certificate");
        return None;
    };
    let errors = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{errors}");
    Some(certificate)
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Where the server's programs are: of the newest version that is installed.
fn programs() -> Option<PathBuf> {
    let found = std::fs::read_dir("/usr/lib/postgresql")
        .ok()
        .into_iter()
        .flatten();
    let installed = found.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    let others = ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"].map(PathBuf::from);
    let is_server = |path: &PathBuf| Path::new(path).join("initdb").is_file();
    installed
        .filter(is_server)
        .max()
        .or_else(|| others.into_iter().find(is_server))
}
