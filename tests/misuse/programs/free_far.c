// Frees an address 100 MiB beyond a block.
#include "tests/misuse/misuse.h"

MISUSE(free_far) {
  char* p = (char*)Escape(malloc(size));
  Blame(p + (100 << 20));
  free(Escape(p + (100 << 20)));
}
