//! A QEMU plugin (interface version 1): how often each instruction was executed, between marks.
//!
//! ```text
//! -plugin libinstruction_counter.so,mark=ADDRESS,out=FILE
//! ```
//!
//! The instruction at `mark` switches counting on, and off when it is executed again. When the emulation
//! ends, FILE holds a line for each instruction and interval: the interval from 0, the address, how often
//! the instruction was executed, and how often another one followed it than the next in memory, that is,
//! how often it branched. Numbers are decimal, addresses hexadecimal without a prefix.

use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

/// The version of QEMU's interface that this plugin is written for.
#[unsafe(no_mangle)]
pub static qemu_plugin_version: c_int = 1;

/// `QEMU_PLUGIN_CB_NO_REGS`
const NO_REGISTERS: c_int = 0;

/// Instructions that were translated together.
#[repr(C)]
struct Block([u8; 0]);
#[repr(C)]
struct Instruction([u8; 0]);

unsafe extern "C" {
    fn qemu_plugin_register_vcpu_tb_trans_cb(id: u64, callback: extern "C" fn(u64, *mut Block));
    fn qemu_plugin_register_atexit_cb(
        id: u64,
        callback: extern "C" fn(u64, *mut c_void),
        data: *mut c_void,
    );
    fn qemu_plugin_register_vcpu_insn_exec_cb(
        instruction: *mut Instruction,
        callback: extern "C" fn(c_uint, *mut c_void),
        flags: c_int,
        data: *mut c_void,
    );
    fn qemu_plugin_tb_n_insns(block: *const Block) -> usize;
    fn qemu_plugin_tb_get_insn(block: *const Block, index: usize) -> *mut Instruction;
    fn qemu_plugin_insn_vaddr(instruction: *const Instruction) -> u64;
    fn qemu_plugin_insn_size(instruction: *const Instruction) -> usize;
}

/// Where an instruction lies.
#[derive(Clone, Copy)]
struct Place {
    address: u64,
    /// Address of what follows it in memory.
    next: u64,
}

/// How often an instruction was executed, and how often it branched.
#[derive(Clone, Copy, Default)]
struct Count {
    executed: u64,
    branched: u64,
}

#[derive(Default)]
struct Counter {
    mark: u64,
    out: String,
    places: Vec<Place>,
    /// Index in `places` by address.
    index: HashMap<u64, usize>,
    /// For each interval, counts of the instructions in `places`.
    intervals: Vec<Vec<Count>>,
    counting: bool,
    /// The instruction before, when it was counted.
    before: Option<usize>,
}

impl Counter {
    /// The number of the instruction at `address`, which is given when it is first seen.
    fn number(&mut self, address: u64, bytes: u64) -> usize {
        let next = address + bytes;
        *self.index.entry(address).or_insert_with(|| {
            self.places.push(Place { address, next });
            self.places.len() - 1
        })
    }

    fn executed(&mut self, number: usize) {
        let address = self.places[number].address;
        if address == self.mark {
            self.counting = !self.counting;
            self.before = None;
            if self.counting {
                self.intervals.push(Vec::new());
            }
        }
        if !self.counting {
            return;
        }
        let Some(counts) = self.intervals.last_mut() else {
            return;
        };
        if counts.len() <= number {
            counts.resize(self.places.len(), Count::default());
        }
        counts[number].executed += 1;
        if let Some(before) = self.before
            && self.places[before].next != address
        {
            counts[before].branched += 1;
        }
        self.before = Some(number);
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (interval, counts) in self.intervals.iter().enumerate() {
            for (place, count) in self.places.iter().zip(counts) {
                if count.executed > 0 {
                    let Count { executed, branched } = count;
                    // Writing to a string cannot fail.
                    let _ = writeln!(text, "{interval} {:x} {executed} {branched}", place.address);
                }
            }
        }
        text
    }
}

static COUNTER: Mutex<Option<Counter>> = Mutex::new(None);

fn with_counter(change: impl FnOnce(&mut Counter)) {
    let mut counter = COUNTER.lock().unwrap_or_else(PoisonError::into_inner);
    change(counter.get_or_insert_default());
}

extern "C" fn translated(_: u64, block: *mut Block) {
    // SAFETY: QEMU hands over a block and keeps it and its instructions during this call.
    let count = unsafe { qemu_plugin_tb_n_insns(block) };
    for index in 0..count {
        // SAFETY: as above; `index` is below the number of instructions.
        let (instruction, address, bytes) = unsafe {
            let instruction = qemu_plugin_tb_get_insn(block, index);
            let bytes = qemu_plugin_insn_size(instruction);
            (instruction, qemu_plugin_insn_vaddr(instruction), bytes)
        };
        with_counter(|counter| {
            let number = counter.number(address, bytes as u64);
            let data = number as *mut c_void;
            // SAFETY: the instruction is still QEMU's; the data is a number and no pointer.
            unsafe {
                qemu_plugin_register_vcpu_insn_exec_cb(instruction, executed, NO_REGISTERS, data);
            }
        });
    }
}

extern "C" fn executed(_: c_uint, data: *mut c_void) {
    with_counter(|counter| counter.executed(data as usize));
}

extern "C" fn ended(_: u64, _: *mut c_void) {
    with_counter(|counter| {
        if let Err(error) = std::fs::write(&counter.out, counter.text()) {
            eprintln!("instruction counter: {}: {error}", counter.out);
        }
    });
}

/// QEMU calls this once, with the arguments of `-plugin`.
///
/// # Safety
/// `arguments` are `count` strings that end with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn qemu_plugin_install(
    id: u64,
    _: *const c_void,
    count: c_int,
    arguments: *const *const c_char,
) -> c_int {
    let mut counter = Counter::default();
    for index in 0..usize::try_from(count).unwrap_or(0) {
        // SAFETY: the caller's promise.
        let argument = unsafe { CStr::from_ptr(*arguments.add(index)) };
        let argument = argument.to_string_lossy();
        match argument.split_once('=') {
            Some(("out", file)) => counter.out = file.to_owned(),
            Some(("mark", address)) => {
                counter.mark = u64::from_str_radix(address, 16).unwrap_or_default();
            }
            _ => {
                eprintln!("instruction counter: unknown argument `{argument}`");
                return 1;
            }
        }
    }
    if counter.out.is_empty() || counter.mark == 0 {
        eprintln!("instruction counter: needs out=FILE and mark=ADDRESS");
        return 1;
    }
    with_counter(|place| *place = counter);
    // SAFETY: QEMU's own functions, with the number that it gave to this plugin.
    unsafe {
        qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
        qemu_plugin_register_atexit_cb(id, ended, std::ptr::null_mut());
    }
    0
}
