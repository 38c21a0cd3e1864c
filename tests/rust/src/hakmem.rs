//! hakmem as Rust's global allocator, with sizes.
//!
//! A static Rust program needs none of this: its default allocator, `System`,
//! calls malloc, and the linker sends that to hakmem (see `system.rs`, and the
//! README of the dist for the flags). What `Hakmem` adds: Rust knows the size of
//! every block that it frees, and hakmem's hardened and checked variants abort
//! if that is not the block's size.
//!
//! ```ignore
//! #[global_allocator]
//! static HEAP: hakmem::Hakmem = hakmem::Hakmem;
//! ```
//!
//! The program is linked with the same flags as before: blocks cross between
//! Rust and C, so all of the program must use one heap.

use std::alloc::{GlobalAlloc, Layout};
use std::ffi::c_void;
use std::ptr;

extern "C" {
    fn malloc(size: usize) -> *mut c_void;
    fn calloc(count: usize, size: usize) -> *mut c_void;
    fn realloc(block: *mut c_void, size: usize) -> *mut c_void;
    fn posix_memalign(out: *mut *mut c_void, align: usize, size: usize) -> i32;
    fn hak_free_sized(block: *mut c_void, size: usize);
}

/// What malloc gives without being asked.
const NATURAL_ALIGN: usize = 16;

pub struct Hakmem;

// SAFETY: malloc and its family keep GlobalAlloc's promises: distinct blocks of
// at least the size and alignment asked for, null if there is no memory, no
// unwinding.
unsafe impl GlobalAlloc for Hakmem {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() <= NATURAL_ALIGN {
            return malloc(layout.size()).cast();
        }
        let mut block = ptr::null_mut();
        if posix_memalign(&mut block, layout.align(), layout.size()) != 0 {
            return ptr::null_mut();
        }
        block.cast()
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if layout.align() <= NATURAL_ALIGN {
            // hakmem knows which memory is fresh from the kernel.
            return calloc(1, layout.size()).cast();
        }
        let block = self.alloc(layout);
        if !block.is_null() {
            ptr::write_bytes(block, 0, layout.size());
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        hak_free_sized(block.cast(), layout.size());
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if layout.align() <= NATURAL_ALIGN {
            return realloc(old.cast(), size).cast();
        }
        // realloc does not keep a larger alignment.
        let wanted = Layout::from_size_align_unchecked(size, layout.align());
        let new = self.alloc(wanted);
        if !new.is_null() {
            ptr::copy_nonoverlapping(old, new, layout.size().min(size));
            self.dealloc(old, layout);
        }
        new
    }
}
