//! From the text between `//` and the path to one server, or to a refusal: the
//! spellings by which a host is made to look like another.

use super::*;
use std::net::Ipv4Addr;

/// Authority in, the server in its one spelling or the refusal's reason out.
fn check(authority: &str, expected: Result<&str, &str>) {
    match (Destination::from_authority("https", authority), expected) {
        (Ok(found), Ok(text)) => assert_eq!(found.to_string(), text, "{authority:?}"),
        (Err(refusal), Err(word)) => assert!(refusal.why().contains(word), "{authority:?}: {refusal}"),
        (found, _) => panic!("{authority:?}: {found:?}, not {expected:?}"),
    }
}

#[test]
fn host_and_port_are_told_apart() {
    check("x.com", Ok("https://x.com"));
    check("x.com:443", Ok("https://x.com"));
    check("x.com:0443", Ok("https://x.com"));
    check("x.com:", Ok("https://x.com"));
    check("x.com:8443", Ok("https://x.com:8443"));
    check("[::1]", Ok("https://[::1]"));
    check("[::1]:8443", Ok("https://[::1]:8443"));
    check("[2001:DB8::1]:", Ok("https://[2001:db8::1]"));
}

#[test]
fn a_port_that_is_no_port_is_refused_and_not_taken_for_the_usual_one() {
    for port in ["0", "00", "65536", "99999", "4294967739", "+80", "-1", "0x50", "80 ", "http", "٤٤٣"] {
        check(&format!("x.com:{port}"), Err("not a number from 1 to 65535"));
        check(&format!("[::1]:{port}"), Err("not a number from 1 to 65535"));
    }
    for two in ["x.com:80:443", "::1", "[::1", "[::1]x", "[::1]80", "[[::1]]", "x.com:80]"] {
        assert!(Destination::from_authority("https", two).is_err(), "{two:?}");
    }
}

#[test]
fn a_name_before_an_at_sign_is_never_a_host() {
    for authority in ["user@x.com", "x.com@evil.com", "x.com:443@evil.com", "@x.com", "x.com@", "a:b@[::1]", "x.com%40evil.com@y.org"] {
        check(authority, Err("user information"));
    }
    check("x.com%40evil.com", Err("characters"));
}

#[test]
fn names_of_many_scripts_become_the_one_name_that_is_looked_up() {
    check("straße.example", Ok("https://xn--strae-oqa.example"));
    check("STRASSE.example", Ok("https://strasse.example"));
    check("faß.example", Ok("https://xn--fa-hia.example"));
    check("ｘ.ｃｏｍ", Ok("https://x.com"));
    check("x。com", Ok("https://x.com"));
    check("x.com.", Ok("https://x.com"));
    check("xn--bcher-kva.example", Ok("https://xn--bcher-kva.example"));
    // Latin and Cyrillic in one label: another name, and it shows.
    check("аpple.example", Ok("https://xn--pple-43d.example"));
    check("x\u{ad}.com", Ok("https://x.com"));
    check("x.com..", Err("empty or too long"));
    for broken in ["xn--a", "xn--x.com", "xn--\u{e9}.com", "a\u{200d}b.com", "\u{202e}moc.x", "x\u{ff0f}y.com"] {
        assert!(Destination::from_authority("https", broken).is_err(), "{broken:?}");
    }
}

#[test]
fn an_ipv4_address_in_another_base_or_length_is_refused() {
    let odd = ["0177.0.0.1", "0x7f.0.0.1", "0x7f000001", "017700000001", "2130706433", "127.1", "127.0.1", "127.0.0.0x1", "127.0.0.01"];
    let full_width = ["１２７.0.0.1", "①②⑦.0.0.1", "127。0。0。1."];
    for address in odd {
        check(address, Err("odd form"));
        check(&format!("{address}:8080"), Err("odd form"));
        check(&format!("{address}."), Err("odd form"));
    }
    for address in full_width {
        check(address, Err("odd form"));
    }
    for address in ["256.0.0.1", "1.2.3.4.5", "127.0.0.1.1", "0x100000000", "127.0.0.1%00"] {
        assert!(Destination::from_authority("https", address).is_err(), "{address:?}");
    }
}

#[test]
fn a_zone_or_an_ipv4_in_brackets_is_refused() {
    for zoned in ["[fe80::1%eth0]", "[fe80::1%25eth0]:80", "[fe80::1%]", "[::1%1]"] {
        check(zoned, Err("zone"));
    }
    for not_six in ["[127.0.0.1]", "[x.com]", "[]", "[:]", "[::ffff:127.1]", "[1::2::3]", "[v1.x]"] {
        check(not_six, Err("not an IPv6 address"));
    }
    check("[::ffff:127.0.0.1]", Ok("https://[::ffff:127.0.0.1]"));
    check("[::ffff:7f00:1]", Ok("https://[::ffff:127.0.0.1]"));
}

#[test]
fn a_host_of_any_length_is_refused_without_being_worked_through() {
    check(&"a.".repeat(100_000), Err("too long"));
    check(&format!("{}.com", "a".repeat(64)), Err("too long"));
    check("", Err("empty"));
    check(":443", Err("empty"));
}

/// Reads an authority one character after the other, as slowly as it can be read.
fn slowly(authority: &str) -> Option<(String, u32)> {
    let (mut host, mut port, mut in_port, mut in_brackets) = (String::new(), String::new(), false, false);
    for (at, character) in authority.chars().enumerate() {
        match character {
            '@' => return None,
            '[' if at == 0 => in_brackets = true,
            ']' if in_brackets => in_brackets = false,
            ':' if in_port => return None,
            ':' if !in_brackets => {
                in_port = true;
                continue;
            }
            _ => {}
        }
        if in_port { port.push(character) } else { host.push(character) }
    }
    let mut number: u32 = 0;
    for digit in port.chars() {
        number = number.saturating_mul(10).saturating_add(digit.to_digit(10).filter(|_| digit.is_ascii())?);
    }
    if port.is_empty() {
        number = 443;
    }
    (1..=65535).contains(&number).then_some((host, number))
}

proptest! {
    #![proptest_config(sampling::config(3000))]

    #[test]
    fn authorities_are_split_as_a_slow_reader_splits_them(text in "(\\[?[a-c0-9.:@]{0,8}\\]?|[a-c.]{1,6}|127\\.0\\.0\\.1|\\[::1\\])(:[0-9+x]{0,6})?") {
        let found = Destination::from_authority("https", &text);
        let slow = slowly(&text).and_then(|(host, port)| Some((Host::parse(&host).ok()?, port)));
        match (&found, &slow) {
            (Ok(found), Some((host, port))) => prop_assert!(found.host() == host && u32::from(found.port()) == *port, "{found}"),
            (Err(_), None) => {}
            _ => prop_assert!(false, "{text:?}: {found:?}, slowly {slow:?}"),
        }
    }

    #[test]
    fn only_four_plain_decimals_are_an_ipv4_address(parts in proptest::collection::vec((0u32..300, 0usize..4), 1..5)) {
        let spelt = parts.iter().map(|(number, how)| match how {
            0 | 1 => number.to_string(),
            2 => format!("0x{number:x}"),
            _ => format!("0{number:o}"),
        });
        let text = spelt.collect::<Vec<_>>().join(".");
        // What the standard library reads is the one plain form.
        let plain = text.parse::<Ipv4Addr>().ok();
        let found = Destination::from_authority("https", &text).ok().and_then(|found| found.host().ip());
        prop_assert_eq!(found, plain.map(IpAddr::from), "{}", text);
    }
}
