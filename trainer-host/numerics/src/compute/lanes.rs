//! Arithmetic on sixteen f32 values at once, and the choice of the instructions for it.
//!
//! A [`Kernel`] is written once over [`Lanes`] and compiled for each [`Backend`]. [`Backend::run`] calls the copy for
//! this machine. All backends with fused multiply-add (AVX-512, AVX2, and 64-bit ARM's scalar code) compute the same
//! bits. An x86-64 processor without FMA rounds each product separately, so its last place may differ.
//!
//! This is the only file with an architecture `cfg`.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// Values in a [`Line`].
pub(crate) const LANES: usize = 16;

/// Sixteen values on their own cache line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [f32; LANES]);

/// A line in registers.
///
/// The methods of a vector backend may run only inside [`Backend::run`], which checks that the processor has the
/// instructions. No other code can name the backends.
pub(crate) trait Lanes: Copy {
    /// Rows and panels of the largest tile whose accumulators all stay in registers.
    const TILE: (usize, usize);

    fn splat(value: f32) -> Self;
    fn load(line: &Line) -> Self;
    fn store(self, line: &mut Line);
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn div(self, other: Self) -> Self;
    /// `self · factor + term`.
    fn mul_add(self, factor: Self, term: Self) -> Self;
    /// `self` limited to `−bound..=bound`; NaN stays NaN.
    fn limit(self, bound: f32) -> Self;
}

/// Work that is compiled once for each backend.
pub(crate) trait Kernel {
    /// Must be `#[inline(always)]`, and so must everything in it that touches `V`.
    fn run<V: Lanes>(self);
}

