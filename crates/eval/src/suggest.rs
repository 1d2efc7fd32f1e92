//! "Did you mean …?"

/// The names nearest to one that was not found: at most five, at most two edits away, nearest first
/// and then by the alphabet, as C++ Nix has them.
pub fn suggestions<'a>(query: &str, candidates: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    const MOST: usize = 5;
    const FARTHEST: usize = 2;
    let mut near: Vec<(usize, &'a str)> = candidates
        .filter(|candidate| candidate.len().abs_diff(query.len()) <= FARTHEST)
        .map(|candidate| (distance(query.as_bytes(), candidate.as_bytes()), candidate))
        .filter(|(distance, _)| *distance <= FARTHEST)
        .collect();
    near.sort_unstable();
    near.truncate(MOST);
    near.into_iter().map(|(_, candidate)| candidate).collect()
}

/// The Levenshtein distance, in bytes.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let cost = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_come_first_and_far_ones_not_at_all() {
        let names = ["hello", "help", "hallo", "unrelated", "hellos"];
        assert_eq!(suggestions("helo", names.into_iter()), ["hello", "help", "hallo", "hellos"]);
        assert_eq!(distance(b"kitten", b"sitting"), 3);
        assert_eq!(distance(b"", b"abc"), 3);
    }
}
