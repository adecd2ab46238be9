//! Arithmetic whose range is known: from the formats of its terms, or from the bound that the parser checks.
//!
//! The compiler cannot see these bounds. On a chip the functions have no check, so that a firmware that is built with
//! overflow checks has no way to panic in the engine either. On a host they are Rust's own operators: tests and fuzz
//! targets are built with overflow checks, and end with a panic if a bound is wrong.

/// `a + b`
#[inline(always)]
pub(crate) const fn add(a: i32, b: i32) -> i32 {
    if cfg!(target_os = "none") {
        a.wrapping_add(b)
    } else {
        a + b
    }
}

/// `a − b`
#[inline(always)]
pub(crate) const fn sub(a: i32, b: i32) -> i32 {
    if cfg!(target_os = "none") {
        a.wrapping_sub(b)
    } else {
        a - b
    }
}

/// `a · b`
#[inline(always)]
pub(crate) const fn mul(a: i32, b: i32) -> i32 {
    if cfg!(target_os = "none") {
        a.wrapping_mul(b)
    } else {
        a * b
    }
}

/// `value · 2^shift`, for `shift` in 0..=31
#[inline(always)]
pub(crate) const fn shl(value: i32, shift: u32) -> i32 {
    if cfg!(target_os = "none") {
        value.wrapping_shl(shift)
    } else {
        value << shift
    }
}

/// `floor(value / 2^shift)`, for `shift` in 0..=31
#[inline(always)]
pub(crate) const fn shr(value: i32, shift: u32) -> i32 {
    if cfg!(target_os = "none") {
        value.wrapping_shr(shift)
    } else {
        value >> shift
    }
}
