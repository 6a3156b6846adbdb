//! Dependencies point down only: who may use whom, held against the manifests.
//!
//! The rule is about *direct* dependencies on packages of this workspace. Other people's packages are
//! `deny.toml`'s matter.

use crate::tidy::Violation;
use crate::workspace::{Dependency, Kind, Package};

/// One crate of the house.
struct Room {
    /// Its folder under `crates/`.
    folder: &'static str,
    /// The folders of the crates that it may use; for development it may use [`TESTKIT`] as well.
    may_use: &'static [&'static str],
}

/// The table of `docs/ARCHITECTURE.md`, from the top floor down.
///
/// `store` stands one floor above `domain` and may name `webhook` as well: `domain`'s types expose
/// `webhook`'s `SigningSecret`, and whoever stores such a value has to be able to name its type.
/// A crate that is not built yet may stand here: the rule is then waiting for it.
const HOUSE: &[Room] = &[
    Room { folder: "cli", may_use: &["server", "jobs", "delivery", "store", "domain", "egress", "webhook"] },
    Room { folder: "server", may_use: &["jobs", "delivery", "store", "domain", "egress", "webhook"] },
    Room { folder: "jobs", may_use: &["store", "domain", "egress", "webhook"] },
    Room { folder: "delivery", may_use: &["store", "domain", "egress", "webhook"] },
    Room { folder: "store", may_use: &["domain", "webhook"] },
    Room { folder: "domain", may_use: &["webhook"] },
    Room { folder: "egress", may_use: &["webhook"] },
    Room { folder: "webhook", may_use: &[] },
    Room {
        folder: TESTKIT,
        may_use: &["server", "jobs", "delivery", "store", "domain", "egress", "webhook"],
    },
];

/// The ground floor.
const GROUND: &str = "webhook";

/// What measures the store from within, and fills databases for that: it stands outside, and may use what it
/// measures.
const BENCH: &str = "ringback-bench";
/// The folders of the crates that it may use.
const MEASURED: [&str; 2] = ["store", "domain"];

/// The crate beside the floors: nothing ships it.
const TESTKIT: &str = "testkit";

/// Checks one package, whose manifest reads `text`, against the table.
pub(crate) fn check(package: &Package, text: &str) -> Vec<Violation> {
    let Some(folder) = folder_in_the_house(package) else {
        return check_outside(package, text);
    };
    let Some(room) = HOUSE.iter().find(|room| room.folder == folder) else {
        let message =
            format!("the crate `{folder}` has no floor: add it to xtask's table and to docs/ARCHITECTURE.md");
        return vec![Violation::new(&package.manifest, 1, message)];
    };
    let mut violations = Vec::new();
    let expected = package_name(folder);
    if package.name != expected {
        let line = line_of(text, &package.name);
        let message = format!("the package is named `{}`: rename it to `{expected}`", package.name);
        violations.push(Violation::new(&package.manifest, line, message));
    }
    for dependency in &package.dependencies {
        if let Some(message) = objection(room, dependency) {
            violations.push(Violation::new(&package.manifest, line_of(text, &dependency.name), message));
        }
    }
    violations
}

/// Chores and other packages beside `crates/` use none of the house, [`BENCH`] apart: whatever they need, the
/// binary does.
fn check_outside(package: &Package, text: &str) -> Vec<Violation> {
    let measured: &[&str] = if package.name == BENCH { &MEASURED } else { &[] };
    // The ground floor is published alone: it is anybody's to use.
    let is_ours =
        |name: &str| room_of(name).is_some_and(|folder| folder != GROUND && !measured.contains(&folder));
    let ours = package.dependencies.iter().filter(|dependency| is_ours(&dependency.name));
    ours.map(|dependency| {
        let message = format!("`{}` is outside crates/ and may not use `{}`", package.name, dependency.name);
        Violation::new(&package.manifest, line_of(text, &dependency.name), message)
    })
    .collect()
}

