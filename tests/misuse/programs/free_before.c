// Frees the address just before a block.
#include "tests/misuse/misuse.h"

MISUSE(free_before) {
  char* p = (char*)memset(Escape(malloc(size)), 0x41, size);
  Blame(p - 16);
  free(Escape(p - 16));
}
