//! The list of options in the cache folder is read or refused, and what is read is written as the same list.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| floe_ide::OptionList::check_bytes(bytes));
