//! What an operation costs does not depend on how much is stored: the same calls in a database with ten times
//! as many events.
//!
//! Rows and pages are counted and nothing is timed, so it does not matter what else the machine does.

use std::process::Command;

use serde_json::Value;

/// Rows that a call may touch in the larger database, by those in the smaller.
const ROWS: f64 = 1.2;
/// Rows that a call may touch at all: a page of twenty and one more, with their deliveries, and something to
/// spare.
const MOST_ROWS: f64 = 100.0;
/// The same of pages. A B-tree of ten times as many rows may be a page higher, and a call needs only two or
/// three in each.
const PAGES: f64 = 3.0;

#[test]
fn an_operation_touches_as_much_however_long_the_history_is() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_ringback-bench"))
        .args([
            "costs",
            "--pages-only",
            "--json",
            "--small-events",
            "2000",
            "--events",
            "20000",
            "--data-dir",
        ])
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let costs: Value = serde_json::from_slice(&output.stdout).unwrap();
    let databases = costs.as_array().unwrap();
    assert_eq!(databases.len(), 2);
    for database in databases {
        let operations = database["operations"].as_array().unwrap();
        assert_eq!(operations.len(), 5);
        for operation in operations {
            let pages = operation["pages"]["ratio"].as_f64().unwrap();
            assert!(pages <= PAGES, "pages: {database} {operation}");
            let rows = &operation["rows"];
            if let (Some(rows), Some(ratio)) = (rows["big"].as_f64(), rows["ratio"].as_f64()) {
                assert!(rows <= MOST_ROWS && ratio <= ROWS, "rows: {database} {operation}");
            }
        }
        let is_postgres = database["database"] == "PostgreSQL";
        assert!(operations.iter().all(|operation| operation["rows"].is_object() == is_postgres));
    }
}
