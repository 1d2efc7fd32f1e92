//! What an evaluation did, in numbers: `FLOE_STATS=1`.

use std::fmt;
use std::ops::AddAssign;

use crate::evaluator::Evaluator;
use crate::heap::{Allocated, ObjectKind};

/// What an evaluation did so far.
#[derive(Clone, Debug)]
pub struct Statistics {
    /// Calls of functions and builtins.
    pub calls: u64,
    /// Files and texts that were loaded.
    pub units: usize,
    /// Expressions in them.
    pub expressions: usize,
    /// What was allocated for each kind of object.
    pub allocated: Vec<(ObjectKind, Allocated)>,
    /// Bytes that the heap has taken from the system.
    pub reserved_bytes: usize,
}

impl Evaluator<'_> {
    /// What the evaluation did so far.
    pub fn statistics(&self) -> Statistics {
        let (units, expressions) = self.loaded();
        Statistics {
            calls: self.call_count(),
            units,
            expressions,
            allocated: ObjectKind::ALL.map(|kind| (kind, self.heap.allocated(kind))).to_vec(),
            reserved_bytes: self.heap.reserved_bytes(),
        }
    }
}

impl AddAssign for Statistics {
    /// Adds what another evaluation did.
    fn add_assign(&mut self, other: Statistics) {
        self.calls += other.calls;
        self.units += other.units;
        self.expressions += other.expressions;
        for ((_, sum), (_, more)) in self.allocated.iter_mut().zip(other.allocated) {
            sum.objects += more.objects;
            sum.bytes += more.bytes;
        }
        self.reserved_bytes += other.reserved_bytes;
    }
}

impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut row = |name: &str, objects: u64, bytes: Option<u64>| match bytes {
            Some(bytes) => {
                writeln!(f, "{name:<18}{objects:>12}{:>12.1} MB", bytes as f64 / 1_000_000.0)
            }
            None => writeln!(f, "{name:<18}{objects:>12}"),
        };
        row("calls", self.calls, None)?;
        row("files and texts", self.units as u64, None)?;
        row("expressions", self.expressions as u64, None)?;
        let mut sum = Allocated::default();
        for (kind, Allocated { objects, bytes }) in &self.allocated {
            row(kind.name(), *objects, Some(*bytes))?;
            sum.objects += objects;
            sum.bytes += bytes;
        }
        row("all objects", sum.objects, Some(sum.bytes))
    }
}
