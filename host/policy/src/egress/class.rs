//! What kind of network an address belongs to.
//!
//! Public is what remains after the special-purpose registries of IANA. Forms of
//! IPv6 that carry an IPv4 address are looked into, so that no wrapping turns an
//! inside address into an outside one.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The kinds that a verdict or a message tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressClass {
    /// On the internet.
    Public,
    /// This machine.
    Loopback,
    /// No address; systems read it as this machine.
    Unspecified,
    /// This cable.
    LinkLocal,
    /// RFC 1918.
    Private,
    /// Shared by a provider's customers, RFC 6598.
    Cgnat,
    /// Groups.
    Multicast,
    /// Everyone on this cable.
    Broadcast,
    /// For examples in documents.
    Documentation,
    /// For measuring devices.
    Benchmark,
    /// Set aside by IANA.
    Reserved,
    /// RFC 4193.
    Ula,
    /// The withdrawn ancestor of ULA.
    SiteLocal,
    /// `::ffff:a.b.c.d` around an address that is not public.
    Mapped(Ipv4Addr),
    /// `::a.b.c.d`, withdrawn.
    Compatible(Ipv4Addr),
    /// Translated to this IPv4 address by a gateway, RFC 6052 and 8215.
    Nat64(Ipv4Addr),
    /// Tunnelled to this IPv4 address.
    SixToFour(Ipv4Addr),
    /// Tunnelled over UDP.
    Teredo,
    /// A cloud's instance data: credentials of the machine itself.
    Metadata,
    /// Swallowed by the network.
    Discard,
}

impl AddressClass {
    /// Whether not even an owner's grant opens it: instance credentials, groups
    /// and the tunnels whose far end cannot be judged from here.
    pub fn is_never_dialled(&self) -> bool {
        match self {
            Self::Metadata | Self::Multicast | Self::Unspecified | Self::Broadcast | Self::Discard | Self::Teredo => true,
            Self::Compatible(_) | Self::SixToFour(_) => true,
            Self::Mapped(inner) => classify_v4(*inner).is_never_dialled(),
            Self::Nat64(inner) => classify_v4(*inner) != Self::Public,
            _ => false,
        }
    }
}

/// Where clouds answer with credentials and instance data.
const METADATA_V4: [Ipv4Addr; 9] = [
    Ipv4Addr::new(169, 254, 169, 254), // most clouds
    Ipv4Addr::new(169, 254, 170, 2),   // container credentials
    Ipv4Addr::new(169, 254, 170, 23),  // pod identity
    Ipv4Addr::new(169, 254, 169, 123), // time and attestation neighbours of the above
    Ipv4Addr::new(169, 254, 169, 253),
    Ipv4Addr::new(169, 254, 0, 23),
    Ipv4Addr::new(169, 254, 42, 42),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16), // a public address that is the machine's own agent
];

const METADATA_V4_IETF: Ipv4Addr = Ipv4Addr::new(192, 0, 0, 192);

const METADATA_V6: [Ipv6Addr; 5] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42),
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
];

/// The kind of one address.
pub fn classify(address: IpAddr) -> AddressClass {
    match address {
        IpAddr::V4(address) => classify_v4(address),
        IpAddr::V6(address) => classify_v6(address),
    }
}

fn classify_v4(address: Ipv4Addr) -> AddressClass {
    if METADATA_V4.contains(&address) || address == METADATA_V4_IETF {
        return AddressClass::Metadata;
    }
    match address.octets() {
        [0, ..] => AddressClass::Unspecified,
        [10, ..] | [192, 168, ..] => AddressClass::Private,
        [172, second, ..] if (16..32).contains(&second) => AddressClass::Private,
        [100, second, ..] if (64..128).contains(&second) => AddressClass::Cgnat,
        [127, ..] => AddressClass::Loopback,
        [169, 254, ..] => AddressClass::LinkLocal,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => AddressClass::Documentation,
        [192, 0, 0, _] | [192, 88, 99, _] => AddressClass::Reserved,
        [198, 18 | 19, ..] => AddressClass::Benchmark,
        [224..=239, ..] => AddressClass::Multicast,
        [255, 255, 255, 255] => AddressClass::Broadcast,
        [240..=255, ..] => AddressClass::Reserved,
        _ => AddressClass::Public,
    }
}

