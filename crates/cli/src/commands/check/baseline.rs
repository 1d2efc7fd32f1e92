//! A baseline: the findings that a repository has when it adopts the lints, which are no news.
//!
//! It counts findings by file, lint and message, not by line, so that it stays true while files change
//! around them.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::Finding;
use crate::commands::replace::replace_file;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Baseline {
    version: u32,
    /// By file, by lint, by message: how many.
    files: BTreeMap<String, BTreeMap<String, BTreeMap<String, usize>>>,
}

const VERSION: u32 = 1;

impl Baseline {
    pub(super) fn of(findings: &[Finding]) -> Baseline {
        let mut baseline = Baseline { version: VERSION, files: BTreeMap::new() };
        for finding in findings {
            let of_file = baseline.files.entry(finding.name.clone()).or_default();
            let of_lint = of_file.entry(finding.diagnostic.code.to_owned()).or_default();
            *of_lint.entry(finding.diagnostic.message.clone()).or_default() += 1;
        }
        baseline
    }

    pub(super) fn read(path: &Path) -> anyhow::Result<Baseline> {
        let text = fs::read_to_string(path).with_context(|| {
            format!("the baseline '{}' cannot be read; --write-baseline makes one", path.display())
        })?;
        let baseline: Baseline = serde_json::from_str(&text)
            .with_context(|| format!("'{}' is no baseline", path.display()))?;
        anyhow::ensure!(
            baseline.version == VERSION,
            "the baseline '{}' has version {}; expected {VERSION}",
            path.display(),
            baseline.version
        );
        Ok(baseline)
    }

    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = format!("{}\n", serde_json::to_string_pretty(self)?);
        replace_file(path, &text)
    }

    /// Leaves only what is new, and tells how many entries no finding needs any more.
    pub(super) fn subtract(mut self, findings: &mut Vec<Finding>) -> usize {
        findings.retain(|finding| {
            let known = self
                .files
                .get_mut(&finding.name)
                .and_then(|of_file| of_file.get_mut(finding.diagnostic.code))
                .and_then(|of_lint| of_lint.get_mut(&finding.diagnostic.message));
            match known {
                Some(count) if *count > 0 => {
                    *count -= 1;
                    false
                }
                _ => true,
            }
        });
        let counts = self.files.values().flat_map(BTreeMap::values).flat_map(BTreeMap::values);
        counts.filter(|count| **count > 0).count()
    }
}