/// A set of vector instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    /// Plain Rust, for every machine.
    Scalar,
    /// 256-bit vectors with fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// 512-bit vectors.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Backend {
    /// The backends of this machine, fastest first.
    pub(crate) fn available() -> Vec<Self> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") {
                found.push(Self::Avx512);
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                found.push(Self::Avx2);
            }
        }
        found.push(Self::Scalar);
        found
    }

    /// The fastest backend of this machine.
    pub(crate) fn detect() -> Self {
        Self::available()[0]
    }

    /// Runs `kernel` with this backend's instructions.
    pub(crate) fn run<K: Kernel>(self, kernel: K) {
        match self {
            Self::Scalar => kernel.run::<Plain>(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                assert!(is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"));
                // SAFETY: the line above has found both features.
                unsafe { run_avx2(kernel) }
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                assert!(is_x86_feature_detected!("avx512f"));
                // SAFETY: the line above has found the feature.
                unsafe { run_avx512(kernel) }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2<K: Kernel>(kernel: K) {
    kernel.run::<Pair>();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx2,fma")]
fn run_avx512<K: Kernel>(kernel: K) {
    kernel.run::<Wide>();
}

/// Whether `f32::mul_add` is an instruction of every processor of the target.
const FUSED: bool = cfg!(any(target_arch = "aarch64", target_feature = "fma"));

/// Plain Rust.
#[derive(Clone, Copy)]
struct Plain([f32; LANES]);

impl Plain {
    #[inline(always)]
    fn zip(mut self, other: Self, with: impl Fn(f32, f32) -> f32) -> Self {
        for (a, b) in self.0.iter_mut().zip(other.0) {
            *a = with(*a, b);
        }
        self
    }
}

impl Lanes for Plain {
    const TILE: (usize, usize) = (2, 1);

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self([value; LANES])
    }
    #[inline(always)]
    fn load(line: &Line) -> Self {
        Self(line.0)
    }
    #[inline(always)]
    fn store(self, line: &mut Line) {
        line.0 = self.0;
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        self.zip(other, |a, b| a / b)
    }
    #[inline(always)]
    fn mul_add(mut self, factor: Self, term: Self) -> Self {
        for l in 0..LANES {
            self.0[l] = if FUSED {
                self.0[l].mul_add(factor.0[l], term.0[l])
            } else {
                self.0[l] * factor.0[l] + term.0[l]
            };
        }
        self
    }
    #[inline(always)]
    fn limit(mut self, bound: f32) -> Self {
        for value in &mut self.0 {
            // Comparisons with NaN are false, so that it passes.
            *value = if bound < *value { bound } else { *value };
            *value = if -bound > *value { -bound } else { *value };
        }
        self
    }
}

/// Two AVX2 registers.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
struct Pair(__m256, __m256);

/// One AVX-512 register.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
struct Wide(__m512);

#[cfg(target_arch = "x86_64")]
impl Lanes for Pair {
    const TILE: (usize, usize) = (6, 1);

    #[inline(always)]
    fn splat(value: f32) -> Self {
        // SAFETY: `Backend::run` has found AVX2.
        unsafe { Self(_mm256_set1_ps(value), _mm256_set1_ps(value)) }
    }
    #[inline(always)]
    fn load(line: &Line) -> Self {
        let at = line.0.as_ptr();
        // SAFETY: `Backend::run` has found AVX2; a line is 64 aligned bytes.
        unsafe { Self(_mm256_load_ps(at), _mm256_load_ps(at.add(8))) }
    }
    #[inline(always)]
    fn store(self, line: &mut Line) {
        let at = line.0.as_mut_ptr();
        // SAFETY: `Backend::run` has found AVX2; a line is 64 aligned bytes.
        unsafe {
            _mm256_store_ps(at, self.0);
            _mm256_store_ps(at.add(8), self.1);
        }
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: `Backend::run` has found AVX2.
        unsafe {
            Self(
                _mm256_add_ps(self.0, other.0),
                _mm256_add_ps(self.1, other.1),
            )
        }
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: `Backend::run` has found AVX2.
        unsafe {
            Self(
                _mm256_sub_ps(self.0, other.0),
                _mm256_sub_ps(self.1, other.1),
            )
        }
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: `Backend::run` has found AVX2.
        unsafe {
            Self(
                _mm256_mul_ps(self.0, other.0),
                _mm256_mul_ps(self.1, other.1),
            )
        }
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        // SAFETY: `Backend::run` has found AVX2.
        unsafe {
            Self(
                _mm256_div_ps(self.0, other.0),
                _mm256_div_ps(self.1, other.1),
            )
        }
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        // SAFETY: `Backend::run` has found FMA.
        unsafe {
            Self(
                _mm256_fmadd_ps(self.0, factor.0, term.0),
                _mm256_fmadd_ps(self.1, factor.1, term.1),
            )
        }
    }
    #[inline(always)]
    fn limit(self, bound: f32) -> Self {
        // SAFETY: `Backend::run` has found AVX2. Minimum and maximum return their second operand
        // when either is NaN.
        unsafe {
            let (low, high) = (_mm256_set1_ps(-bound), _mm256_set1_ps(bound));
            Self(
                _mm256_max_ps(low, _mm256_min_ps(high, self.0)),
                _mm256_max_ps(low, _mm256_min_ps(high, self.1)),
            )
        }
    }
}

#[cfg(target_arch = "x86_64")]
impl Lanes for Wide {
    const TILE: (usize, usize) = (12, 2);

    #[inline(always)]
    fn splat(value: f32) -> Self {
        // SAFETY: `Backend::run` has found AVX-512.
        unsafe { Self(_mm512_set1_ps(value)) }
    }
    #[inline(always)]
    fn load(line: &Line) -> Self {
        // SAFETY: `Backend::run` has found AVX-512; a line is 64 aligned bytes.
        unsafe { Self(_mm512_load_ps(line.0.as_ptr())) }
    }
    #[inline(always)]
    fn store(self, line: &mut Line) {
        // SAFETY: `Backend::run` has found AVX-512; a line is 64 aligned bytes.
        unsafe { _mm512_store_ps(line.0.as_mut_ptr(), self.0) }
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: `Backend::run` has found AVX-512.
        unsafe { Self(_mm512_add_ps(self.0, other.0)) }
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: `Backend::run` has found AVX-512.
        unsafe { Self(_mm512_sub_ps(self.0, other.0)) }
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: `Backend::run` has found AVX-512.
        unsafe { Self(_mm512_mul_ps(self.0, other.0)) }
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        // SAFETY: `Backend::run` has found AVX-512.
        unsafe { Self(_mm512_div_ps(self.0, other.0)) }
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        // SAFETY: `Backend::run` has found AVX-512.
        unsafe { Self(_mm512_fmadd_ps(self.0, factor.0, term.0)) }
    }
    #[inline(always)]
    fn limit(self, bound: f32) -> Self {
        // SAFETY: `Backend::run` has found AVX-512. Minimum and maximum return their second
        // operand when either is NaN.
        unsafe {
            let (low, high) = (_mm512_set1_ps(-bound), _mm512_set1_ps(bound));
            Self(_mm512_max_ps(low, _mm512_min_ps(high, self.0)))
        }
    }
}

/// `sums += terms`.
pub(crate) fn add_lines(sums: &mut [Line], terms: &[Line]) {
    for (sum, term) in sums.iter_mut().zip(terms) {
        for (a, b) in sum.0.iter_mut().zip(term.0) {
            *a += b;
        }
    }
}
