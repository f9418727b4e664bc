//! What a command prints in a shell, which the host reads for the marks of its prompt.
//!
//! Held: the same marks are found however the bytes are cut; a stream that has the shell's nonce nowhere has no
//! mark; no byte is lost, doubled or moved; no more is held back than one sequence; what is shown of any of it
//! has no control character but tab and line feed.
//!
//! Input: the first bytes say where to cut, the rest is the stream. `NONCE` stands for the shell's own in it.
#![no_main]

#[path = "../../host/scripts/src/limits.rs"]
#[allow(dead_code, unreachable_pub, reason = "the sandbox's own file: it uses all of it")]
mod limits;
#[path = "../../host/scripts/src/terminal/marks.rs"]
#[allow(dead_code, unreachable_pub, reason = "the sandbox's own file: it uses all of it")]
mod marks;
#[path = "../../host/scripts/src/terminal/plain.rs"]
#[allow(dead_code, unreachable_pub, reason = "the sandbox's own file: it uses all of it")]
mod plain;

#[path = "../cuts.rs"]
mod cuts;

use cuts::pieces;
use libfuzzer_sys::fuzz_target;
use limits::MARK_BYTES;
use marks::{Mark, Marks, Piece};

/// As long as the real one.
const NONCE: &[u8; 32] = b"0123456789abcdef0123456789abcdef";

fuzz_target!(|bytes: &[u8]| {
    let (cuts, stream) = bytes.split_at(bytes.len().min(4));
    let stream = with_nonce(stream);
    let whole = read(&[&stream]);
    let single: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(read(&single), whole, "cut at each byte");
    assert_eq!(read(&pieces(&stream, cuts)), whole, "cut by {cuts:?}");
    let marks = whole.iter().filter(|piece| matches!(piece, Piece::Mark(_))).count();
    let nonces = stream.windows(NONCE.len()).filter(|window| window == NONCE).count();
    assert!(marks <= nonces, "{marks} marks of {nonces} nonces");
    complete(&whole, &stream);
    let text: Vec<u8> = whole.into_iter().flat_map(|piece| if let Piece::Bytes(bytes) = piece { bytes } else { Vec::new() }).collect();
    let shown = plain::plain(&text);
    assert!(shown.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\t')), "{shown:?}");
    assert!(shown.len() <= text.len().saturating_mul(3), "longer than what was written");
});

/// No fuzzer guesses a nonce, and it has to meet real marks.
fn with_nonce(mut stream: &[u8]) -> Vec<u8> {
    const WORD: &[u8] = b"NONCE";
    let mut all = Vec::new();
    while let Some(at) = stream.windows(WORD.len()).position(|window| window == WORD) {
        all.extend_from_slice(&stream[..at]);
        all.extend_from_slice(NONCE);
        stream = &stream[at + WORD.len()..];
    }
    all.extend_from_slice(stream);
    all
}

/// All pieces, with bytes that follow one another as one.
fn read(parts: &[&[u8]]) -> Vec<Piece> {
    let mut marks = Marks::new(std::str::from_utf8(NONCE).expect("plain letters"));
    let mut all: Vec<Piece> = Vec::new();
    let (mut came, mut went) = (0, 0);
    let mut add = |piece: Piece, went: &mut usize| {
        if let Piece::Bytes(bytes) = &piece {
            *went += bytes.len();
        }
        match (all.last_mut(), piece) {
            (Some(Piece::Bytes(before)), Piece::Bytes(more)) => before.extend(more),
            (_, piece) => all.push(piece),
        }
    };
    for part in parts {
        came += part.len();
        let given = marks.take(part);
        let of_marks: usize = given.iter().filter(|piece| matches!(piece, Piece::Mark(_))).count() * (MARK_BYTES + 2);
        given.into_iter().for_each(|piece| add(piece, &mut went));
        went += of_marks;
        assert!(came <= went + MARK_BYTES + 2, "{} bytes are held back", came - went);
    }
    let rest = marks.rest();
    if !rest.is_empty() {
        add(Piece::Bytes(rest), &mut went);
    }
    all
}

/// Between marks stands what stood there, and each mark is one that the stream has in that place.
fn complete(pieces: &[Piece], mut stream: &[u8]) {
    for piece in pieces {
        match piece {
            Piece::Bytes(bytes) => {
                assert!(stream.starts_with(bytes), "bytes that did not come");
                stream = &stream[bytes.len()..];
            }
            Piece::Mark(mark) => {
                let end = sequence(stream);
                let (one, rest) = stream.split_at(end);
                assert!(says(one, *mark), "{mark:?} of {one:?}");
                stream = rest;
            }
        }
    }
    assert!(stream.is_empty(), "bytes were lost");
}

/// Where the sequence ends that the stream begins with.
fn sequence(stream: &[u8]) -> usize {
    let bell = stream.iter().position(|byte| *byte == 0x07).map(|at| at + 1);
    let string = stream.windows(2).position(|two| two == b"\x1b\\").map(|at| at + 2);
    [bell, string].into_iter().flatten().min().expect("a mark that nothing ends")
}

/// Whether these bytes are this mark, written by a prompt of this shell.
fn says(bytes: &[u8], mark: Mark) -> bool {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let nonce = String::from_utf8_lossy(NONCE);
    let Some(inner) = text.strip_prefix("\x1b]133;").map(|inner| inner.trim_end_matches(['\x07', '\\', '\x1b'])) else { return false };
    let Some(what) = inner.strip_suffix(&*nonce).and_then(|inner| inner.strip_suffix(";aid=")) else { return false };
    match mark {
        Mark::Ready => what == "B",
        Mark::Begins => what == "C",
        Mark::Done(code) => what.strip_prefix("D;").and_then(|text| text.parse().ok()) == Some(code),
    }
}
