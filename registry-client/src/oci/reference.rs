//! `oci://host:port/repository:tag@sha256:digest`, as somebody types it.
//!
//! One spelling, so that what is shown is what is asked. https, or http where the host is
//! a literal loopback address.

use crate::error::RegistryError;
use crate::limits::OCI_NAME_BYTES;
use skynet_policy::digest::is_sha256_hex;
use skynet_policy::naming::plain_line;
use std::fmt;
use url::{Host, Url};

/// How such a reference begins.
const SCHEME: &str = "oci://";

/// A place in an OCI registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    server: Url,
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
}

impl Reference {
    /// Reads a reference.
    pub fn parse(text: &str) -> Result<Self, RegistryError> {
        Self::read(text).map_err(|why| {
            let what = format!("`{}`", plain_line(text, 200));
            RegistryError::refused(what, why, "Write oci://host/repository:tag or oci://host/repository@sha256:digest")
        })
    }

    fn read(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix(SCHEME).ok_or("it does not begin with oci://")?;
        let (authority, rest) = rest.split_once('/').ok_or("it names no repository")?;
        let (rest, digest) = match rest.split_once('@') {
            None => (rest, None),
            Some((rest, digest)) => {
                let hex = digest.strip_prefix("sha256:").filter(|hex| is_sha256_hex(hex));
                (rest, Some(hex.ok_or("after `@` comes sha256: and 64 digits")?.to_owned()))
            }
        };
        let (repository, tag) = match rest.rsplit_once(':') {
            None => (rest, None),
            Some((repository, tag)) if is_tag(tag) => (repository, Some(tag.to_owned())),
            Some(_) => return Err("its tag has other than letters, digits, `.`, `_` and `-`, or more than 128".into()),
        };
        if !is_repository(repository) {
            return Err("its repository has other than a-z, 0-9 and single `.`, `_`, `-` between them".into());
        }
        Ok(Self { server: server(authority)?, repository: repository.into(), tag, digest })
    }

    /// Scheme, host and port; ends in `/`.
    pub fn server(&self) -> &Url {
        &self.server
    }

    /// What comes after the host.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, where one is named. The server may move it.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// SHA-256 of the manifest, hex, where it is named. It counts before the tag.
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// The same with another tag.
    pub fn tagged(&self, tag: &str) -> Result<Self, RegistryError> {
        if !is_tag(tag) {
            return Err(RegistryError::refused(format!("the tag {}", plain_line(tag, 200)), "it is none", "Name one after the repository"));
        }
        Ok(Self { tag: Some(tag.to_owned()), ..self.clone() })
    }

    /// The same, held to no manifest: what its tag names now.
    pub fn floating(&self) -> Self {
        Self { digest: None, ..self.clone() }
    }

    /// The same, held to one manifest.
    pub fn pinned(&self, digest: &str) -> Self {
        Self { digest: Some(digest.to_owned()), ..self.clone() }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.server.as_str().split_once("://").map_or("", |(_, rest)| rest);
        write!(f, "{SCHEME}{authority}{}", self.repository)?;
        self.tag.iter().try_for_each(|tag| write!(f, ":{tag}"))?;
        self.digest.iter().try_for_each(|digest| write!(f, "@sha256:{digest}"))
    }
}

fn server(authority: &str) -> Result<Url, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    if authority.is_empty() || !authority.bytes().all(plain) {
        return Err("its host is none".into());
    }
    let secure = Url::parse(&format!("https://{authority}/")).map_err(|error| format!("its host is none: {error}"))?;
    let loopback = match secure.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        _ => false,
    };
    if !loopback {
        return Ok(secure);
    }
    Url::parse(&format!("http://{authority}/")).map_err(|error| format!("its host is none: {error}"))
}

fn is_tag(text: &str) -> bool {
    let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    first && text.len() <= 128 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

fn is_repository(text: &str) -> bool {
    let edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let part = |part: &str| {
        let legal = part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte));
        legal && edge(part.bytes().next()) && edge(part.bytes().last()) && !part.contains("..") && !part.contains("___")
    };
    text.len() <= OCI_NAME_BYTES && text.split('/').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_has_one_spelling_and_one_server() {
        let digest = "a".repeat(64);
        for (text, server) in [
            ("oci://ghcr.example/acme/hello:1.0.0", "https://ghcr.example/"),
            ("oci://ghcr.example:5000/acme/hello", "https://ghcr.example:5000/"),
            ("oci://127.0.0.1:5000/hello:latest", "http://127.0.0.1:5000/"),
            ("oci://[::1]:5000/a/b/c", "http://[::1]:5000/"),
            ("oci://localhost:5000/hello", "https://localhost:5000/"),
            (&format!("oci://ghcr.example/acme/hello:1@sha256:{digest}"), "https://ghcr.example/"),
        ] {
            let read = Reference::parse(text).unwrap();
            assert_eq!(read.to_string(), text);
            assert_eq!(read.server().as_str(), server, "{text}");
        }
        let pinned = Reference::parse("oci://x.example/a:1").unwrap().pinned(&digest);
        assert_eq!(Reference::parse(&pinned.to_string()).unwrap(), pinned);
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        let long = format!("oci://x.example/{}", "a".repeat(OCI_NAME_BYTES + 1));
        for evil in [
            "",
            "http://x.example/a",
            "oci://",
            "oci://x.example",
            "oci://x.example/",
            "oci:///a",
            "oci://user@x.example/a",
            "oci://x.example/../a",
            "oci://x.example/a//b",
            "oci://x.example/A",
            "oci://x.example/a?b=c",
            "oci://x.example/a#b",
            "oci://x.example/a%2fb",
            "oci://x.example/a:",
            "oci://x.example/a:-1",
            "oci://x.example/a:1/2",
            "oci://x.example/a@sha256:12",
            "oci://x.example/a@md5:12",
            "oci://x example/a",
            "oci://x.example:99999/a",
            &long,
        ] {
            assert!(Reference::parse(evil).is_err(), "{evil}");
        }
    }
}
