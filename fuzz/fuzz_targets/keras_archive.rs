#![cfg_attr(fuzzing, no_main)]

kerata_fuzz::libfuzzer!(keras_archive);
