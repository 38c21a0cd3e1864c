// Writes an address over the first word of a freed block: a heap that keeps its
// list there hands that address out, which is what an attacker wants.
#include "tests/misuse/misuse.h"

MISUSE(write_after_free_link) {
  static _Alignas(16) char target[64];
  void* p = Escape(malloc(size));
  Blame(p);
  free(p);
  *(void**)Escape(p) = target + 16;
  for (int i = 0; i < 1000; ++i) {
    if (Escape(malloc(size)) == target + 16) Gained("a block of my choice");
  }
}
