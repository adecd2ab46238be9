//! What the applications share: the board, the counter of instructions or cycles, and the stack.
#![no_std]

pub mod board;
pub mod counter;
pub mod stack;
