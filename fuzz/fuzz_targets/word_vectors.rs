#![cfg_attr(fuzzing, no_main)]

kerata_fuzz::libfuzzer!(word_vectors);
