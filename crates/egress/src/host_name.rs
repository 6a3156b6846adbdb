//! Host names: which texts are, and when two are the same.

/// The most bytes that a label, and that a whole name may have (RFC 1035, section 2.3.4).
const MAX_LABEL: usize = 63;
const MAX_NAME: usize = 253;

/// A name in the form that names are compared in: lower-case, without the final dot of a fully qualified one.
pub(crate) fn plain(name: &str) -> String {
    unrooted(name).to_ascii_lowercase()
}

/// Letters, digits, `-` and `_` between single dots. A URL's host may hold more, and what a resolver or a
/// proxy would make of that is anybody's guess.
pub(crate) fn is_host_name(name: &str) -> bool {
    let name = unrooted(name);
    name.len() <= MAX_NAME
        && name.split('.').all(|label| {
            (1..=MAX_LABEL).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        })
}

fn unrooted(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_labels_between_single_dots() {
        let (label, name) = ("a".repeat(MAX_LABEL), "a.".repeat(MAX_NAME / 2));
        for good in ["a", "a.b.", "my_app", "-x", "xn--bcher-kva.example", &label, &name] {
            assert!(is_host_name(good), "{good}");
        }
        for bad in ["", ".", "a..b", "a..", ".a", "a,b", "*.a", "a b", "a%00b", "bücher", "a{b}"] {
            assert!(!is_host_name(bad), "{bad}");
        }
        assert!(!is_host_name(&format!("{label}a")) && !is_host_name(&format!("{name}abc")));
    }
}
