//! The turn loop: one implementation for every path.
