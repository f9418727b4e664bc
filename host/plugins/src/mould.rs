//! One compilation for all components that differ in what is in their room (`room.rs`): those of
//! one engine with another script each, and those of one bridge with another server each.
//!
//! The component with its room emptied is the mould, compiled and kept like any component; the
//! code of each of its casts is the mould's, with the room's bytes put into the data. That is
//! what compiling the cast gives, byte for byte, because the compiler copies data and looks at
//! nothing in it. Refuses whatever makes that less than certain, and then the component is
//! compiled by itself: a room that is not whole in one data segment, a segment that lies over
//! it, a room that is not found once and empty among the data of the compiled mould.

use crate::blobs;
use crate::room::{self, Room};
use object::LittleEndian;
use object::read::elf::ElfFile64;
use object::{Object as _, ObjectSection as _};
use std::ops::Range;
use wasmparser::{Data, DataKind, Operator, Parser, Payload};

/// Where the engine keeps the data of modules, in what it compiles.
const DATA: &str = ".rodata.wasm";

/// A component's mould, and what makes the component of it.
#[derive(Debug)]
pub(crate) struct Mould {
    /// Of its bytes.
    pub(crate) digest: String,
    /// The component with its room emptied.
    pub(crate) component: Vec<u8>,
    room: Room,
    /// The whole room as it is in the component.
    content: Vec<u8>,
}

impl Mould {
    /// The mould of a component that has one.
    pub(crate) fn of(component: &[u8]) -> Option<Self> {
        let mut rooms = room::ALL.iter().filter_map(|room| Some((room, room.place(component).ok()?)));
        let (room, place) = rooms.next()?;
        if rooms.next().is_some() || !is_plain_data(component, &place)? {
            return None;
        }
        let content = component.get(place.clone())?.to_vec();
        let mut component = component.to_vec();
        component.get_mut(place)?.copy_from_slice(&room.blank());
        Some(Self { digest: blobs::digest(&component), component, room: *room, content })
    }

    /// Whether this is the code of the mould, and its room can be filled.
    pub(crate) fn fits(&self, artifact: &[u8]) -> bool {
        self.place_in(artifact).is_some()
    }

    /// Makes the mould's code the component's own.
    pub(crate) fn cast(&self, artifact: &mut [u8]) -> Option<()> {
        let place = self.place_in(artifact)?;
        artifact.get_mut(place)?.copy_from_slice(&self.content);
        Some(())
    }

    fn place_in(&self, artifact: &[u8]) -> Option<Range<usize>> {
        let elf = ElfFile64::<LittleEndian>::parse(artifact).ok()?;
        let (start, length) = elf.section_by_name(DATA)?.file_range()?;
        let (start, length) = (usize::try_from(start).ok()?, usize::try_from(length).ok()?);
        let data = artifact.get(start..start.checked_add(length)?)?;
        let place = self.room.place(data).ok()?;
        let empty = data.get(place.clone())? == self.room.blank();
        empty.then_some(start + place.start..start + place.end)
    }
}

/// Whether these bytes of a component are in one data segment, and no other segment of its
/// module lies over that. `None` where it cannot be said.
fn is_plain_data(component: &[u8], place: &Range<usize>) -> Option<bool> {
    for payload in Parser::new(0).parse_all(component) {
        let Payload::DataSection(section) = payload.ok()? else { continue };
        let range = section.range();
        if range.start <= place.start && place.end <= range.end {
            let segments = section.into_iter().collect::<Result<Vec<_>, _>>().ok()?;
            return is_alone(&segments, place);
        }
    }
    Some(false)
}

fn is_alone(segments: &[Data<'_>], place: &Range<usize>) -> Option<bool> {
    let holds = |segment: &Data<'_>| {
        let start = segment.range.end - segment.data.len();
        start <= place.start && place.end <= segment.range.end
    };
    let at = segments.iter().position(holds)?;
    let mine = addresses(segments.get(at)?)?;
    for (_, other) in segments.iter().enumerate().filter(|(other, _)| *other != at) {
        // A passive segment is where code puts it, as it would be in the component.
        if matches!(other.kind, DataKind::Passive) {
            continue;
        }
        let other = addresses(other)?;
        if other.start < mine.end && mine.start < other.end {
            return Some(false);
        }
    }
    Some(true)
}

/// Where a segment lands; `None` where it says so by more than a number, or nobody does.
fn addresses(segment: &Data<'_>) -> Option<Range<u64>> {
    let DataKind::Active { memory_index: 0, offset_expr } = &segment.kind else { return None };
    let mut steps = offset_expr.get_operators_reader();
    let Operator::I32Const { value } = steps.read().ok()? else { return None };
    let Operator::End = steps.read().ok()? else { return None };
    let start = u64::from(value.cast_unsigned());
    Some(start..start.checked_add(u64::try_from(segment.data.len()).ok()?)?)
}

#[cfg(test)]
mod tests;