fn objection(room: &Room, dependency: &Dependency) -> Option<String> {
    let used = room_of(&dependency.name)?;
    let allowed = match dependency.kind {
        Kind::Normal => room.may_use.contains(&used),
        Kind::Dev => room.may_use.contains(&used) || used == TESTKIT,
        Kind::Build => false,
    };
    if allowed {
        return None;
    }
    let (user, used_package) = (room.folder, &dependency.name);
    Some(match dependency.kind {
        Kind::Build => {
            format!("`{user}` may not build with `{used_package}`: build scripts use none of our crates")
        }
        Kind::Normal if used == TESTKIT => {
            format!("`{user}` ships `{used_package}`: move it to [dev-dependencies]")
        }
        Kind::Normal | Kind::Dev => {
            let allowed = if room.may_use.is_empty() { "none".into() } else { room.may_use.join(", ") };
            format!(
                "`{user}` may not use `{used_package}` (it may use: {allowed}): move the code to the right floor"
            )
        }
    })
}

/// The folder's name if the package is `crates/FOLDER`.
fn folder_in_the_house(package: &Package) -> Option<&str> {
    let folder = package.folder();
    (folder.parent()?.file_name()? == "crates").then_some(folder.file_name()?.to_str()?)
}

/// `ringback-` and the folder; the binary's package is the product's name.
fn package_name(folder: &str) -> String {
    if folder == "cli" { "ringback".into() } else { format!("ringback-{folder}") }
}

/// The folder of the package of that name, if it is one of ours.
fn room_of(package: &str) -> Option<&'static str> {
    HOUSE.iter().map(|room| room.folder).find(|folder| package_name(folder) == package)
}

