//! What the fuzz targets share.
//!
//! An input is a text with markers ([`script`]), so that seeds can be read and a mutation of the body need
//! not break its signature. What is right is computed apart from the code under test ([`reference`]). A
//! broken invariant is a panic, which libFuzzer reports together with the input.
//!
//! Not guaranteed: that an input does the same in every run. Fresh ids are counted through a run, and the
//! store's own threads run beside the input's; a finding of the target `request` may need the inputs before
//! it.

pub mod answers;
pub mod reference;
pub mod script;
pub mod server;

/// The time at which all signing happens and all judging, in Unix seconds: 2025-06-18T22:51:18Z.
pub const NOW: i64 = 1_750_287_078;
