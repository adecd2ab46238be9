//! The target `keras` as a program of libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lstm_fuzz::run("keras", data));
