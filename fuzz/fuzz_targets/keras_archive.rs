#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kerata_fuzz::keras_archive(data));
