//! Sorting in the very order of GNU C++'s `std::sort`.
//!
//! `nix-env` sorts packages by name alone, with a sort that is not stable: where names are the same, the
//! order of its list is whatever that algorithm leaves. To print the same list we take the same steps:
//! quicksort with the median of three as pivot, heapsort where that degenerates, and one insertion sort
//! at the end.

/// Pieces up to this length are left to the insertion sort.
const THRESHOLD: usize = 16;

/// Sorts by a strict order.
pub(crate) fn sort<T>(items: &mut [T], is_less: impl Fn(&T, &T) -> bool) {
    if let Some(logarithm) = items.len().checked_ilog2() {
        partition_pieces(items, 2 * logarithm, &is_less);
        insertion_sort(items, &is_less);
    }
}

/// Leaves pieces of at most [`THRESHOLD`] items, each with nothing to be moved out of it.
fn partition_pieces<T>(mut items: &mut [T], mut depth: u32, is_less: &impl Fn(&T, &T) -> bool) {
    while items.len() > THRESHOLD {
        if depth == 0 {
            return heapsort(items, is_less);
        }
        depth -= 1;
        let cut = partition(items, is_less);
        let (left, right) = items.split_at_mut(cut);
        partition_pieces(right, depth, is_less);
        items = left;
    }
}

/// Splits around the median of the second, the middle and the last item. No item in front of the result
/// is more than the pivot, and none behind it is less.
fn partition<T>(items: &mut [T], is_less: &impl Fn(&T, &T) -> bool) -> usize {
    let (second, middle, last) = (1, items.len() / 2, items.len() - 1);
    let less = |a: usize, b: usize| is_less(&items[a], &items[b]);
    let median = if less(second, middle) {
        if less(middle, last) {
            middle
        } else if less(second, last) {
            last
        } else {
            second
        }
    } else if less(second, last) {
        second
    } else if less(middle, last) {
        last
    } else {
        middle
    };
    items.swap(0, median);
    // The median of three has one on either side, so that neither search leaves the slice.
    let (mut from, mut to) = (1, items.len());
    loop {
        while is_less(&items[from], &items[0]) {
            from += 1;
        }
        to -= 1;
        while is_less(&items[0], &items[to]) {
            to -= 1;
        }
        if from >= to {
            return from;
        }
        items.swap(from, to);
        from += 1;
    }
}

/// Equal items keep their order here.
fn insertion_sort<T>(items: &mut [T], is_less: &impl Fn(&T, &T) -> bool) {
    for end in 1..items.len() {
        // Among the first items C++ puts a new least one in front at once; the result is the same.
        let place = (0..end).rev().find(|before| !is_less(&items[end], &items[*before]));
        items[place.map_or(0, |before| before + 1)..=end].rotate_right(1);
    }
}

fn heapsort<T>(items: &mut [T], is_less: &impl Fn(&T, &T) -> bool) {
    for parent in (0..items.len() / 2).rev() {
        sift(items, parent, is_less);
    }
    for end in (1..items.len()).rev() {
        items.swap(0, end);
        sift(&mut items[..end], 0, is_less);
    }
}

/// Moves an item down to the leaves along the greater children, and then up to where it belongs.
fn sift<T>(heap: &mut [T], top: usize, is_less: &impl Fn(&T, &T) -> bool) {
    let mut hole = top;
    while 2 * hole + 2 < heap.len() {
        let right = 2 * hole + 2;
        let child = if is_less(&heap[right], &heap[right - 1]) { right - 1 } else { right };
        heap.swap(hole, child);
        hole = child;
    }
    if 2 * hole + 2 == heap.len() {
        heap.swap(hole, 2 * hole + 1);
        hole = 2 * hole + 1;
    }
    while hole > top && is_less(&heap[(hole - 1) / 2], &heap[hole]) {
        heap.swap(hole, (hole - 1) / 2);
        hole = (hole - 1) / 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hundred numbers below ten, each with its place, in the order of the sort.
    fn sorted(count: u32, modulus: u32) -> Vec<(u32, u32)> {
        let mut items: Vec<(u32, u32)> =
            (0..count).map(|place| (place * place * 7 % modulus, place)).collect();
        sort(&mut items, |a, b| a.0 < b.0);
        items
    }

    #[test]
    fn everything_is_sorted_and_nothing_lost() {
        for count in [0, 1, 2, 15, 16, 17, 33, 100, 1000, 10_000] {
            for modulus in [1, 2, 10, 97, 100_003] {
                let items = sorted(count, modulus);
                assert!(items.is_sorted_by_key(|(key, _)| *key), "{count} {modulus}");
                let mut places: Vec<_> = items.iter().map(|(_, place)| *place).collect();
                places.sort_unstable();
                assert!(places.into_iter().eq(0..count), "{count} {modulus}");
            }
        }
    }

    #[test]
    fn equal_items_are_in_the_order_of_cpp() {
        let places: Vec<_> = sorted(40, 3).iter().map(|(_, place)| *place).collect();
        // What a program in C++ prints that gives these numbers to `std::sort` of libstdc++.
        assert_eq!(
            places,
            [
                12, 24, 21, 0, 27, 18, 15, 30, 33, 9, 6, 36, 3, 39, 34, 32, 20, 31, 35, 29, 28, 37,
                38, 26, 25, 23, 22, 19, 17, 16, 14, 13, 11, 10, 8, 7, 5, 4, 2, 1
            ]
        );
    }

    #[test]
    fn a_heap_is_sorted_as_in_cpp() {
        let mut items: Vec<(u32, u32)> =
            (0..40).map(|place| (place * place * 7 % 3, place)).collect();
        heapsort(&mut items, &|a: &(u32, u32), b: &(u32, u32)| a.0 < b.0);
        let places: Vec<_> = items.iter().map(|(_, place)| *place).collect();
        assert_eq!(
            places,
            [
                15, 27, 6, 36, 12, 21, 9, 3, 24, 33, 18, 39, 0, 30, 32, 16, 34, 35, 8, 37, 38, 19,
                20, 1, 4, 10, 22, 31, 11, 23, 7, 17, 5, 25, 26, 13, 28, 2, 14, 29
            ]
        );
    }
}
