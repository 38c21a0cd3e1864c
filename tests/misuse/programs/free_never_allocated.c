// Frees a slot of the heap that was never handed out: beyond the last that was.
#include "tests/misuse/misuse.h"

MISUSE(free_never_allocated) {
  char* blocks[20];
  char* last = NULL;
  for (int i = 0; i < 20; ++i) {
    blocks[i] = (char*)Escape(malloc(size));
    if (blocks[i] > last) last = blocks[i];
  }
  char* const never = last + StrideOf(size) * 3;
  Blame(never);
  free(Escape(never));
}
