// Frees a pointer into the middle of a block.
#include "tests/misuse/misuse.h"

MISUSE(free_interior) {
  char* p = (char*)memset(Escape(malloc(size)), 0x41, size);
  char* inside = p + (size / 2 & ~(size_t)15);
  if (inside == p) inside = p + 16;
  Blame(inside);
  free(Escape(inside));
}
