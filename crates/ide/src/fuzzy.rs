//! How well a few written letters fit a name: the letters must occur in it in their order.

/// How well `written`, in lower case, fits `name`: the more, the better. `None` where it does not.
///
/// What stands at the beginning of the name or of one of its words counts most, then letters in one
/// run; of two names that fit alike the shorter one wins.
pub(crate) fn score(written: &str, name: &str) -> Option<u32> {
    if written.is_empty() {
        return Some(1);
    }
    let (written, bytes) = (written.as_bytes(), name.as_bytes());
    if written.len() > bytes.len() {
        return None;
    }
    let shortness = 64 - bytes.len().min(64) as u32;
    if bytes.len() == written.len() && bytes.eq_ignore_ascii_case(written) {
        return Some(4000 + u32::from(bytes == written));
    }
    if bytes[..written.len()].eq_ignore_ascii_case(written) {
        return Some(3000 + shortness);
    }
    let mut run_at_word = false;
    let run = bytes.windows(written.len()).enumerate().any(|(at, window)| {
        let fits = window.eq_ignore_ascii_case(written);
        run_at_word |= fits && begins_word(bytes, at);
        fits
    });
    match (run_at_word, run) {
        (true, _) => Some(2000 + shortness),
        (false, true) => Some(1000 + shortness),
        (false, false) => scattered(written, bytes).map(|words| words * 64 + shortness),
    }
}

/// The letters one by one, each as early as possible, the first where a word begins; says how many of them begin a word, at most 14.
fn scattered(written: &[u8], name: &[u8]) -> Option<u32> {
    let (mut at, mut words) = (0, 0);
    for (number, letter) in written.iter().enumerate() {
        let mut rest = name[at..].iter().enumerate();
        let fits = |(index, byte): (usize, &u8)| {
            byte.eq_ignore_ascii_case(letter) && (number > 0 || begins_word(name, index))
        };
        let found = rest.position(fits)?;
        words += u32::from(begins_word(name, at + found));
        at += found + 1;
    }
    Some(words.min(14))
}

fn begins_word(name: &[u8], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).map(|before| name[before]) else { return true };
    !before.is_ascii_alphanumeric()
        || (before.is_ascii_lowercase() && name[at].is_ascii_uppercase())
        || (before.is_ascii_alphabetic() && name[at].is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_better_fit_comes_first() {
        let sorted = |written: &str, names: &[&'static str]| {
            let mut found: Vec<_> =
                names.iter().filter_map(|name| Some((score(written, name)?, *name))).collect();
            found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
            found.into_iter().map(|(_, name)| name).collect::<Vec<_>>()
        };
        assert_eq!(
            sorted("mk", &["amk", "a-mk", "mkIf", "mk", "maker", "x"]),
            ["mk", "mkIf", "a-mk", "amk", "maker"]
        );
        assert_eq!(
            sorted("cpw", &["callPackageWith", "scope", "cpwd"]),
            ["cpwd", "callPackageWith"]
        );
        assert_eq!(sorted("", &["a"]), ["a"]);
        assert_eq!(sorted("ab", &["ba", "a"]), [""; 0]);
    }
}
