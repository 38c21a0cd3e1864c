// Frees a pointer one byte into a block.
#include "tests/misuse/misuse.h"

MISUSE(free_unaligned) {
  char* p = (char*)memset(Escape(malloc(size)), 0x41, size);
  Blame(p + 1);
  free(Escape(p + 1));
}
