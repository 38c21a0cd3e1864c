// The allocator that every Rust program has: System, which is malloc.

#[path = "../work.rs"]
mod work;

fn main() {
    work::run();
}
