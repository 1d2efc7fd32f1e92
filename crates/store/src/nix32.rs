//! Nix's own base 32: the digits of store paths.
//!
//! The alphabet leaves out `e`, `o`, `t` and `u`, and the text runs from the most significant digit
//! of the bytes read as one little-endian number. Lengths are given by [`encoded_len`].

/// The digits in the order of their values.
pub const ALPHABET: &[u8; 32] = b"0123456789abcdfghijklmnpqrsvwxyz";

const INVALID: u8 = 0xff;

const VALUES: [u8; 256] = {
    let mut values = [INVALID; 256];
    let mut digit = 0;
    while digit < ALPHABET.len() {
        values[ALPHABET[digit] as usize] = digit as u8;
        digit += 1;
    }
    values
};

/// How many digits `bytes` bytes take.
pub const fn encoded_len(bytes: usize) -> usize {
    (bytes * 8).div_ceil(5)
}

/// Whether `byte` is one of the 32 digits.
pub const fn is_digit(byte: u8) -> bool {
    VALUES[byte as usize] != INVALID
}

/// The digits of `bytes`.
pub fn encode(bytes: &[u8]) -> String {
    let byte = |index: usize| u16::from(bytes.get(index).copied().unwrap_or(0));
    (0..encoded_len(bytes.len()))
        .rev()
        .map(|digit| {
            let bit = digit * 5;
            let pair = byte(bit / 8) | byte(bit / 8 + 1) << 8;
            char::from(ALPHABET[usize::from(pair >> (bit % 8) & 0x1f)])
        })
        .collect()
}

/// The bytes that `text` stands for, or the first byte (from the end) that is no digit.
///
/// Leftover bits of the first digit that are not zero make the result one byte longer, as in Nix;
/// whoever knows the length that it should have notices.
pub fn decode(text: &[u8]) -> Result<Vec<u8>, u8> {
    let mut bytes = Vec::with_capacity(text.len() * 5 / 8 + 1);
    for (position, &character) in text.iter().rev().enumerate() {
        let value = VALUES[usize::from(character)];
        if value == INVALID {
            return Err(character);
        }
        let (index, shift) = (position * 5 / 8, position * 5 % 8);
        let shifted = u16::from(value) << shift;
        bytes.resize(bytes.len().max(index + 1), 0);
        bytes[index] |= (shifted & 0xff) as u8;
        if shifted > 0xff {
            bytes.resize(index + 2, 0);
            bytes[index + 1] |= (shifted >> 8) as u8;
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_vectors() {
        let sha1 = [
            0xa9, 0x99, 0x3e, 0x36, 0x47, 0x06, 0x81, 0x6a, 0xba, 0x3e, 0x25, 0x71, 0x78, 0x50,
            0xc2, 0x6c, 0x9c, 0xd0, 0xd8, 0x9d,
        ];
        assert_eq!(encode(&sha1), "kpcd173cq987hw957sx6m0868wv3x6d9");
        assert_eq!(encode(&[]), "");
        assert_eq!(decode(b"kpcd173cq987hw957sx6m0868wv3x6d9").unwrap(), sha1);
    }

    #[test]
    fn letters_left_out_are_refused() {
        for letter in *b"eotuA-" {
            assert_eq!(decode(&[b'0', letter]), Err(letter));
        }
    }

    #[test]
    fn surplus_bits_lengthen_the_result() {
        assert_eq!(decode(b"zz").unwrap(), [0xff, 0x03]);
        assert_eq!(decode(b"0z").unwrap(), [0x1f]);
    }

    proptest! {
        #[test]
        fn round_trip(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let text = encode(&bytes);
            prop_assert_eq!(text.len(), encoded_len(bytes.len()));
            prop_assert_eq!(decode(text.as_bytes()).unwrap(), bytes);
        }

        #[test]
        fn decoding_is_total(text in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = decode(&text);
        }
    }
}
