//! Chooses the kernels for the target. It sets
//!
//! - `lstm_kernels`, the backend's name, and `lstm_cortex_m` if that is one for Cortex-M: only files in
//!   `src/kernels/` read them;
//! - `lstm_narrow_multiply` for cores without a wide multiplication: only `src/requant.rs` reads it;
//! - `lstm_table_columns` for tables in columns: only `src/activation/table.rs` reads it.
//!
//! Stable compilers have no `cfg(target_feature = "dsp")`. The extensions follow from the target, and from the
//! flags that name a CPU or a feature.

use std::env;

/// CPUs with the DSP extension among those of `thumbv8m.main`, where it is optional.
const DSP_CPUS: [&str; 2] = ["cortex-m33", "cortex-m35p"];
/// CPUs with Helium.
const MVE_CPUS: [&str; 3] = ["cortex-m52", "cortex-m55", "cortex-m85"];

fn main() {
    println!(
        "cargo::rustc-check-cfg=cfg(lstm_kernels, values(\"scalar\", \"dsp\", \"mve\", \"v6m\", \"v7m\", \"x86\"))"
    );
    println!("cargo::rerun-if-env-changed=CARGO_ENCODED_RUSTFLAGS");
    println!("cargo::rerun-if-changed=build.rs");
    // M0 multiplies 32 by 32 bits to 32 bits only.
    println!("cargo::rustc-check-cfg=cfg(lstm_narrow_multiply)");
    if kernels() == "v6m" {
        println!("cargo::rustc-cfg=lstm_narrow_multiply");
    }
    println!("cargo::rustc-check-cfg=cfg(lstm_table_columns)");
    if ["mve", "x86"].contains(&kernels()) {
        println!("cargo::rustc-cfg=lstm_table_columns");
    }
    println!("cargo::rustc-check-cfg=cfg(lstm_cortex_m)");
    if !["scalar", "x86"].contains(&kernels()) {
        println!("cargo::rustc-cfg=lstm_cortex_m");
    }
    println!("cargo::rustc-cfg=lstm_kernels=\"{}\"", kernels());
}

/// The file in `src/kernels/` or `src/kernels/cortex_m/`, without its ending.
fn kernels() -> &'static str {
    if env::var_os("CARGO_FEATURE_KERNELS_SCALAR").is_some() {
        return "scalar";
    }
    let target = env::var("TARGET").unwrap_or_default();
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let named = |word: &str| flags.contains(word);
    let v8 = target.starts_with("thumbv8m.main");
    let is_one_of = |cpus: &[&str]| cpus.iter().any(|cpu| named(cpu));
    if v8 && (named("+mve") || is_one_of(&MVE_CPUS)) && !named("-mve") && !named("+nomve") {
        return "mve";
    }
    let dsp = target.starts_with("thumbv7em") || v8 && (named("+dsp") || is_one_of(&DSP_CPUS));
    if dsp && !named("-dsp") && !named("+nodsp") {
        "dsp"
    } else if v8 || target.starts_with("thumbv7") && target.contains("m-none") {
        "v7m"
    } else if target.starts_with("thumbv6m") || target.starts_with("thumbv8m.base") {
        "v6m"
    } else if target.starts_with("x86_64") {
        "x86"
    } else {
        "scalar"
    }
}
