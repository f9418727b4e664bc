//! The tree of RFC 6962 §2.1 over rows' hashes.
//!
//! The log keeps the frontier alone: the roots of the whole subtrees, largest first, at
//! most 64 of them, from which the next root follows. A path is made from all hashes when
//! somebody asks for one. Written here because a library would hold the whole tree in
//! memory; the tests compare with one (`ct-merkle`).

use super::Hash;
use sha2::{Digest as _, Sha256};

/// The right edge of a tree.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    /// One for each bit of `size` that is set, largest subtree first.
    peaks: Vec<Hash>,
}

impl Frontier {
    /// Reads what `to_bytes` wrote. `None` when there are not as many hashes as a tree of
    /// this size has.
    pub fn from_bytes(size: u64, bytes: &[u8]) -> Option<Self> {
        let (hashes, rest) = bytes.as_chunks::<32>();
        let whole = rest.is_empty() && hashes.len() == size.count_ones() as usize;
        whole.then(|| Self { size, peaks: hashes.to_vec() })
    }

    /// The hashes one after the other.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.peaks.concat()
    }

    /// How many leaves it has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a row's hash as the next leaf.
    pub fn push(&mut self, row: &Hash) {
        let mut node = leaf(row);
        let mut left = self.size;
        while left & 1 == 1 {
            let Some(peak) = self.peaks.pop() else { break };
            node = parent(&peak, &node);
            left >>= 1;
        }
        self.peaks.push(node);
        self.size += 1;
    }

    /// The root over all leaves.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return Sha256::digest(b"").into() };
        peaks.fold(*last, |right, left| parent(left, &right))
    }
}

fn leaf(row: &Hash) -> Hash {
    Sha256::new_with_prefix([0]).chain_update(row).finalize().into()
}

fn parent(left: &Hash, right: &Hash) -> Hash {
    Sha256::new_with_prefix([1]).chain_update(left).chain_update(right).finalize().into()
}

fn root(rows: &[Hash]) -> Hash {
    let mut frontier = Frontier::default();
    rows.iter().for_each(|row| frontier.push(row));
    frontier.root()
}

/// Where a tree of so many leaves is cut in two: the largest power of two below it.
fn cut(size: u64) -> u64 {
    size.saturating_sub(1).checked_ilog2().map_or(0, |bits| 1 << bits)
}

/// The hashes from the leaf at `index` up to the root (RFC 6962 §2.1.1). `None` when
/// there is no such leaf.
pub fn inclusion_path(rows: &[Hash], index: u64) -> Option<Vec<Hash>> {
    let (mut rows, mut index) = (rows, usize::try_from(index).ok()?);
    rows.get(index)?;
    let mut path = Vec::new();
    while rows.len() > 1 {
        let (left, right) = rows.split_at_checked(usize::try_from(cut(rows.len() as u64)).ok()?)?;
        if index < left.len() {
            path.push(root(right));
            rows = left;
        } else {
            path.push(root(left));
            index -= left.len();
            rows = right;
        }
    }
    path.reverse();
    Some(path)
}

/// The root of a tree of `size` leaves in which `row` is the leaf at `index`, going by this
/// path. `None` when the path has another length than such a tree needs.
pub fn root_of_path(row: &Hash, index: u64, size: u64, path: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    // From the root down, whether the leaf is on the left.
    let mut turns = Vec::new();
    let (mut index, mut size) = (index, size);
    while size > 1 {
        let left = cut(size);
        let is_left = index < left;
        turns.push(is_left);
        (index, size) = if is_left { (index, left) } else { (index - left, size - left) };
    }
    if turns.len() != path.len() {
        return None;
    }
    let climb = path.iter().zip(turns.iter().rev());
    Some(climb.fold(leaf(row), |node, (other, is_left)| if *is_left { parent(&node, other) } else { parent(other, &node) }))
}
