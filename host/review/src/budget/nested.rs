//! Types inside of types, counted without making any of them.
//!
//! One type of a component may declare a million others, each of which may do so again, and
//! a reader that makes them goes down on its stack. So the lists are walked here, and only what
//! holds no list of types is left to the reader. Refuses what is too much or too deep before it
//! is reached.

use super::{Excess, spend};
use crate::limits;
use wasmparser::{BinaryReader, ComponentType, ComponentTypeDeclaration, ModuleTypeDeclaration, SubType};

/// What comes one after the other in a section.
pub(super) type Each<'a> = fn(&mut Walk<'a>) -> Result<(), Excess>;

/// Through the types of one section.
pub(super) struct Walk<'a> {
    reader: BinaryReader<'a>,
    sum: &'a mut u64,
    depth: u32,
}

fn malformed(error: wasmparser::Error) -> Excess {
    Excess::Malformed(error.to_string())
}

impl<'a> Walk<'a> {
    /// Through these bytes of a section, its count included.
    pub(super) fn new(section: &'a [u8], offset: usize, sum: &'a mut u64) -> Self {
        Self { reader: BinaryReader::new(section, offset), sum, depth: 0 }
    }

    /// All of the section, which has so many.
    pub(super) fn all(&mut self, count: u32, each: Each<'a>) -> Result<(), Excess> {
        self.reader.read_var_u32().map_err(malformed)?;
        (0..count).try_for_each(|_| each(self))
    }

    /// A type of a core module: one, or a group.
    pub(super) fn group(&mut self) -> Result<(), Excess> {
        if self.peek()? == 0x4e {
            return self.list(Self::one::<SubType>);
        }
        self.one::<SubType>()
    }

    /// A core type of a component: as in a module, or that of a whole module.
    pub(super) fn core(&mut self) -> Result<(), Excess> {
        match self.peek()? {
            0x50 => self.list(Self::in_module),
            // What tells a type that may be extended from that of a module.
            0x00 => self.skip().and_then(|()| self.group()),
            _ => self.group(),
        }
    }

    /// A type of a component.
    pub(super) fn component(&mut self) -> Result<(), Excess> {
        match self.peek()? {
            // Of a component, of an instance.
            0x41 | 0x42 => self.list(Self::declaration),
            _ => self.one::<ComponentType<'_>>(),
        }
    }

    fn declaration(&mut self) -> Result<(), Excess> {
        match self.peek()? {
            0x00 => self.skip().and_then(|()| self.core()),
            0x01 => self.skip().and_then(|()| self.component()),
            _ => self.one::<ComponentTypeDeclaration<'_>>(),
        }
    }

    fn in_module(&mut self) -> Result<(), Excess> {
        match self.peek()? {
            0x01 => self.skip().and_then(|()| self.group()),
            _ => self.one::<ModuleTypeDeclaration<'_>>(),
        }
    }

    /// A byte that says what follows, how many, and those.
    fn list(&mut self, each: Each<'a>) -> Result<(), Excess> {
        if self.depth >= limits::TYPE_NESTING {
            return Err(Excess::TooMany { what: "types inside one another", limit: u64::from(limits::TYPE_NESTING) });
        }
        self.skip()?;
        let count = self.reader.read_var_u32().map_err(malformed)?;
        spend(self.sum, u64::from(count), "types", limits::TYPES)?;
        self.depth += 1;
        (0..count).try_for_each(|_| each(self))?;
        self.depth -= 1;
        Ok(())
    }

    fn one<T: wasmparser::FromReader<'a>>(&mut self) -> Result<(), Excess> {
        self.reader.read::<T>().map(|_| ()).map_err(malformed)
    }

    fn peek(&self) -> Result<u8, Excess> {
        self.reader.clone().read_u8().map_err(malformed)
    }

    fn skip(&mut self) -> Result<(), Excess> {
        self.reader.read_u8().map(|_| ()).map_err(malformed)
    }
}
