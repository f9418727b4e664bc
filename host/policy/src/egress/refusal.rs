//! Why a connection was refused: what, why, and what an owner can do: a command that
//! helps, or the word that none does.

use super::{AddressClass, Destination};
use crate::host_name::HostFault;
use crate::naming::plain_line;
use std::fmt;
use std::net::IpAddr;

/// Characters of a guest's text in a message.
const SHOWN: usize = 120;

/// A connection that is not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EgressRefusal {
    /// Neither http nor https.
    Scheme {
        /// As asked.
        scheme: String,
    },
    /// The host cannot be brought into one spelling.
    Host {
        /// As asked.
        host: String,
        /// What is wrong with it.
        fault: HostFault,
    },
    /// Port 0, or one that is no number of a port.
    Port {
        /// As asked.
        host: String,
    },
    /// A method that nobody is granted.
    Method {
        /// Where to.
        destination: Destination,
        /// As asked.
        method: String,
    },
    /// No rule reaches this server.
    NotGranted {
        /// Where to.
        destination: Destination,
        /// As asked.
        method: String,
    },
    /// A rule reaches this server, for other methods.
    MethodNotGranted {
        /// Where to.
        destination: Destination,
        /// As asked.
        method: String,
        /// What is granted there.
        granted: Vec<String>,
    },
    /// The resolver gave no address.
    Unresolved {
        /// Where to.
        destination: Destination,
    },
    /// An address literal came back as another address.
    Substituted {
        /// Where to.
        destination: Destination,
        /// What came back.
        address: IpAddr,
    },
    /// Public and other addresses in one answer.
    Mixed {
        /// Where to.
        destination: Destination,
        /// One that is not public.
        address: IpAddr,
        /// Its kind.
        class: AddressClass,
    },
    /// Not a public address, and no owner's word for this host.
    NonPublic {
        /// Where to.
        destination: Destination,
        /// The first such address.
        address: IpAddr,
        /// Its kind.
        class: AddressClass,
    },
    /// An address that no grant opens.
    Never {
        /// Where to.
        destination: Destination,
        /// Which.
        address: IpAddr,
        /// Its kind.
        class: AddressClass,
    },
}

impl EgressRefusal {
    /// The effect that did not happen, such as `GET https://x.com`.
    pub fn what(&self) -> String {
        match self {
            Self::Scheme { scheme } => format!("a connection by `{}`", plain_line(scheme, SHOWN)),
            Self::Host { host, .. } | Self::Port { host } => format!("a connection to `{}`", plain_line(host, SHOWN)),
            Self::Method { destination, method }
            | Self::NotGranted { destination, method }
            | Self::MethodNotGranted { destination, method, .. } => format!("{} {destination}", plain_line(method, 20)),
            Self::Unresolved { destination }
            | Self::Substituted { destination, .. }
            | Self::Mixed { destination, .. }
            | Self::NonPublic { destination, .. }
            | Self::Never { destination, .. } => format!("a connection to {destination}"),
        }
    }

    /// The rule behind it.
    pub fn why(&self) -> String {
        match self {
            Self::Scheme { .. } => "only http and https are carried".into(),
            Self::Host { fault, .. } => fault.to_string(),
            Self::Port { .. } => "its port is not a number from 1 to 65535".into(),
            Self::Method { .. } => "this method is never carried: it would tunnel past the checks or echo secrets".into(),
            Self::NotGranted { .. } => "no granted rule names this scheme, host and port".into(),
            Self::MethodNotGranted { granted, .. } => format!("only {} is granted for this server", granted.join(", ")),
            Self::Unresolved { .. } => "the name has no address".into(),
            Self::Substituted { address, .. } => format!("an address literal was resolved to another address, {address}"),
            Self::Mixed { address, class, .. } => format!("the name answers with public addresses and with {address}, {class}"),
            Self::NonPublic { address, class, .. } => format!("{address} is {class}, not a public address"),
            Self::Never { address, class, .. } => format!("{address} is {class}, which no grant opens"),
        }
    }

    /// What a person can do about it; `plugin` is who was refused, by its id.
    pub fn remedy(&self, plugin: &str) -> String {
        let grant = |asked: &str| {
            format!(
                "If its manifest asks for {asked} (`skynet plugin info {plugin}`), an owner can allow it with \
                 `skynet plugin grant {plugin}`; else its author must ask for it"
            )
        };
        match self {
            Self::Scheme { .. } | Self::Host { .. } | Self::Port { .. } => "Use a plain http or https URL".into(),
            Self::Method { .. } | Self::Never { .. } => "Use another server or method; this cannot be granted".into(),
            Self::NotGranted { destination, .. } => grant(&destination.to_string()),
            Self::MethodNotGranted { method, .. } => grant(&plain_line(method, 20)),
            Self::Unresolved { destination } => format!("Check the spelling of {} and this machine's name service", destination.host()),
            Self::Substituted { .. } => "Check this machine's name service".into(),
            Self::Mixed { destination, .. } => {
                format!("Ask whoever runs {} to publish addresses of one kind; this is also how an attack looks", destination.host())
            }
            Self::NonPublic { destination, .. } => {
                format!(
                    "If this server is meant, an owner can allow exactly this one: skynet plugin grant {plugin} --private={destination}"
                )
            }
        }
    }
}

impl fmt::Display for EgressRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was refused: {}", self.what(), self.why())
    }
}

impl std::error::Error for EgressRefusal {}