fn classify_v6(address: Ipv6Addr) -> AddressClass {
    if METADATA_V6.contains(&address) {
        return AddressClass::Metadata;
    }
    let inner = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => AddressClass::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => AddressClass::Loopback,
        [0, 0, 0, 0, 0, 0xffff, high, low] => match classify_v4(inner(high, low)) {
            AddressClass::Public => AddressClass::Public,
            _ => AddressClass::Mapped(inner(high, low)),
        },
        [0, 0, 0, 0, 0, 0, high, low] => AddressClass::Compatible(inner(high, low)),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => AddressClass::Nat64(inner(high, low)),
        [0x64, 0xff9b, 1, ..] => AddressClass::Nat64(local_nat64(address)),
        [0x100, 0, 0, 0 | 1, ..] => AddressClass::Discard,
        [0x2001, 0, ..] => AddressClass::Teredo,
        [0x2001, 2, 0, ..] => AddressClass::Benchmark,
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => AddressClass::Documentation,
        [0x2001, 0..=0x1ff, ..] => AddressClass::Reserved,
        [0x2002, high, low, ..] => AddressClass::SixToFour(inner(high, low)),
        [0x2000..=0x3fff, ..] => AddressClass::Public,
        [0xfc00..=0xfdff, ..] => AddressClass::Ula,
        [0xfe80..=0xfebf, ..] => AddressClass::LinkLocal,
        [0xfec0..=0xfeff, ..] => AddressClass::SiteLocal,
        [0xff00..=0xffff, ..] => AddressClass::Multicast,
        _ => AddressClass::Reserved,
    }
}

/// The IPv4 address inside a local translation prefix. How long that prefix is only
/// the network knows, so every layout of RFC 6052 is read and the worst one counts.
fn local_nat64(address: Ipv6Addr) -> Ipv4Addr {
    let bits = u128::from(address);
    let high = bits >> 64;
    // Octet 8 of the address is skipped by every layout shorter than /96.
    let low = bits & 0x00ff_ffff_ffff_ffff;
    let squeezed = (high << 56) | low;
    let low_word = |value: u128| Ipv4Addr::from(u32::try_from(value & 0xffff_ffff).unwrap_or(0));
    let layouts = [low_word(bits), low_word(squeezed >> 40), low_word(squeezed >> 32), low_word(squeezed >> 24)];
    let worst = layouts.iter().find(|inner| classify_v4(**inner) != AddressClass::Public);
    worst.copied().unwrap_or_else(|| low_word(bits))
}

impl fmt::Display for AddressClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Public => "a public address",
            Self::Loopback => "this machine's loopback",
            Self::Unspecified => "the unspecified address",
            Self::LinkLocal => "a link-local address",
            Self::Private => "a private address",
            Self::Cgnat => "a carrier's shared address",
            Self::Multicast => "a multicast group",
            Self::Broadcast => "the broadcast address",
            Self::Documentation => "an address for documentation",
            Self::Benchmark => "an address for benchmarks",
            Self::Reserved => "a reserved address",
            Self::Ula => "a unique local address",
            Self::SiteLocal => "a site-local address",
            Self::Mapped(inner) => return write!(f, "{} ({inner}) in IPv6 form", classify_v4(*inner)),
            Self::Compatible(inner) => return write!(f, "an IPv4-compatible form of {inner}"),
            Self::Nat64(inner) => return write!(f, "a NAT64 form of {inner}"),
            Self::SixToFour(inner) => return write!(f, "a 6to4 tunnel to {inner}"),
            Self::Teredo => "a Teredo tunnel",
            Self::Metadata => "a cloud's metadata service",
            Self::Discard => "a discard address",
        };
        f.write_str(name)
    }
}
