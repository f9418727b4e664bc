//! What a server wants to see before it answers: a password, or a token for one.
//!
//! A password goes to the server that its owner named, and to a token server only if that
//! is the same one or was named as well: the challenge is the server's word, and so
//! anybody's who stands in for it.

use skynet_policy::naming::plain_line;
use std::fmt;
use url::Url;

/// An account at a registry.
#[derive(Clone)]
pub struct Login {
    /// Its name.
    pub user: String,
    /// Its password, or a token that takes its place.
    pub password: String,
    /// A host that may be given the password for a token, beside the registry's own.
    pub token_host: Option<String>,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login({})", self.user)
    }
}

/// A `WWW-Authenticate` that is understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User and password, with each request.
    Basic,
    /// A token from there.
    Bearer {
        /// Who gives it out.
        realm: Url,
        /// For whom.
        service: Option<String>,
    },
}

impl Challenge {
    /// Reads the header. `Err` says why it is of no use.
    pub(super) fn parse(header: &str) -> Result<Self, String> {
        let (scheme, rest) = header.split_once(' ').unwrap_or((header, ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Ok(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(format!("the server wants `{}` to know who asks, which is not spoken here", plain_line(scheme, 40)));
        }
        let realm = parameter(rest, "realm").ok_or("the server wants a token and does not say from whom")?;
        let realm = Url::parse(&realm).map_err(|error| format!("the server wants a token from a bad address: {error}"))?;
        Ok(Self::Bearer { realm, service: parameter(rest, "service") })
    }
}

/// The value of `name="value"` among others.
fn parameter(text: &str, name: &str) -> Option<String> {
    let mut rest = text;
    loop {
        let (key, after) = rest.split_once("=\"")?;
        let (value, after) = after.split_once('"')?;
        if key.trim_start_matches([',', ' ']).eq_ignore_ascii_case(name) {
            return Some(value.to_owned());
        }
        rest = after;
    }
}

/// Whether a token may be asked for there: under TLS, or at the registry's own loopback.
pub(super) fn may_ask(realm: &Url, server: &Url) -> bool {
    realm.origin() == server.origin() || realm.scheme() == "https"
}

/// Whether the password may be shown there.
pub(super) fn may_show(login: &Login, realm: &Url, server: &Url) -> bool {
    let named = realm.scheme() == "https" && realm.host_str().is_some() && realm.host_str() == login.token_host.as_deref();
    realm.origin() == server.origin() || named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read_as_servers_write_them() {
        let bearer =
            |realm: &str, service: Option<&str>| Challenge::Bearer { realm: Url::parse(realm).unwrap(), service: service.map(Into::into) };
        for (header, read) in [
            ("Basic realm=\"x\"", Ok(Challenge::Basic)),
            ("basic", Ok(Challenge::Basic)),
            (
                "Bearer realm=\"https://a.example/token\",service=\"r.example\",scope=\"repository:x:pull,push\"",
                Ok(bearer("https://a.example/token", Some("r.example"))),
            ),
            ("bearer service=\"s\", realm=\"https://a.example/\"", Ok(bearer("https://a.example/", Some("s")))),
            ("Bearer service=\"s\"", Err(())),
            ("Bearer realm=\"nowhere\"", Err(())),
            ("Bearer realm=\"https://a.example/", Err(())),
            ("Negotiate", Err(())),
            ("", Err(())),
        ] {
            assert_eq!(Challenge::parse(header).map_err(drop), read, "{header}");
        }
    }

    #[test]
    fn a_password_goes_where_its_owner_said() {
        let server = Url::parse("https://r.example/").unwrap();
        let login = |host: Option<&str>| Login { user: "u".into(), password: "p".into(), token_host: host.map(Into::into) };
        for (realm, host, ask, show) in [
            ("https://r.example/token", None, true, true),
            ("https://r.example:444/token", None, true, false),
            ("https://auth.example/token", None, true, false),
            ("https://auth.example/token", Some("auth.example"), true, true),
            ("https://evil.example/token", Some("auth.example"), true, false),
            ("http://auth.example/token", Some("auth.example"), false, false),
            ("http://r.example/token", None, false, false),
        ] {
            let realm = Url::parse(realm).unwrap();
            assert_eq!((may_ask(&realm, &server), may_show(&login(host), &realm, &server)), (ask, show), "{realm}");
        }
        assert_eq!(format!("{:?}", login(None)), "Login(u)");
    }
}