/// The manifest's first line that starts with `name` or contains it in quotes; 1 if there is none.
fn line_of(text: &str, name: &str) -> usize {
    let quoted = format!("\"{name}\"");
    let names = |line: &str| {
        line.contains(&quoted)
            || line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
    };
    text.lines().position(names).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(folder: &str, dependencies: &[(&str, Kind)]) -> Package {
        Package {
            name: package_name(folder),
            manifest: format!("/w/crates/{folder}/Cargo.toml").into(),
            dependencies: dependencies
                .iter()
                .map(|(name, kind)| Dependency { name: (*name).into(), kind: *kind })
                .collect(),
            roots: Vec::new(),
        }
    }

    fn messages(package: &Package, text: &str) -> Vec<String> {
        check(package, text).iter().map(|found| found.relative_to("/w".as_ref())).collect()
    }

    #[test]
    fn every_crate_may_use_only_lower_floors() {
        // The order of the table is the order of the floors: no crate may use one that stands above it.
        let height = |folder: &str| HOUSE.iter().position(|room| room.folder == folder);
        for room in HOUSE.iter().filter(|room| room.folder != TESTKIT) {
            for used in room.may_use {
                assert!(height(used) > height(room.folder), "{} may use {used}", room.folder);
            }
        }
    }

    /// The folder and "may use" of each row of the document's table, in its order.
    fn documented() -> Vec<(&'static str, &'static str)> {
        let document = include_str!("../../../docs/ARCHITECTURE.md");
        let table = document.split("| floor | crate |").nth(1).unwrap().split("\n\n").next().unwrap();
        let row = |line: &'static str| {
            let folder = line.split_once("`crates/")?.1.split_once('`')?.0;
            Some((folder, line.trim_end_matches('|').rsplit('|').next()?.trim()))
        };
        table.lines().filter_map(row).collect()
    }

    #[test]
    fn the_documented_table_is_this_one() {
        let documented = documented();
        let is_documented = |folder: &&str| documented.iter().any(|row| row.0 == *folder);
        let folders: Vec<&str> = HOUSE.iter().map(|room| room.folder).filter(is_documented).collect();
        assert_eq!(documented.iter().map(|row| row.0).collect::<Vec<_>>(), folders, "in this order");
        for (index, room) in HOUSE.iter().enumerate() {
            let Some((_, may_use)) = documented.iter().find(|row| row.0 == room.folder) else {
                let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/").to_owned() + room.folder;
                assert!(!std::path::Path::new(&folder).exists(), "{folder} is not documented");
                continue;
            };
            let floors = |rooms: &[Room]| -> Vec<&str> {
                rooms.iter().map(|room| room.folder).filter(|folder| *folder != TESTKIT).collect()
            };
            let said = match *may_use {
                "none" => Vec::new(),
                "all below" => floors(&HOUSE[index + 1..]),
                "all but cli" => floors(&HOUSE[1..]),
                named => named.split(", ").collect(),
            };
            assert_eq!(said, room.may_use, "of {}", room.folder);
        }
    }

    #[test]
    fn the_way_down_is_open() {
        for room in HOUSE {
            let names: Vec<String> = room.may_use.iter().map(|folder| package_name(folder)).collect();
            let allowed: Vec<(&str, Kind)> = names.iter().map(|name| (name.as_str(), Kind::Normal)).collect();
            assert_eq!(messages(&package(room.folder, &allowed), ""), [""; 0]);
        }
    }

    #[test]
    fn the_way_up_is_closed_and_the_line_is_named() {
        let store = package("store", &[("ringback-egress", Kind::Normal), ("ringback-domain", Kind::Normal)]);
        let text =
            "[package]\nname = \"ringback-store\"\n\n[dependencies]\nringback-egress.workspace = true\n";
        let message = "crates/store/Cargo.toml:5: `store` may not use `ringback-egress` (it may use: domain, \
                       webhook): move the code to the right floor";
        assert_eq!(messages(&store, text), [message]);
    }

    #[test]
    fn the_lowest_floor_uses_none() {
        let webhook = package("webhook", &[("ringback-domain", Kind::Dev)]);
        assert!(messages(&webhook, "")[0].contains("may use: none"));
    }

    #[test]
    fn testkit_is_for_development_only() {
        assert_eq!(messages(&package("egress", &[("ringback-testkit", Kind::Dev)]), ""), [""; 0]);
        let shipped = messages(&package("egress", &[("ringback-testkit", Kind::Normal)]), "");
        assert!(shipped[0].ends_with("move it to [dev-dependencies]"), "{shipped:?}");
    }

    #[test]
    fn build_scripts_use_none_of_ours() {
        let server = package("server", &[("ringback-webhook", Kind::Build)]);
        assert!(messages(&server, "")[0].contains("build scripts use none"));
    }

    #[test]
    fn other_peoples_packages_are_not_judged() {
        assert_eq!(
            messages(&package("webhook", &[("http", Kind::Normal), ("proptest", Kind::Dev)]), ""),
            [""; 0]
        );
    }

    #[test]
    fn a_crate_without_a_floor_or_with_a_wrong_name_is_found() {
        assert!(messages(&package("util", &[]), "")[0].contains("has no floor"));
        let mut domain = package("domain", &[]);
        domain.name = "domain".into();
        let found = messages(&domain, "[package]\nname = \"domain\"\n");
        assert_eq!(
            found,
            ["crates/domain/Cargo.toml:2: the package is named `domain`: rename it to `ringback-domain`"]
        );
    }

    #[test]
    fn what_stands_outside_uses_the_ground_floor_at_most() {
        let mut chores = package(
            "xtask",
            &[
                ("ringback-webhook", Kind::Normal),
                ("ringback-domain", Kind::Normal),
                ("serde_json", Kind::Normal),
            ],
        );
        chores.name = "xtask".into();
        chores.manifest = "/w/xtask/Cargo.toml".into();
        assert_eq!(
            messages(&chores, ""),
            ["xtask/Cargo.toml:1: `xtask` is outside crates/ and may not use `ringback-domain`"]
        );
    }

    #[test]
    fn the_bench_may_use_what_it_measures_and_no_more() {
        let used = ["ringback-webhook", "ringback-domain", "ringback-store", "ringback-delivery"];
        let mut bench = package("bench", &used.map(|name| (name, Kind::Normal)));
        (bench.name, bench.manifest) = (BENCH.into(), "/w/bench/Cargo.toml".into());
        let message =
            "bench/Cargo.toml:1: `ringback-bench` is outside crates/ and may not use `ringback-delivery`";
        assert_eq!(messages(&bench, ""), [message]);
    }
}
