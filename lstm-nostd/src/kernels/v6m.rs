//! M0 and M0+: `ldrsb`, `muls` and `add`, four rows at a time.
//!
//! Accumulators live in the high registers, which `add` reaches; a block of sixteen products takes 63
//! instructions. Rescaling uses 32-bit products only, see `requant`.
#![allow(unsafe_code)]

use super::plain::{Job, Plain, Products};

/// The kernels of this file.
pub type V6M = Plain<Assembly, 1>;

/// The products in `v6m.s`.
#[derive(Clone, Copy, Debug)]
pub struct Assembly;

core::arch::global_asm!(include_str!("v6m.s"), options(raw));

unsafe extern "C" {
    fn lstm_nostd_v6m_products(job: *mut Job<1>);
}

impl Products<1> for Assembly {
    unsafe fn run(job: &mut Job<1>) {
        // SAFETY: the caller vouches for the rows and activations; the assembly reads no more than them,
        // writes `sums`, and keeps the callee-saved registers.
        unsafe { lstm_nostd_v6m_products(job) }
    }
}
