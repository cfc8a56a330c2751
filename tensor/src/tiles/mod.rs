//! The tile registers of newer processors (Intel's AMX): eight of them, of 16 rows of 64 bytes, which multiply short
//! numbers and add them up in long ones, many times as fast as vectors multiply `f32`.

mod int8;

use std::arch::asm;
use std::arch::x86_64::{__cpuid_count, _xgetbv};
use std::sync::OnceLock;

pub(crate) use int8::{Int8Matrix, Uint8Matrix};

use crate::cpu_isa::{CpuIsa, max_cpu_isa};
use crate::panels::Line;

/// Rows of a tile, and of the result's also its columns.
pub(crate) const TILE: usize = 16;
/// Rows and columns of a block of the result: two tiles by two.
pub(crate) const BLOCK: usize = 2 * TILE;
/// Bytes of a tile.
pub(crate) const BYTES: usize = 1024;

/// Whether this processor has tiles for bfloat16, and the system and its user let this process use them.
pub(crate) fn has_bf16() -> bool {
    static THERE: OnceLock<bool> = OnceLock::new();
    *THERE.get_or_init(|| {
        const BF16: u32 = 1 << 22;
        const TILES: u32 = 1 << 24;
        // The system saves both the configuration and the contents of tiles.
        const SAVED: u64 = 0b11 << 17;
        let vectors = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512bf16")
            && is_x86_feature_detected!("xsave");
        // SAFETY: `xsave` was found before.
        max_cpu_isa().is_none_or(|isa| isa == CpuIsa::Amx)
            && vectors
            && __cpuid_count(7, 0).edx & (BF16 | TILES) == BF16 | TILES
            && unsafe { saved_registers() } & SAVED == SAVED
            && is_permitted()
    })
}

/// Whether they multiply integers of 8 bits as well.
pub(crate) fn has_int8() -> bool {
    const INT8: u32 = 1 << 25;
    has_bf16() && __cpuid_count(7, 0).edx & INT8 == INT8
}

/// The registers that the system saves.
#[target_feature(enable = "xsave")]
fn saved_registers() -> u64 {
    // SAFETY: the register 0 is there wherever the instruction is.
    unsafe { _xgetbv(0) }
}

/// Asks the system to let this process use tiles, which take 8 KiB more of every thread that does.
#[cfg(target_os = "linux")]
fn is_permitted() -> bool {
    /// The system call `arch_prctl`, what is asked of it, and for which registers.
    const CALL: isize = 158;
    const REQUEST: usize = 0x1023;
    const TILE_DATA: usize = 18;
    let mut result = CALL;
    // SAFETY: the call reads and writes no memory of this process.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") result,
            in("rdi") REQUEST,
            in("rsi") TILE_DATA,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack)
        );
    }
    result == 0
}

#[cfg(not(target_os = "linux"))]
fn is_permitted() -> bool {
    false
}

/// Tiles of 16 rows of 64 bytes, for as long as it lives.
pub(crate) struct Configured;

impl Configured {
    pub(crate) fn new() -> Self {
        /// Palette 1; from the 16th byte on the bytes of a row of each tile in 16 bits, from the 48th on its rows.
        static SHAPES: Line = {
            let mut bytes = [0; 64];
            bytes[0] = 1;
            let mut tile = 0;
            while tile < 8 {
                bytes[16 + 2 * tile] = 64;
                bytes[48 + tile] = TILE as u8;
                tile += 1;
            }
            Line(bytes)
        };
        // SAFETY: whoever makes one knows that there are tiles.
        unsafe { asm!("ldtilecfg [{}]", in(reg) SHAPES.0.as_ptr(), options(nostack, readonly)) };
        Self
    }
}

impl Drop for Configured {
    fn drop(&mut self) {
        // The system then has nothing to save of them.
        // SAFETY: as above.
        unsafe { asm!("tilerelease", options(nostack, nomem)) };
    }
}
