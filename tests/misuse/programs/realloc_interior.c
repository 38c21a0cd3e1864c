// Reallocates a pointer into the middle of a block.
#include "tests/misuse/misuse.h"

MISUSE(realloc_interior) {
  char* p = (char*)memset(Escape(malloc(size)), 0x41, size);
  Blame(p + 16);
  free(Escape(realloc(Escape(p + 16), size * 2)));
}
