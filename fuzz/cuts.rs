//! How a stream is cut, for targets whose input comes in pieces of any size: the fuzzer says where.

/// Cuts of the lengths that the bytes say, over and over.
pub fn pieces<'a>(mut stream: &'a [u8], cuts: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for length in cuts.iter().cycle().map(|cut| usize::from(*cut) % 17 + 1) {
        if stream.is_empty() {
            break;
        }
        let (piece, rest) = stream.split_at(length.min(stream.len()));
        pieces.push(piece);
        stream = rest;
    }
    pieces
}
