//! The target `safetensors` as a program of libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lstm_fuzz::run("safetensors", data));
