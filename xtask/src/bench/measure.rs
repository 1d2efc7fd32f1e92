//! Running programs in turn and seeing what they cost.

use std::{
    collections::HashMap,
    fs,
    io::{Read as _, Seek as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};
use wait4::{ResUse, Wait4 as _};

use super::table::{Row, Unit};

/// The program as it was built.
pub(crate) struct Floe {
    pub(crate) program: PathBuf,
}

impl Floe {
    pub(crate) fn command(&self) -> Command {
        Command::new(&self.program)
    }
}

/// What whole processes cost, one entry for each run.
#[derive(Default)]
pub(crate) struct Costs {
    wall: Vec<f64>,
    user: Vec<f64>,
    processor: Vec<f64>,
    memory: Vec<f64>,
    /// What the last run printed.
    pub(crate) output: String,
}

/// Runs the two commands in turn: A B A B ….
pub(crate) fn alternate(
    runs: usize,
    floe: &mut Command,
    mut peer: Option<&mut Command>,
) -> Result<(Costs, Option<Costs>)> {
    let mut costs = (Costs::default(), peer.is_some().then(Costs::default));
    for _ in 0..runs {
        costs.0.add(floe)?;
        if let (Some(peer), Some(costs)) = (&mut peer, &mut costs.1) {
            costs.add(peer)?;
        }
    }
    Ok(costs)
}

impl Costs {
    fn add(&mut self, command: &mut Command) -> Result<()> {
        let shown = format!("{command:?}");
        // A file takes what is printed at once; nobody has to read along.
        let mut printed = tempfile::tempfile().context("cannot make a temporary file")?;
        let output = printed.try_clone().context("cannot share a temporary file")?;
        command.stdin(Stdio::null()).stdout(output).stderr(Stdio::null());
        let start = Instant::now();
        let child = command.spawn().with_context(|| format!("cannot start {shown}"))?;
        let ResUse { status, rusage } = child.wait4()?;
        self.wall.push(start.elapsed().as_secs_f64() * 1e3);
        ensure!(status.success(), "{shown} failed: {status}");
        self.user.push(rusage.utime.as_secs_f64() * 1e3);
        self.processor.push((rusage.utime + rusage.stime).as_secs_f64() * 1e3);
        self.memory.push(rusage.maxrss as f64 / 1e6);
        let mut output = Vec::new();
        printed.rewind()?;
        printed.read_to_end(&mut output)?;
        self.output = String::from_utf8_lossy(&output).into_owned();
        Ok(())
    }

    pub(crate) fn processor_median(&self) -> f64 {
        median(&self.processor)
    }
}

/// The rows of whole processes.
pub(crate) fn process_rows(floe: &Costs, peer: Option<&Costs>) -> Vec<Row> {
    type Part = fn(&Costs) -> &Vec<f64>;
    let parts: [(&str, Unit, Part); 4] = [
        ("wall time, median", Unit::Milliseconds, |costs| &costs.wall),
        ("user time, median", Unit::Milliseconds, |costs| &costs.user),
        ("processor time, median", Unit::Milliseconds, |costs| &costs.processor),
        ("peak memory, median", Unit::Megabytes, |costs| &costs.memory),
    ];
    let rows = parts.into_iter().map(|(what, unit, part)| {
        Row::new(what, unit, median(part(floe)), peer.map(|peer| median(part(peer))))
    });
    rows.collect()
}

/// The numbers that a measuring example printed, by name: one `name number` a line.
pub(crate) fn numbers(output: &str) -> Result<HashMap<String, Vec<f64>>> {
    let mut numbers = HashMap::<String, Vec<f64>>::new();
    for line in output.lines() {
        let (name, number) = line.split_once(' ').with_context(|| format!("no name: {line}"))?;
        let number = number.parse().with_context(|| format!("no number: {line}"))?;
        numbers.entry(name.to_owned()).or_default().push(number);
    }
    Ok(numbers)
}

pub(crate) fn median(values: &[f64]) -> f64 {
    percentile(values, 50)
}

/// The smallest of the values that is not less than this share of them. NaN if there are none.
pub(crate) fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let rank = (values.len() * percent).div_ceil(100).max(1);
    values.get(rank - 1).copied().unwrap_or(f64::NAN)
}

/// The machine in a line.
pub(crate) fn machine() -> String {
    let read = |path: &str| fs::read_to_string(Path::new(path)).unwrap_or_default();
    let processor = read("/proc/cpuinfo");
    let processor = processor.lines().find(|line| line.starts_with("model name"));
    let processor = processor.and_then(|line| line.split(": ").nth(1)).unwrap_or("processor");
    let count = thread::available_parallelism().map_or(1, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{count} × {processor}, Linux {}", kernel.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.0);
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(percentile(&hundred, 95), 95.0);
        assert_eq!(percentile(&[7.0], 95), 7.0);
        assert!(median(&[]).is_nan());
    }
}
