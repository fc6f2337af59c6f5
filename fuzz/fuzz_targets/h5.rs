#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kerata_fuzz::h5(data));
