#![cfg_attr(fuzzing, no_main)]

kerata_fuzz::libfuzzer!(npz);
