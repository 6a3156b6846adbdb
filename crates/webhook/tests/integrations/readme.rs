//! The front page says of the crate what its manifest says.

const README: &str = include_str!("../../README.md");

#[test]
fn it_states_the_rust_version_of_the_manifest() {
    let stated = concat!("needs Rust ", env!("CARGO_PKG_RUST_VERSION"), " or later");
    assert!(README.contains(stated), "README.md does not say: {stated}");
}
