//! Passwords that stand on no command line: from the variable `PGPASSWORD`, or from a password file.
//!
//! The rules are PostgreSQL's own (libpq, "The Password File"). Each line reads `host:port:database:user:password`.
//! A field `*` fits everything, a backslash stands before a colon or a backslash that is meant as such, and the first
//! line that fits counts. The file is `PGPASSFILE`, or `.pgpass` in the home folder. One that others may read is not
//! used.

use std::path::{Path, PathBuf};

use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// What to do when the server asks for a password and there is none.
pub(super) const ADVICE: &str =
    "give it by the variable PGPASSWORD, or in a password file (~/.pgpass, or PGPASSFILE)";
/// Where libpq's programs look for a server that is on this machine.
const LOCAL: &str = "localhost";
const USUAL_PORT: u16 = 5432;

/// What the password is looked up for.
struct Server {
    host: String,
    port: String,
    database: String,
    user: String,
}

/// Gives `config` a password from the surroundings if it has none.
///
/// # Errors
/// A password file that is named and cannot be used.
pub(super) fn complete(config: &mut Config) -> Result<(), String> {
    if config.get_password().is_some() {
        return Ok(());
    }
    if let Some(password) = std::env::var_os("PGPASSWORD") {
        config.password(password.as_encoded_bytes());
        return Ok(());
    }
    let named = std::env::var_os("PGPASSFILE").map(PathBuf::from);
    let Some(path) = named.clone().or_else(usual_file) else {
        return Ok(());
    };
    match read(&path) {
        Ok(lines) => {
            if let Some(password) = find(&lines, &server(config)) {
                config.password(password);
            }
            Ok(())
        }
        // Nobody asked for the usual file, so it may be missing.
        Err(problem) if named.is_some() || path.exists() => {
            Err(format!("password file {}: {problem}", path.display()))
        }
        Err(_) => Ok(()),
    }
}

fn usual_file() -> Option<PathBuf> {
    let file = if cfg!(windows) {
        PathBuf::from(std::env::var_os("APPDATA")?).join("postgresql/pgpass.conf")
    } else {
        PathBuf::from(std::env::var_os("HOME")?).join(".pgpass")
    };
    Some(file)
}

fn read(path: &Path) -> Result<String, String> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let about = std::fs::metadata(path).map_err(|error| error.to_string())?;
        if about.mode() & 0o077 != 0 {
            return Err(format!(
                "others may read it; `chmod 600 {}` makes it yours alone",
                path.display()
            ));
        }
    }
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}

/// The first host of `config`, with the values that a connection would have.
fn server(config: &Config) -> Server {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        // A socket of this machine.
        _ => LOCAL.to_owned(),
    };
    let user = config.get_user().unwrap_or_default().to_owned();
    let port = config.get_ports().first().copied().unwrap_or(USUAL_PORT);
    Server {
        host,
        port: port.to_string(),
        database: config.get_dbname().unwrap_or(&user).to_owned(),
        user,
    }
}

/// The password of the first line that fits.
fn find(lines: &str, server: &Server) -> Option<String> {
    let wanted = [&server.host, &server.port, &server.database, &server.user];
    let lines = lines.lines().filter(|line| !line.starts_with('#'));
    lines.map(fields).find_map(|fields| {
        let (known, password) = fields.split_at_checked(wanted.len())?;
        let fits = |(known, wanted): (&Field, &&String)| known.fits(wanted);
        let password = password.first()?;
        (known.iter().zip(&wanted).all(fits)).then(|| password.text.clone())
    })
}

/// A field of a line.
#[derive(Default)]
struct Field {
    text: String,
    /// Whether a backslash stood in it, which makes `\*` an asterisk.
    is_escaped: bool,
}

impl Field {
    fn fits(&self, wanted: &str) -> bool {
        self.text == wanted || self.text == "*" && !self.is_escaped
    }
}

/// The fields between colons.
fn fields(line: &str) -> Vec<Field> {
    let mut fields = vec![Field::default()];
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        // There is always a last one.
        let last = fields.len() - 1;
        match letter {
            ':' => fields.push(Field::default()),
            '\\' => {
                fields[last].is_escaped = true;
                fields[last].text.extend(letters.next());
            }
            letter => fields[last].text.push(letter),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(lines: &str, address: &str) -> Option<String> {
        find(lines, &server(&address.parse().unwrap()))
    }

    #[test]
    fn the_first_line_that_fits_has_the_password() {
        let lines = "# h:1:d:me:comment\n\nh:1:d:other:a\nh:1:d:me:b\n*:*:*:me:c\nshort:line\n";
        assert_eq!(found(lines, "postgres://me@h:1/d").unwrap(), "b");
        assert_eq!(found(lines, "postgres://me@h:2/d").unwrap(), "c");
        assert_eq!(found(lines, "postgres://you@h:1/d"), None);
    }

    #[test]
    fn what_an_address_leaves_out_has_its_usual_value() {
        let lines = "h:5432:me:me:usual\nlocalhost:5432:d:me:socket\n";
        assert_eq!(found(lines, "postgres://me@h").unwrap(), "usual");
        let socket = "host=/var/run/postgresql user=me dbname=d";
        assert_eq!(found(lines, socket).unwrap(), "socket");
    }

    #[test]
    fn a_backslash_takes_the_meaning_from_a_sign() {
        let lines = r"h:1:\*:me:star
h:1:a\:b:me:co\:lon\\";
        assert_eq!(found(lines, "host=h port=1 user=me dbname=d"), None);
        assert_eq!(
            found(lines, "host=h port=1 user=me dbname=*").unwrap(),
            "star"
        );
        assert_eq!(
            found(lines, "host=h port=1 user=me dbname=a:b").unwrap(),
            r"co:lon\"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("passwords");
        std::fs::write(&file, "*:*:*:*:secret\n").unwrap();
        let permit = |mode| {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            read(&file)
        };
        assert!(permit(0o640).unwrap_err().contains("chmod 600"));
        assert!(permit(0o600).unwrap().contains("secret"));
    }
}
