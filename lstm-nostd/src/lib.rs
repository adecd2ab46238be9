//! Quantised peephole LSTM inference for microcontrollers.
#![no_std]
#![deny(unsafe_code)]
