// Has a static function of its own by a name that libc has: -DNAME=cfree.
static __attribute__((noinline)) void NAME(void) { __asm__ volatile(""); }

int main(void) {
  NAME();
  return 0;
}
