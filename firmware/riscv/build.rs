//! Passes the linker script on.

fn main() {
    println!("cargo::rerun-if-changed=virt.ld");
    let folder = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    println!("cargo::rustc-link-arg-bins=-T{folder}/virt.ld");
    println!("cargo::rustc-link-arg-bins=--nmagic");
}
