// Frees a pointer into a block, behind a byte that looks like the block's own
// header: only the position within the slab can tell, when it is looked at.
#include "tests/misuse/misuse.h"

MISUSE(free_interior_forged) {
  char* p = (char*)memset(Escape(malloc(size)), 0x41, size);
  void* keep[2000];
  p[15] = ((volatile char*)p)[-1];
  Blame(p + 16);
  free(Escape(p + 16));
  for (int i = 0; i < 2000; ++i) keep[i] = Escape(malloc(size));
  for (int i = 0; i < 2000; ++i) free(keep[i]);
}
