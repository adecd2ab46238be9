//! M3: `ldrsb` and `mla`, eight rows of two units at a time.
//!
//! A block of 32 products takes 70 instructions: one load for each weight, one `mla` for each product, and
//! one load of an activation for eight.
#![allow(unsafe_code)]

use super::plain::{Job, Plain, Products};

/// The kernels of this file.
pub type V7M = Plain<Assembly, 2>;

/// The products in `v7m.s`.
#[derive(Clone, Copy, Debug)]
pub struct Assembly;

core::arch::global_asm!(include_str!("v7m.s"), options(raw));

unsafe extern "C" {
    fn lstm_nostd_v7m_products(job: *mut Job<2>);
}

impl Products<2> for Assembly {
    unsafe fn run(job: &mut Job<2>) {
        // SAFETY: the caller vouches for the rows and activations; the assembly reads no more than them,
        // writes `sums`, and keeps the callee-saved registers.
        unsafe { lstm_nostd_v7m_products(job) }
    }
}
