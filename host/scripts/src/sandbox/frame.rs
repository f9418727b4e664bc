//! Words between host and launcher: JSON behind its length, and descriptors beside one byte.
//!
//! Refuses anything longer than its reader allows, before it is read.

use super::Refusal;
use crate::limits::{CELL_DESCRIPTORS, SCRIPT_REQUEST_BYTES};
use crate::worker::End;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// What a cell says to the host, each at most once. The end of the stream says that all is dead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Report {
    /// Nothing ran.
    Refused(Refusal),
    /// The script's first process ended with this code.
    Code(i32),
    /// It was ended by this signal.
    Signal(i32),
}

impl Report {
    /// How the script ended, if it began.
    pub(super) fn end(self) -> Result<End, Refusal> {
        match self {
            Self::Refused(refusal) => Err(refusal),
            Self::Code(code) => Ok(End::Code(code)),
            Self::Signal(signal) => Ok(End::Signal(signal)),
        }
    }
}

/// The bytes of one value.
pub(super) fn encode(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let body = serde_json::to_vec(value)?;
    let length = u32::try_from(body.len()).ok().filter(|_| body.len() <= SCRIPT_REQUEST_BYTES);
    let length = length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, format!("more than {SCRIPT_REQUEST_BYTES} bytes")))?;
    Ok([length.to_be_bytes().as_slice(), body.as_slice()].concat())
}

/// Writes one value.
pub(super) fn write(to: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    to.write_all(&encode(value)?)
}

/// Reads one value; `UnexpectedEof` when there is none.
pub(super) fn read<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<T> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > SCRIPT_REQUEST_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("more than {SCRIPT_REQUEST_BYTES} bytes")));
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    Ok(serde_json::from_slice(&body)?)
}

/// Hands descriptors over, as one message. Does not wait for room.
pub(super) fn hand(socket: BorrowedFd<'_>, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(CELL_DESCRIPTORS))];
    let mut rights = SendAncillaryBuffer::new(&mut space);
    if !rights.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    sendmsg(socket, &[IoSlice::new(&[0])], &mut rights, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Takes the next descriptors; none when the other side is gone.
pub(super) fn take(socket: impl AsFd) -> io::Result<Option<Vec<OwnedFd>>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(CELL_DESCRIPTORS))];
    let mut rights = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let got = recvmsg(socket, &mut [IoSliceMut::new(&mut byte)], &mut rights, RecvFlags::CMSG_CLOEXEC)?;
    if got.bytes == 0 {
        return Ok(None);
    }
    let messages = rights.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    Ok(Some(messages.flatten().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_too_long_is_refused_before_it_is_read() {
        assert!(encode(&"x".repeat(SCRIPT_REQUEST_BYTES)).is_err());
        let mut claims = u32::MAX.to_be_bytes().to_vec();
        claims.extend([b'"'; 10]);
        assert_eq!(read::<String>(&mut claims.as_slice()).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn what_is_written_is_read_and_half_of_it_is_an_error() {
        let bytes = encode(&Report::Code(3)).unwrap();
        assert_eq!(read::<Report>(&mut bytes.as_slice()).unwrap(), Report::Code(3));
        let half = bytes.get(..bytes.len() - 1).unwrap();
        assert_eq!(read::<Report>(&mut { half }).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
