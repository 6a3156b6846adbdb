//! What cargo knows about the packages of this workspace, as `cargo metadata` prints it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::failure::Failure;

/// The packages, where they are, and where cargo puts what it builds.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The folder of the workspace's own manifest: the project's root.
    pub(crate) root: PathBuf,
    pub(crate) packages: Vec<Package>,
    pub(crate) target_directory: PathBuf,
}

/// One package of the workspace.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// The absolute path of its `Cargo.toml`.
    pub(crate) manifest: PathBuf,
    /// Direct dependencies of every kind, those behind a feature too.
    pub(crate) dependencies: Vec<Dependency>,
    /// The root files of its library, binaries, tests, examples, benches and build script.
    pub(crate) roots: Vec<PathBuf>,
}

/// One line of a package's dependency tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dependency {
    /// The package's own name, also where the manifest renames it.
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// Which of the three tables a dependency stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Normal,
    Dev,
    Build,
}

impl Package {
    /// The folder that holds the manifest.
    pub(crate) fn folder(&self) -> &Path {
        self.manifest.parent().unwrap_or(&self.manifest)
    }
}

/// Asks cargo about the workspace around the current folder; reads manifests only and builds nothing.
pub(crate) fn load() -> Result<Workspace, Failure> {
    let output = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .map_err(|cause| Failure::new(format!("cannot run cargo: {cause}")))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::new(format!("cargo metadata failed: {}", stderr.trim())));
    }
    let json: Value = serde_json::from_slice(&output.stdout)
        .map_err(|cause| Failure::new(format!("cargo metadata printed no JSON: {cause}")))?;
    parse(&json)
}

fn parse(json: &Value) -> Result<Workspace, Failure> {
    let packages = list(json, "packages")?.iter().map(package).collect::<Result<_, _>>()?;
    Ok(Workspace {
        root: text(json, "workspace_root")?.into(),
        packages,
        target_directory: text(json, "target_directory")?.into(),
    })
}

fn package(json: &Value) -> Result<Package, Failure> {
    Ok(Package {
        name: text(json, "name")?.to_owned(),
        manifest: text(json, "manifest_path")?.into(),
        dependencies: list(json, "dependencies")?.iter().map(dependency).collect::<Result<_, _>>()?,
        roots: list(json, "targets")?
            .iter()
            .map(|target| text(target, "src_path").map(PathBuf::from))
            .collect::<Result<_, _>>()?,
    })
}

fn dependency(json: &Value) -> Result<Dependency, Failure> {
    let kind = match json.get("kind").and_then(Value::as_str) {
        None => Kind::Normal,
        Some("dev") => Kind::Dev,
        Some("build") => Kind::Build,
        Some(other) => return Err(Failure::new(format!("cargo metadata names an unknown kind `{other}`"))),
    };
    Ok(Dependency { name: text(json, "name")?.to_owned(), kind })
}

fn text<'json>(json: &'json Value, field: &str) -> Result<&'json str, Failure> {
    json.get(field).and_then(Value::as_str).ok_or_else(|| missing(field))
}

fn list<'json>(json: &'json Value, field: &str) -> Result<&'json Vec<Value>, Failure> {
    json.get(field).and_then(Value::as_array).ok_or_else(|| missing(field))
}

fn missing(field: &str) -> Failure {
    Failure::new(format!("cargo metadata has no `{field}` where one was expected"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_packages_with_their_dependencies_and_roots() {
        let json = json!({
            "workspace_root": "/w",
            "target_directory": "/w/target",
            "packages": [{
                "name": "ringback-store",
                "manifest_path": "/w/crates/store/Cargo.toml",
                "dependencies": [
                    {"name": "ringback-domain", "kind": null, "rename": "domain", "optional": true},
                    {"name": "ringback-testkit", "kind": "dev"},
                ],
                "targets": [{"src_path": "/w/crates/store/src/lib.rs"}],
            }],
        });

        let workspace = parse(&json).unwrap();

        assert_eq!(workspace.root, Path::new("/w"));
        assert_eq!(workspace.target_directory, Path::new("/w/target"));
        let store = &workspace.packages[0];
        assert_eq!(store.folder(), Path::new("/w/crates/store"));
        assert_eq!(store.roots, [PathBuf::from("/w/crates/store/src/lib.rs")]);
        assert_eq!(
            store.dependencies,
            [
                Dependency { name: "ringback-domain".into(), kind: Kind::Normal },
                Dependency { name: "ringback-testkit".into(), kind: Kind::Dev },
            ]
        );
    }

    #[test]
    fn says_which_field_is_missing() {
        let failure = parse(&json!({"target_directory": "/w/target"})).unwrap_err();
        assert_eq!(failure.to_string(), "cargo metadata has no `packages` where one was expected");
    }
}
