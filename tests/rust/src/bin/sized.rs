// hakmem by name, with the size of every block that is freed.

#[path = "../work.rs"]
mod work;

#[global_allocator]
static HEAP: hakmem::Hakmem = hakmem::Hakmem;

fn main() {
    work::run();
}
