#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| alambic_fuzz::fuzz("image-sheet", bytes));
