// What both programs do: every way in which a Rust program allocates, and blocks
// that cross between Rust and C.

use std::collections::HashMap;
use std::ffi::{c_void, CStr, CString};
use std::os::raw::c_char;

extern "C" {
    fn strdup(text: *const c_char) -> *mut c_char;
    fn free(block: *mut c_void);
}

#[repr(align(256))]
struct Line([u8; 256]);

fn aligned() -> bool {
    let mut lines: Vec<Line> = Vec::new();
    for i in 0..100 {
        lines.push(Line([i; 256]));
    }
    lines.iter().enumerate().all(|(i, line)| {
        line as *const Line as usize % 256 == 0 && line.0[255] == i as u8
    })
}

fn threads() -> bool {
    let workers: Vec<_> = (0..4)
        .map(|n| {
            std::thread::spawn(move || {
                (0..1000).map(|i| (i, format!("{} of {}", i, n))).collect()
            })
        })
        .collect();
    workers.into_iter().all(|worker| {
        let map: HashMap<i32, String> = worker.join().unwrap();
        map.len() == 1000 && map[&999].starts_with("999")
    })
}

fn crossing() -> bool {
    let text = CString::new("from Rust").unwrap();
    // SAFETY: strdup's block is freed by free, which is the same heap's.
    unsafe {
        let copy = strdup(text.as_ptr());
        let same = CStr::from_ptr(copy) == text.as_c_str();
        free(copy.cast());
        same
    }
}

fn unwinding() -> bool {
    std::panic::set_hook(Box::new(|_| {}));
    std::panic::catch_unwind(|| panic!("{}", "x".repeat(1000))).is_err()
}

fn zeroed() -> bool {
    let mut zeros = vec![0u8; 1 << 20];
    zeros.resize(3 << 20, 1);
    zeros.shrink_to_fit();
    zeros[..1 << 20].iter().all(|&b| b == 0) && zeros[(3 << 20) - 1] == 1
}

pub fn run() {
    for (name, work) in [
        ("aligned", aligned as fn() -> bool),
        ("threads", threads),
        ("crossing", crossing),
        ("unwinding", unwinding),
        ("zeroed", zeroed),
    ] {
        assert!(work(), "{} failed", name);
    }
    println!("5 ways of allocating");
}
